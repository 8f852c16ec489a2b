"""The adapter anthropic beside the vendor's own client: the same requests, the same answers."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic.types import Message as OfficialMessage
from anthropic.types import MessageCountTokensParams
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from behaviour import PROMPT, Answer, Case, collect, read_cases
from pydantic import TypeAdapter

from llmcli.adapters.anthropic import Anthropic
from llmcli.cards import Card, Model
from llmcli.errors import ServerError
from llmcli.events import AnswerEvent, Finish
from llmcli.frames import Decoder
from llmcli.messages import Media, Message, Opaque, Request, Text, Tool, ToolCall, ToolResult
from llmcli.redaction import Secret
from llmcli.usage import Usage

OWN = Card(
    id="p",
    name="P",
    adapter="anthropic",
    base_url="https://api.anthropic.com",
    models={"claude-sonnet-5-5": Model("claude-sonnet-5-5", output=128_000)},
)
KEY = Secret("k-official-1234")
CASES = read_cases(Path(__file__).parent / "wire_cases" / "anthropic")
# The vendor's client needs a start with usage and every index, breaks on halves of characters in
# arguments, and leaves out deltas that it does not know.
BEYOND = ("bare_deltas", "cache_split", "compatible", "surrogates", "unknown")
COMMON = [case for case in CASES if case.name not in BEYOND]


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers` (type, bytes) and keeps what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[str, bytes]] = []
        self.asked: list[tuple[str, Mapping[str, str], Any]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One request to a `Server`."""

    server: Server

    def do_GET(self) -> None:
        """Keep the request and send the next answer."""
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers, body))
        media_type, answer = self.server.answers.pop(0)
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a port of its own."""
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server) -> Iterator[anthropic.Anthropic]:
    """The vendor's client, pointed at the server."""
    with anthropic.Anthropic(
        api_key=KEY.reveal(), base_url=server.url, max_retries=0, timeout=10
    ) as found:
        yield found


TOOL = Tool("f", "does f", {"type": "object", "properties": {"x": {"type": "integer"}}}, True)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "text", "text": "so"},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}},
]
LONG = (
    Message("system", (Text("be brief"),)),
    Message(
        "user",
        (
            Text("look"),
            Media(b"png", "image/png", "a.png"),
            Media(b"pdf", "application/pdf", "b.pdf"),
            Media(b"text", "text/plain", "c.txt"),
        ),
    ),
    Message("assistant", (Opaque("p", "claude-sonnet-5-5", {"content": BLOCKS}),)),
    Message("tool", (ToolResult("toolu_1", "42"),)),
    Message("assistant", (Text("more"), ToolCall("toolu_2", "f", '{"x": 2}'))),
    Message("tool", (ToolResult("toolu_2", "no", is_error=True),)),
    Message("user", (Text("and?"),)),
)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "effort": {"reasoning_effort": "xhigh", "max_output_tokens": 9000},
    "budget": {"reasoning_budget": 4000},
    "no reasoning": {"reasoning_effort": "none"},
    "schema": {"response_schema": SCHEMA, "reasoning_effort": "minimal"},
    "choice": {"tool_choice": "f", "parallel_tool_calls": False},
    "required": {"tool_choice": "required"},
    "none": {"tool_choice": "none"},
    "cache": {"cache": True, "user": "u", "stop": ["x"]},
}


def asking(options: Any, *, stream: bool = True) -> Request:
    """A long conversation with these options."""
    return Request("claude-sonnet-5-5", LONG, options, tools=(TOOL,), stream=stream)


def body(request: Request) -> dict[str, Any]:
    """The rendered body."""
    rendered = Anthropic().render(request, OWN, KEY).body
    assert rendered is not None
    return dict(rendered)


def taken(kind: Any, value: Mapping[str, Any]) -> Any:
    """What the vendor's types take of a value: they leave out the keys that they do not know."""
    return _plain(_checker(kind).validate_python(value))


@functools.cache  # it has to live for as long as the lazy lists that it gives out
def _checker(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def test_the_check_itself() -> None:
    """A key that the vendor does not know is left out, a wrong type is refused."""
    good = body(asking({}))
    assert taken(MessageCreateParamsStreaming, {**good, "surprise": 1}) == good
    odd = {**good, "system": [{"type": "text", "text": "x", "surprise": 1}]}
    assert taken(MessageCreateParamsStreaming, odd) != odd
    with pytest.raises(ValueError, match="thinking"):
        taken(MessageCreateParamsStreaming, {**good, "thinking": {"type": "sometimes"}})


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_request_meets_the_official_types(options: Any) -> None:
    """Every key and value of a body is one of the vendor's own parameters."""
    stream, whole = body(asking(options)), body(asking(options, stream=False))
    assert taken(MessageCreateParamsStreaming, stream) == stream
    assert taken(MessageCreateParamsNonStreaming, whole) == whole
    call = Anthropic().render_tokens(asking(options), OWN, KEY)
    assert call is not None
    assert call.body is not None
    assert taken(MessageCountTokensParams, call.body) == call.body


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_request_on_the_wire(options: Any, server: Server, client: anthropic.Anthropic) -> None:
    """The vendor's client, asked for the same, sends the same body, path and version."""
    server.answers = [("application/json", CASES_BY_NAME["text"].whole or b"")]
    request = asking(options, stream=False)
    call = Anthropic().render(request, OWN, KEY)
    client.messages.create(**body(request))
    path, headers, sent = server.asked[0]
    assert sent == call.body
    assert call.url == f"https://api.anthropic.com{path}"
    assert headers["anthropic-version"] == call.headers["anthropic-version"]
    assert headers["content-type"] == call.headers["content-type"]


def test_count_of_tokens(server: Server, client: anthropic.Anthropic) -> None:
    """The counting call is the vendor's, and its answer is read the same."""
    answer = b'{"input_tokens": 12}'
    server.answers = [("application/json", answer)]
    call = Anthropic().render_tokens(asking({}), OWN, KEY)
    assert call is not None
    counted = client.messages.count_tokens(**(call.body or {}))
    path, _, sent = server.asked[0]
    assert (f"https://api.anthropic.com{path}", sent) == (call.url, call.body)
    assert Anthropic().parse_tokens(json.loads(answer)) == counted.input_tokens == 12


def test_pages_of_models(server: Server, client: anthropic.Anthropic) -> None:
    """Both turn the same pages of the list and find the same models."""
    row = {"type": "model", "display_name": "M", "created_at": "2026-01-01T00:00:00Z"}
    first = {"data": [{**row, "id": "a", "max_tokens": 9}], "has_more": True, "last_id": "a"}
    last = {"data": [{**row, "id": "b"}], "has_more": False, "last_id": "b"}
    server.answers = [("application/json", json.dumps(page).encode()) for page in (first, last)]
    official = list(client.models.list(limit=1000))
    adapter = Anthropic()
    calls = [adapter.render_models(OWN, KEY), adapter.render_next_models(first, OWN, KEY)]
    ours = [f"https://api.anthropic.com{path}" for path, _, _ in server.asked]
    assert sorted(call.url.partition("?")[2].split("&") for call in calls if call) == sorted(
        url.partition("?")[2].split("&") for url in ours
    )
    found = adapter.parse_models(first) + adapter.parse_models(last)
    assert [(m.id, m.output) for m in found] == [(m.id, m.max_tokens) for m in official]


@pytest.mark.parametrize("case", COMMON, ids=[case.name for case in COMMON])
def test_stream_means_the_same(case: Case, server: Server, client: anthropic.Anthropic) -> None:
    """The vendor's client finds in a stream what we find."""
    server.answers = [("text/event-stream", case.stream)]
    with client.messages.stream(**_asked()) as stream:
        message = stream.get_final_message()
    _same(message, _events(case.stream, stream=True))


WHOLE = [case for case in CASES if case.whole]


@pytest.mark.parametrize("case", WHOLE, ids=[case.name for case in WHOLE])
def test_whole_means_the_same(case: Case, server: Server, client: anthropic.Anthropic) -> None:
    """The vendor's client finds in a whole body what we find."""
    assert case.whole is not None
    server.answers = [("application/json", case.whole)]
    message = client.messages.create(**_asked())
    _same(message, _events(case.whole, stream=False))


def test_error_in_a_stream(server: Server, client: anthropic.Anthropic) -> None:
    """Both fail when the server says so in the middle, however much had come before."""
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    stream = CASES_BY_NAME["text"].stream.partition(b"event: content_block_stop")[0]
    stream += b"event: error\ndata: " + error + b"\n\n"
    server.answers = [("text/event-stream", stream)]
    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        client.messages.stream(**_asked()) as official,
    ):
        official.get_final_message()
    with pytest.raises(ServerError, match="Overloaded"):
        _events(stream, stream=True)


CASES_BY_NAME = {case.name: case for case in CASES}


def _asked() -> dict[str, Any]:
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
    }


def _events(data: bytes, *, stream: bool) -> list[AnswerEvent]:
    adapter = Anthropic()
    request = Request("m", (PROMPT,), stream=stream)
    state = adapter.begin(request, OWN)
    frames = _frames(adapter.decoder(request), data)
    return [event for frame in frames for event in adapter.parse(frame, state)]


def _frames(decoder: Decoder, data: bytes) -> Iterator[Any]:
    yield from decoder.feed(data)
    yield from decoder.close()


def _same(message: OfficialMessage, events: list[AnswerEvent]) -> None:
    answer = collect(events)
    content: list[Any] = list(message.content)
    assert answer.text == "".join(block.text for block in content if block.type == "text")
    assert answer.reasoning == "".join(b.thinking for b in content if b.type == "thinking")
    last = events[-1]
    assert isinstance(last, Finish)
    assert last.raw == message.stop_reason
    calls = [block for block in content if block.type == "tool_use"]
    assert [call[:2] for call in answer.tool_calls] == [[b.id, b.name] for b in calls]
    if message.stop_reason != "max_tokens":  # theirs mends arguments that were cut
        assert [json.loads(call[2]) for call in answer.tool_calls] == [b.input for b in calls]
    _same_signatures(content, answer)
    _same_usage(message.usage, answer.usage)


def _same_signatures(content: list[Any], answer: Answer) -> None:
    """What has to go back is what they would send back."""
    for data in answer.opaque:
        for ours, theirs in zip(data["content"], content, strict=True):
            unset = {k for k, v in theirs.to_dict().items() if v is None and k not in ours}
            assert ours == {k: v for k, v in theirs.to_dict().items() if k not in unset}


def _same_usage(theirs: anthropic.types.Usage, ours: Usage | None) -> None:
    assert ours is not None
    read, write = theirs.cache_read_input_tokens, theirs.cache_creation_input_tokens
    assert ours.input == theirs.input_tokens + (read or 0) + (write or 0)
    assert (ours.output, ours.cache_read, ours.cache_write) == (theirs.output_tokens, read, write)
    details = theirs.output_tokens_details
    assert ours.reasoning == (details.thinking_tokens if details else None)
