"""The adapter ollama beside the official client: the same addresses, requests and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from behaviour import Case, collect, read_cases

from llmcli.adapters.ollama import Ollama
from llmcli.cards import Card
from llmcli.messages import Media, Message, Reasoning, Request, Text, Tool, ToolCall, ToolResult

ollama = pytest.importorskip("ollama")

CARD = Card(id="p", name="P", adapter="ollama", base_url="http://127.0.0.1:11434")
# The official client wants every field of its type, every argument an object, no blank line.
BEYOND = ("no_reason", "surrogates", "tool_calls_with_ids", "unknown_fields")
CASES = read_cases(Path(__file__).parent / "wire_cases" / "ollama")
COMMON = [case for case in CASES if case.name not in BEYOND]


def client(answer: bytes, asked: list[httpx.Request]) -> Any:
    """The official client; it is answered with these bytes, and what it asks is kept."""

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=answer)

    return ollama.Client(host=CARD.base_url, transport=httpx.MockTransport(handle))


@pytest.mark.parametrize(
    "host",
    [
        *("gpu", "gpu:1234", "gpu/", "gpu:1234/path/", "1.2.3.4", ":1234", "", "http://gpu"),
        *("https://gpu", "https://gpu:1234/path/", "[::1]", "[::1]:1234", "http://[fd00::1]"),
    ],
)
def test_addresses(host: str) -> None:
    """Every spelling of a host leads to the same place."""
    theirs = ollama.Client(host=host)._client.base_url
    assert place(Ollama.base_url(host)) == place(str(theirs).rstrip("/"))


def place(url: str) -> tuple[Any, ...]:
    """Scheme, host, port and path, the port said."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80}.get(parts.scheme, 443), parts[2]


@pytest.mark.parametrize("case", COMMON, ids=lambda case: case.name)
def test_answers(case: Case) -> None:
    """The same bytes mean the same text, thinking, calls and numbers."""
    text, thinking, calls, last = "", "", [], None
    for last in client(case.stream, []).chat("m", [], stream=True):
        text += last.message.content or ""
        thinking += last.message.thinking or ""
        calls += [
            (c.function.name, dict(c.function.arguments)) for c in last.message.tool_calls or ()
        ]
    assert last is not None
    ours = collect(events(case))
    assert (ours.text, ours.reasoning) == (text, thinking)
    assert [(name, json.loads(arguments)) for _, name, arguments in ours.tool_calls] == calls
    told = (ours.usage.input, ours.usage.output) if ours.usage else (None, None)
    assert told == (last.prompt_eval_count, last.eval_count)


def events(case: Case) -> list[Any]:
    """Our events of a case."""
    adapter, request = Ollama(), Request("m", ())
    state, decoder = adapter.begin(request, CARD), adapter.decoder(request)
    return [event for frame in decoder.feed(case.stream) for event in adapter.parse(frame, state)]


PARAMETERS = {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}}}


def test_requests() -> None:
    """Asked for the same, both send the same, but for what the official client cannot say."""
    asked: list[httpx.Request] = []
    line = b'{"model":"m","message":{"role":"assistant","content":""},"done":true}\n'
    function = {"name": "f", "description": "does f", "parameters": PARAMETERS}
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    said = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "look", "images": [b"png"]},
        {"role": "assistant", "content": "so", "thinking": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_name": "f", "content": "42"},
    ]
    chat = client(line, asked).chat(
        "m",
        said,
        tools=[{"type": "function", "function": function}],
        stream=True,
        think=True,
        format=PARAMETERS,
        options={"num_ctx": 4096, "num_predict": 9, "stop": ["x"], "temperature": 0.5},
        keep_alive="10m",
    )
    list(chat)
    request = Request(
        "m",
        (
            Message("system", (Text("s"),)),
            Message("user", (Text("look"), Media(b"png", "image/png", "a.png"))),
            Message("assistant", (Reasoning("hm"), Text("so"), ToolCall("c", "f", '{"x": 1}'))),
            Message("tool", (ToolResult("c", "42"),)),
        ),
        {
            "num_ctx": 4096,
            "max_output_tokens": 9,
            "stop": ["x"],
            "temperature": 0.5,
            "keep_alive": "10m",
            "reasoning_effort": "high",
            "response_schema": PARAMETERS,
        },
        tools=(Tool("f", "does f", PARAMETERS),),
    )
    ours = Ollama().render(request, CARD, None)
    assert str(asked[0].url) == ours.url
    theirs = json.loads(asked[0].content)
    assert theirs == without(ours.body, ("truncate", "shift", "id", "tool_call_id"))


def without(value: Any, names: tuple[str, ...]) -> Any:
    """The value without keys of these names, at any depth."""
    if isinstance(value, dict):
        return {key: without(item, names) for key, item in value.items() if key not in names}
    return [without(item, names) for item in value] if isinstance(value, list) else value
