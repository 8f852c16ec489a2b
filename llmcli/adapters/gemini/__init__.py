"""Gemini's generateContent: the wire format of Google's models.

Written after https://ai.google.dev/api/generate-content (2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmcli import schema
from llmcli.adapters import failures, json_calls
from llmcli.adapters.base import Adapter, Call, count, damage, load_json, not_whole
from llmcli.adapters.gemini import catalogue, embed, faults, parse, render
from llmcli.adapters.gemini.decoder import GeminiDecoder
from llmcli.adapters.gemini.parse import State
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import AnswerEvent
from llmcli.frames import BodyDecoder, Decoder, Frame
from llmcli.messages import Request, ToolCall
from llmcli.redaction import Secret

_API = "/v1beta"


class Gemini(Adapter[State]):
    """The adapter `gemini`."""

    name = "gemini"
    options = render.OPTIONS
    dialect = {"auth": schema.one_of("x-goog-api-key", "bearer")}  # noqa: RUF012

    @classmethod
    def base_url(cls, text: str) -> str:
        """The base URL with its API version: a bare host gets `/v1beta`, which has every model."""
        found = super().base_url(text).removesuffix("/models")
        host = found.partition("://")[2]
        return found + _API if host and "/" not in host else found

    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that asks for this answer. Raises UsageError for what it cannot send."""
        how = ":streamGenerateContent?alt=sse" if request.stream else ":generateContent"
        accept = json_calls.SSE if request.stream else json_calls.JSON
        body = render.body(request, card)
        return _post(card, key, render.path(request.model) + how, body, accept)

    def decoder(self, request: Request) -> Decoder:
        """What cuts the answer's bytes into frames."""
        return GeminiDecoder() if request.stream else BodyDecoder()

    def begin(self, request: Request, card: Card) -> State:  # noqa: ARG002
        """The state of a new answer."""
        parts = (part for message in request.messages for part in message.parts)
        return State({part.id for part in parts if isinstance(part, ToolCall)})

    def parse(self, frame: Frame, state: State) -> Iterable[AnswerEvent]:
        """The events of one frame. Raises ProviderError."""
        chunk = load_json(frame.data)
        if frame.whole or frame.damaged or frame.event or chunk.__class__ is not dict:
            return self._unusual(frame, chunk, state)
        return parse.chunk_events(chunk, state)

    def _unusual(self, frame: Frame, chunk: Any, state: State) -> Iterator[AnswerEvent]:
        """A frame that is whole, named, damaged or a list of chunks."""
        yield from damage(frame, state)
        chunks = chunk if isinstance(chunk, list) else [chunk]
        for one in chunks:
            if not isinstance(one, dict):
                raise ProtocolError("the answer holds something that is no chunk of an answer")
            if frame.event == "error" and not one.get("error"):
                raise faults.in_stream({"error": one})
            if frame.whole and not parse.ANSWERS & one.keys():
                raise failures.no_answer(one)
            yield from parse.chunk_events(one, state)
        if frame.whole:
            yield from self.end(state)

    def end(self, state: State) -> Iterator[AnswerEvent]:
        """The bytes have ended: whole only if a finish reason was seen.

        Nothing else marks the end, and usage may follow the reason. Raises ProviderError.
        """
        if not state.started:
            raise not_whole(started=False)
        return parse.finish_events(state)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that an HTTP status and body mean."""
        return faults.from_response(status, headers, body)

    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the provider's models."""
        return Call("GET", card.base_url + catalogue.path(), _headers(card, key))

    def parse_models(self, body: Any) -> list[Model]:
        """The models of one page that answer or embed. Raises ProtocolError."""
        return catalogue.parse(body)

    def render_next_models(self, body: Any, card: Card, key: Secret | None) -> Call | None:
        """The call for the page after this one, or None after the last."""
        path = catalogue.next_path(body)
        return Call("GET", card.base_url + path, _headers(card, key)) if path else None

    def render_tokens(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that counts a request's input tokens, system prompt and tools included."""
        asked = {"model": render.resource(request.model), **render.body(request, card)}
        body = {"generateContentRequest": asked}
        return _post(card, key, render.path(request.model) + ":countTokens", body)

    def parse_tokens(self, body: Any) -> int:
        """The number that `render_tokens` asked for. Raises ProtocolError."""
        found = count(body.get("totalTokens")) if isinstance(body, dict) else None
        if found is None:
            raise ProtocolError("the server's answer holds no number of tokens")
        return found

    def embedding_limit(self, card: Card) -> int:  # noqa: ARG002
        """How many texts one call can embed."""
        return embed.LIMIT

    def render_embeddings(self, request: EmbeddingRequest, card: Card, key: Secret | None) -> Call:
        """The call that embeds these texts."""
        path = render.path(request.model) + ":batchEmbedContents"
        return _post(card, key, path, embed.body(request))

    def parse_embeddings(self, body: Any) -> Embeddings:
        """The vectors in the order of the texts. Raises ProtocolError."""
        return embed.parse(body)


def _post(
    card: Card,
    key: Secret | None,
    path: str,
    body: Mapping[str, Any],
    accept: str = json_calls.JSON,
) -> Call:
    return json_calls.post(f"{card.base_url}/{path}", _headers(card, key), body, accept)


def _headers(card: Card, key: Secret | None) -> dict[str, str | Secret]:
    """The key goes into a header, never into the URL, which ends up in logs."""
    bearer = card.dialect.get("auth") == "bearer"
    name = "authorization" if bearer else "x-goog-api-key"
    return json_calls.keyed({"accept": json_calls.JSON, **card.headers}, key, name)
