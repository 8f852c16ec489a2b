"""A provider whose whole answers are kept, and given again instead of asking."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from llmcli.cards import Model
from llmcli.engines.base import Fingerprinted, Keyed, Telling
from llmcli.errors import LocalIOError
from llmcli.events import (
    AnswerEvent,
    Attempt,
    Event,
    Fallback,
    Finish,
    Replay,
    Retry,
    Start,
    UsageReport,
)
from llmcli.json_schema import unmet
from llmcli.messages import Request
from llmcli.redaction import redact
from llmcli.replies.shelf import Kept, Shelf
from llmcli.replies.values import Reply, gathered, pack
from llmcli.usage import Cached, Cost, Price, Usage, cost_of

_FORMAT = b"llm reply 1\0"


class Terms(NamedTuple):
    """How old a reply may be, in seconds, how many bytes may be kept, and what a call costs."""

    seconds: float
    limit: int
    prices: tuple[Price, ...] = ()
    free: bool = False


class _Looked(NamedTuple):
    """What was found for a request."""

    request: Request
    key: bytes
    kept: Kept | None = None


class Replaying:
    """Another provider, asked only for what no kept reply answers; its key is needed only then.

    What goes on after a pause is not looked up, for it is no whole answer. Trouble with the
    replies is told through `tell` and never harms the answer.
    """

    def __init__(self, provider: Fingerprinted, terms: Terms, tell: Callable[[str], None]) -> None:
        self.card = provider.card
        self.options = provider.options
        self._provider = provider
        self._terms = terms
        self._tell = tell
        self._wait: Callable[[], None] = lambda: None
        self._shelf = Shelf()
        self._looked: _Looked | None = None

    def on_wait(self, call: Callable[[], None]) -> None:
        """Have `call` made whenever all that came is handed on."""
        self._wait = call
        self._provider.on_wait(call)

    @property
    def on_headers(self) -> Callable[[Mapping[str, str]], object]:
        """What hears the headers of each answer. Raises AttributeError where there are none."""
        return self._telling.on_headers

    @on_headers.setter
    def on_headers(self, call: Callable[[Mapping[str, str]], object]) -> None:
        self._telling.on_headers = call

    @property
    def _telling(self) -> Telling:
        if not isinstance(self._provider, Telling):
            raise AttributeError("on_headers")  # noqa: TRY004  for hasattr
        return self._provider

    def set_deadline(self, seconds: float, started: float) -> None:
        """Give up `seconds` after the monotonic time `started`."""
        self._provider.set_deadline(seconds, started)

    def stream(self, request: Request) -> Iterator[Event]:
        """The events of a kept reply after a `Replay`, else those of the provider.

        Raises as that one does, CredentialsError where a call needs a key and there is none.
        """
        if request.messages[-1].role == "assistant":
            yield from self._provider.stream(request)
            return
        looked, self._looked = self._look(request), None
        if looked.kept is not None:
            yield from self._replay(looked.key, looked.kept)
            return
        if isinstance(self._provider, Keyed):
            self._provider.need_key()
        yield from self._ask(looked.key, request)

    def replays(self, request: Request) -> bool:
        """Whether `stream` will answer this without asking. Raises as `fingerprint` does."""
        self._looked = self._look(request)
        return self._looked.kept is not None

    def _look(self, request: Request) -> _Looked:
        """What is kept for this request; what was found for the same one before stays so."""
        if self._looked is not None and self._looked.request is request:
            return self._looked
        key = hashlib.sha256(_FORMAT + self._provider.fingerprint(request)).digest()
        try:
            return _Looked(request, key, self._shelf.find(key, self._terms.seconds))
        except LocalIOError as error:
            self._tell(error.message)
            return _Looked(request, key)

    def _replay(self, key: bytes, kept: Kept) -> Iterator[Event]:
        reply = kept.reply
        yield Replay(Cached(kept.stored, reply.cost, reply.usage))
        for event in reply.pieces():
            if isinstance(event, Finish):
                yield UsageReport(Usage(0, 0))
            yield event
        self._wait()
        try:
            self._shelf.hit(key, reply.cost)
        except LocalIOError:
            return  # one hit less is counted

    def _ask(self, key: bytes, request: Request) -> Iterator[Event]:
        """The provider's events; what the last attempt gave is kept if it is whole."""
        events: list[AnswerEvent] = []
        usage, sent = None, datetime.now(UTC)
        for event in self._provider.stream(request):
            if isinstance(event, (Attempt, Start)):
                events.clear()
            if isinstance(event, Attempt):
                usage, sent = None, datetime.now(UTC)
            elif isinstance(event, UsageReport):
                usage = event.usage
            elif not isinstance(event, (Replay, Retry, Fallback)):
                events.append(event)
            yield event
        self._wait()
        self._keep(key, request, Reply(gathered(events), usage, self._cost(usage, sent)))

    def _cost(self, usage: Usage | None, sent: datetime) -> Cost | None:
        if self._terms.free:
            return Cost(Decimal(0), "local")
        return usage and cost_of(usage, self._terms.prices, sent)

    def _keep(self, key: bytes, request: Request, reply: Reply) -> None:
        if not reply.whole or _fails(reply, request):
            return
        try:
            body = pack(reply)
            if redact(found := body.decode()) == found:  # a key is not kept
                self._shelf.keep(key, body, self._terms.limit)
        except LocalIOError as error:
            self._tell(f"{error.message}; this reply is not kept")

    def preview(self, request: Request) -> str:
        """The exact request as text, secrets masked; nothing is sent."""
        return self._provider.preview(request)

    def models(self) -> list[Model]:
        """The models the provider offers now, asked live."""
        return self._provider.models()

    def close(self) -> None:
        """Let go of connections and memory."""
        self._provider.close()


def _fails(reply: Reply, request: Request) -> bool:
    """Whether it is not what the schema of the request asks."""
    schema = request.options.get("response_schema")
    return schema is not None and not reply.tools and bool(unmet(reply.text, schema))
