"""Chunks and whole bodies of Chat Completions to events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters.base import count
from llmcli.adapters.costs import reported, within
from llmcli.adapters.deltas import Deltas
from llmcli.adapters.failures import in_stream
from llmcli.adapters.fields import table_of, text_of
from llmcli.adapters.think import ThinkSplitter
from llmcli.adapters.tool_calls import ToolCalls
from llmcli.errors import ServerError
from llmcli.events import (
    AnswerEvent,
    Finish,
    FinishReason,
    OpaqueData,
    Start,
    UsageReport,
)
from llmcli.usage import Usage

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "refusal",
}
_TEXT_ONLY = 1  # keys of a delta that holds content and nothing else


@dataclass(slots=True)
class State:
    """What has to be remembered within one answer."""

    dialect: Mapping[str, Any]
    started: bool = False
    raw_reason: str = ""
    refused: bool = False
    deltas: Deltas = field(default_factory=Deltas)
    splitter: ThinkSplitter | None = None
    tool_calls: ToolCalls = field(default_factory=ToolCalls)
    details: list[Any] = field(default_factory=list)
    damaged: bool = False


def chunk_events(chunk: Mapping[str, Any], state: State) -> Iterable[AnswerEvent]:
    """The events of one chunk. Raises ProviderError when it carries an error.

    A list, not a generator: this runs once for every token.
    """
    get = chunk.get
    vendor = get("x_groq")
    if get("error") or (vendor and isinstance(vendor, dict) and vendor.get("error")):
        return _failing(chunk, state)
    events: list[AnswerEvent] = []
    choices = get("choices")
    usage = get("usage")
    if not state.started and (choices or usage or get("id") or get("model")):
        state.started = True  # Azure's first chunk has none of these
        events.append(Start(text_of(get("id")), text_of(get("model"))))
    if choices and isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                _choice(choice, state, events)
    if usage:
        _usage(usage, state, events)
    if vendor and isinstance(vendor, dict):
        _usage(vendor.get("usage"), state, events)
    return events


def _failing(chunk: Mapping[str, Any], state: State) -> Iterator[AnswerEvent]:
    """What came beside an error, such as OpenRouter's usage, and then the error."""
    whole = dict(chunk)
    vendor = whole.pop("x_groq", None)
    error = whole.pop("error", None)
    vendor = vendor if isinstance(vendor, dict) else {}
    if whole.get("choices") or whole.get("usage"):
        yield from chunk_events(whole, state)
    raise in_stream({"error": error or vendor["error"]})


def _choice(choice: dict[str, Any], state: State, events: list[AnswerEvent]) -> None:
    delta = choice.get("delta") or choice.get("message")
    if delta and isinstance(delta, dict):
        content = delta.get("content")
        if content and isinstance(content, str) and len(delta) <= _TEXT_ONLY:
            _answer(content, state, events)
        else:
            _delta(delta, content, state, events)
    reason = choice.get("finish_reason")
    if reason and isinstance(reason, str):
        state.raw_reason = reason


def _delta(delta: dict[str, Any], content: Any, state: State, events: list[AnswerEvent]) -> None:
    for name in ("reasoning_content", "reasoning"):
        thought = delta.get(name)
        if thought and isinstance(thought, str):
            state.deltas.reasoning(thought, events)
            break
    if content and isinstance(content, str):
        _answer(content, state, events)
    elif content and isinstance(content, list):
        _parts(content, state, events)
    details = delta.get("reasoning_details")
    if details and isinstance(details, list):
        state.details += details
    refusal = delta.get("refusal")
    if refusal and isinstance(refusal, str):
        state.refused = True
        _answer(refusal, state, events)
    if delta.get("tool_calls"):
        events.extend(state.tool_calls.feed(delta["tool_calls"]))


def _parts(parts: list[Any], state: State, events: list[AnswerEvent]) -> None:
    """Content as a list: Mistral puts reasoning and text side by side."""
    for part in parts:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "thinking":
            pieces = part.get("thinking")
            for piece in pieces if isinstance(pieces, list) else ():
                if isinstance(piece, dict) and isinstance(piece.get("text"), str):
                    state.deltas.reasoning(piece["text"], events)
        elif isinstance(part.get("text"), str):
            _answer(part["text"], state, events)


def _answer(text: str, state: State, events: list[AnswerEvent]) -> None:
    if state.splitter is None:
        state.deltas.text(text, events)
        return
    whole: list[AnswerEvent] = []
    state.deltas.text(text, whole)
    for event in whole:
        events.extend(state.splitter.feed(str(event[0])))


def _usage(value: Any, state: State, events: list[AnswerEvent]) -> None:
    if isinstance(value, dict):
        events.append(UsageReport(parse_usage(value, state.dialect)))


def parse_usage(value: Mapping[str, Any], dialect: Mapping[str, Any]) -> Usage:
    """The tokens of a `usage` object in our terms: totals, their parts, None for unsaid."""
    prompt = table_of(value.get("prompt_tokens_details"))
    completion = table_of(value.get("completion_tokens_details"))
    given = count(value.get("prompt_tokens"))
    output = count(value.get("completion_tokens"))
    read = count(prompt.get("cached_tokens"))
    if read is None:
        read = count(value.get("prompt_cache_hit_tokens"))
    reasoning = count(completion.get("reasoning_tokens"))
    if output is not None and reasoning and dialect.get("output_excludes_reasoning"):
        output += reasoning
    cost = dialect.get("cost")
    return Usage(
        input=given,
        output=output,
        cache_read=within(read, given),
        cache_write=within(count(prompt.get("cache_write_tokens")), given),
        reasoning=within(reasoning, output),
        cost=reported(value.get(cost), ticks=cost == "cost_in_usd_ticks") if cost else None,
        audio=within(count(prompt.get("audio_tokens")) or None, given),
    )


def finish_events(state: State) -> Iterator[AnswerEvent]:
    """Give out what was held and say why the answer ended. Raises ServerError for `error`."""
    held: list[AnswerEvent] = []
    state.deltas.end(held)
    yield from held
    if state.splitter is not None:
        yield from state.splitter.flush()
    yield from state.tool_calls.end()
    if state.details:
        yield OpaqueData({"reasoning_details": state.details})
    if state.raw_reason == "error":
        raise ServerError("the provider ended the answer with an error")
    yield Finish(_reason(state), state.raw_reason)


def _reason(state: State) -> FinishReason:
    reason = _REASONS.get(state.raw_reason, "other")
    if reason in ("stop", "other") and state.tool_calls:
        return "tool_calls"
    if reason == "stop" and state.refused:
        return "refusal"
    return reason
