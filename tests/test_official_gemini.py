"""The adapter gemini beside Google's own client: the same requests, the same answers."""

from __future__ import annotations

import json
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from behaviour import PROMPT, Case, collect, read_cases

from llmcli.adapters.gemini import Gemini
from llmcli.cards import Card
from llmcli.embeddings import EmbeddingRequest
from llmcli.events import AnswerEvent, Finish
from llmcli.messages import Media, Message, Opaque, Request, Text, Tool, ToolCall, ToolResult
from llmcli.redaction import Secret

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from google import genai
    from google.genai import errors, types

MODEL = "gemini-3.8-pro"
KEY = "k-official-1234"
CASES = read_cases(Path(__file__).parent / "wire_cases" / "gemini")
# Google's client refuses wrong types and bare arrays, and takes the last candidate of a chunk.
BEYOND = ("array", "second_candidate", "surrogates", "unknown")
COMMON = [case for case in CASES if case.name not in BEYOND]
NEUTRAL = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "CONTINUATION": "pause",
}


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers` (status, type, bytes); keeps the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, str, bytes]] = []
        self.asked: list[tuple[str, str, str, Any]] = []

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
        key = self.headers.get("x-goog-api-key", "")
        self.server.asked.append((self.command, self.path, key, body))
        status, media_type, answer = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A loopback server."""
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def client(server: Server) -> Iterator[genai.Client]:
    """Google's client, pointed at the server; it warns of what it does not know."""
    options = types.HttpOptions(base_url=server.url, api_version="v1beta")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = genai.Client(api_key=KEY, http_options=options)
        yield opened
        opened.close()


def card(server: Server) -> Card:
    """A card that points at the server."""
    return Card(id="g", name="G", adapter="gemini", base_url=f"{server.url}/v1beta")


def ours(case: Case, *, stream: bool) -> Any:
    """What our events of a case add up to."""
    adapter, request = Gemini(), Request("m-1", (PROMPT,), stream=stream)
    at = Card(id="g", name="G", adapter="gemini", base_url="http://127.0.0.1:1")
    state, decoder = adapter.begin(request, at), adapter.decoder(request)
    data = case.stream if stream else case.whole
    assert data is not None
    events: list[AnswerEvent] = []
    for frame in [*decoder.feed(data), *decoder.close()]:
        events += adapter.parse(frame, state)
    if not any(isinstance(event, Finish) for event in events):
        events += adapter.end(state)
    return collect(events)


def theirs(chunks: Iterable[types.GenerateContentResponse]) -> dict[str, Any]:
    """What the official client read, in our terms."""
    found: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "finish": "", "usage": None}
    for chunk in chunks:
        for candidate in chunk.candidates or ():
            for part in (candidate.content and candidate.content.parts) or ():
                found["reasoning" if part.thought else "text"] += part.text or ""
                if part.function_call:
                    call = part.function_call
                    found["calls"].append((call.id, call.name, call.args or {}))
            reason = candidate.finish_reason
            if reason and reason != types.FinishReason.FINISH_REASON_UNSPECIFIED:
                found["finish"] = NEUTRAL[reason.value]
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            found["finish"] = NEUTRAL[chunk.prompt_feedback.block_reason.value]
        found["usage"] = chunk.usage_metadata or found["usage"]
    return found


def check_equal(case: Case, found: dict[str, Any], *, stream: bool) -> None:
    """Text, thoughts, calls, finish and usage are the same."""
    answer = ours(case, stream=stream)
    assert (answer.text, answer.reasoning) == (found["text"], found["reasoning"])
    calls = [
        (i if given else None, name, json.loads(arguments))
        for (i, name, arguments), given in zip(
            answer.tool_calls, (call[0] for call in found["calls"]), strict=True
        )
    ]
    assert calls == found["calls"]
    called = found["calls"] and found["finish"] == "stop"
    assert answer.finish == ("tool_calls" if called else found["finish"])
    usage = found["usage"]
    if usage is None:
        assert answer.usage is None
        return
    given = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    written = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    cached = usage.cached_content_token_count
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output or 0) == (given, written)
    assert answer.usage.cache_read == (min(cached, given) if cached else None)
    assert answer.usage.reasoning == usage.thoughts_token_count


ONCE = types.GenerateContentConfig(automatic_continuation=False)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("case", COMMON, ids=[case.name for case in COMMON])
def test_stream(case: Case, line_end: bytes, server: Server, client: genai.Client) -> None:
    """The official client reads the same from the bytes of each case."""
    server.answers.append((200, "text/event-stream", case.stream.replace(b"\n", line_end)))
    chunks = client.models.generate_content_stream(model="m-1", contents="hi", config=ONCE)
    check_equal(case, theirs(chunks), stream=True)


WHOLE = [case for case in COMMON if case.whole]


@pytest.mark.parametrize("case", WHOLE, ids=[case.name for case in WHOLE])
def test_whole(case: Case, server: Server, client: genai.Client) -> None:
    """So it does without streaming."""
    assert case.whole is not None
    server.answers.append((200, "application/json", case.whole))
    answer = client.models.generate_content(model="m-1", contents="hi", config=ONCE)
    check_equal(case, theirs([answer]), stream=False)


SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {}}}
TOOLS = (Tool("f", "does f", SCHEMA), Tool("g", "does g"))
CALLS = Message("assistant", (Text("so"), ToolCall("a", "f", '{"x": [1]}'), ToolCall("b", "g", "")))
RESULTS = Message("tool", (ToolResult("a", "1"), ToolResult("b", "no", is_error=True)))
PARTS = [
    {"text": "plan", "thought": True},
    {"functionCall": {"id": "c", "name": "f", "args": {"x": 1}}, "thoughtSignature": "c2ln"},
    {"text": "", "thoughtSignature": "c2lnMg=="},
]
REPLAYED = Message("assistant", (ToolCall("c", "f", "{}"), Opaque("g", MODEL, {"parts": PARTS})))
PAUSED = Message("assistant", (Text("x"), Opaque("g", MODEL, {"continuationToken": "dG9rZW4="})))
REQUESTS = {
    "prompt": Request(MODEL, (PROMPT,)),
    "system": Request(MODEL, (Message("system", (Text("be brief"),)), PROMPT)),
    "media": Request(
        MODEL,
        (Message("user", (Text("look"), Media(b"abc", "image/png"), Media(b"d", "audio/ogg"))),),
    ),
    "tools": Request(MODEL, (PROMPT, CALLS, RESULTS), tools=TOOLS),
    "replay": Request(MODEL, (PROMPT, REPLAYED, Message("tool", (ToolResult("c", "1"),)))),
    "continuation": Request(MODEL, (PROMPT, PAUSED)),
    "sampling": Request(
        MODEL,
        (PROMPT,),
        {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "max_output_tokens": 99,
            "stop": ["a", "b"],
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
        },
    ),
    "schema": Request(MODEL, (PROMPT,), {"response_schema": SCHEMA}),
    "level": Request(MODEL, (PROMPT,), {"reasoning_effort": "xhigh"}),
    "budget": Request("gemini-2.5-flash", (PROMPT,), {"reasoning_budget": 500}),
    **{
        f"tool_choice_{choice}": Request(MODEL, (PROMPT,), {"tool_choice": choice}, tools=TOOLS)
        for choice in ("auto", "none", "required", "f")
    },
}


def settings(body: dict[str, Any]) -> types.GenerateContentConfig:
    """Everything of our body but the contents, as the official client is told it.

    Its types forbid fields that they do not know.
    """
    apart = ("systemInstruction", "tools", "toolConfig", "continuationToken")
    values = {**body.get("generationConfig", {}), **{k: body[k] for k in apart if k in body}}
    off = {"disable": True}
    return types.GenerateContentConfig(
        **values, automatic_function_calling=off, automatic_continuation=False
    )


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", REQUESTS)
def test_request(name: str, stream: bool, server: Server, client: genai.Client) -> None:
    """The official client, told the same in its own types, sends the same bytes' worth of JSON."""
    request = REQUESTS[name]._replace(stream=stream)
    call = Gemini().render(request, card(server), Secret(KEY))
    assert call.body is not None
    body = json.loads(json.dumps(call.body))
    told = {
        "model": request.model,
        "contents": [types.Content(**content) for content in body["contents"]],
        "config": settings(body),
    }
    server.answers.append((200, "application/json", WHOLE[0].whole or b""))
    if stream:
        list(client.models.generate_content_stream(**told))
    else:
        client.models.generate_content(**told)
    [(method, path, key, sent)] = server.asked
    assert (method, server.url + path, key) == (call.method, call.url, KEY)
    assert without_defaults(as_documented(sent)) == body


def as_documented(value: Any) -> Any:
    """The official body with its names in camel case, as it sends most of them itself."""
    if isinstance(value, list):
        return [as_documented(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {re.sub("_(.)", lambda m: m[1].upper(), k): as_documented(v) for k, v in value.items()}


def without_defaults(body: dict[str, Any]) -> dict[str, Any]:
    """The official body without what it adds: the role of the system prompt, empty tables."""
    body.get("systemInstruction", {}).pop("role", None)
    return {key: value for key, value in body.items() if value != {}}


@pytest.mark.parametrize("purpose", ["document", "query", ""])
def test_embeddings(purpose: str, server: Server, client: genai.Client) -> None:
    """The same batch is asked for, and the same vectors are read."""
    asked = EmbeddingRequest("gemini-embedding-001", ("a", "b"), 64, purpose)
    call = Gemini().render_embeddings(asked, card(server), Secret(KEY))
    answer = {"embeddings": [{"values": [0.5, 1]}, {"values": [-0.25, 2]}]}
    server.answers.append((200, "application/json", json.dumps(answer).encode()))
    tasks = {"document": "RETRIEVAL_DOCUMENT", "query": "RETRIEVAL_QUERY"}
    found = client.models.embed_content(
        model=asked.model,
        contents=list(asked.texts),
        config=types.EmbedContentConfig(
            task_type=tasks.get(purpose), output_dimensionality=asked.dimensions
        ),
    )
    [(_, path, key, sent)] = server.asked
    assert (server.url + path, key) == (call.url, KEY)
    for one in sent["requests"]:
        one["content"].pop("role", None)
    assert sent == call.body
    read = tuple(tuple(one.values or ()) for one in found.embeddings or ())
    assert read == Gemini().parse_embeddings(answer).vectors


def test_models(server: Server, client: genai.Client) -> None:
    """Both follow the pages and read the same names and sizes."""
    rows = [
        {
            "name": f"models/gemini-{number}",
            "inputTokenLimit": 1000 + number,
            "outputTokenLimit": 100,
            "supportedGenerationMethods": ["generateContent"],
            "thinking": bool(number),
        }
        for number in range(2)
    ]
    pages: list[Any] = [{"models": rows[:1], "nextPageToken": "t/2"}, {"models": rows[1:]}]
    server.answers += [(200, "application/json", json.dumps(page).encode()) for page in pages]
    found = list(client.models.list(config={"page_size": 1000}))
    adapter, at = Gemini(), card(server)
    following = adapter.render_next_models(pages[0], at, None)
    assert following is not None
    urls = [adapter.render_models(at, None).url, following.url]
    assert [server.url + path for _, path, _, _ in server.asked] == urls
    models = [model for page in pages for model in adapter.parse_models(page)]
    assert [(m.name, m.input_token_limit, m.output_token_limit, m.thinking) for m in found] == [
        (f"models/{m.id}", m.context, m.output, m.reasoning) for m in models
    ]


def test_tokens(server: Server, client: genai.Client) -> None:
    """The same path is asked and the same number is read."""
    server.answers.append((200, "application/json", b'{"totalTokens": 31}'))
    found = client.models.count_tokens(model=MODEL, contents="hi")
    call = Gemini().render_tokens(Request(MODEL, (PROMPT,)), card(server), None)
    assert server.url + server.asked[0][1] == call.url
    assert found.total_tokens == Gemini().parse_tokens({"totalTokens": 31}) == 31


@pytest.mark.parametrize(
    "body",
    [
        b'{\n  "error": {\n    "code": 400,\n    "message": "no {way}",\n    "status": "X"\n  }\n}',
        b'[{"error": {"code": 400, "message": "no {way}", "status": "X"}}]',
    ],
)
def test_error(body: bytes, server: Server, client: genai.Client) -> None:
    """The same status and message, from an HTTP error and, where it is read, in a stream."""
    server.answers.append((400, "application/json", body))
    with pytest.raises(errors.APIError) as caught:
        client.models.generate_content(model=MODEL, contents="hi")
    error = Gemini().parse_error(400, {}, body)
    assert (error.http_status, error.message) == (caught.value.code, "no {way}")
    assert "no {way}" in str(caught.value)


def test_bare_error_in_a_stream(server: Server, client: genai.Client) -> None:
    """JSON over many lines after events is an error to both."""
    body = b'{\n  "error": {\n    "code": 503,\n    "message": "boom",\n    "status": "U"\n  }\n}\n'
    text = next(case for case in CASES if case.name == "text").stream
    data = text.partition(b"\n\n")[0] + b"\n\n" + body
    server.answers.append((200, "text/event-stream", data))
    with pytest.raises(errors.ServerError, match="boom"):
        list(client.models.generate_content_stream(model=MODEL, contents="hi"))
    adapter, request = Gemini(), Request(MODEL, (PROMPT,))
    state, decoder = adapter.begin(request, card(server)), adapter.decoder(request)
    first, bare = [*decoder.feed(data), *decoder.close()]
    list(adapter.parse(first, state))
    with pytest.raises(Exception, match="boom"):
        list(adapter.parse(bare, state))
