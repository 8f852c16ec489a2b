"""The chat core: messages so far, a question asked of one model or the next, the finished turn."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from llmcli.engines.base import Provider
from llmcli.errors import Failure, Interrupted, LlmError, ProviderError
from llmcli.events import (
    Attempt,
    Event,
    Fallback,
    Finish,
    OpaqueData,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from llmcli.ledger import Entry, Ledger, Status
from llmcli.messages import Opaque, Request, ToolCall
from llmcli.usage import Cost, Price, Usage, cost_of

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    """A new id: 26 letters and digits that sort by time."""
    value = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -5, -5))


class Candidate(NamedTuple):
    """A model that may answer: its provider is opened only when its turn comes."""

    provider: str
    model: str
    open: Callable[[], Provider]
    request: Request
    prices: tuple[Price, ...] = ()
    free: bool = False


class Turn(NamedTuple):
    """One prompt and all that answered it; what is not known is None."""

    id: str
    conversation: str
    provider: str
    model: str
    prompt: str
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    raw_finish: str = ""
    usage: Usage | None = None
    cost: Cost | None = None
    first_token_s: float | None = None
    total_s: float = 0.0
    attempts: tuple[Entry, ...] = ()
    status: Status = "running"
    opaque: tuple[Opaque, ...] = ()

    @property
    def spec(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    fragments: list[str] = field(default_factory=list)


class Asking:
    """One turn while it happens: iterate over `events()`, then look at `turn()`.

    `begun` is the monotonic time the user's wait is counted from.
    """

    def __init__(
        self, candidates: Sequence[Candidate], prompt: str, conversation: str, begun: float
    ) -> None:
        self.id = new_id()
        self._candidates = candidates
        self._prompt = prompt
        self._conversation = conversation or new_id()
        self._begun = begun
        self._candidate = candidates[0]
        self._ledger = Ledger()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[str, _Call] = {}
        self._opaque: list[Opaque] = []
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._first: float | None = None
        self._status: Status = "running"
        self._ended: float | None = None

    def events(self) -> Generator[Event, None, None]:
        """The events as they come. Raises what the last model raised; the turn is kept."""
        try:
            yield from self._candidates_in_order()
        except Interrupted as stop:
            self._end("interrupted", stop)
            raise
        except GeneratorExit:
            self._end("interrupted", None)
            raise
        except OSError:
            self._end("interrupted", None)
            raise
        except LlmError as error:
            self._end("incomplete" if self._first is not None else "failed", error)
            raise
        self._end("complete", None)

    def _candidates_in_order(self) -> Iterator[Event]:
        last = len(self._candidates) - 1
        for number, candidate in enumerate(self._candidates):
            self._candidate = candidate
            try:
                yield from self._one(candidate)
                return
            except ProviderError as error:
                if number == last or self._first is not None:
                    raise
                following = self._candidates[number + 1]
                yield self._heard(Fallback(error, following.provider, following.model))

    def _one(self, candidate: Candidate) -> Iterator[Event]:
        provider = candidate.open()
        try:
            for event in provider.stream(candidate.request):
                if event.__class__ is TextDelta:
                    if self._first is None:
                        self._first = time.monotonic()
                    self._text.append(event.text)
                else:
                    self._heard(event)
                yield event
        finally:
            provider.close()

    def _heard(self, event: Event) -> Event:
        self._ledger.hear(event)
        match event:
            case ReasoningDelta(text):
                self._reasoning.append(text)
                self._content_came()
            case Attempt():
                self._usage = self._finish = None
                self._opaque.clear()
            case ToolCallStart(key, call_id, name):
                self._calls[key] = _Call(call_id, name)
                self._content_came()
            case ToolCallDelta(key, fragment):
                self._calls[key].fragments.append(fragment)
            case UsageReport(usage):
                self._usage = usage
            case OpaqueData(data):
                self._opaque.append(Opaque(self._candidate.provider, self._candidate.model, data))
            case Finish():
                self._finish = event
            case _:
                pass
        return event

    def _content_came(self) -> None:
        if self._first is None:
            self._first = time.monotonic()

    def _end(self, status: Status, error: Failure | None) -> None:
        self._status = status
        self._ended = time.monotonic()
        self._ledger.close(status, error, self._cost())

    def _cost(self) -> Cost | None:
        if self._candidate.free:
            return Cost(Decimal(0), "local")
        if self._usage is None:
            return None
        return cost_of(self._usage, self._candidate.prices, date.today())

    def turn(self) -> Turn:
        """The turn as it stands: whole after the last event, partial before."""
        finish = self._finish
        calls = (ToolCall(c.id, c.name, "".join(c.fragments)) for c in self._calls.values())
        return Turn(
            id=self.id,
            conversation=self._conversation,
            provider=self._candidate.provider,
            model=self._candidate.model,
            prompt=self._prompt,
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=tuple(calls),
            finish_reason=finish.reason if finish else None,
            raw_finish=finish.raw if finish else "",
            usage=self._usage,
            cost=self._cost(),
            first_token_s=None if self._first is None else self._first - self._begun,
            total_s=(self._ended or time.monotonic()) - self._begun,
            attempts=self._ledger.entries,
            status=self._status,
            opaque=tuple(self._opaque),
        )
