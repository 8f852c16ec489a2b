"""The adapter ollama: the shared behaviour, addresses, requests, and what errors mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from behaviour import PROMPT, AdapterBehaviour, collect, read_cases

from llmcli import origins
from llmcli.adapters.base import load_json
from llmcli.adapters.ollama import Ollama, parse
from llmcli.cards import Card
from llmcli.embeddings import EmbeddingRequest
from llmcli.errors import (
    BadRequest,
    ContextTooLong,
    NotFound,
    ProtocolError,
    ProviderError,
    ServerError,
    UsageError,
)
from llmcli.events import AnswerEvent, Notice, ToolCallDelta
from llmcli.frames import Frame
from llmcli.messages import Media, Message, Reasoning, Request, Text, Tool, ToolCall, ToolResult
from llmcli.redaction import Secret
from llmcli.usage import Usage

CASES = read_cases(Path(__file__).parent / "wire_cases" / "ollama")
CARD = Card(id="p", name="P", adapter="ollama", base_url="http://127.0.0.1:11434")


class TestOllama(AdapterBehaviour):
    """Everything the shared suite asks; a lone CR ends no line of JSON."""

    adapter = Ollama()
    line_ends = (b"\r\n",)
    card = CARD
    cases = CASES


def body(request: Request, **dialect: Any) -> dict[str, Any]:
    """The rendered body of a request, for a card with this dialect."""
    rendered = Ollama().render(request, CARD._replace(dialect=dialect), None).body
    assert rendered is not None
    return dict(rendered)


def asking(model: str = "m", **options: Any) -> Request:
    """A request with these options."""
    return Request(model, (PROMPT,), options=options)


def parsed(line: str, request: Request | None = None) -> list[AnswerEvent]:
    """The events of one line, the first of an answer."""
    adapter = Ollama()
    return list(adapter.parse(Frame(line), adapter.begin(request or asking(), CARD)))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("gpu", "http://gpu:11434"),
        ("gpu:1234", "http://gpu:1234"),
        ("gpu/", "http://gpu:11434"),
        ("gpu:1234/path/", "http://gpu:1234/path"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("http://0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("http://gpu", "http://gpu"),
        ("https://gpu", "https://gpu"),
        ("https://gpu:1234/path/", "https://gpu:1234/path"),
        ("https://ollama.com/api", "https://ollama.com"),
        ("http://gpu:1234/v1/", "http://gpu:1234"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:1234", "http://[::1]:1234"),
        ("::1", "http://[::1]:11434"),
        ("[::]:1234", "http://[::1]:1234"),
        ("http://[fd00::1]", "http://[fd00::1]"),
        (' "gpu:1234" ', "http://gpu:1234"),
    ],
)
def test_address(text: str, url: str) -> None:
    """Every spelling of OLLAMA_HOST becomes a URL that a key may be judged by."""
    assert Ollama.base_url(text) == url
    assert origins.problem(url) == ""


def test_smallest_request() -> None:
    """`stream` is always said, for it is true by default; a prompt is never cut in silence."""
    common = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "truncate": False,
        "shift": False,
    }
    assert body(asking()) == {**common, "stream": True}
    assert body(Request("m", (PROMPT,), stream=False)) == {**common, "stream": False}


def test_key_goes_out_as_bearer() -> None:
    """A key is sent when there is one, and nothing in its place otherwise."""
    with_key = Ollama().render(asking(), CARD, Secret("k-1234")).headers
    assert with_key["authorization"] == Secret("Bearer k-1234")
    assert "authorization" not in Ollama().render(asking(), CARD, None).headers


def test_sampling_options_stand_in_a_table() -> None:
    """Neutral names become the server's own, in `options`."""
    sent = body(
        asking(
            temperature=0.2,
            top_p=0.9,
            top_k=40,
            seed=1,
            stop=["END"],
            presence_penalty=0.5,
            frequency_penalty=-0.5,
            num_ctx=16384,
            max_output_tokens=2048,
        )
    )
    assert sent["options"] == {
        "temperature": 0.2,
        "top_p": 0.9,
        "top_k": 40,
        "seed": 1,
        "stop": ["END"],
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "num_ctx": 16384,
        "num_predict": 2048,
    }


@pytest.mark.parametrize(("text", "sent"), [("10m", "10m"), ("-1", -1), ("0", 0), ("300", 300)])
def test_keep_alive(text: str, sent: Any) -> None:
    """Seconds go as a number: the server refuses them as a text without a unit."""
    assert body(asking(keep_alive=text))["keep_alive"] == sent


@pytest.mark.parametrize(
    ("model", "effort", "dialect", "sent"),
    [
        ("qwen3:8b", "none", {}, False),
        ("qwen3:8b", "low", {}, True),
        ("qwen3:8b", "max", {}, True),
        ("gpt-oss:20b", "low", {}, "low"),
        ("someone/gpt-oss", "high", {}, "high"),
        ("qwen5", "xhigh", {"think": "levels"}, "xhigh"),
        ("qwen5", "none", {"think": "levels"}, False),
    ],
)
def test_effort(model: str, effort: str, dialect: Any, sent: Any) -> None:
    """A switch for most models, a level for gpt-oss and where the card says so."""
    assert body(asking(model, reasoning_effort=effort), **dialect)["think"] == sent


@pytest.mark.parametrize("effort", ["none", "minimal", "xhigh"])
def test_effort_that_gpt_oss_ignores(effort: str) -> None:
    """What the model would ignore without a word is refused."""
    with pytest.raises(UsageError, match="low, medium, high"):
        body(asking("gpt-oss:20b", reasoning_effort=effort))


def test_schema_and_extra() -> None:
    """A schema is the format itself; `extra` is merged in last, also into tables."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert body(asking(response_schema=schema))["format"] == schema
    extra = {"options": {"num_gpu": 1}, "truncate": True}
    sent = body(Request("m", (PROMPT,), options={"seed": 1}, extra=extra))
    assert (sent["options"], sent["truncate"]) == ({"seed": 1, "num_gpu": 1}, True)


def test_images_are_bare_base64() -> None:
    """No `data:` before an image, and it stands beside the text."""
    parts = (Text("look"), Media(b"png", "image/png", "a.png"), Text("well"))
    sent = body(Request("m", (Message("system", (Text("s"),)), Message("user", parts))))
    assert sent["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "look\n\nwell", "images": ["cG5n"]},
    ]


@pytest.mark.parametrize("kind", ["application/pdf", "audio/wav"])
def test_other_attachments_are_refused(kind: str) -> None:
    """There is no place for documents and sounds."""
    with pytest.raises(UsageError, match="images only"):
        body(Request("m", (Message("user", (Media(b"x", kind, "a"),)),)))


def test_tool_turns() -> None:
    """Arguments are objects, results are named after the last call of their id."""
    first = Message("assistant", (Reasoning("hm"), ToolCall("call_0", "f", '{"x":1}')))
    second = Message("assistant", (ToolCall("call_0", "g", ""), ToolCall("call_1", "h", "{oops")))
    results = (ToolResult("call_0", "43"), ToolResult("call_1", "no", is_error=True))
    request = Request(
        "m",
        (
            PROMPT,
            first,
            Message("tool", (ToolResult("call_0", "42"),)),
            second,
            Message("tool", (*results, ToolResult("lost", "?"))),
        ),
        tools=(Tool("f", "does f", {"type": "object"}), Tool("g")),
    )
    sent = body(request)
    assert sent["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "call_0", "function": {"name": "f", "arguments": {"x": 1}}}],
        },
        {"role": "tool", "tool_name": "f", "tool_call_id": "call_0", "content": "42"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "call_0", "function": {"name": "g", "arguments": {}}},
                {"id": "call_1", "function": {"name": "h", "arguments": {"arguments": "{oops"}}},
            ],
        },
        {"role": "tool", "tool_name": "g", "tool_call_id": "call_0", "content": "43"},
        {"role": "tool", "tool_name": "h", "tool_call_id": "call_1", "content": "Error: no"},
        {"role": "tool", "tool_call_id": "lost", "content": "?"},
    ]
    empty = {"type": "object", "properties": {}}
    assert sent["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "does f", "parameters": {"type": "object"}},
        },
        {"type": "function", "function": {"name": "g", "parameters": empty}},
    ]


def test_thinking_goes_back_only_with_tool_calls() -> None:
    """The thoughts of an answer that is over are not sent again."""
    message = Message("assistant", (Reasoning("hm"), Text("4")))
    assert body(Request("m", (message,)))["messages"] == [{"role": "assistant", "content": "4"}]


def done(prompt: int | None, **options: Any) -> list[str]:
    """The notices at the end of an answer whose prompt had so many tokens."""
    counted = "" if prompt is None else f',"prompt_eval_count":{prompt}'
    line = '{"message":{"content":"a"},"done":true,"done_reason":"stop"' + counted + "}"
    events = parsed(line, asking(**options))
    return [event.message for event in events if isinstance(event, Notice)]


def test_prompt_that_was_probably_cut() -> None:
    """A prompt as long as the context we asked for is told; other lengths are not."""
    [words] = done(4096, num_ctx=4096)
    assert "4,096" in words
    assert "num_ctx=N" in words
    assert len(done(4090, num_ctx=4096)) == 1
    assert done(4000, num_ctx=4096) == done(None, num_ctx=4096) == done(4096) == []


def test_context_given_past_the_options() -> None:
    """`-o extra.options=…` is what is sent, so it is what counts."""
    request = asking(num_ctx=9)._replace(extra={"options": {"num_ctx": 4096}})
    line = '{"message":{},"done":true,"prompt_eval_count":100}'
    assert not any(isinstance(event, Notice) for event in parsed(line, request))


@pytest.mark.parametrize("reason", ["load", "unload"])
def test_a_model_only_loaded(reason: str) -> None:
    """Nothing was generated, which is no empty answer."""
    with pytest.raises(ProtocolError, match=f"only {reason}ed"):
        parsed('{"message":{"content":""},"done":true,"done_reason":"' + reason + '"}')


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('{"error":"llama runner process has terminated"}', ServerError),
        ('{"error":{"message":"llama runner process has terminated"}}', ServerError),
        (
            '{"error":"the input exceeds the context length; llama runner process has terminated"}',
            ContextTooLong,
        ),
    ],
)
def test_error_inside_a_stream(line: str, kind: type[ProviderError]) -> None:
    """A line with an error ends the answer, whatever came before."""
    adapter = Ollama()
    state = adapter.begin(asking(), CARD)
    list(adapter.parse(Frame('{"message":{"content":"a"},"done":false}'), state))
    with pytest.raises(kind, match="has terminated"):
        list(adapter.parse(Frame(line), state))


@pytest.mark.parametrize("text", ["1", "[]", '"x"', "{", "<html>", "[" * 5000, "null"])
def test_line_that_is_none(text: str) -> None:
    """What is no JSON object is a protocol error."""
    with pytest.raises(ProtocolError):
        parsed(text)


def with_arguments(arguments: Any) -> dict[str, Any]:
    """A line with one tool call."""
    call = {"function": {"name": "f", "arguments": arguments}}
    return {"message": {"role": "assistant", "content": "", "tool_calls": [call]}}


def test_arguments_nested_too_deep() -> None:
    """Arguments that cannot be written again raise nothing of Python's own."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ProtocolError, match="too deep"):
        parse.chunk_events(with_arguments(deep), parse.State())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"a": "\ud83c\udf0d\ud83c"}, '{"a": "🌍\ufffd"}'),
        ('{"a": "\ud83c', '{"a": "\ufffd'),
        ("", "{}"),
        ([1], "[1]"),
    ],
)
def test_odd_arguments(arguments: Any, text: str) -> None:
    """Whatever they are they become text, and halves of characters never leave."""
    events = parse.chunk_events(with_arguments(arguments), parse.State())
    assert [event.fragment for event in events if isinstance(event, ToolCallDelta)] == [text]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "empty answer"),
        (['{"message":{"content":"a"},"done":false}'], "before the end"),
        (['{"message":{"content":"a"},"done":"true"}'], "before the end"),
    ],
)
def test_stream_without_its_end(lines: list[str], words: str) -> None:
    """Without a line that says `done` the answer is not whole."""
    adapter = Ollama()
    state = adapter.begin(asking(), CARD)
    for line in lines:
        list(adapter.parse(Frame(line), state))
    with pytest.raises(ProtocolError, match=words):
        list(adapter.end(state))


def test_bytes_that_are_not_text() -> None:
    """They are shown as U+FFFD and told once."""
    adapter = Ollama()
    state = adapter.begin(asking(), CARD)
    frame = Frame('{"message":{"content":"\ufffd"},"done":false}', damaged=True)
    last = Frame('{"message":{"content":"\ufffd"},"done":true,"done_reason":"stop"}', damaged=True)
    events = [*adapter.parse(frame, state), *adapter.parse(last, state)]
    assert sum(isinstance(event, Notice) for event in events) == 1
    assert collect([e for e in events if not isinstance(e, Notice)]).text == "\ufffd\ufffd"


def refused(status: int, words: str) -> ProviderError:
    """The error of a response with this sentence."""
    return Ollama().parse_error(status, {}, b'{"error":"' + words.encode() + b'"}')


@pytest.mark.parametrize("quote", ["'", r"\""])
def test_model_that_is_not_there(quote: str) -> None:
    """It can be pulled, and the hint says how."""
    error = refused(404, f"model {quote}qwen3:8b{quote} not found")
    assert isinstance(error, NotFound)
    assert "ollama pull qwen3:8b" in error.hint
    assert Ollama().parse_error(404, {}, b"404 page not found").hint == ""


def test_model_that_does_not_think() -> None:
    """The option to leave out is named."""
    error = refused(400, r"\"gemma\" does not support thinking")
    assert isinstance(error, BadRequest)
    assert "reasoning_effort" in error.hint


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "the prompt is longer than the context length currently available to the model"),
        (400, "request (7936 tokens) exceeds the available context size (4096 tokens)"),
        (500, "the input length exceeds the context length"),
    ],
)
def test_prompt_longer_than_the_context(status: int, words: str) -> None:
    """Every wording is the same kind of error, with the way out."""
    error = refused(status, words)
    assert isinstance(error, ContextTooLong)
    assert "num_ctx=N" in error.hint
    assert not error.retryable


def test_memory_does_not_grow_by_asking_again() -> None:
    """A model too large for the machine is not tried a second time; other failures are."""
    assert not refused(500, "model requires more system memory (9 GiB) than is available").retryable
    assert refused(500, "llama runner process has terminated").retryable


def test_list_of_models() -> None:
    """Names from either field; what has none is left out."""
    rows = [{"name": "a:1b", "model": "a:1b"}, {"name": "b"}, {"model": "\x1b[2J"}, {}, 7]
    found = Ollama().parse_models({"models": rows})
    assert [model.id for model in found] == ["a:1b", "b"]
    assert Ollama().render_models(CARD, None).url == "http://127.0.0.1:11434/api/tags"


@pytest.mark.parametrize(
    ("told", "context", "inputs", "tools", "reasoning"),
    [
        (
            {
                "capabilities": ["completion", "tools", "thinking"],
                "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960},
            },
            40960,
            ("text",),
            True,
            True,
        ),
        ({"capabilities": ["completion", "vision"]}, None, ("text", "image"), False, False),
        ({"model_info": {"x.context_length": "?"}}, None, None, None, None),
        ({"capabilities": "?", "model_info": ["?"]}, None, None, None, None),
    ],
)
def test_one_model(told: Any, context: Any, inputs: Any, tools: Any, reasoning: Any) -> None:
    """Its abilities and its context, as far as the server tells them."""
    call = Ollama().render_model("m", CARD, None)
    assert (call.url, call.body) == ("http://127.0.0.1:11434/api/show", {"model": "m"})
    found = Ollama().parse_model("m", told)
    assert (found.id, found.context, found.input) == ("m", context, inputs)
    assert (found.tools, found.reasoning) == (tools, reasoning)


def test_embeddings_request() -> None:
    """A text too long is an error rather than cut; there is no word for a purpose."""
    request = EmbeddingRequest("e", ("a", "b"), dimensions=256)
    call = Ollama().render_embeddings(request, CARD, None)
    assert call.url == "http://127.0.0.1:11434/api/embed"
    wanted = {"model": "e", "input": ["a", "b"], "truncate": False, "dimensions": 256}
    assert call.body == wanted
    assert Ollama().embedding_limit(CARD) == 512
    with pytest.raises(UsageError, match="what embeddings are for"):
        Ollama().render_embeddings(request._replace(purpose="query"), CARD, None)


def test_embeddings() -> None:
    """The vectors, the tokens read, and none written."""
    found = Ollama().parse_embeddings(
        {"model": "e", "embeddings": [[1, 0.5], [0.25, -1]], "prompt_eval_count": 8}
    )
    assert found.vectors == ((1.0, 0.5), (0.25, -1.0))
    assert (found.usage, found.model) == (Usage(input=8, output=0), "e")
    assert Ollama().parse_embeddings({"embeddings": []}).usage is None


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        "{}",
        '{"embeddings":{}}',
        '{"embeddings":[[]]}',
        '{"embeddings":[[NaN]]}',
        '{"embeddings":[[true]]}',
        '{"embeddings":[["1"]]}',
        '{"embeddings":[[1' + "0" * 400 + "]]}",
    ],
)
def test_embeddings_that_are_none(answer: str) -> None:
    """Whatever is no list of finite numbers is a protocol error."""
    with pytest.raises(ProtocolError):
        Ollama().parse_embeddings(load_json(answer))
