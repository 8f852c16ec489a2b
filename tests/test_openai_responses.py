"""The adapter openai-responses: the shared behaviour, the requests it renders, its errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from behaviour import PROMPT, AdapterBehaviour, collect, read_cases

from llmcli.adapters.openai_responses import OpenAIResponses
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest
from llmcli.errors import (
    AuthError,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    ProtocolError,
    ProviderError,
    RateLimitError,
    ServerError,
    UsageError,
)
from llmcli.events import AnswerEvent, Finish, Notice, OpaqueData, ToolCallStart
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

CASES = read_cases(Path(__file__).parent / "wire_cases" / "openai_responses")
CARD = Card(
    id="p",
    name="P",
    adapter="openai-responses",
    base_url="http://127.0.0.1:1/v1",
    models={"thinker": Model("thinker", reasoning=True), "plain": Model("plain", reasoning=False)},
)
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "e=="}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"x":1}'}


class TestOpenAIResponses(AdapterBehaviour):
    """Everything the shared suite asks."""

    adapter = OpenAIResponses()
    card = CARD
    cases = CASES


def body(request: Request, **dialect: Any) -> dict[str, Any]:
    """The rendered body of a request, for a card with this dialect."""
    card = CARD._replace(dialect=dialect)
    rendered = OpenAIResponses().render(request, card, None).body
    assert rendered is not None
    return dict(rendered)


def asking(model: str = "m", **options: Any) -> Request:
    """A request with these options."""
    return Request(model, (PROMPT,), options=options)


def told(*frames: str, request: Request | None = None) -> list[AnswerEvent]:
    """The events of these frames of data."""
    adapter = OpenAIResponses()
    state = adapter.begin(request or asking(), CARD)
    return [event for data in frames for event in adapter.parse(Frame(data), state)]


def test_smallest_request() -> None:
    """Nothing is stored, and nothing is asked that the user did not ask for."""
    assert body(asking()) == {
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "stream": True,
        "store": False,
    }


def test_where_it_goes() -> None:
    """The path is the base URL's; the key goes as bearer, without one nothing."""
    call = OpenAIResponses().render(asking(), CARD, Secret("k-1234"))
    assert (call.method, call.url) == ("POST", "http://127.0.0.1:1/v1/responses")
    assert call.headers["authorization"] == Secret("Bearer k-1234")
    assert "authorization" not in OpenAIResponses().render(asking(), CARD, None).headers


@pytest.mark.parametrize(
    ("model", "options", "sent"),
    [
        ("m", {}, {}),
        ("plain", {}, {}),
        ("thinker", {}, {"reasoning": {"summary": "auto"}, "include": True}),
        (
            "m",
            {"reasoning_effort": "low"},
            {"reasoning": {"effort": "low", "summary": "auto"}, "include": True},
        ),
        ("thinker", {"reasoning_effort": "none"}, {"reasoning": {"effort": "none"}}),
    ],
)
def test_reasoning_is_asked_of_models_that_reason(model: str, options: Any, sent: Any) -> None:
    """Other models answer 400 to it, and to being asked for encrypted reasoning."""
    found = body(asking(model, **options))
    if "include" in sent:
        sent["include"] = ["reasoning.encrypted_content"]
    assert {k: v for k, v in found.items() if k in ("reasoning", "include")} == sent


def test_a_dialect_without_summary_and_encryption() -> None:
    """A provider that knows neither is asked for neither."""
    found = body(asking("thinker"), summary="none", encrypted_reasoning=False)
    assert "reasoning" not in found
    assert "include" not in found


@pytest.mark.parametrize(
    ("option", "value", "dialect", "field", "sent"),
    [
        ("temperature", 0.2, {}, "temperature", 0.2),
        ("top_p", 0.3, {}, "top_p", 0.3),
        ("max_output_tokens", 9, {}, "max_output_tokens", 9),
        ("parallel_tool_calls", False, {}, "parallel_tool_calls", False),
        ("verbosity", "low", {}, "text", {"verbosity": "low"}),
        ("tool_choice", "required", {}, "tool_choice", "required"),
        ("tool_choice", "f", {}, "tool_choice", {"type": "function", "name": "f"}),
        ("user", "u1", {}, "safety_identifier", "u1"),
        ("user", "u1", {"user": "user"}, "user", "u1"),
        ("metadata", {"a": "b"}, {}, "metadata", {"a": "b"}),
    ],
)
def test_option(option: str, value: Any, dialect: Any, field: str, sent: Any) -> None:
    """Each neutral option becomes the field this wire format has for it."""
    request = asking(**{option: value})._replace(tools=(Tool("f"),))
    assert body(request, **dialect)[field] == sent


def test_what_it_has_no_field_for() -> None:
    """Responses knows neither stop nor seed nor penalties, so they are not offered."""
    absent = {"stop", "seed", "presence_penalty", "frequency_penalty", "top_k", "cache"}
    assert not OpenAIResponses.options & absent
    narrowed = CARD._replace(dialect={"unsupported": ["metadata"]})
    assert OpenAIResponses.options - OpenAIResponses.supported(narrowed) == {"metadata"}


def test_metadata_holds_texts_only() -> None:
    """What the server would refuse is refused before anything is sent."""
    with pytest.raises(UsageError, match="'n'"):
        body(asking(metadata={"n": 1}))


def test_schema_and_verbosity_share_a_table() -> None:
    """The schema goes flat into text.format; where a dialect says so, as in Chat Completions."""
    schema = {"type": "object", "properties": {}, "additionalProperties": False, "title": "a b"}
    request = asking(response_schema=schema, verbosity="high")
    named = {"name": "a_b", "schema": schema, "strict": True}
    assert body(request)["text"] == {
        "format": {"type": "json_schema", **named},
        "verbosity": "high",
    }
    found = body(asking(response_schema=schema), schema="response_format")
    assert found["response_format"] == {"type": "json_schema", "json_schema": named}
    assert "text" not in found


def test_extra_is_merged_last() -> None:
    """`-o extra.KEY=JSON` wins over everything, deeply: also over not storing."""
    request = asking("thinker", temperature=1)._replace(
        extra={"store": True, "reasoning": {"summary": "detailed", "mode": "pro"}}
    )
    found = body(request)
    assert found["store"] is True
    assert found["reasoning"] == {"summary": "detailed", "mode": "pro"}


def test_system_becomes_instructions() -> None:
    """Every system message, and none of them among the input."""
    system = Message("system", (Text("be brief"),)), Message("system", (Text("be kind"),))
    found = body(Request("m", (*system, PROMPT)))
    assert found["instructions"] == "be brief\n\nbe kind"
    assert [item["role"] for item in found["input"]] == ["user"]


def test_attachments() -> None:
    """Images and documents go as data URIs, each in a part of its own kind."""
    parts = (
        Text("look"),
        Media(b"png", "image/png", "a.png"),
        Media(b"pdf", "application/pdf", "b.pdf"),
    )
    assert body(Request("m", (Message("user", parts),)))["input"][0]["content"] == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,cG5n", "detail": "auto"},
        {
            "type": "input_file",
            "filename": "b.pdf",
            "file_data": "data:application/pdf;base64,cGRm",
        },
    ]


def test_sound_is_refused() -> None:
    """There is no part for sound."""
    with pytest.raises(UsageError, match=r"a\.wav"):
        body(Request("m", (Message("user", (Media(b"x", "audio/wav", "a.wav"),)),)))


def tool_turn(*opaque: Opaque) -> Request:
    """A question, a tool call with reasoning and what came with it, the result."""
    call = ToolCall("call_1", "f", '{"x":1}')
    results = ToolResult("call_1", "42"), ToolResult("call_2", "no", is_error=True)
    return Request(
        "m",
        (
            PROMPT,
            Message("assistant", (Reasoning("hm"), Text("Let me."), call, *opaque)),
            Message("tool", results),
        ),
        tools=(Tool("f", "does f", {"type": "object"}), Tool("g", strict=True)),
    )


def test_tool_turn() -> None:
    """Text, call and results are items of their own; tools are flat and say whether strict."""
    sent = body(tool_turn())
    assert sent["input"][1:] == [
        {"type": "message", "role": "assistant", "content": "Let me."},
        CALL,
        {"type": "function_call_output", "call_id": "call_1", "output": "42"},
        {"type": "function_call_output", "call_id": "call_2", "output": "Error: no"},
    ]
    assert sent["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "does f",
            "parameters": {"type": "object"},
            "strict": False,
        },
        {
            "type": "function",
            "name": "g",
            "parameters": {"type": "object", "properties": {}},
            "strict": True,
        },
    ]


def test_output_goes_back_as_a_block() -> None:
    """To the provider and model it came from, all its items, without what was null."""
    output = [{**REASONING, "status": None}, {**CALL, "id": "fc_1"}]
    ours = Opaque("p", "m", {"output": output})
    sent = body(tool_turn(ours))["input"]
    assert sent[1:3] == [REASONING, {**CALL, "id": "fc_1"}]
    assert sent[3]["type"] == "function_call_output"
    for provider, model in (("q", "m"), ("p", "other")):
        stranger = Opaque(provider, model, {"output": output})
        assert REASONING not in body(tool_turn(stranger))["input"]


def test_a_call_id_of_an_earlier_turn_is_not_used_again() -> None:
    """GPT models on Bedrock begin with call_0 in each answer: results would be mixed up."""
    done = (
        '{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call",'
        '"call_id":"call_1","name":"f","arguments":"{}"}}'
    )
    first = (
        '{"type":"response.output_item.done","output_index":0,"item":'
        '{"type":"reasoning","summary":[],"encrypted_content":"e"}}'
    )
    events = told(
        first,
        done,
        '{"type":"response.completed","response":{"status":"completed"}}',
        request=tool_turn(),
    )
    started = next(event for event in events if isinstance(event, ToolCallStart))
    opaque: Any = next(event for event in events if isinstance(event, OpaqueData)).data
    assert started.id == "call_1_2"
    assert opaque["output"][1]["call_id"] == "call_1_2"


@pytest.mark.parametrize(
    ("data", "error", "retryable"),
    [
        ('{"type":"error","code":"rate_limit_exceeded","message":"boom"}', RateLimitError, True),
        ('{"type":"error","error":{"type":"server_error","message":"boom"}}', ServerError, True),
        ('{"error":{"message":"boom","code":"context_length_exceeded"}}', ContextTooLong, False),
        ('[{"error":{"message":"boom"}}]', ServerError, True),
        ('{"type":"response.failed","response":null,"error":"boom"}', ServerError, True),
        ('{"type":"response.failed","response":{"error":"boom"}}', ServerError, True),
    ],
)
def test_error_inside_a_stream(data: str, error: type[ProviderError], retryable: bool) -> None:
    """Each shape of an error inside a 200 stream is raised with its message."""
    with pytest.raises(error, match="boom") as caught:
        told(data)
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    ("code", "error", "retryable"),
    [
        ("server_error", ServerError, True),
        ("rate_limit_exceeded", RateLimitError, True),
        ("vector_store_timeout", ServerError, True),
        ("invalid_prompt", BadRequest, False),
        ("image_too_large", BadRequest, False),
        ("failed_to_download_image", BadRequest, False),
        ("unsupported_image_media_type", BadRequest, False),
        ("bio_policy", ContentFiltered, False),
        ("misalignment_policy_violation", ContentFiltered, False),
        ("image_content_policy_violation", ContentFiltered, False),
    ],
)
def test_failed_answer(code: str, error: type[ProviderError], retryable: bool) -> None:
    """Whose fault a failed answer is decides whether it is asked for again."""
    wrong = {"code": code, "message": "boom"}
    response = {"status": "failed", "error": wrong}
    with pytest.raises(error, match="boom") as caught:
        told(json.dumps({"type": "response.failed", "response": response}))
    assert (type(caught.value), caught.value.retryable) == (error, retryable)


def test_named_error_event() -> None:
    """An error that only its event line names."""
    adapter = OpenAIResponses()
    frame = Frame('{"code":"invalid_api_key","message":"bad key"}', "error")
    with pytest.raises(AuthError, match="bad key"):
        list(adapter.parse(frame, adapter.begin(asking(), CARD)))


@pytest.mark.parametrize(
    "data",
    [
        '{"type":"response.cancelled","response":{"status":"cancelled"}}',
        '{"type":"response.completed","response":{"status":"cancelled"}}',
        '{"type":"response.completed","response":{"status":"failed","error":null}}',
        '{"type":"response.failed"}',
    ],
)
def test_an_answer_that_failed_without_a_word(data: str) -> None:
    """Cancelled and failed answers are failures of the provider, whatever the event says."""
    with pytest.raises(ServerError, match="the provider"):
        told(data)


@pytest.mark.parametrize(
    "text",
    [
        "1",
        '"x"',
        "{",
        "[" * 5000,
        "{}",
        '{"output":null}',
        '{"status":"in_progress","output":[]}',
        '{"status":"queued","output":[]}',
        '{"status":"thinking"}',
    ],
)
def test_whole_body_that_is_no_answer(text: str) -> None:
    """JSON that holds no answer, or one that has not ended, is a protocol error."""
    adapter = OpenAIResponses()
    state = adapter.begin(asking(), CARD)
    with pytest.raises(ProtocolError):
        list(adapter.parse(Frame(text, whole=True), state))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"error":{"message":"boom","code":"rate_limit_exceeded"}}', RateLimitError),
        ('{"message":"boom"}', ServerError),
        ('{"status":"failed","error":{"message":"boom"},"output":[]}', ServerError),
        ('{"type":"error","message":"boom"}', ServerError),
    ],
)
def test_whole_body_that_is_an_error(text: str, error: type[ProviderError]) -> None:
    """An error in place of an answer, under status 200."""
    adapter = OpenAIResponses()
    with pytest.raises(error, match="boom"):
        list(adapter.parse(Frame(text, whole=True), adapter.begin(asking(), CARD)))


def test_done_marker_without_an_end() -> None:
    """`[DONE]` is not the end of an answer here."""
    with pytest.raises(ProtocolError, match="before the end"):
        told('{"type":"response.output_text.delta","delta":"x"}', "[DONE]")


def test_damaged_bytes_are_told_once() -> None:
    """Bytes that are not UTF-8 give a notice, and the text goes on."""
    adapter = OpenAIResponses()
    state = adapter.begin(asking(), CARD)
    frame = Frame('{"type":"response.output_text.delta","delta":"a\ufffd"}', damaged=True)
    end = Frame('{"type":"response.completed","response":{"status":"completed"}}')
    events = [e for f in (frame, frame, end) for e in adapter.parse(f, state)]
    assert sum(isinstance(event, Notice) for event in events) == 1


HOSTILE = ["null", "true", "NaN", "1e400", "-1", "9" * 5000, '""', "[]", "{}", '[{"type":1}]']
FIELDS = [
    ("response.output_text.delta", "delta"),
    ("response.output_text.delta", "output_index"),
    ("response.reasoning_summary_text.delta", "delta"),
    ("response.reasoning_summary_text.delta", "summary_index"),
    ("response.output_item.added", "item"),
    ("response.output_item.done", "item"),
    ("response.function_call_arguments.delta", "output_index"),
    ("response.function_call_arguments.delta", "delta"),
    ("response.function_call_arguments.done", "arguments"),
    ("response.completed", "response"),
    ("response.incomplete", "response"),
]
ITEMS = ["type", "call_id", "name", "arguments", "content", "summary", "encrypted_content"]
RESPONSE = ["id", "model", "status", "output", "usage", "incomplete_details"]
USAGE = ["input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"]


@pytest.mark.parametrize("value", HOSTILE)
def test_wrong_types_anywhere(value: str) -> None:
    """No field of a wrong type raises anything but an error of ours, or loses the end."""
    frames = [f'{{"type":"{kind}","{name}":{value}}}' for kind, name in FIELDS]
    for kind in ("message", "reasoning", "function_call"):
        for name in ITEMS:
            item = f'"item":{{"type":"{kind}","{name}":{value}}}'
            frames.append(f'{{"type":"response.output_item.added",{item}}}')
            frames.append(f'{{"type":"response.output_item.done",{item}}}')
    fields = [f'"{name}":{value}' for name in RESPONSE]
    fields += [f'"usage":{{"{name}":{value}}}' for name in USAGE]
    frames += [f'{{"type":"response.completed","response":{{{one}}}}}' for one in fields]
    frames.append(f'{{"type":{value}}}')
    for frame in frames:
        try:
            events = told(frame, '{"type":"response.completed","response":{}}')
        except ProviderError:
            continue
        assert isinstance(events[-1], Finish), frame


def test_usage_without_numbers_is_unknown() -> None:
    """What is not said stays None, and no part is more than its whole."""
    events = told(
        '{"type":"response.completed","response":{"usage":{"input_tokens":5,"output_tokens":true,'
        '"input_tokens_details":{"cached_tokens":9,"cache_write_tokens":null}}}}'
    )
    usage = collect(events).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.cache_read) == (5, None, 5)
    assert (usage.cache_write, usage.reasoning, usage.cost) == (None, None, None)


def test_tokens_are_counted_where_the_card_says_so() -> None:
    """What counts is what is read: nothing of how to answer is sent."""
    adapter = OpenAIResponses()
    request = tool_turn()._replace(options={"temperature": 1, "reasoning_effort": "low"})
    assert adapter.render_tokens(request, CARD, None) is None
    call = adapter.render_tokens(request, CARD._replace(dialect={"input_tokens": True}), None)
    assert call is not None
    assert call.url.endswith("/v1/responses/input_tokens")
    assert set(call.body or ()) == {"model", "input", "tools", "reasoning"}
    assert adapter.parse_tokens({"object": "response.input_tokens", "input_tokens": 7}) == 7
    for wrong in ({}, [], None, {"input_tokens": True}, {"input_tokens": -1}):
        with pytest.raises(ProtocolError):
            adapter.parse_tokens(wrong)


def test_embeddings_are_those_of_openai() -> None:
    """The same call as with Chat Completions, unless the card says that there is none."""
    adapter = OpenAIResponses()
    request = EmbeddingRequest("e", ("a",))
    call = adapter.render_embeddings(request, CARD, Secret("k-1234"))
    assert call.url == "http://127.0.0.1:1/v1/embeddings"
    assert call.headers["authorization"] == Secret("Bearer k-1234")
    assert adapter.parse_embeddings({"data": [{"embedding": [1.0]}]}).vectors == ((1.0,),)
    assert adapter.embedding_limit(CARD) == 2048
    assert adapter.embedding_limit(CARD._replace(dialect={"embedding_limit": 0})) == 0


def test_lists_of_models() -> None:
    """The list has the shape it has with Chat Completions."""
    adapter = OpenAIResponses()
    assert adapter.render_models(CARD, None).url == "http://127.0.0.1:1/v1/models"
    found = adapter.parse_models({"data": [{"id": "a", "context_length": 9}]})
    assert [(model.id, model.context) for model in found] == [("a", 9)]


@pytest.mark.parametrize(("written", "reason"), [(4, "stop"), (5, "length")])
def test_an_answer_that_met_the_limit_is_cut(written: int, reason: str) -> None:
    """llama.cpp says `completed` of an answer that it cut at the limit that was asked for."""
    response = {"id": "r", "status": "completed", "usage": {"output_tokens": written}}
    frames = json.dumps({"type": "response.completed", "response": response})
    assert collect(told(frames, request=asking(max_output_tokens=5))).finish == reason
    assert collect(told(frames)).finish == "stop"
