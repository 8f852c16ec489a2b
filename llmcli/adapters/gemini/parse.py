"""Chunks and whole bodies of generateContent to events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters.base import mended, not_whole
from llmcli.adapters.deltas import Deltas
from llmcli.adapters.fields import text_of
from llmcli.adapters.gemini import faults
from llmcli.adapters.gemini.finish import Ending, is_blocked, last_events
from llmcli.adapters.gemini.replay import Replay
from llmcli.adapters.gemini.tokens import parse_usage
from llmcli.adapters.tool_calls import arguments_text
from llmcli.events import (
    AnswerEvent,
    Notice,
    OpaqueData,
    Start,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.sanitize import one_line

ANSWERS = frozenset({"candidates", "promptFeedback", "usageMetadata", "error"})
_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"
_STEP = 64  # tokens from one report of usage to the next: every chunk has one, of any size
_BESIDE = frozenset(  # what may stand beside a part's payload and is none itself
    {"thought", "thoughtSignature", "partMetadata", "mediaResolution", "videoMetadata"}
)


@dataclass(slots=True)
class State:
    """What has to be remembered within one answer; `taken` are the ids of the calls so far."""

    taken: set[str] = field(default_factory=set)
    started: bool = False
    raw_reason: str = ""
    words: str = ""
    prompt_blocked: bool = False
    token: str = ""
    answered: bool = False
    thought: bool = False
    deltas: Deltas = field(default_factory=Deltas)
    replay: Replay = field(default_factory=Replay)
    calls: set[str] = field(default_factory=set)
    last_id: int = -1
    usage: Mapping[str, Any] | None = None
    next_report: int = 0
    unshown: dict[str, None] = field(default_factory=dict)
    damaged: bool = False

    def ending(self) -> Ending:
        """Why the answer ended and what had come by then."""
        return Ending(
            self.raw_reason,
            self.words,
            self.prompt_blocked,
            bool(self.calls),
            self.answered,
            self.thought,
        )


def chunk_events(chunk: Mapping[str, Any], state: State) -> list[AnswerEvent]:
    """The events of one chunk. Raises ProviderError when it carries an error.

    A list, not a generator: this runs once for every token.
    """
    get = chunk.get
    if get("error"):
        raise faults.in_stream(chunk)
    events: list[AnswerEvent] = []
    if not state.started:
        state.started = True
        events.append(Start(text_of(get("responseId")), text_of(get("modelVersion"))))
    candidates = get("candidates")
    if candidates and isinstance(candidates, list):
        for candidate in candidates:
            if isinstance(candidate, dict) and not candidate.get("index"):
                _candidate(candidate, state, events)
    feedback = get("promptFeedback")
    if feedback and isinstance(feedback, dict):
        _feedback(feedback, state)
    usage = get("usageMetadata")
    if usage and isinstance(usage, dict):
        total = usage.get("totalTokenCount")
        state.usage = usage
        if not isinstance(total, int) or total >= state.next_report:
            state.next_report = total + _STEP if isinstance(total, int) else 0
            report_usage(state, events)
    return events


def report_usage(state: State, events: list[AnswerEvent]) -> None:
    """Add what is known of the tokens, unless that was told already."""
    if state.usage is not None:
        events.append(UsageReport(parse_usage(state.usage)))
        state.usage = None


def _candidate(candidate: dict[str, Any], state: State, events: list[AnswerEvent]) -> None:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    if parts and isinstance(parts, list):
        for part in parts:
            if isinstance(part, dict):
                text = part.get("text")
                if text and len(part) == 1 and isinstance(text, str):
                    _answer(text, state, events)
                    state.replay.text(text, False)
                else:
                    _part(part, text, state, events)
    reason = candidate.get("finishReason")
    if reason and isinstance(reason, str) and reason != _UNSPECIFIED:
        state.raw_reason = text_of(reason)
        state.words = text_of(candidate.get("finishMessage")) or state.words
        state.token = text_of(candidate.get("continuationToken"))


def _answer(text: str, state: State, events: list[AnswerEvent]) -> None:
    state.answered = True
    state.deltas.text(text, events)


def _part(part: dict[str, Any], text: Any, state: State, events: list[AnswerEvent]) -> None:
    """A part that is more than a piece of the answer's text."""
    thought = part.get("thought") is True
    signed = bool(part.get("thoughtSignature"))
    call = part.get("functionCall")
    if text and isinstance(text, str):
        if thought:
            state.thought = True
            state.deltas.reasoning(text, events)
        else:
            _answer(text, state, events)
    if call and isinstance(call, dict):
        _call(call, state, events)
    _collect(part, thought, signed, state)


def _collect(part: dict[str, Any], thought: bool, signed: bool, state: State) -> None:
    """Keep the part as it has to go back; an empty one tells nothing unless it is signed."""
    others = part.keys() - _BESIDE - {"text", "functionCall"}
    state.unshown.update(dict.fromkeys(sorted(others)))
    state.replay.needed = state.replay.needed or signed or bool(others)
    text = part.get("text")
    if part.keys() <= {"text", "thought"}:
        if isinstance(text, str):
            state.replay.text(text, thought)
    elif signed or others or part.get("functionCall") or text:
        state.replay.part(part)


def _call(call: dict[str, Any], state: State, events: list[AnswerEvent]) -> None:
    """A tool call, which always comes whole."""
    key = str(len(state.calls))
    own = text_of(call.get("id"))
    call_id = own if own and own not in state.calls else _new_id(state)
    state.calls.add(call_id)
    state.taken.add(call_id)
    state.answered = True
    arguments = call.get("args")
    events += (
        ToolCallStart(key, call_id, text_of(call.get("name"))),
        ToolCallDelta(key, mended(arguments_text(arguments)) or "{}"),
        ToolCallEnd(key),
    )


def _new_id(state: State) -> str:
    """An id that no other call of the conversation has; the server may send none."""
    number = max(state.last_id + 1, len(state.taken))
    while f"call_{number}" in state.taken:
        number += 1
    state.last_id = number
    return f"call_{number}"


def _feedback(feedback: dict[str, Any], state: State) -> None:
    """The prompt was blocked: there are no candidates then, or no more of them."""
    reason = feedback.get("blockReason")
    if is_blocked(reason):
        state.raw_reason = text_of(reason)
        state.prompt_blocked = True
        state.words = text_of(feedback.get("blockReasonMessage"))


def finish_events(state: State) -> Iterator[AnswerEvent]:
    """Give out what was held and say why the answer ended. Raises ProviderError."""
    held: list[AnswerEvent] = []
    state.deltas.end(held)
    report_usage(state, held)
    yield from held
    if not state.raw_reason:
        raise not_whole(started=True)
    if state.unshown:
        names = one_line(", ".join(state.unshown), 100)
        yield Notice(f"the answer also holds what is not shown: {names}")
    opaque: dict[str, object] = {}
    parts = state.replay.parts()
    if parts:
        opaque["parts"] = parts
    if state.token:
        opaque["continuationToken"] = state.token
    if opaque:
        yield OpaqueData(opaque)
    yield from last_events(state.ending())
