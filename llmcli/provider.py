"""A provider over HTTP: what it is asked, and what of its answers becomes events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llmcli.adapters.base import Call
from llmcli.adapters.failures import request_id
from llmcli.cards import Model
from llmcli.connection import ANSWER_LIMIT, Connection
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import (
    ContentFiltered,
    IncompleteError,
    NetworkError,
    ProtocolError,
    ProviderError,
    TimedOut,
)
from llmcli.events import CONTENT_EVENTS, AnswerEvent, Attempt, Event, Finish, Notice, Retry, Start
from llmcli.frames import Decoder
from llmcli.http import ERROR_LIMIT, Response, json_bytes, wire_headers
from llmcli.messages import Request
from llmcli.origins import is_clear
from llmcli.redaction import MASK, Secret

PAGE_LIMIT = 100


class HttpProvider(Connection):
    """A provider reached over HTTP."""

    def stream(self, request: Request) -> Iterator[Event]:
        """Ask, and yield events; failed calls are made again until the first content.

        Raises ProviderError with `provider` and `model` filled in.
        """
        call = self._adapter.render(request, self.card, self._secret())
        for refusal in self._refusals:
            call = (self._adapter.without_refused(call, refusal) or (call,))[0]
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
                    self._refusals.append(error)
                    call, field = simpler
                    tries.limit += 1
                    yield Retry(error, 0, tries.number + 1, tries.limit + 1)
                    yield Notice(f"{self.card.id} does not take {field}: asked without it")
                    continue
                wait = tries.wait(error)
                if wait is None:
                    raise
                yield Retry(error, wait, tries.number + 1, tries.limit + 1)
                self._http.clock.sleep(wait)

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
            self.on_headers(response.headers)
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

    def fingerprint(self, request: Request) -> bytes:
        """The call that would be sent, without the key, and the card's words on how to read it.

        Raises UsageError.
        """
        call = self._adapter.render(request, self.card, None)
        headers = [(name.lower(), _revealed(value)) for name, value in call.headers.items()]
        card = [self.card.id, self.card.adapter, dict(self.card.dialect)]
        about = [card, call.method, call.url, sorted(headers)]
        return json.dumps(about, sort_keys=True, default=str).encode() + json_bytes(call.body or {})

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
        return self._fetch(call, self._adapter.parse_embeddings, request.model)


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _refuse_empty(event: Finish) -> None:
    """An answer without content that was filtered is a failure; an empty one may be meant."""
    if event.reason in ("content_filter", "refusal"):
        raise ContentFiltered(f"the provider refused to answer ({event.raw or event.reason})")
