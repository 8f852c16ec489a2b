"""Answers made to keep a parser busy take time in proportion to their size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from llmcli import adapters
from llmcli.cards import Card
from llmcli.frames import Frame
from llmcli.messages import Message, Request, Text

SOME, MANY = 1500, 12_000


def chat(call: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


def chat_ids(number: int) -> list[Any]:
    """Calls without an index, each with an id."""
    return [chat({"id": f"i{n}", "function": {"name": "f"}}) for n in range(number)]


def chat_blank(number: int) -> list[Any]:
    """White space where reasoning may begin."""
    return [{"choices": [{"index": 0, "delta": {"content": " " * 50}}]} for _ in range(number)]


def responses_ids(number: int) -> list[Any]:
    """Calls of one id."""
    item = {"type": "function_call", "call_id": "c", "name": "f"}
    kind = "response.output_item.added"
    return [{"type": kind, "output_index": n, "item": item} for n in range(number)]


def gemini_ids(number: int) -> list[Any]:
    """Calls without an id, in one chunk."""
    part = {"functionCall": {"name": "f"}}
    return [{"candidates": [{"content": {"parts": [part] * number}}]}]


def block(kind: str, **delta: Any) -> Callable[[int], list[Any]]:
    """A block of Anthropic's with many deltas of one kind, which is only kept."""
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "new", "x": ""}}
    piece = {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **delta}}
    return lambda number: [start, *[piece] * number, {"type": "content_block_stop", "index": 0}]


def seconds(name: str, values: list[Any]) -> float:
    """How long these take, at best of three."""
    adapter = adapters.find(name)()
    card = Card("p", "P", name, dialect={"think_tags": True} if name == "openai-chat" else {})
    request = Request("m", (Message("user", (Text("hi"),)),))
    frames = [Frame(json.dumps(value)) for value in values]
    times = []
    for _ in range(3):
        state = adapter.begin(request, card)
        started = time.process_time()
        for frame in frames:
            list(adapter.parse(frame, state))
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("openai-chat", chat_ids),
        ("openai-chat", chat_blank),
        ("openai-responses", responses_ids),
        ("gemini", gemini_ids),
        ("anthropic", block("citations_delta", citation={"n": 1})),
        ("anthropic", block("new_delta", x="y" * 500)),
    ],
)
def test_time_grows_with_the_size(name: str, answer: Callable[[int], list[Any]]) -> None:
    """Eight times as much takes at most 24 times as long; it was 64 times."""
    few, many = seconds(name, answer(SOME)), seconds(name, answer(MANY))
    assert many < 24 * few + 0.02
