"""Events and whole bodies of Anthropic Messages to events of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters import failures
from llmcli.adapters.anthropic import blocks
from llmcli.adapters.anthropic.blocks import Block
from llmcli.adapters.base import count
from llmcli.adapters.deltas import Deltas
from llmcli.adapters.fields import table_of, text_of
from llmcli.errors import ProviderError
from llmcli.events import (
    AnswerEvent,
    Finish,
    FinishReason,
    Notice,
    OpaqueData,
    Start,
    UsageReport,
)
from llmcli.sanitize import one_line
from llmcli.usage import Usage

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
}
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)


@dataclass(slots=True)
class State:
    """What has to be remembered within one answer."""

    started: bool = False
    damaged: bool = False
    raw_reason: str = ""
    index: Any = None
    block: Block = field(default_factory=lambda: Block({}, "", "", open=False))
    blocks: list[Block] = field(default_factory=list)
    by_index: dict[int, Block] = field(default_factory=dict)
    deltas: Deltas = field(default_factory=Deltas)
    usage: dict[str, int] = field(default_factory=dict)


def event_events(value: Mapping[str, Any], name: str, state: State) -> list[AnswerEvent]:
    """The events of one event of the server. Raises ProviderError when it is an error.

    A list, not a generator: this runs once for every token.
    """
    events: list[AnswerEvent] = []
    kind = value.get("type") or name
    if kind == "content_block_delta":
        delta = value.get("delta")
        if delta.__class__ is dict:
            _delta(value.get("index"), delta, state, events)
        return events
    handler = _HANDLERS.get(kind) if isinstance(kind, str) else None
    if handler is not None:
        handler(value, state, events)
    elif "error" in (kind, name) or value.get("error"):
        raise error_of(value)
    return events


def whole_events(message: Mapping[str, Any], state: State) -> list[AnswerEvent]:
    """The events of a whole message, by the same path as those of a stream."""
    events: list[AnswerEvent] = []
    _begin(message, state, events)
    content = message.get("content")
    for index, block in enumerate(content if isinstance(content, list) else ()):
        _block_start({"index": index, "content_block": block}, state, events)
        _block_stop({"index": index}, state, events)
    _message_delta({"delta": message, "usage": message.get("usage")}, state, events)
    _message_stop(message, state, events)
    return events


def _begin(message: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    if not state.started:
        state.started = True
        events.append(Start(text_of(message.get("id")), text_of(message.get("model"))))


def _message_start(value: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    message = table_of(value.get("message"))
    _begin(message, state, events)
    if _overlay(message.get("usage"), state.usage):
        report = _usage(state.usage)
        events.append(UsageReport(report._replace(output=None, reasoning=None)))


def _delta(index: Any, delta: dict[str, Any], state: State, events: list[AnswerEvent]) -> None:
    block = state.block
    if index != state.index or not block.open:
        block = _find(index, delta, state, events)
    kind = delta.get("type")
    if kind == "text_delta":
        text = delta.get("text")
        if text and isinstance(text, str):
            blocks.add_text(block, "text", text, state.deltas, events)
    elif kind == "thinking_delta":
        text = delta.get("thinking")
        if text and isinstance(text, str):
            blocks.add_text(block, "thinking", text, state.deltas, events)
    elif kind == "input_json_delta":
        text = delta.get("partial_json")
        if text and isinstance(text, str):
            blocks.add_json(block, text, events)
    else:
        blocks.add_other(block, text_of(kind), delta)


def _find(index: Any, delta: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> Block:
    """The open block a delta belongs to; one that was never begun begins here."""
    known = state.by_index.get(index) if isinstance(index, int) else None
    if known is not None and known.open:
        state.index, state.block = index, known
        return known
    kind = "thinking" if delta.get("type") == "thinking_delta" else "text"
    _block_start({"index": index, "content_block": {"type": kind}}, state, events)
    return state.block


def _block_start(value: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    _begin({}, state, events)
    index = value.get("index")
    state.index = index = index if isinstance(index, int) else len(state.blocks)
    raw = table_of(value.get("content_block"))
    state.block = blocks.start(raw, len(state.blocks), state.deltas, events)
    state.by_index[index] = state.block
    state.blocks.append(state.block)


def _block_stop(value: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    index = value.get("index")
    block = state.by_index.get(index) if isinstance(index, int) else state.block
    if block is not None:
        blocks.stop(block, events)


def _message_delta(value: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    _begin({}, state, events)
    delta = table_of(value.get("delta"))
    state.raw_reason = text_of(delta.get("stop_reason")) or state.raw_reason
    details = table_of(delta.get("stop_details"))
    if details and state.raw_reason == "refusal":
        events.append(Notice(_refusal(details)))
    if _overlay(value.get("usage"), state.usage):
        events.append(UsageReport(_usage(state.usage)))


def _refusal(details: Mapping[str, Any]) -> str:
    category = one_line(text_of(details.get("category")), 60)
    words = one_line(text_of(details.get("explanation")))
    named = f" ({category})" if category else ""
    return f"the provider refused{named}: {words}" if words else f"the provider refused{named}"


def _message_stop(_value: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    _begin({}, state, events)
    for block in state.blocks:
        blocks.stop(block, events)
    state.deltas.end(events)
    reason = _REASONS.get(state.raw_reason, "other")
    if reason in ("stop", "other") and any(block.kind == "tool_use" for block in state.blocks):
        reason = "tool_calls"
    content = blocks.replay(state.blocks, always=reason == "pause")
    if content:
        events.append(OpaqueData({"content": content}))
    events.append(Finish(reason, state.raw_reason))


_HANDLERS: Mapping[str, Callable[[Mapping[str, Any], State, list[AnswerEvent]], None]] = {
    "message_start": _message_start,
    "content_block_start": _block_start,
    "content_block_stop": _block_stop,
    "message_delta": _message_delta,
    "message_stop": _message_stop,
}


def _overlay(said: Any, known: dict[str, int]) -> bool:
    """Lay the numbers of a later `usage` over those known; False when it is none."""
    if not isinstance(said, dict):
        return False
    creation = table_of(said.get("cache_creation"))
    split = [count(creation.get(f"ephemeral_{ttl}_input_tokens")) for ttl in ("5m", "1h")]
    written = [number for number in split if number is not None]
    details = table_of(said.get("output_tokens_details"))
    numbers = {
        "cache_creation_input_tokens": sum(written) if written else None,
        "thinking_tokens": count(details.get("thinking_tokens")),
    }
    known.update({name: number for name, number in numbers.items() if number is not None})
    for name in _COUNTS:
        number = count(said.get(name))
        if number is not None:
            known[name] = number
    return True


def _usage(known: Mapping[str, int]) -> Usage:
    """The tokens in our terms: the server's input leaves out what the cache gave or took."""
    fresh, output = known.get("input_tokens"), known.get("output_tokens")
    read = known.get("cache_read_input_tokens")
    write = known.get("cache_creation_input_tokens")
    reasoning = known.get("thinking_tokens")
    return Usage(
        input=None if fresh is None else fresh + (read or 0) + (write or 0),
        output=output,
        cache_read=read,
        cache_write=write,
        reasoning=reasoning if output is None or reasoning is None else min(reasoning, output),
    )


def error_of(value: Mapping[str, Any]) -> ProviderError:
    """The error that a server sent with status 200: its type stands for the status."""
    facts = failures.read_value(value)
    status = next((s for name, s in _STATUSES.items() if name in facts.words), None)
    error = failures.in_stream(value) if status is None else failures.classify(status, facts)
    request_id = text_of(value.get("request_id"))
    error.request_id = failures.request_id({"request-id": request_id})
    return error
