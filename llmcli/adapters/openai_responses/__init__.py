"""Responses: the newer wire format of OpenAI, which xAI and Perplexity speak too.

Written after https://developers.openai.com/api/docs/api-reference/responses (2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmcli.adapters import failures, json_calls, openai_embeddings, openai_lists
from llmcli.adapters.base import Adapter, Call, count, damage, load_json
from llmcli.adapters.openai_responses import parse, render
from llmcli.adapters.openai_responses.calls import Calls
from llmcli.adapters.openai_responses.dialect import DIALECT
from llmcli.adapters.openai_responses.parse import State
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import AnswerEvent
from llmcli.frames import Frame
from llmcli.messages import Request, ToolCall
from llmcli.redaction import Secret


class OpenAIResponses(Adapter[State]):
    """The adapter `openai-responses`.

    It has no `cache`: servers keep prompts by themselves.
    """

    name = "openai-responses"
    options = frozenset(
        {
            *("temperature", "top_p", "max_output_tokens", "reasoning_effort", "verbosity"),
            *("tool_choice", "parallel_tool_calls", "response_schema", "user", "metadata"),
        }
    )
    dialect = DIALECT
    unasked = MappingProxyType(
        {"summar": ("reasoning", "summary"), "encrypted_content": ("include",)}
    )

    @classmethod
    def base_url(cls, text: str) -> str:
        """The base URL without a slash too many."""
        return openai_lists.base_url(text)

    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that asks for this answer. Raises UsageError for what it cannot send."""
        url, headers = card.base_url + "/responses", openai_lists.headers(card, key)
        kind = json_calls.SSE if request.stream else json_calls.JSON
        return json_calls.post(url, headers, render.body(request, card), kind)

    def begin(self, request: Request, card: Card) -> State:
        """The state of a new answer."""
        parts = (part for message in request.messages for part in message.parts)
        calls = Calls(part.id for part in parts if isinstance(part, ToolCall))
        limit: Any = request.options.get("max_output_tokens")
        return State(card.dialect, calls, limit)

    def parse(self, frame: Frame, state: State) -> Iterable[AnswerEvent]:
        """The events of one frame. Raises ProviderError."""
        data = frame.data
        if data[:1] == "[" and data.strip() == "[DONE]":
            return parse.end_of_bytes(state)
        value = load_json(data)
        if frame.whole or frame.damaged or value.__class__ is not dict:
            return self._unusual(frame, value, state)
        return parse.events_of(value, frame.event, state)

    def _unusual(self, frame: Frame, value: Any, state: State) -> Iterator[AnswerEvent]:
        """A frame that is whole, damaged or no object."""
        yield from damage(frame, state)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            raise ProtocolError("the answer holds something that is no event of an answer")
        if frame.whole and not value.get("type"):
            yield from parse.body_events(value, state)
        else:
            yield from parse.events_of(value, frame.event, state)

    def end(self, state: State) -> Iterator[AnswerEvent]:
        """The bytes have ended before the answer's own end did. Raises ProtocolError."""
        return parse.end_of_bytes(state)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that an HTTP status and body mean."""
        return failures.from_response(status, headers, body)

    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the provider's models."""
        return openai_lists.render(card, key)

    def parse_models(self, body: Any) -> list[Model]:
        """The models of a list, whether bare or in `data`. Raises ProtocolError."""
        return openai_lists.parse(body)

    def render_tokens(self, request: Request, card: Card, key: Secret | None) -> Call | None:
        """The call that counts a request's input tokens, where the card says there is one."""
        if not card.dialect.get("input_tokens"):
            return None
        url = card.base_url + "/responses/input_tokens"
        return json_calls.post(url, openai_lists.headers(card, key), render.counted(request, card))

    def parse_tokens(self, body: Any) -> int:
        """The number of input tokens. Raises ProtocolError."""
        found = count(body.get("input_tokens")) if isinstance(body, dict) else None
        if found is None:
            raise ProtocolError("the server did not tell a number of tokens")
        return found

    def embedding_limit(self, card: Card) -> int:
        """How many texts one call can embed."""
        return openai_embeddings.limit(card)

    def render_embeddings(self, request: EmbeddingRequest, card: Card, key: Secret | None) -> Call:
        """The call that embeds these texts. Raises UsageError for what it cannot send."""
        return openai_embeddings.render(request, card, openai_lists.headers(card, key))

    def parse_embeddings(self, body: Any) -> Embeddings:
        """The vectors in the order of the texts. Raises ProtocolError."""
        return openai_embeddings.parse(body)
