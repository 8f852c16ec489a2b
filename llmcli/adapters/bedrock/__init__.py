"""Converse: the one wire format of all chat models on Amazon Bedrock.

Written after https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
and API_runtime_Converse.html (2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmcli.adapters import json_calls
from llmcli.adapters.base import Adapter, Call, count, damage, in_path, load_json, not_whole
from llmcli.adapters.bedrock import catalogue, failures, parse, render
from llmcli.adapters.bedrock.parse import State
from llmcli.cards import Card, Model
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import AnswerEvent
from llmcli.eventstream import EXCEPTION, EventStreamDecoder
from llmcli.frames import BodyDecoder, Decoder, Frame
from llmcli.messages import Request
from llmcli.redaction import Secret

_TYPES = {True: "application/vnd.amazon.eventstream", False: json_calls.JSON}


class Bedrock(Adapter[State]):
    """The adapter `bedrock`. A key goes out as bearer; without one the call wants a signature."""

    name = "bedrock"
    options = frozenset(
        {
            "temperature",
            "top_p",
            "top_k",
            "max_output_tokens",
            "stop",
            "reasoning_effort",
            "reasoning_budget",
            "cache",
            "tool_choice",
            "response_schema",
            "metadata",
        }
    )

    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that asks for this answer. Raises UsageError for what it cannot send."""
        headers = _headers(card, key, _TYPES[request.stream])
        url = _model_url(card, request.model, "converse-stream" if request.stream else "converse")
        return Call("POST", url, headers, render.body(request, card))

    def decoder(self, request: Request) -> Decoder:
        """What cuts the answer's bytes into frames."""
        return EventStreamDecoder() if request.stream else BodyDecoder()

    def begin(self, request: Request, card: Card) -> State:  # noqa: ARG002
        """The state of a new answer."""
        return State()

    def parse(self, frame: Frame, state: State) -> Iterable[AnswerEvent]:
        """The events of one frame. Raises ProviderError."""
        if frame.event == "contentBlockDelta" and not frame.damaged:
            return parse.delta(load_json(frame.data), state)
        return self._unusual(frame, state)

    def _unusual(self, frame: Frame, state: State) -> Iterator[AnswerEvent]:
        """A frame that is no delta, or damaged, or a whole body."""
        yield from damage(frame, state)
        if frame.event.startswith(EXCEPTION):
            raise failures.in_stream(frame.event.removeprefix(EXCEPTION), frame.data)
        if frame.whole:
            yield from self._whole(frame, state)
        elif frame.event in parse.HANDLERS:
            yield from parse.HANDLERS[frame.event](load_json(frame.data), state)

    def _whole(self, frame: Frame, state: State) -> Iterator[AnswerEvent]:
        body = load_json(frame.data)
        if not isinstance(body, dict):
            raise ProtocolError("the server answered with JSON that holds no answer")
        if "output" not in body and ("message" in body or "Message" in body):
            raise failures.in_stream(str(body.get("__type", "")), frame.data)
        yield from parse.whole(body, state)

    def end(self, state: State) -> Iterator[AnswerEvent]:
        """The bytes have ended: whole only after `messageStop`. Raises ProtocolError."""
        if not (state.started and state.raw_reason):
            raise not_whole(started=state.started)
        return iter(parse.finish_events(state))

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that an HTTP status and body mean."""
        return failures.from_response(status, headers, body)

    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the models of the region; inference profiles are its second page."""
        url = catalogue.control_url(card.base_url) + "/foundation-models"
        return Call("GET", url, _headers(card, key))

    def render_next_models(self, body: Any, card: Card, key: Secret | None) -> Call | None:
        """The call for the next page of inference profiles, or None after the last."""
        query = catalogue.next_query(body)
        url = catalogue.control_url(card.base_url) + "/inference-profiles?"
        return Call("GET", url + query, _headers(card, key)) if query else None

    def parse_models(self, body: Any) -> list[Model]:
        """The models of either list that can be asked for text. Raises ProtocolError."""
        return catalogue.models(body)

    def render_tokens(self, request: Request, card: Card, key: Secret | None) -> Call | None:
        """The call that counts a request's input tokens."""
        body = {"input": {"converse": render.conversation(request, card)}}
        url = _model_url(card, request.model, "count-tokens")
        return Call("POST", url, _headers(card, key, _TYPES[False]), body)

    def parse_tokens(self, body: Any) -> int:
        """The number that `render_tokens` asked for. Raises ProtocolError."""
        found = count(body.get("inputTokens")) if isinstance(body, dict) else None
        if found is None:
            raise ProtocolError("the server did not say how many tokens the request has")
        return found


def _model_url(card: Card, model: str, operation: str) -> str:
    """The URL of a model's operation; colons, and slashes of ARNs, are percent-encoded."""
    return f"{card.base_url}/model/{in_path(model)}/{operation}"


def _headers(card: Card, key: Secret | None, accept: str = "") -> dict[str, str | Secret]:
    headers = json_calls.keyed({"accept": accept or json_calls.JSON, **card.headers}, key)
    if accept:
        headers["content-type"] = json_calls.JSON
    return headers
