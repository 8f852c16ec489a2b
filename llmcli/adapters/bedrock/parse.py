"""Frames and whole bodies of Converse to events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters.base import count, mend_surrogates
from llmcli.adapters.bedrock.blocks import Block, raw
from llmcli.adapters.deltas import Deltas
from llmcli.adapters.fields import table_of, text_of
from llmcli.adapters.tool_calls import arguments_text
from llmcli.errors import ProtocolError, ServerError
from llmcli.events import (
    AnswerEvent,
    Finish,
    FinishReason,
    OpaqueData,
    Start,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.usage import Usage

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
MALFORMED = ("malformed_model_output", "malformed_tool_use")


@dataclass(slots=True)
class State:
    """What has to be remembered within one answer; blocks by their index."""

    started: bool = False
    raw_reason: str = ""
    damaged: bool = False
    deltas: Deltas = field(default_factory=Deltas)
    blocks: dict[int, Block] = field(default_factory=dict)


def begin(state: State, events: list[AnswerEvent]) -> None:
    """Add the start, which has neither an id nor a model here."""
    if not state.started:
        state.started = True
        events.append(Start())


def delta(value: Any, state: State) -> list[AnswerEvent]:
    """The events of a piece of a block. A list, not a generator: this runs for every token."""
    events: list[AnswerEvent] = []
    if not state.started:
        begin(state, events)
    if value.__class__ is not dict:
        return events
    piece = value.get("delta")
    if piece.__class__ is not dict:
        return events
    block = _block(value, state)
    text = piece.get("text")
    if text and text.__class__ is str:
        block.text.append(text)
        state.deltas.text(text, events)
        return events
    _thought(piece.get("reasoningContent"), block, state, events)
    _fragment(piece.get("toolUse"), _index(value), block, events)
    return events


def _index(value: Mapping[str, Any]) -> int:
    index = value.get("contentBlockIndex")
    return index if index.__class__ is int else 0


def _block(value: Mapping[str, Any], state: State) -> Block:
    index = _index(value)
    block = state.blocks.get(index)
    if block is None:
        block = state.blocks[index] = Block()
    return block


def _thought(value: Any, block: Block, state: State, events: list[AnswerEvent]) -> None:
    if not isinstance(value, dict):
        return
    text = _text(value.get("text"))
    if text:
        block.reasoning.append(text)
        state.deltas.reasoning(text, events)
    block.signature += _text(value.get("signature"))
    redacted = _text(value.get("redactedContent"))
    if redacted:
        block.redacted.append(redacted)


def _fragment(value: Any, index: int, block: Block, events: list[AnswerEvent]) -> None:
    fragment = _text(value.get("input")) if isinstance(value, dict) else ""
    if not block.name:
        return
    if not fragment.isascii() or block.held:
        fragment, block.held = mend_surrogates(fragment, block.held)
    if fragment:
        block.input.append(fragment)
        events.append(ToolCallDelta(str(index), fragment))


def block_start(value: Any, state: State) -> list[AnswerEvent]:
    """The start of a block, sent only for tools; what a tool of the server's does is not ours."""
    events: list[AnswerEvent] = []
    begin(state, events)
    found = table_of(table_of(table_of(value).get("start")).get("toolUse"))
    name = text_of(found.get("name"))
    if not name or found.get("type") == "server_tool_use":
        return events
    index, block = _index(value), _block(value, state)
    if not block.name:
        block.name = name
        block.call_id = text_of(found.get("toolUseId")) or f"call_{index}"
        events.append(ToolCallStart(str(index), block.call_id, name))
    return events


def message_start(value: Any, state: State) -> list[AnswerEvent]:  # noqa: ARG001
    """The start of the answer."""
    events: list[AnswerEvent] = []
    begin(state, events)
    return events


def message_stop(value: Any, state: State) -> list[AnswerEvent]:
    """The answer's own end; usage still follows."""
    events: list[AnswerEvent] = []
    begin(state, events)
    state.raw_reason = text_of(table_of(value).get("stopReason")) or "unsaid"
    return events


def metadata(value: Any, state: State) -> list[AnswerEvent]:
    """Usage, which comes last: after the answer's end it closes the answer, if that is one."""
    events: list[AnswerEvent] = []
    begin(state, events)
    usage = table_of(value).get("usage")
    if isinstance(usage, dict):
        events.append(UsageReport(parse_usage(usage)))
    if state.raw_reason and state.raw_reason not in MALFORMED:
        events += finish_events(state)
    return events


HANDLERS: dict[str, Callable[[Any, State], list[AnswerEvent]]] = {
    "messageStart": message_start,
    "contentBlockStart": block_start,
    "contentBlockDelta": delta,
    "messageStop": message_stop,
    "metadata": metadata,
}


def whole(body: Mapping[str, Any], state: State) -> list[AnswerEvent]:
    """The events of an answer in one piece: each block as the frames that would have brought it.

    Raises ProtocolError.
    """
    message = table_of(table_of(body.get("output")).get("message"))
    content = message.get("content")
    if not isinstance(content, list):
        raise ProtocolError("the server answered with JSON that holds no answer")
    events = message_start(message, state)
    for index, block in enumerate(content):
        place = {"contentBlockIndex": index}
        for piece in _pieces(table_of(block)):
            take = block_start if "start" in piece else delta
            events += take({**piece, **place}, state)
    events += message_stop(body, state)
    return events + metadata(body, state)


def _pieces(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The starts and deltas that a whole block stands for."""
    yield {"delta": {"text": block.get("text")}}
    cited = table_of(block.get("citationsContent")).get("content")
    for part in cited if isinstance(cited, list) else ():
        yield {"delta": {"text": table_of(part).get("text")}}
    thought = table_of(block.get("reasoningContent"))
    if thought:
        yield {"delta": {"reasoningContent": {**thought, **table_of(thought.get("reasoningText"))}}}
    call = table_of(block.get("toolUse"))
    if call:
        yield {"start": {"toolUse": call}}
        arguments = arguments_text(call.get("input") or {})
        yield {"delta": {"toolUse": {"input": arguments}}}


def parse_usage(value: Mapping[str, Any]) -> Usage:
    """Tokens in our terms: here the input does not hold what came from or went into the cache."""
    fresh = count(value.get("inputTokens"))
    read = count(value.get("cacheReadInputTokens"))
    write = count(value.get("cacheWriteInputTokens"))
    given = None if fresh is None else fresh + (read or 0) + (write or 0)
    return Usage(
        input=given,
        output=count(value.get("outputTokens")),
        cache_read=read,
        cache_write=write,
    )


def finish_events(state: State) -> list[AnswerEvent]:
    """Close what is open and say why the answer ended. Raises ServerError for a malformed one."""
    events: list[AnswerEvent] = []
    state.deltas.end(events)
    calls = [(str(index), block) for index, block in state.blocks.items() if block.name]
    for key, block in calls:
        if block.held or not block.input:
            events.append(ToolCallDelta(key, "\ufffd" if block.held else "{}"))
        events.append(ToolCallEnd(key))
    if state.raw_reason in MALFORMED:
        raise ServerError(f"the model's answer was malformed ({state.raw_reason})")
    if any(block.signature or block.redacted for block in state.blocks.values()):
        blocks = [block for _, block in sorted(state.blocks.items())]
        events.append(OpaqueData({"content": raw(blocks)}))
    events.append(Finish(_reason(state.raw_reason, called=bool(calls)), state.raw_reason))
    return events


def _reason(raw: str, *, called: bool) -> FinishReason:
    reason = _REASONS.get(raw, "other")
    return "tool_calls" if called and reason in ("stop", "other") else reason


def _text(value: Any) -> str:
    """A text that may be a piece: half a character at its end waits for the other half."""
    return value if isinstance(value, str) else ""
