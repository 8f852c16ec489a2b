"""Ollama's own wire format: `/api/chat` in lines of JSON.

Written after https://docs.ollama.com/api (2026-11-21). It has no call that counts tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from llmcli import schema
from llmcli.adapters import json_calls
from llmcli.adapters.base import Adapter, Call, damage, load_json, not_whole
from llmcli.adapters.ollama import address, failures, models, parse, render
from llmcli.adapters.ollama.parse import State
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import AnswerEvent
from llmcli.frames import BodyDecoder, Decoder, Frame, NdjsonDecoder
from llmcli.messages import Request
from llmcli.redaction import Secret

# The server sets no limit but embeds text by text and answers when all are done: more of them
# would keep a slow machine silent for longer than the clocks allow.
_EMBEDDING_LIMIT = 512


class Ollama(Adapter[State]):
    """The adapter `ollama`."""

    name = "ollama"
    options = frozenset(render.SAMPLING) | {"keep_alive", "reasoning_effort", "response_schema"}
    dialect: ClassVar[Mapping[str, schema.Check]] = {"think": schema.one_of("levels")}

    @classmethod
    def base_url(cls, text: str) -> str:
        """Any spelling of `OLLAMA_HOST` as a URL."""
        return address.base_url(text)

    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that asks for this answer. Raises UsageError for what it cannot send."""
        kind = "application/x-ndjson" if request.stream else json_calls.JSON
        return _post("/api/chat", render.body(request, card), card, key, kind)

    def decoder(self, request: Request) -> Decoder:
        """Lines of JSON."""
        return NdjsonDecoder() if request.stream else BodyDecoder()

    def begin(self, request: Request, card: Card) -> State:  # noqa: ARG002
        """The state of a new answer."""
        return State(parse.asked_context(request.options, request.extra))

    def parse(self, frame: Frame, state: State) -> Iterable[AnswerEvent]:
        """The events of one line. Raises ProviderError."""
        chunk = load_json(frame.data)
        if frame.damaged or chunk.__class__ is not dict:
            return self._unusual(frame, chunk, state)
        return parse.chunk_events(chunk, state)

    def _unusual(self, frame: Frame, chunk: Any, state: State) -> Iterator[AnswerEvent]:
        """A line that is damaged or no object."""
        yield from damage(frame, state)
        if not isinstance(chunk, dict):
            raise ProtocolError("the answer holds something that is no line of an answer")
        yield from parse.chunk_events(chunk, state)

    def end(self, state: State) -> Iterator[AnswerEvent]:
        """The bytes have ended without a line that says `done`. Raises ProtocolError."""
        raise not_whole(started=state.started)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that an HTTP status and body mean."""
        return failures.from_response(status, headers, body)

    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the models that are there."""
        return Call("GET", card.base_url + "/api/tags", _headers(card, key))

    def parse_models(self, body: Any) -> list[Model]:
        """The models of a list. Raises ProtocolError."""
        return models.listed(body)

    def render_model(self, model: str, card: Card, key: Secret | None) -> Call:
        """The call that tells what a model can do."""
        return _post("/api/show", {"model": model}, card, key)

    def parse_model(self, model: str, body: Any) -> Model:
        """The model that `render_model` asked for. Raises ProtocolError."""
        return models.shown(model, body)

    def embedding_limit(self, card: Card) -> int:  # noqa: ARG002
        """How many texts one call can embed."""
        return _EMBEDDING_LIMIT

    def render_embeddings(self, request: EmbeddingRequest, card: Card, key: Secret | None) -> Call:
        """The call that embeds these texts. Raises UsageError for what it cannot send."""
        return _post("/api/embed", models.embedding_body(request), card, key)

    def parse_embeddings(self, body: Any) -> Embeddings:
        """The vectors in the order of the texts. Raises ProviderError."""
        return models.embedded(body)


def _headers(card: Card, key: Secret | None) -> dict[str, str | Secret]:
    return json_calls.keyed({**card.headers, "accept": json_calls.JSON}, key)


def _post(
    path: str,
    body: Mapping[str, Any],
    card: Card,
    key: Secret | None,
    accept: str = json_calls.JSON,
) -> Call:
    return json_calls.post(card.base_url + path, _headers(card, key), body, accept)
