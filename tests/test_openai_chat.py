"""The adapter openai-chat: the shared behaviour, and the requests it renders."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import wire
from behaviour import PROMPT, AdapterBehaviour, read_cases
from spoken import MODEL

from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card
from llmcli.errors import ContextTooLong, ProtocolError, ProviderError, ServerError, UsageError
from llmcli.events import Start, TextDelta, UsageReport
from llmcli.frames import Frame
from llmcli.messages import (
    Media,
    Message,
    Opaque,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from llmcli.redaction import Secret
from llmcli.usage import Usage

CASES = read_cases(Path(__file__).parent / "wire_cases" / "openai_chat")
CARD = Card(id="p", name="P", adapter="openai-chat", base_url="http://127.0.0.1:1/v1")


class TestOpenAIChat(AdapterBehaviour):
    """Everything the shared suite asks."""

    adapter = OpenAIChat()
    card = CARD
    cases = CASES


def body(request: Request, **dialect: Any) -> dict[str, Any]:
    """The rendered body of a request, for a card with this dialect."""
    card = CARD._replace(dialect=dialect)
    rendered = OpenAIChat().render(request, card, None).body
    assert rendered is not None
    return dict(rendered)


def asking(**options: Any) -> Request:
    """A request with these options."""
    return Request("m", (PROMPT,), options=options)


def test_smallest_request() -> None:
    """Nothing is sent that the user did not ask for, but usage."""
    assert body(asking()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_no_key_sends_no_authorization() -> None:
    """A keyless server gets no empty bearer value."""
    assert "authorization" not in OpenAIChat().render(asking(), CARD, None).headers


def test_auth_styles() -> None:
    """A key goes out as bearer, or in api-key where the dialect says so."""
    bearer = OpenAIChat().render(asking(), CARD, Secret("k-1234")).headers
    assert bearer["authorization"] == Secret("Bearer k-1234")
    azure = CARD._replace(dialect={"auth": "api-key"})
    headers = OpenAIChat().render(asking(), azure, Secret("k-1234")).headers
    assert headers["api-key"] == Secret("k-1234")
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("option", "value", "dialect", "field", "sent"),
    [
        ("temperature", 0.2, {}, "temperature", 0.2),
        ("max_output_tokens", 9, {}, "max_tokens", 9),
        (
            "max_output_tokens",
            9,
            {"max_tokens": "max_completion_tokens"},
            "max_completion_tokens",
            9,
        ),
        ("seed", 7, {}, "seed", 7),
        ("seed", 7, {"seed": "random_seed"}, "random_seed", 7),
        ("stop", ["a"], {}, "stop", ["a"]),
        ("reasoning_effort", "low", {}, "reasoning_effort", "low"),
        ("reasoning_effort", "low", {"effort": "reasoning"}, "reasoning", {"effort": "low"}),
        ("reasoning_effort", "none", {"effort": "reasoning"}, "reasoning", {"enabled": False}),
        ("reasoning_effort", "none", {"effort": "thinking"}, "thinking", {"type": "disabled"}),
        (
            "reasoning_effort",
            "high",
            {"effort": "chat_template_kwargs"},
            "chat_template_kwargs",
            {"enable_thinking": True},
        ),
        ("tool_choice", "auto", {}, "tool_choice", "auto"),
        ("tool_choice", "required", {"tool_choice_required": "any"}, "tool_choice", "any"),
        (
            "tool_choice",
            "f",
            {},
            "tool_choice",
            {"type": "function", "function": {"name": "f"}},
        ),
    ],
)
def test_option(option: str, value: Any, dialect: Any, field: str, sent: Any) -> None:
    """Each neutral option becomes the field this provider takes."""
    request = asking(**{option: value})._replace(tools=(Tool("f"),))
    assert body(request, **dialect)[field] == sent


@pytest.mark.parametrize("choice", ["required", "f"])
def test_required_tool_choice_that_cannot_be_sent(choice: str) -> None:
    """A dialect that cannot require a tool call refuses before anything is sent."""
    request = asking(tool_choice=choice)._replace(tools=(Tool("f"),))
    with pytest.raises(UsageError, match=f"require a tool call .tool_choice={choice}"):
        body(request, tool_choice_required="none")


@pytest.mark.parametrize(
    ("options", "how", "sent"),
    [
        ({"reasoning_effort": "low"}, "enable_thinking", {"enable_thinking": True}),
        ({"reasoning_effort": "none"}, "enable_thinking", {"enable_thinking": False}),
        ({"reasoning_budget": 0}, "enable_thinking", {"enable_thinking": False}),
        (
            {"reasoning_budget": 9},
            "enable_thinking",
            {"enable_thinking": True, "thinking_budget": 9},
        ),
        ({"reasoning_budget": 9}, "reasoning", {"reasoning": {"max_tokens": 9}}),
        ({"reasoning_budget": 0}, "reasoning", {"reasoning": {"enabled": False}}),
    ],
)
def test_amounts_of_reasoning(options: Any, how: str, sent: Any) -> None:
    """A budget of 0 turns it off; Alibaba has a switch and a budget of its own."""
    assert body(asking(**options), effort=how) == {**body(asking()), **sent}
    card = CARD._replace(dialect={"effort": how})
    assert OpenAIChat.supported(card) >= options.keys()


def test_effort_and_budget_that_exclude_each_other() -> None:
    """OpenRouter takes one of them."""
    with pytest.raises(UsageError, match="not both"):
        body(asking(reasoning_effort="low", reasoning_budget=9), effort="reasoning")


def test_a_first_chunk_that_says_nothing() -> None:
    """Azure begins with what its filter found; id and model come later."""
    filtered = {"choices": [], "id": "", "model": "", "prompt_filter_results": [{}]}
    adapter = OpenAIChat()
    state = adapter.begin(asking(), CARD)
    chunks = (filtered, wire.chunk({"content": "hi"}))
    events = [event for c in chunks for event in adapter.parse(Frame(json.dumps(c)), state)]
    assert events == [Start("chatcmpl-1", MODEL), TextDelta("hi")]


@pytest.mark.parametrize("place", ["error", "x_groq"])
def test_what_comes_beside_an_error_is_kept(place: str) -> None:
    """OpenRouter sends the last usage, and its cost, in the chunk that tells of the error."""
    error: Any = {"code": 502, "message": "boom"}
    broken = wire.chunk({"content": "last"}, "error", usage={"prompt_tokens": 3, "cost": 0.5})
    broken[place] = error if place == "error" else {"error": error}
    adapter = OpenAIChat()
    state = adapter.begin(asking(), CARD._replace(dialect={"cost": "cost"}))
    heard = iter(adapter.parse(Frame(json.dumps(broken)), state))
    events = [next(heard) for _ in range(3)]
    with pytest.raises(ServerError, match="boom"):
        next(heard)
    usage = UsageReport(Usage(input=3, cost=Decimal("0.5")))
    assert events == [Start("chatcmpl-1", MODEL), TextDelta("last"), usage]


def test_slashes_of_the_base_url() -> None:
    """Azure shows its endpoints with a slash at their end, and our card goes on after it."""
    found = OpenAIChat.base_url("https://r.openai.azure.com//openai/v1/")
    assert found == "https://r.openai.azure.com/openai/v1"


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
            True,
        ),
    ],
)
def test_schema_is_strict_where_it_can_be(schema: Any, strict: bool) -> None:
    """Strict mode is asked only for schemas that it takes."""
    sent = body(asking(response_schema=schema))["response_format"]
    assert sent["json_schema"] == {"name": "answer", "schema": schema, "strict": strict}


def test_extra_is_merged_last() -> None:
    """`-o extra.KEY=JSON` wins over everything."""
    request = Request(
        "m", (PROMPT,), options={"temperature": 1}, extra={"temperature": 0, "x": [1]}
    )
    sent = body(request)
    assert (sent["temperature"], sent["x"]) == (0, [1])


def test_include_usage_can_be_left_out() -> None:
    """A server that refuses unknown fields is not sent stream_options."""
    assert "stream_options" not in body(asking(), include_usage=False)
    assert "stream_options" not in body(Request("m", (PROMPT,), stream=False))


def test_system_roles() -> None:
    """The system prompt takes the role the dialect names."""
    request = Request("m", (Message("system", (Text("be brief"),)), PROMPT))
    assert body(request)["messages"][0] == {"role": "system", "content": "be brief"}
    assert body(request, system_role="developer")["messages"][0]["role"] == "developer"


def test_attachments() -> None:
    """Images, documents and sounds go as parts, each in its own encoding."""
    parts = (
        Text("look"),
        Media(b"png", "image/png", "a.png"),
        Media(b"pdf", "application/pdf", "b.pdf"),
        Media(b"wav", "audio/wav", "c.wav"),
    )
    content = body(Request("m", (Message("user", parts),)))["messages"][0]["content"]
    assert content == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
        {
            "type": "file",
            "file": {"filename": "b.pdf", "file_data": "data:application/pdf;base64,cGRm"},
        },
        {"type": "input_audio", "input_audio": {"data": "d2F2", "format": "wav"}},
    ]


@pytest.mark.parametrize(
    ("part", "dialect"),
    [
        (Media(b"x", "audio/ogg", "a.ogg"), {}),
        (Media(b"x", "image/png", "a.png"), {"string_content": True}),
    ],
)
def test_attachment_that_cannot_be_sent(part: Media, dialect: Any) -> None:
    """What the wire format cannot carry is refused."""
    with pytest.raises(UsageError):
        body(Request("m", (Message("user", (part,)),)), **dialect)


def tool_turn() -> Request:
    """A question, a tool call with reasoning, its result."""
    opaque = Opaque("p", "m", {"reasoning_details": [{"signature": "s"}]})
    stranger = Opaque("q", "m", {"reasoning_details": [{"signature": "other"}]})
    call = ToolCall("call_123", "f", "")
    return Request(
        "m",
        (
            PROMPT,
            Message("assistant", (Reasoning("hm"), call, opaque, stranger)),
            Message("tool", (ToolResult("call_123", "42"), ToolResult("x", "no", is_error=True))),
        ),
        tools=(Tool("f", "does f", {"type": "object"}, strict=True),),
    )


def test_tool_turn() -> None:
    """A call and its results go back; earlier reasoning does not unless the dialect asks."""
    sent = body(tool_turn())
    assert sent["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_123",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_123", "content": "42"},
        {"role": "tool", "tool_call_id": "x", "content": "Error: no"},
    ]
    assert sent["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "does f",
                "parameters": {"type": "object"},
                "strict": True,
            },
        }
    ]


def test_reasoning_is_sent_back_as_the_dialect_says() -> None:
    """By field, as text in tags, or as the opaque data of the same provider and model."""
    assistant = body(tool_turn(), replay="reasoning_content")["messages"][1]
    assert assistant["reasoning_content"] == "hm"
    assert body(tool_turn(), replay="think")["messages"][1]["content"] == "<think>hm</think>\n"
    details = body(tool_turn(), replay="reasoning_details")["messages"][1]["reasoning_details"]
    assert details == [{"signature": "s"}]


def test_tool_ids_of_nine_characters() -> None:
    """Foreign ids are rewritten for Mistral, the same way in call and result."""
    sent = body(tool_turn(), tool_ids="alnum9")["messages"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"]
    assert len(sent[2]["tool_call_id"]) == 9


@pytest.mark.parametrize(
    "data",
    [
        '{"error":{"message":"boom","code":500}}',
        '{"error":"boom"}',
        '{"choices":[{"delta":{},"finish_reason":"error"}],"error":{"message":"boom"}}',
        '{"x_groq":{"error":{"message":"boom"}}}',
        '[{"error":{"message":"boom"}}]',
    ],
)
def test_error_inside_a_stream(data: str) -> None:
    """Each shape of an error inside a 200 stream is raised with its message."""
    adapter = OpenAIChat()
    state = adapter.begin(asking(), CARD)
    with pytest.raises(ProviderError, match="boom"):
        list(adapter.parse(Frame(data), state))


def test_named_error_event() -> None:
    """Groq and llama.cpp name the event; the error may be bare then."""
    adapter = OpenAIChat()
    state = adapter.begin(asking(), CARD)
    with pytest.raises(ProviderError, match="bare") as caught:
        list(adapter.parse(Frame('{"code":500,"message":"bare"}', "error"), state))
    assert caught.value.retryable


def test_context_error_shows_the_numbers() -> None:
    """llama.cpp says how long the prompt was and how long it may be."""
    error = OpenAIChat().parse_error(
        400,
        {},
        b'{"error":{"code":400,"type":"exceed_context_size_error","message":"too long",'
        b'"n_prompt_tokens":9000,"n_ctx":8192}}',
    )
    assert isinstance(error, ContextTooLong)
    assert "9000" in error.message
    assert "8192" in error.message


@pytest.mark.parametrize("text", ["1", '"x"', "{", "[" * 5000, '{"choices":null}'])
def test_whole_body_that_is_no_answer(text: str) -> None:
    """JSON that holds no answer is a protocol error."""
    adapter = OpenAIChat()
    state = adapter.begin(asking(), CARD)
    with pytest.raises(ProtocolError):
        list(adapter.parse(Frame(text, whole=True), state))


def test_lists_of_models() -> None:
    """Wrapped or bare, with the context size wherever a server puts it."""
    rows = [
        {"id": "a", "context_length": 10},
        {"id": "b", "max_model_len": 20},
        {"id": "c", "meta": {"n_ctx": 30}},
        {"id": ""},
        "junk",
    ]
    for listed in ({"object": "list", "data": rows}, rows):
        found = OpenAIChat().parse_models(listed)
        assert [(m.id, m.context) for m in found] == [("a", 10), ("b", 20), ("c", 30)]
