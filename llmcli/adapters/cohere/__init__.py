"""Cohere's chat, version 2.

Written after https://docs.cohere.com/reference/chat (2026-11-21). Its `/v1/tokenize` splits one
bare text and knows nothing of messages, tools or the prompt Cohere adds, so it is no count of a
request and not offered as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from llmcli.adapters import json_calls
from llmcli.adapters.base import Adapter, Call, damage, load_json, not_whole
from llmcli.adapters.cohere import failures, models, parse, render
from llmcli.adapters.cohere.parse import State
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import AnswerEvent
from llmcli.frames import Frame
from llmcli.messages import Request
from llmcli.redaction import Secret


class Cohere(Adapter[State]):
    """The adapter `cohere`."""

    name = "cohere"
    options = frozenset(render.NAMES) | {
        "reasoning_effort",
        "reasoning_budget",
        "response_schema",
        "tool_choice",
    }

    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that asks for this answer. Raises UsageError for what it cannot send."""
        kind = json_calls.SSE if request.stream else json_calls.JSON
        return _post("/v2/chat", render.body(request, card), card, key, kind)

    def begin(self, request: Request, card: Card) -> State:  # noqa: ARG002
        """The state of a new answer."""
        return State()

    def parse(self, frame: Frame, state: State) -> Iterable[AnswerEvent]:
        """The events of one frame. Raises ProviderError."""
        if frame.data[:1] == "[" and frame.data.strip() == "[DONE]":
            return self.end(state)
        chunk = load_json(frame.data)
        if frame.whole or frame.damaged or chunk.__class__ is not dict:
            return self._unusual(frame, chunk, state)
        return parse.chunk_events(chunk, chunk.get("type") or frame.event, state)

    def _unusual(self, frame: Frame, chunk: Any, state: State) -> Iterator[AnswerEvent]:
        """A frame that is whole, damaged or no object."""
        yield from damage(frame, state)
        if not isinstance(chunk, dict):
            raise ProtocolError("the answer holds something that is no event of an answer")
        if frame.whole:
            yield from parse.body_events(chunk, state)
        else:
            yield from parse.chunk_events(chunk, chunk.get("type") or frame.event, state)

    def end(self, state: State) -> Iterator[AnswerEvent]:
        """The bytes have ended without `message-end`. Raises ProtocolError."""
        raise not_whole(started=state.started)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that an HTTP status and body mean."""
        return failures.from_response(status, headers, body)

    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the chat models."""
        return _get(models.page(), card, key)

    def parse_models(self, body: Any) -> list[Model]:
        """The models of one page. Raises ProtocolError."""
        return models.listed(body)

    def render_next_models(self, body: Any, card: Card, key: Secret | None) -> Call | None:
        """The call for the page after this one, or None after the last."""
        token = models.next_token(body)
        return _get(models.page(token), card, key) if token else None

    def render_model(self, model: str, card: Card, key: Secret | None) -> Call:
        """The call that tells of one model."""
        return _get(f"/v1/models/{quote(model, safe='', errors='replace')}", card, key)

    def parse_model(self, model: str, body: Any) -> Model:
        """The model that `render_model` asked for. Raises ProtocolError."""
        if not isinstance(body, dict):
            raise ProtocolError("what the server tells of a model is no JSON object")
        return models.shown(body)._replace(id=model)

    def embedding_limit(self, card: Card) -> int:  # noqa: ARG002
        """How many texts one call can embed."""
        return models.EMBEDDING_LIMIT

    def render_embeddings(self, request: EmbeddingRequest, card: Card, key: Secret | None) -> Call:
        """The call that embeds these texts."""
        return _post("/v2/embed", models.embedding_body(request), card, key)

    def parse_embeddings(self, body: Any) -> Embeddings:
        """The vectors in the order of the texts. Raises ProtocolError."""
        return models.embedded(body)


def _headers(card: Card, key: Secret | None) -> dict[str, str | Secret]:
    return json_calls.keyed({**card.headers, "accept": json_calls.JSON}, key)


def _get(path: str, card: Card, key: Secret | None) -> Call:
    return Call("GET", card.base_url + path, _headers(card, key))


def _post(
    path: str,
    body: Mapping[str, Any],
    card: Card,
    key: Secret | None,
    accept: str = json_calls.JSON,
) -> Call:
    return json_calls.post(card.base_url + path, _headers(card, key), body, accept)
