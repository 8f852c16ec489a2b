"""Events and whole bodies of Responses to events of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llmcli.adapters.base import count, not_whole
from llmcli.adapters.costs import reported, within
from llmcli.adapters.deltas import Deltas
from llmcli.adapters.failures import in_stream, no_answer
from llmcli.adapters.fields import table_of, tables_of, text_of
from llmcli.adapters.openai_responses import replay
from llmcli.adapters.openai_responses.calls import Calls, Place
from llmcli.errors import ProtocolError, ProviderError, ServerError
from llmcli.events import AnswerEvent, Finish, FinishReason, OpaqueData, Start, UsageReport
from llmcli.usage import Usage

Events: TypeAlias = list[AnswerEvent]
_INCOMPLETE: Mapping[str, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}
_UNSAID = object()


@dataclass(slots=True)
class State:
    """What has to be remembered within one answer.

    `limit` is the output limit that was asked for; `spoken` and `thought` are the places of the
    output items whose text, or reasoning, has come.
    """

    dialect: Mapping[str, Any]
    calls: Calls
    limit: int | None = None
    started: bool = False
    refused: bool = False
    damaged: bool = False
    deltas: Deltas = field(default_factory=Deltas)
    spoken: set[Place] = field(default_factory=set)
    speaking: Any = _UNSAID
    thought: set[Place] = field(default_factory=set)
    thinking: Any = None
    items: list[Mapping[str, Any]] = field(default_factory=list)


def events_of(value: Mapping[str, Any], name: str, state: State) -> Events:
    """The events of one event. Raises ProviderError when it carries an error.

    A list, not a generator: this runs once for every token.
    """
    events: Events = []
    if not state.started:
        _start(value.get("response"), state, events)
    kind = value.get("type")
    if kind == "response.output_text.delta":
        _speak(value.get("delta"), value, state, events)
        return events
    if not isinstance(kind, str):
        kind = ""
    handle = _HANDLERS.get(kind)
    if handle is not None:
        handle(value, state, events)
    elif kind in _ENDS:
        response = table_of(value.get("response"))
        error = response.get("error") or value.get("error")
        _end({**response, "error": error}, _ENDS[kind], state, events)
    elif "error" in (kind, name) or value.get("error"):
        raise in_stream(value)
    return events


def body_events(response: Mapping[str, Any], state: State) -> Events:
    """The events of an answer that came in one piece. Raises ProviderError."""
    known = response.get("status") in _ENDS.values()
    if not known and not isinstance(response.get("output"), list):
        raise no_answer(response)
    events: Events = []
    _end(response, "completed", state, events)
    return events


def _start(response: Any, state: State, events: Events) -> None:
    state.started = True
    told = table_of(response)
    events.append(Start(text_of(told.get("id")), text_of(told.get("model"))))


def _speak(piece: Any, value: Mapping[str, Any], state: State, events: Events) -> None:
    if piece and isinstance(piece, str):
        index = value.get("output_index")
        if index != state.speaking:
            state.speaking = index
            state.spoken.add(_place(value))
        state.deltas.text(piece, events)


def _refuse(value: Mapping[str, Any], state: State, events: Events) -> None:
    state.refused = True
    _speak(value.get("delta"), value, state, events)


def _think(value: Mapping[str, Any], state: State, events: Events) -> None:
    piece = value.get("delta")
    if piece and isinstance(piece, str):
        part = (value.get("output_index"), value.get("summary_index"), value.get("content_index"))
        _begin_thought(part, state, events)
        state.thought.add(_place(value))
        state.deltas.reasoning(piece, events)


def _begin_thought(part: Any, state: State, events: Events) -> None:
    """The parts of a summary are paragraphs."""
    if state.thinking is not None and part != state.thinking:
        state.deltas.reasoning("\n\n", events)
    state.thinking = part


def _item_added(value: Mapping[str, Any], state: State, events: Events) -> None:
    item = table_of(value.get("item"))
    if item.get("type") == "function_call":
        state.calls.begin(_place(value), item, events)


def _arguments_delta(value: Mapping[str, Any], state: State, events: Events) -> None:
    state.calls.fragment(_place(value), value.get("delta"), events)


def _arguments_done(value: Mapping[str, Any], state: State, events: Events) -> None:
    state.calls.whole(_place(value), value.get("arguments"), events)


def _item_done(value: Mapping[str, Any], state: State, events: Events) -> None:
    item, place = table_of(value.get("item")), _place(value)
    kind = item.get("type")
    if kind == "function_call":
        item = {**item, "call_id": state.calls.end(place, item, events)}
    elif kind == "message" and not _has_come(place, state.spoken):
        _message(item, place, state, events)
    elif kind == "reasoning" and not _has_come(place, state.thought):
        _reasoning(item, place, state, events)
    if item:
        state.items.append(item)


def _has_come(place: Place, places: set[Place]) -> bool:
    """Whether an item came in deltas already; without its place, whether any did."""
    return bool(places) and (place is None or place in places or None in places)


def _message(item: Mapping[str, Any], place: Place, state: State, events: Events) -> None:
    """The text of a message that did not come in deltas."""
    for part in tables_of(item.get("content")):
        refusal = text_of(part.get("refusal"))
        state.refused = state.refused or bool(refusal)
        text = refusal or text_of(part.get("text"))
        if text:
            state.spoken.add(place)
            state.deltas.text(text, events)


def _reasoning(item: Mapping[str, Any], place: Place, state: State, events: Events) -> None:
    """The reasoning of an item that did not come in deltas: its summary, else its text."""
    texts = [text_of(part.get("text")) for part in tables_of(item.get("summary"))]
    if not any(texts):
        texts = ["".join(text_of(part.get("text")) for part in tables_of(item.get("content")))]
    for number, text in enumerate(texts):
        if text:
            _begin_thought((place, number), state, events)
            state.thought.add(place)
            state.deltas.reasoning(text, events)


def _failure(status: str, response: Mapping[str, Any]) -> ProviderError:
    error = response.get("error")
    if error:
        return in_stream({"error": error})
    if status == "cancelled":
        return ServerError("the provider cancelled the answer")
    return ServerError("the provider ended the answer with an error")


def _end(response: Mapping[str, Any], status: str, state: State, events: Events) -> None:
    """The end of the answer, as the last event or a whole body tells it."""
    if status == "completed":
        status = text_of(response.get("status")) or status
    if status in ("failed", "cancelled"):
        raise _failure(status, response)
    if status in ("in_progress", "queued"):
        raise ProtocolError(f'the server ended the answer while it was "{status}"')
    if not state.started:
        _start(response, state, events)
    items = tables_of(response.get("output"))
    _say_the_rest(items, state, events)
    state.deltas.end(events)
    ids = iter(state.calls.end_all(items, events))
    if not state.items:
        state.items = [
            {**item, "call_id": next(ids)} if item.get("type") == "function_call" else item
            for item in items
        ]
    if status == "completed" and replay.is_opaque(state.items):
        events.append(OpaqueData({"output": state.items}))
    usage = parse_usage(table_of(response.get("usage")), state.dialect)
    if response.get("usage"):
        events.append(UsageReport(usage))
    events.append(_finish(response, status, usage.output, state))


def _say_the_rest(items: list[dict[str, Any]], state: State, events: Events) -> None:
    """What came in no delta: Perplexity may send the text in the last event only."""
    spoken, thought = bool(state.spoken), bool(state.thought)
    for place, item in enumerate(items):
        if item.get("type") == "message" and not spoken:
            _message(item, place, state, events)
        elif item.get("type") == "reasoning" and not thought:
            _reasoning(item, place, state, events)


def _finish(response: Mapping[str, Any], status: str, written: int | None, state: State) -> Finish:
    """Why the answer ended; llama.cpp calls one that met the limit `completed` all the same."""
    if status == "incomplete":
        raw = text_of(table_of(response.get("incomplete_details")).get("reason"))
        return Finish(_INCOMPLETE.get(raw, "other"), raw or status)
    if state.calls:
        return Finish("tool_calls", status)
    if status != "completed":
        return Finish("other", status)
    if state.limit and written is not None and written >= state.limit:
        return Finish("length", status)
    return Finish("refusal" if state.refused else "stop", status)


def parse_usage(value: Mapping[str, Any], dialect: Mapping[str, Any]) -> Usage:
    """The tokens of a `usage` object in our terms: totals, their parts, None for unsaid."""
    read = table_of(value.get("input_tokens_details"))
    written = table_of(value.get("output_tokens_details"))
    given, output = count(value.get("input_tokens")), count(value.get("output_tokens"))
    cost, name = None, dialect.get("cost")
    if name == "cost_in_usd_ticks":
        cost = reported(value.get(name), ticks=True)
    elif name == "total_cost":
        cost = reported(table_of(value.get("cost")).get(name))
    return Usage(
        input=given,
        output=output,
        cache_read=within(count(read.get("cached_tokens")), given),
        cache_write=within(count(read.get("cache_write_tokens")), given),
        reasoning=within(count(written.get("reasoning_tokens")), output),
        cost=cost,
    )


def end_of_bytes(state: State) -> Iterator[AnswerEvent]:
    """The bytes have ended without an end of the answer. Raises ProtocolError."""
    raise not_whole(started=state.started)


def _place(value: Mapping[str, Any]) -> Place:
    """Where an item stands in the output: its index, else its id, else unknown."""
    index = count(value.get("output_index"))
    if index is not None:
        return index
    return text_of(value.get("item_id")) or text_of(table_of(value.get("item")).get("id")) or None


_HANDLERS: Mapping[str, Callable[[Mapping[str, Any], State, Events], None]] = {
    "response.refusal.delta": _refuse,
    "response.reasoning_summary_text.delta": _think,
    "response.reasoning_text.delta": _think,
    "response.output_item.added": _item_added,
    "response.function_call_arguments.delta": _arguments_delta,
    "response.function_call_arguments.done": _arguments_done,
    "response.output_item.done": _item_done,
}
_ENDS: Mapping[str, str] = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
