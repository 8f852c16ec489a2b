"""A provider over HTTP: the only place where card, key, adapter and connection meet."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from llmcli import keys
from llmcli.adapters.base import Adapter, Call, load_json
from llmcli.adapters.failures import request_id
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import (
    AuthError,
    ContentFiltered,
    IncompleteError,
    NetworkError,
    PermissionDenied,
    ProtocolError,
    ProviderError,
    TimedOut,
)
from llmcli.events import CONTENT_EVENTS, AnswerEvent, Attempt, Event, Finish, Notice, Retry, Start
from llmcli.frames import Decoder
from llmcli.http import ERROR_LIMIT, Http, Response, wire_headers
from llmcli.keys import Key, Signer
from llmcli.messages import Request
from llmcli.origins import is_clear
from llmcli.redaction import MASK, Secret
from llmcli.retry import Retries, clock_offset

ANSWER_LIMIT = 32 << 20
PAGE_LIMIT = 100

T = TypeVar("T")


class HttpProvider:
    """A provider reached over HTTP. `retries` is how often a failed call is made again.

    `signer` signs each call where there is no key. Neither may be one that could be read on the
    way, nor a header with a secret: CredentialsError.
    """

    def __init__(
        self,
        card: Card,
        key: Key | None,
        adapter: Adapter[Any],
        retries: int | None = None,
        signer: Signer | None = None,
    ) -> None:
        adapter.check_dialect(card)
        keys.check_sent(card, key or signer)
        self.card = card
        self.key = key
        self.signer = signer
        self.options = adapter.supported(card)
        self._adapter = adapter
        self._http = Http(card, sign=signer)
        self._retries = card.retries if retries is None else retries
        self._deadline: tuple[float, float] | None = None
        self.clock_offset: float | None = None

    def need_key(self) -> None:
        """See that calls go out with a key or signed, if the card wants it, or raise."""
        if self.key or self.signer or not self.card.needs_key:
            return
        signer = keys.signer(self.card)
        if signer is None:
            raise keys.missing(self.card)
        keys.check_sent(self.card, signer)
        self.signer = self._http.sign = signer

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
        tries = self._tries()
        while True:
            tries.number += 1
            yield Attempt(self.card.id, request.model, tries.number)
            if tries.number == 1 and is_clear(self.card.base_url) and (self.key or self.signer):
                what = "key" if self.key else "signed call"
                yield Notice(f"the {what} goes over plain http, as the card allows")
            try:
                yield from self._attempt(call, request)
                return
            except ProviderError as error:
                self._tell_place(error, request.model)
                simpler = self._adapter.without_refused(call, error)
                if simpler:
                    call, field = simpler
                    tries.limit += 1
                    yield Retry(error, 0, tries.number + 1, tries.limit + 1)
                    yield Notice(f"{self.card.id} does not take {field}: asked without it")
                    continue
                wait = tries.wait(error)
                if wait is None:
                    raise
                yield Retry(error, wait, tries.number + 1, tries.limit + 1)
                time.sleep(wait)

    def _tries(self) -> Retries:
        return Retries(self._retries, self.card.backoff, self._deadline)

    def _tell_place(self, error: ProviderError, model: str | None = None) -> None:
        """Say where it failed, and which key was refused: by its source, never its value."""
        error.provider, error.model = self.card.id, model
        if not isinstance(error, (AuthError, PermissionDenied)):
            return
        given = self.key or self.signer
        if given is None:
            error.key_sent = False
            error.hint = f"Give it one: llm keys set {self.card.id}"
            return
        error.hint = given.when_refused(self.card.id)

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
            raise IncompleteError.of(error) from error

    def _exchange(self, call: Call, request: Request) -> Iterator[AnswerEvent]:
        with self._http.open(call.method, call.url, call.headers, call.body) as response:
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
        """The models the provider lists now, every page of them. Raises ProviderError."""
        found: list[Model] = []
        call = self._adapter.render_models(self.card, self._secret())
        for _ in range(PAGE_LIMIT):
            body, listed = self._fetch(call, lambda b: (b, self._adapter.parse_models(b)))
            found += listed
            if not (after := self._adapter.render_next_models(body, self.card, self._secret())):
                return found
            call = after
        raise ProtocolError(f"the list of models goes on after {PAGE_LIMIT} pages")

    def model(self, name: str) -> Model | None:
        """What the provider tells of one model, None if it has no call for that.

        Raises ProviderError.
        """
        call = self._adapter.render_model(name, self.card, self._secret())
        if call is None:
            return None
        return self._fetch(call, lambda body: self._adapter.parse_model(name, body), name)

    def count_tokens(self, request: Request) -> int | None:
        """The input tokens of a request by the provider's own count, None if it has no call.

        Raises ProviderError, CredentialsError.
        """
        call = self._adapter.render_tokens(request, self.card, self._secret())
        if call is None:
            return None
        self.need_key()
        return self._fetch(call, self._adapter.parse_tokens, request.model)

    @property
    def embedding_limit(self) -> int:
        """How many texts one call can embed; 0 when it has no embeddings."""
        return self._adapter.embedding_limit(self.card)

    def embed(self, request: EmbeddingRequest) -> Embeddings:
        """The vectors of at most `embedding_limit` texts. Raises ProviderError, UsageError."""
        call = self._adapter.render_embeddings(request, self.card, self._secret())

        def parse(body: Any) -> Embeddings:
            found, wanted = self._adapter.parse_embeddings(body), len(request.texts)
            if len(found.vectors) != wanted:
                raise ProtocolError(f"{len(found.vectors)} vectors for {wanted} texts")
            return found

        return self._fetch(call, parse, request.model)

    def _fetch(self, call: Call, parse: Callable[[Any], T], model: str | None = None) -> T:
        """The JSON of an answer, parsed; failed calls are made again, as for a stream."""
        tries = self._tries()
        while True:
            tries.number += 1
            try:
                return parse(self._read(call))
            except ProviderError as error:
                self._tell_place(error, model)
                wait = tries.wait(error)
                if wait is None:
                    raise
                time.sleep(wait)

    def _read(self, call: Call) -> Any:
        response = self._http.open(call.method, call.url, call.headers, call.body)
        self.clock_offset = clock_offset(response.headers)
        try:
            if response.status >= 300:
                body = response.read(ERROR_LIMIT)
                raise self._adapter.parse_error(response.status, response.headers, body)
            return load_json(response.whole(ANSWER_LIMIT).decode("utf-8-sig", "replace"))
        finally:
            response.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _secret(self) -> Secret | None:
        return self.key.secret if self.key else None


def _refuse_empty(event: Finish) -> None:
    """An answer without content that was filtered is a failure; an empty one may be meant."""
    if event.reason in ("content_filter", "refusal"):
        raise ContentFiltered(f"the provider refused to answer ({event.raw or event.reason})")
