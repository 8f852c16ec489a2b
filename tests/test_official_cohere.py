"""The adapter cohere beside the official client: the same requests and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from behaviour import Case, collect, read_cases

from llmcli.adapters.cohere import Cohere
from llmcli.cards import Card
from llmcli.messages import Media, Message, Opaque, Request, Text, Tool, ToolCall, ToolResult

cohere = pytest.importorskip("cohere")

CARD = Card(id="p", name="P", adapter="cohere", base_url="http://127.0.0.1:1")
# The official client wants the type in every event, and drops events it does not know.
BEYOND = ("surrogates", "tool_plan_surrogates", "thinking", "unknown")
CASES = read_cases(Path(__file__).parent / "wire_cases" / "cohere")
COMMON = [case for case in CASES if case.name not in BEYOND]


def client(answer: bytes, asked: list[Any], kind: str = "text/event-stream") -> Any:
    """The official client; it is answered with these bytes, and what it asks is kept."""

    def handle(request: Any) -> Any:
        asked.append(request)
        return httpx.Response(200, content=answer, headers={"content-type": kind})

    transport = httpx.Client(transport=httpx.MockTransport(handle))
    return cohere.ClientV2(api_key="k-1234", base_url=CARD.base_url, httpx_client=transport)


@pytest.mark.parametrize("case", COMMON, ids=lambda case: case.name)
def test_answers(case: Case) -> None:
    """The same bytes mean the same text, plan, calls and billed tokens."""
    text, reasoning, calls, end = "", "", [], None
    said: list[Any] = [{"role": "user", "content": "hi"}]
    for event in client(case.stream, []).chat_stream(model="m", messages=said):
        if event.type in ("content-start", "content-delta"):
            text += event.delta.message.content.text or ""
            reasoning += event.delta.message.content.thinking or ""
        elif event.type == "tool-plan-delta":
            reasoning += event.delta.message.tool_plan
        elif event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            calls.append([call.id, call.function.name, call.function.arguments])
        elif event.type == "tool-call-delta":
            calls[event.index][2] += event.delta.message.tool_calls.function.arguments
        elif event.type == "message-end":
            end = event.delta
    assert end is not None
    ours = collect(events(case))
    assert (ours.text, ours.reasoning) == (text, reasoning)
    assert ours.tool_calls == [[*call[:2], call[2] or "{}"] for call in calls]
    billed = end.usage.billed_units if end.usage else None
    if billed and ours.usage:
        assert (ours.usage.input, ours.usage.output) == (billed.input_tokens, billed.output_tokens)


def events(case: Case) -> list[Any]:
    """Our events of a case."""
    adapter, request = Cohere(), Request("m", ())
    state, decoder = adapter.begin(request, CARD), adapter.decoder(request)
    found = []
    for frame in decoder.feed(case.stream):
        if frame.data != "[DONE]":
            found += adapter.parse(frame, state)
    return found


SCHEMA = {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}}}


def test_requests() -> None:
    """Asked for the same, both send the same."""
    asked: list[Any] = []
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}
    function = {"name": "f", "arguments": '{"x": 1}'}
    call = {"id": "f_1", "type": "function", "function": function}
    said: list[Any] = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
        {"role": "assistant", "tool_calls": [call], "tool_plan": "I will ask."},
        {"role": "tool", "tool_call_id": "f_1", "content": "42"},
    ]
    tool: Any = {"name": "f", "description": "does f", "parameters": SCHEMA}
    chat = client(b"", asked).chat_stream(
        model="m",
        messages=said,
        tools=[{"type": "function", "function": tool}],
        strict_tools=True,
        tool_choice="REQUIRED",
        response_format={"type": "json_object", "json_schema": SCHEMA},
        thinking={"type": "enabled", "token_budget": 9},
        p=0.5,
        k=4,
        seed=7,
        max_tokens=9,
        stop_sequences=["x"],
    )
    list(chat)
    request = Request(
        "m",
        (
            Message("system", (Text("s"),)),
            Message("user", (Text("look"), Media(b"png", "image/png", "a.png"))),
            Message(
                "assistant",
                (
                    ToolCall("f_1", "f", '{"x": 1}'),
                    Opaque("p", "m", {"tool_plan": "I will ask."}),
                ),
            ),
            Message("tool", (ToolResult("f_1", "42"),)),
        ),
        {
            "tool_choice": "required",
            "response_schema": SCHEMA,
            "reasoning_budget": 9,
            "top_p": 0.5,
            "top_k": 4,
            "seed": 7,
            "max_output_tokens": 9,
            "stop": ["x"],
        },
        tools=(Tool("f", "does f", SCHEMA, strict=True),),
    )
    ours = Cohere().render(request, CARD, None)
    assert str(asked[0].url) == ours.url
    assert json.loads(asked[0].content) == ours.body
