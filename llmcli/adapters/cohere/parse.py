"""Events and whole bodies of Cohere's chat to our events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters.base import count, mended
from llmcli.adapters.cohere.failures import in_stream
from llmcli.adapters.costs import within
from llmcli.adapters.deltas import Deltas
from llmcli.adapters.fields import table_of
from llmcli.adapters.tool_calls import ToolCalls
from llmcli.errors import ProtocolError
from llmcli.events import AnswerEvent, Finish, FinishReason, OpaqueData, Start, UsageReport
from llmcli.usage import Usage

_REASONS: dict[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}
_FAILED = ("ERROR", "TIMEOUT")


@dataclass(slots=True)
class State:
    """What has to be remembered within one answer: also plan and thoughts, to send them back."""

    started: bool = False
    damaged: bool = False
    deltas: Deltas = field(default_factory=Deltas)
    tool_calls: ToolCalls = field(default_factory=ToolCalls)
    plan: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)


def chunk_events(chunk: Mapping[str, Any], kind: Any, state: State) -> list[AnswerEvent]:
    """The events of one event of the stream. Raises ProviderError when it carries an error.

    A list, not a generator: this runs once for every token.
    """
    events: list[AnswerEvent] = []
    if (not kind or kind == "error") and (chunk.get("error") or chunk.get("message")):
        raise in_stream(chunk)
    if not state.started:
        _start(chunk, state, events)
    delta = table_of(chunk.get("delta"))
    message = delta.get("message")
    if message.__class__ is dict:
        content = message.get("content")
        if kind == "content-delta" and content.__class__ is dict:
            _block(content, state, events)
        else:
            _message(message, chunk.get("index"), state, events)
    if kind == "message-end":
        _finish(delta, state, events)
    return events


def body_events(body: Mapping[str, Any], state: State) -> list[AnswerEvent]:
    """The events of an answer that came in one piece. Raises ProviderError."""
    message = body.get("message")
    if body.get("error") or isinstance(message, str):
        raise in_stream(body)
    if not isinstance(message, dict) or not isinstance(body.get("finish_reason"), str):
        raise ProtocolError("the server answered with JSON that holds no answer")
    events: list[AnswerEvent] = []
    _start(body, state, events)
    _message(message, None, state, events)
    _finish(body, state, events)
    return events


def _start(chunk: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    state.started = True
    answer_id = chunk.get("id")
    events.append(Start(answer_id if isinstance(answer_id, str) else ""))


def _message(
    message: Mapping[str, Any], index: Any, state: State, events: list[AnswerEvent]
) -> None:
    """A message or a piece of one; what is a list when whole is an object in a stream."""
    plan = message.get("tool_plan")
    if plan and isinstance(plan, str):
        state.plan.append(plan)
        state.deltas.reasoning(plan, events)
    content = message.get("content")
    if isinstance(content, str):
        state.deltas.text(content, events)
    for block in content if isinstance(content, list) else (content,):
        if isinstance(block, dict):
            _block(block, state, events)
    calls = message.get("tool_calls")
    if isinstance(calls, dict):
        calls = [{**calls, "index": index}]
    events.extend(state.tool_calls.feed(calls))


def _block(block: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    text = block.get("text")
    if text and text.__class__ is str:
        state.deltas.text(text, events)
    thought = block.get("thinking")
    if thought and isinstance(thought, str):
        state.thoughts.append(thought)
        state.deltas.reasoning(thought, events)


def _finish(end: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    """The answer's end: what was held, the calls, the tokens, and why it ended."""
    said = end.get("finish_reason")
    raw = said if isinstance(said, str) else ""
    error = end.get("error")
    if error or raw in _FAILED:
        raise in_stream({"error": error or f"the provider ended the answer with {raw}"})
    state.deltas.end(events)
    events.extend(state.tool_calls.end())
    opaque = _to_replay(state)
    if opaque:
        events.append(OpaqueData(opaque))
    usage = parse_usage(end.get("usage"))
    if usage is not None:
        events.append(UsageReport(usage))
    reason = _REASONS.get(raw, "other")
    if state.tool_calls and reason != "length":
        reason = "tool_calls"
    events.append(Finish(reason, raw))


def _to_replay(state: State) -> dict[str, Any]:
    """Plan and thoughts of an answer with tool calls, in the shape they are sent back in."""
    found: dict[str, Any] = {}
    if state.tool_calls and state.plan:
        found["tool_plan"] = mended("".join(state.plan))
    if state.tool_calls and state.thoughts:
        found["content"] = [{"type": "thinking", "thinking": mended("".join(state.thoughts))}]
    return found


def parse_usage(value: Any) -> Usage | None:
    """The tokens that are billed; `tokens` also counts what Cohere adds to the prompt itself.

    What is cached counts that too.
    """
    if not isinstance(value, dict):
        return None
    billed, used = table_of(value.get("billed_units")), table_of(value.get("tokens"))
    given = _first(billed.get("input_tokens"), used.get("input_tokens"))
    made = _first(billed.get("output_tokens"), used.get("output_tokens"))
    return Usage(
        input=given,
        output=made,
        cache_read=within(count(value.get("cached_tokens")), given),
        reasoning=within(count(used.get("reasoning_tokens")), made),
    )


def _first(*values: Any) -> int | None:
    return next((n for n in map(count, values) if n is not None), None)
