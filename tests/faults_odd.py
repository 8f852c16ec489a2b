"""Answers that are good, told in odd ways: stray fields, tool calls, reasoning."""

from __future__ import annotations

from typing import Any

import wire
from fault_server import Exchange, fault
from wire import DONE, chunk, counts, ends, event, says, texts


def _call(
    index: int | None, call_id: str | None, name: str | None, arguments: Any
) -> dict[str, Any]:
    call: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": arguments}}
    call |= {"index": index} if index is not None else {}
    return call | ({"id": call_id} if call_id is not None else {})


def _calls(*calls: dict[str, Any]) -> bytes:
    return event(chunk({"tool_calls": list(calls)}))


_OTHER = {"index": 1, "delta": {"content": "OTHER"}, "finish_reason": None}
_HI = [says(wire.TEXT), ends(), DONE]
ODD: dict[str, list[bytes]] = {
    "choices": [event(chunk() | {"choices": [_OTHER]}), *_HI],
    "events": [event({"type": "ping"}), event({"type": "novel", "x": [1]}, "novel"), *_HI],
    "fields": [event(chunk({"content": "", "p": "aa"}, obfuscation="x", p="b", n=None)), *_HI],
    "null-delta": [event(chunk() | {"choices": [{"index": 0, "delta": None}]}), *_HI],
    "null-choices": [event({"choices": None}), event({"choices": []}), event({"id": ""}), *_HI],
    "null-content": [event(chunk({"content": None, "tool_calls": None})), *_HI],
    "empty-reason": [event(chunk({"content": ""}, "")), *_HI],
    "late-null": [says(wire.TEXT), ends(), event(chunk()), counts(), DONE],
    "roles": [event(chunk({"role": "assistant", "content": wire.TEXT})), ends(), DONE],
}
CALLS: dict[str, list[bytes]] = {
    "fragments": [
        _calls(_call(0, "c1", "get_time", "")),
        _calls({"index": 0, "function": {"arguments": '{"zone": '}}),
        _calls({"index": 0, "function": {"arguments": '"UTC"}'}}),
    ],
    "whole": [_calls(_call(None, "c1", "get_time", {"zone": "UTC"}))],
    "repeated-name": [
        _calls(_call(0, "c1", "get_time", '{"zone": ')),
        _calls(_call(0, None, "get_time", '"UTC"}')),
    ],
}


@fault("scalar")
def _scalar(exchange: Exchange) -> None:
    """An event that is JSON and no object."""
    exchange.stream(event(b"7"), *_HI)


@fault("odd", *ODD)
def _odd(exchange: Exchange) -> None:
    """A good answer among things nobody asked for."""
    exchange.stream(*ODD[exchange.argument])


@fault("tool-call", *CALLS, "cut")
def _tool_call(exchange: Exchange) -> None:
    """A call of a tool, offered or not; `cut` ends within its arguments."""
    if exchange.argument == "cut":
        exchange.stream(*CALLS["fragments"][:2])
    else:
        exchange.stream(*CALLS[exchange.argument], ends("tool_calls"), counts(), DONE)


_THOUGHTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}]
REASONING: dict[str, list[bytes]] = {
    "content": [
        event(chunk({"reasoning_content": "hm"})),
        event(chunk({"reasoning_content": "m"})),
    ],
    "plain": [event(chunk({"reasoning": "hmm", "content": ""}))],
    "list": [event(chunk({"content": _THOUGHTS})), event(chunk({"content": []}))],
    "tag": [says("<th"), says("ink>hm"), says("m</thi"), says("nk>")],
}


@fault("reasoning", *REASONING)
def _reasoning(exchange: Exchange) -> None:
    """An answer after the thought "hmm", told in one of the usual ways."""
    exchange.stream(*REASONING[exchange.argument], *texts(), ends(), counts(), DONE)
