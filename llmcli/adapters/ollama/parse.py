"""Lines and whole bodies of `/api/chat` to events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters.base import count, mended
from llmcli.adapters.deltas import Deltas
from llmcli.adapters.ollama.failures import in_stream
from llmcli.adapters.tool_calls import arguments_text
from llmcli.errors import ProtocolError
from llmcli.events import (
    AnswerEvent,
    Finish,
    FinishReason,
    Notice,
    Start,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.usage import Usage

_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
_NOTHING_SAID = ("load", "unload")
_TEXT_ONLY = 2  # keys of a message that holds role and content and nothing else
_NEAR = 8  # tokens by which a cut prompt may stay under the context


@dataclass(slots=True)
class State:
    """What has to be remembered within one answer; `num_ctx` is the context asked for."""

    num_ctx: int | None = None
    started: bool = False
    damaged: bool = False
    deltas: Deltas = field(default_factory=Deltas)
    call_ids: set[str] = field(default_factory=set)


def chunk_events(chunk: Mapping[str, Any], state: State) -> list[AnswerEvent]:
    """The events of one line. Raises ProviderError when it carries an error.

    A list, not a generator: this runs once for every token.
    """
    events: list[AnswerEvent] = []
    if not state.started:
        state.started = True
        model = chunk.get("model")
        events.append(Start("", model if isinstance(model, str) else ""))
    if chunk.get("error"):
        raise in_stream(chunk)
    message = chunk.get("message")
    if message.__class__ is dict:
        content = message.get("content")
        more = len(message) > _TEXT_ONLY or content is None
        if more:
            _reasoning(message.get("thinking"), state, events)
        if content and content.__class__ is str:
            state.deltas.text(content, events)
        if more and message.get("tool_calls"):
            _calls(message["tool_calls"], state, events)
    if chunk.get("done") is True:
        _finish(chunk, state, events)
    return events


def _reasoning(thinking: Any, state: State, events: list[AnswerEvent]) -> None:
    if thinking and isinstance(thinking, str):
        state.deltas.reasoning(thinking, events)


def _calls(calls: Any, state: State, events: list[AnswerEvent]) -> None:
    """Tool calls come whole, each line with others; older servers give them no id."""
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            continue
        name = function.get("name")
        call_id = _call_id(call.get("id"), state)
        events.append(ToolCallStart(call_id, call_id, name if isinstance(name, str) else ""))
        arguments = mended(arguments_text(function.get("arguments"))) or "{}"
        events.append(ToolCallDelta(call_id, arguments))
        events.append(ToolCallEnd(call_id))


def _call_id(given: Any, state: State) -> str:
    """The server's id, or one of ours that no other call of the answer has."""
    number = len(state.call_ids)
    call_id = given if isinstance(given, str) and given else f"call_{number}"
    while call_id in state.call_ids:
        call_id, number = f"call_{number}", number + 1
    state.call_ids.add(call_id)
    return call_id


def _finish(chunk: Mapping[str, Any], state: State, events: list[AnswerEvent]) -> None:
    """The last line: what was held, the tokens, and why the answer ended."""
    said = chunk.get("done_reason")
    raw = said if isinstance(said, str) else ""
    if raw in _NOTHING_SAID:
        raise ProtocolError(f"the server only {raw}ed the model and generated nothing")
    state.deltas.end(events)
    given, made = count(chunk.get("prompt_eval_count")), count(chunk.get("eval_count"))
    if given is not None or made is not None:
        events.append(UsageReport(Usage(input=given, output=made)))
    if state.num_ctx and given is not None and given >= state.num_ctx - _NEAR:
        events.append(
            Notice(
                f"the prompt fills the context of {state.num_ctx:,} tokens and was probably cut at "
                "its front; make room with -o num_ctx=N"
            )
        )
    reason = _REASONS.get(raw, "other")
    if state.call_ids and reason != "length":
        reason = "tool_calls"
    events.append(Finish(reason, raw))


def asked_context(options: Mapping[str, Any], extra: Mapping[str, Any]) -> int | None:
    """The `num_ctx` that a request sends, if any."""
    direct = extra.get("options")
    found = direct.get("num_ctx") if isinstance(direct, Mapping) else None
    return count(options.get("num_ctx") if found is None else found)
