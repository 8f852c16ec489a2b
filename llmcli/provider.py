"""A provider over HTTP: the only place where card, key, adapter and connection meet."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from llmcli.adapters.base import Adapter, Call, load_json
from llmcli.adapters.failures import request_id
from llmcli.cards import Card, Model
from llmcli.errors import (
    AuthError,
    ContentFiltered,
    IncompleteError,
    LlmError,
    NetworkError,
    PermissionDenied,
    ProtocolError,
    ProviderError,
    TimedOut,
)
from llmcli.events import CONTENT_EVENTS, AnswerEvent, Attempt, Event, Finish, Notice, Retry, Start
from llmcli.frames import Decoder
from llmcli.http import ERROR_LIMIT, Http, Response, wire_headers
from llmcli.keys import Key
from llmcli.messages import Request
from llmcli.origins import is_clear
from llmcli.redaction import MASK, Secret
from llmcli.retry import WAIT_LIMIT, delay

ANSWER_LIMIT = 32 << 20
LIST_LIMIT = 16 << 20


class HttpProvider:
    """A provider reached over HTTP. `retries` is how often a failed call is made again."""

    def __init__(
        self, card: Card, key: Key | None, adapter: Adapter[Any], retries: int | None = None
    ) -> None:
        adapter.check_dialect(card)
        self.card = card
        self.key = key
        self.options = frozenset(adapter.options) - set(card.dialect.get("unsupported", ()))
        self._adapter = adapter
        self._http = Http(card)
        self._retries = card.retries if retries is None else retries
        self._deadline: tuple[float, float] | None = None

    def on_wait(self, call: Callable[[], None]) -> None:
        """Have `call` made whenever all that was received is handed on and a read may block."""
        self._http.clock.on_wait = call

    def set_deadline(self, seconds: float, started: float) -> None:
        """Give up `seconds` after the monotonic time `started`."""
        self._deadline = (seconds, started)
        self._http.clock.set_deadline(seconds, started)

    def stream(self, request: Request) -> Iterator[Event]:
        """Ask, and yield events; failed calls are made again until the first content.

        Raises ProviderError with `provider` and `model` filled in.
        """
        call = self._adapter.render(request, self.card, self._secret())
        number, waited = 0, 0.0
        while True:
            number += 1
            yield Attempt(self.card.id, request.model, number)
            if number == 1 and self.key and is_clear(self.card.base_url):
                yield Notice("the key goes over plain http, as the card allows")
            try:
                yield from self._attempt(call, request)
                return
            except ProviderError as error:
                error.provider, error.model = self.card.id, request.model
                self._tell_source(error)
                wait = self._wait(error, number, waited)
                if wait is None:
                    raise
                waited += wait
                yield Retry(error, wait, number + 1, self._retries + 1)
                time.sleep(wait)

    def _tell_source(self, error: ProviderError) -> None:
        """Say which key was refused: by its source, never its value."""
        if not isinstance(error, (AuthError, PermissionDenied)):
            return
        name = self.card.id
        if self.key is None:
            error.key_sent = False
            error.hint = f"Give it one: llm keys set {name}"
            return
        mend = f"replace it with `llm keys set {name}`"
        if self.key.source.startswith("env "):
            mend = f"or set {self.key.source.removeprefix('env ')} to another"
        error.hint = (
            f"The key came from {self.key.source}.\n"
            f"Check it with `llm providers test {name}`, {mend}."
        )

    def _wait(self, error: ProviderError, number: int, waited: float) -> float | None:
        """Seconds until the next try, or None when there is none; `waited` are those before."""
        if number > self._retries:
            return None
        wait = delay(error, number, self.card.backoff)
        if wait is None or waited + wait > WAIT_LIMIT:
            return None
        if self._deadline:
            seconds, started = self._deadline
            if time.monotonic() + wait >= started + seconds:
                return None
        return wait

    def _attempt(self, call: Call, request: Request) -> Iterator[AnswerEvent]:
        """One physical call. After the first content every failure is an IncompleteError."""
        content, clock = 0, self._http.clock
        try:
            for event in self._exchange(call, request):
                if isinstance(event, CONTENT_EVENTS):
                    content += len(event[-1])  # the text, name or fragment comes last in each
                    clock.content_came()
                    if content > ANSWER_LIMIT:
                        raise ProtocolError(f"the answer is larger than {ANSWER_LIMIT >> 20} MiB")
                elif isinstance(event, Finish) and not content:
                    _refuse_empty(event)
                yield event
        except ProviderError as error:
            if not content or isinstance(error, IncompleteError):
                raise
            raise _incomplete(error) from error

    def _exchange(self, call: Call, request: Request) -> Iterator[AnswerEvent]:
        response = self._http.open(call.method, call.url, call.headers, call.body)
        try:
            if response.status >= 300:
                body = response.read(ERROR_LIMIT)
                raise self._adapter.parse_error(response.status, response.headers, body)
            answer = self._answer(response, request)
            for event in answer:
                if isinstance(event, Start):
                    yield event._replace(
                        request_id=request_id(response.headers), http_status=response.status
                    )
                    break
                yield event
            yield from answer
        finally:
            response.close()

    def _answer(self, response: Response, request: Request) -> Iterator[AnswerEvent]:
        """Bytes to frames to events, until the answer's end; what breaks after it is no matter."""
        adapter, clock = self._adapter, self._http.clock
        state = adapter.begin(request, self.card)
        decoder = adapter.decoder(request)
        try:
            for chunk in response.chunks():
                for frame in decoder.feed(chunk):
                    clock.event_came()
                    for event in adapter.parse(frame, state):
                        yield event
                        if event.__class__ is Finish:
                            return
        except (NetworkError, TimedOut) as error:
            yield from self._rescue(error, state)
            return
        yield from self._ending(decoder, state)

    def _ending(self, decoder: Decoder, state: Any) -> Iterator[AnswerEvent]:
        try:
            for frame in decoder.close():
                for event in self._adapter.parse(frame, state):
                    yield event
                    if isinstance(event, Finish):
                        return
        except ProtocolError as error:
            yield from self._rescue(error, state)
            return
        yield from self._adapter.end(state)

    def _rescue(self, error: ProviderError, state: Any) -> Iterator[AnswerEvent]:
        """A connection that broke after the answer's own end does not make it incomplete."""
        try:
            events = list(self._adapter.end(state))
        except ProviderError:
            raise error from None
        yield from events

    def preview(self, request: Request) -> str:
        """The exact request as text, secrets masked; nothing is sent."""
        call = self._adapter.render(request, self.card, self._secret())
        masked = {k: MASK if isinstance(v, Secret) else v for k, v in call.headers.items()}
        lines = [f"{call.method} {call.url}"]
        lines += [f"{name}: {value}" for name, value in wire_headers(masked).items()]
        return "\n".join(lines) + "\n\n" + json.dumps(call.body, ensure_ascii=False, indent=2)

    def models(self) -> list[Model]:
        """The models the provider lists now. Raises ProviderError."""
        call = self._adapter.render_models(self.card, self._secret())
        try:
            response = self._http.open(call.method, call.url, call.headers)
            try:
                if response.status >= 300:
                    body = response.read(ERROR_LIMIT)
                    raise self._adapter.parse_error(response.status, response.headers, body)
                text = response.read(LIST_LIMIT).decode("utf-8", "replace")
            finally:
                response.close()
            return self._adapter.parse_models(load_json(text))
        except ProviderError as error:
            error.provider = self.card.id
            self._tell_source(error)
            raise

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _secret(self) -> Secret | None:
        return self.key.secret if self.key else None


def _refuse_empty(event: Finish) -> None:
    """An answer without content that was filtered is a failure; an empty one may be meant."""
    if event.reason in ("content_filter", "refusal"):
        raise ContentFiltered(f"the provider refused to answer ({event.raw or event.reason})")


def _incomplete(error: ProviderError) -> LlmError:
    """The same failure, seen after part of the answer had arrived."""
    wrapped = IncompleteError(
        error.message,
        http_status=error.http_status,
        code=error.code,
        request_id=error.request_id,
        retry_after=error.retry_after,
    )
    wrapped.provider, wrapped.model = error.provider, error.model
    return wrapped
