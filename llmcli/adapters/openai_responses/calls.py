"""Put function calls together from the events of a Responses answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llmcli.adapters.base import mend_surrogates
from llmcli.adapters.fields import text_of
from llmcli.adapters.tool_calls import arguments_text
from llmcli.events import AnswerEvent, ToolCallDelta, ToolCallEnd, ToolCallStart

Place: TypeAlias = int | str | None


@dataclass(slots=True)
class _Open:
    key: str
    given: str = ""
    id: str = ""
    name: str = ""
    started: bool = False
    ended: bool = False
    fragments: list[str] = field(default_factory=list)
    held: str = ""


class Calls:
    """The function calls of one answer; `used` are the call ids of the conversation so far.

    A call has two ids: the item's, and `call_id`, which its result names. The place of an item is
    its index, because some servers change item ids from event to event. A `call_id` that is not
    new gets a number at its end: GPT models on Bedrock begin with `call_0` in every answer.
    """

    def __init__(self, used: Iterable[str] = ()) -> None:
        self._used = set(used)
        self._numbers: dict[str, int] = {}
        self._calls: list[_Open] = []
        self._by_place: dict[Place, _Open] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def begin(self, place: Place, item: Mapping[str, Any], events: list[AnswerEvent]) -> None:
        """A call was announced, most often with its name and id."""
        self._name(self._at(place), item, events)

    def fragment(self, place: Place, text: Any, events: list[AnswerEvent]) -> None:
        """Take a piece of the arguments."""
        if isinstance(text, str) and text:
            self._add(self._at(place), text, events)

    def whole(self, place: Place, arguments: Any, events: list[AnswerEvent]) -> None:
        """Take the arguments as a whole, of which pieces may have come."""
        self._rest(self._at(place), arguments, events)

    def end(self, place: Place, item: Mapping[str, Any], events: list[AnswerEvent]) -> str:
        """The call is whole; return its id for the conversation."""
        return self._finish(self._at(place), item, events)

    def end_all(self, items: Iterable[Any], events: list[AnswerEvent]) -> list[str]:
        """The answer is over: end each call, from its items where they bring anything new.

        Returns the ids for the conversation of the calls among the items, in their order.
        """
        known = {call.given: call for call in self._calls if call.given}
        ids = []
        for item in items:
            if isinstance(item, dict) and item.get("type") == "function_call":
                call = known.get(text_of(item.get("call_id"))) or self._open()
                ids.append(self._finish(call, item, events))
        for call in self._calls:
            self._finish(call, {}, events)
        return ids

    def _at(self, place: Place) -> _Open:
        """The call at a place; without one, the last that is not whole."""
        if place is None and self._calls and not self._calls[-1].ended:
            return self._calls[-1]
        call = None if place is None else self._by_place.get(place)
        if call is None:
            call = self._by_place[place] = self._open()
        return call

    def _open(self) -> _Open:
        call = _Open(str(len(self._calls)))
        self._calls.append(call)
        return call

    def _name(self, call: _Open, item: Mapping[str, Any], events: list[AnswerEvent]) -> None:
        call.given = call.given or text_of(item.get("call_id"))
        call.name = call.name or text_of(item.get("name"))
        if call.name and call.given:
            self._start(call, events)

    def _start(self, call: _Open, events: list[AnswerEvent]) -> None:
        if call.started:
            return
        call.started = True
        call.id = self._new_id(call)
        events.append(ToolCallStart(call.key, call.id, call.name))
        if call.fragments:
            events.append(ToolCallDelta(call.key, "".join(call.fragments)))

    def _new_id(self, call: _Open) -> str:
        found = base = call.given or f"call_{call.key}"
        number = self._numbers.get(base, 2)
        while found in self._used:
            found, number = f"{base}_{number}", number + 1
        self._numbers[base] = number
        self._used.add(found)
        return found

    def _add(self, call: _Open, text: str, events: list[AnswerEvent]) -> None:
        if not text.isascii() or call.held:
            text, call.held = mend_surrogates(text, call.held)
        if text and not call.ended:
            call.fragments.append(text)
            if call.started:
                events.append(ToolCallDelta(call.key, text))

    def _rest(self, call: _Open, arguments: Any, events: list[AnswerEvent]) -> None:
        text = arguments_text(arguments)
        so_far = "".join(call.fragments)
        if len(text) > len(so_far) and text.startswith(so_far):
            call.held = ""
            self._add(call, text[len(so_far) :], events)

    def _finish(self, call: _Open, item: Mapping[str, Any], events: list[AnswerEvent]) -> str:
        if call.ended:
            return call.id
        self._name(call, item, events)
        self._rest(call, item.get("arguments"), events)
        self._start(call, events)
        if call.held:
            events.append(ToolCallDelta(call.key, "\ufffd"))
        elif not call.fragments:
            events.append(ToolCallDelta(call.key, "{}"))
        call.ended = True
        events.append(ToolCallEnd(call.key))
        return call.id
