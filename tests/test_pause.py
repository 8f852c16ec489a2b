"""An answer that the provider pauses is one answer: the turn is sent back and goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fault_server import Exchange, FaultServer, fault
from support import Llm

SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"q": "x"}}


def message(*blocks: dict[str, Any], reason: str, tokens: int) -> bytes:
    """A Messages stream of whole blocks, with so many tokens in and out."""
    usage = {"input_tokens": tokens, "output_tokens": tokens}
    head = {"id": "msg_1", "model": "m", "content": [], "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": head}]
    for index, block in enumerate(blocks):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    events.append({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage})
    events.append({"type": "message_stop"})
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


@fault("pause", "once", "fails", "ever")
def _pause(exchange: Exchange) -> None:
    """The first call pauses after a search, the second ends; `fails`: it breaks; `ever`: never."""
    first = exchange.request.json["messages"][-1]["role"] == "user"
    if exchange.argument == "ever" or first:
        exchange.stream(message(text("Looking"), SEARCH, reason="pause_turn", tokens=10))
    elif exchange.argument == "fails":
        exchange.reply(500, {"error": {"type": "api_error", "message": "no"}})
    else:
        exchange.stream(message(text(", found."), reason="end_turn", tokens=7))


@pytest.fixture
def paused(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> Callable[..., dict[str, Any]]:
    """Ask behind the fault and give the last event."""

    def ask(argument: str, code: int) -> dict[str, Any]:
        prices = {"m": {"cost": {"input": 1, "output": 2}}}
        provider(faults.url(f"pause:{argument}"), adapter="anthropic", models=prices, retries=0)
        done = llm("-m", "fs/m", "--jsonl", "look for x")
        assert done.code == code, done.err
        return dict(done.events[-1])

    return ask


def test_it_goes_on_as_one_answer(
    llm: Llm, faults: FaultServer, paused: Callable[..., dict[str, Any]]
) -> None:
    """Text is joined, tokens and cost of both calls add up, each call is in the ledger."""
    result = paused("once", 0)
    assert (result["text"], result["finish_reason"]) == ("Looking, found.", "stop")
    assert (result["usage"]["input"], result["usage"]["output"]) == (17, 17)
    assert result["cost"]["amount"] == "0.000051"
    assert [attempt["status"] for attempt in llm.attempts()] == ["complete", "complete"]
    first, second = faults.requests("pause:once")
    (question,) = first.json["messages"]
    assert second.json["messages"] == [
        question,
        {"role": "assistant", "content": [text("Looking"), SEARCH]},
    ]


def test_none_of_it_is_kept(
    llm: Llm, faults: FaultServer, paused: Callable[..., dict[str, Any]]
) -> None:
    """A reply to what goes on is not whole, and would be no answer to have again with --cache."""
    paused("once", 0)
    for asked in (4, 6):
        result = llm("-m", "fs/m", "--json", "--cache", "look for x").json
        assert (result["text"], result["cost"]["amount"]) == ("Looking, found.", "0.000051")
        assert result["cache"]["hit"] is False
        assert len(faults.requests("pause:once")) == asked


def test_a_failure_after_the_pause_keeps_what_came(
    llm: Llm, paused: Callable[..., dict[str, Any]]
) -> None:
    """The answer had begun: it is incomplete, whatever status the second call met."""
    error = paused("fails", 8)
    assert (error["kind"], error["http_status"]) == ("incomplete", 500)
    assert error["text"] == "Looking"
    (turn,) = llm.turns()
    assert (turn["status"], turn["text"]) == ("incomplete", "Looking")


def test_it_does_not_go_on_for_ever(
    llm: Llm, faults: FaultServer, paused: Callable[..., dict[str, Any]]
) -> None:
    result = paused("ever", 0)
    assert result["finish_reason"] == "pause"
    assert len(faults.requests("pause:ever")) == 11
    last = faults.requests("pause:ever")[-1].json["messages"]
    assert [block["type"] for block in last[-1]["content"]] == ["text", "server_tool_use"] * 10
