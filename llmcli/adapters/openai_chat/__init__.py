"""Chat Completions: the wire format of OpenAI and of everyone who copied it.

Written after https://platform.openai.com/docs/api-reference/chat (2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmcli.adapters import failures, json_calls, openai_embeddings, openai_lists
from llmcli.adapters.base import Adapter, Call, damage, load_json, not_whole
from llmcli.adapters.openai_chat import parse, render
from llmcli.adapters.openai_chat.dialect import DIALECT
from llmcli.adapters.openai_chat.parse import State
from llmcli.adapters.think import ThinkSplitter
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import AnswerEvent
from llmcli.frames import Frame
from llmcli.messages import Request
from llmcli.options import OPTIONS
from llmcli.redaction import Secret


class OpenAIChat(Adapter[State]):
    """The adapter `openai-chat`."""

    name = "openai-chat"
    options = frozenset(OPTIONS) - {"top_k", "cache", "num_ctx", "keep_alive"}
    dialect = DIALECT
    unasked = MappingProxyType({"stream_options": ("stream_options",)})

    @classmethod
    def supported(cls, card: Card) -> frozenset[str]:
        """The neutral options that this card's provider can be sent."""
        found = super().supported(card)
        budget = card.dialect.get("effort") in ("reasoning", "enable_thinking")
        return found if budget else found - {"reasoning_budget"}

    @classmethod
    def base_url(cls, text: str) -> str:
        """The base URL without a slash too many."""
        return openai_lists.base_url(text)

    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that asks for this answer. Raises UsageError for what it cannot send."""
        url, headers = card.base_url + "/chat/completions", openai_lists.headers(card, key)
        kind = json_calls.SSE if request.stream else json_calls.JSON
        return json_calls.post(url, headers, render.body(request, card), kind)

    def begin(self, request: Request, card: Card) -> State:  # noqa: ARG002
        """The state of a new answer."""
        splitter = ThinkSplitter() if card.dialect.get("think_tags") else None
        return State(card.dialect, splitter=splitter)

    def parse(self, frame: Frame, state: State) -> Iterable[AnswerEvent]:
        """The events of one frame. Raises ProviderError."""
        if frame.data[:1] == "[" and frame.data.strip() == "[DONE]":
            return self._done(state)
        chunk = load_json(frame.data)
        if frame.event or frame.whole or frame.damaged or chunk.__class__ is not dict:
            return self._unusual(frame, chunk, state)
        return parse.chunk_events(chunk, state)

    def _unusual(self, frame: Frame, chunk: Any, state: State) -> Iterator[AnswerEvent]:
        """A frame that is named, whole, damaged or no object."""
        yield from damage(frame, state)
        if isinstance(chunk, list) and len(chunk) == 1:
            chunk = chunk[0]
        if not isinstance(chunk, dict):
            raise ProtocolError("the answer holds something that is no chunk of an answer")
        if frame.event == "error" and not chunk.get("error"):
            chunk = {"error": chunk}
        if frame.whole and not chunk.get("choices") and not chunk.get("error"):
            raise failures.no_answer(chunk)
        yield from parse.chunk_events(chunk, state)
        if frame.whole:
            yield from self.end(state)

    def parse_chunk(self, chunk: Mapping[str, Any], state: State) -> Iterable[AnswerEvent]:
        """The events of one chunk that is a dict already. Raises ProviderError."""
        return parse.chunk_events(chunk, state)

    def end(self, state: State) -> Iterator[AnswerEvent]:
        """The bytes have ended: whole only if a finish reason was seen. Raises ProtocolError."""
        if not (state.started and state.raw_reason):
            raise not_whole(started=state.started)
        return parse.finish_events(state)

    def _done(self, state: State) -> Iterator[AnswerEvent]:
        if not state.started:
            raise not_whole(started=False)
        return parse.finish_events(state)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that an HTTP status and body mean."""
        return failures.from_response(status, headers, body)

    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the provider's models."""
        return openai_lists.render(card, key)

    def parse_models(self, body: Any) -> list[Model]:
        """The models of a list, whether bare or in `data`. Raises ProtocolError."""
        return openai_lists.parse(body)

    def embedding_limit(self, card: Card) -> int:
        """How many texts one call can embed; 0 where the card says that it has none."""
        return openai_embeddings.limit(card)

    def render_embeddings(self, request: EmbeddingRequest, card: Card, key: Secret | None) -> Call:
        """The call that embeds these texts. Raises UsageError for what it cannot send."""
        return openai_embeddings.render(request, card, openai_lists.headers(card, key))

    def parse_embeddings(self, body: Any) -> Embeddings:
        """The vectors in the order of the texts. Raises ProviderError."""
        return openai_embeddings.parse(body)
