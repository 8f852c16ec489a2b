"""Put tool calls together from fragments, however a server cuts them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters.base import mend_surrogates, mended
from llmcli.errors import ProtocolError
from llmcli.events import AnswerEvent, ToolCallDelta, ToolCallEnd, ToolCallStart


@dataclass(slots=True)
class _Open:
    key: str
    id: str
    name: str = ""
    own_id: bool = False
    started: bool = False
    pending: list[str] = field(default_factory=list)
    held: str = ""
    empty: bool = True


class ToolCalls:
    """The tool calls of one answer in Chat Completions shape.

    It survives servers that send no index, index 0 for every call, no id, the name again in each
    fragment, arguments as an object, or none at all.
    """

    def __init__(self) -> None:
        self._calls: list[_Open] = []
        self._by_index: dict[int, _Open] = {}
        self._by_id: dict[str, _Open] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, deltas: Any) -> Iterator[AnswerEvent]:
        """Take the `tool_calls` of one chunk."""
        if not isinstance(deltas, list):
            return
        for position, delta in enumerate(deltas):
            if isinstance(delta, dict):
                yield from self._fragment(position, delta)

    def end(self) -> Iterator[AnswerEvent]:
        """The answer is over: begin what never got a name, and end every call."""
        for call in self._calls:
            if call.held:
                yield from self._add(call, "\ufffd")
            if not call.started:
                yield from self._start(call)
            if call.empty:
                yield ToolCallDelta(call.key, "{}")
            yield ToolCallEnd(call.key)

    def _fragment(self, position: int, delta: dict[str, Any]) -> Iterator[AnswerEvent]:
        function = delta.get("function")
        function = function if isinstance(function, dict) else {}
        call = self._find(position, delta)
        name = function.get("name")
        if isinstance(name, str) and name and not call.name:
            call.name = mended(name)
        arguments = arguments_text(function.get("arguments"))
        if not arguments.isascii() or call.held:
            arguments, call.held = mend_surrogates(arguments, call.held)
        yield from self._add(call, arguments)

    def _add(self, call: _Open, arguments: str) -> Iterator[AnswerEvent]:
        if not call.started:
            call.pending.append(arguments)
            if call.name:
                yield from self._start(call)
        elif arguments:
            call.empty = False
            yield ToolCallDelta(call.key, arguments)

    def _start(self, call: _Open) -> Iterator[AnswerEvent]:
        call.started = True
        yield ToolCallStart(call.key, call.id, call.name)
        pending = "".join(call.pending)
        if pending:
            call.empty = False
            yield ToolCallDelta(call.key, pending)

    def _find(self, position: int, delta: dict[str, Any]) -> _Open:
        index = delta.get("index")
        known_id = delta.get("id")
        new_id = known_id if isinstance(known_id, str) else ""
        if not isinstance(index, int) or isinstance(index, bool):
            last = len(self._calls) - 1
            index = last if last >= 0 and not new_id and position == 0 else position
            if new_id in self._by_id:
                return self._by_id[new_id]
        call = self._by_index.get(index)
        other = call is not None and new_id and not call.own_id and call.id != new_id
        if call is None or other:
            call = self._open(new_id)
            self._by_index[index] = call
        return call

    def _open(self, new_id: str) -> _Open:
        number = len(self._calls)
        new = "" if new_id in self._by_id else new_id
        call_id, counted = new or f"call_{number}", number
        while call_id in self._by_id:
            counted += 1
            call_id = f"call_{counted}"
        call = _Open(str(number), call_id, own_id=not new)
        self._calls.append(call)
        self._by_id[call.id] = call
        return call


def arguments_text(value: Any) -> str:
    """A call's arguments, or a piece of them, as a text of JSON. Raises ProtocolError."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        raise ProtocolError("the arguments of a tool call are nested too deep") from None
