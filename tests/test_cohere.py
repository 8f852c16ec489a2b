"""The adapter cohere: the shared behaviour, the requests it renders, and what errors mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from behaviour import PROMPT, AdapterBehaviour, read_cases

from llmcli.adapters.cohere import Cohere
from llmcli.cards import Card
from llmcli.embeddings import EmbeddingRequest
from llmcli.errors import (
    AuthError,
    ContextTooLong,
    ProtocolError,
    ProviderError,
    ServerError,
    UsageError,
)
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

CASES = read_cases(Path(__file__).parent / "wire_cases" / "cohere")
CARD = Card(id="p", name="P", adapter="cohere", base_url="http://127.0.0.1:1")


class TestCohere(AdapterBehaviour):
    """Everything the shared suite asks."""

    adapter = Cohere()
    card = CARD
    cases = CASES


def body(request: Request) -> dict[str, Any]:
    """The rendered body of a request."""
    rendered = Cohere().render(request, CARD, None).body
    assert rendered is not None
    return dict(rendered)


def asking(**options: Any) -> Request:
    """A request with these options."""
    return Request("m", (PROMPT,), options=options)


def parsed(*frames: Frame) -> None:
    """Parse these frames as one answer."""
    adapter = Cohere()
    state = adapter.begin(asking(), CARD)
    for frame in frames:
        list(adapter.parse(frame, state))


def test_smallest_request() -> None:
    """Nothing is sent that the user did not ask for."""
    call = Cohere().render(asking(), CARD, Secret("k-1234"))
    assert call.url == "http://127.0.0.1:1/v2/chat"
    assert call.headers["authorization"] == Secret("Bearer k-1234")
    assert call.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"temperature": 0.2}, {"temperature": 0.2}),
        ({"top_p": 0.9, "top_k": 40}, {"p": 0.9, "k": 40}),
        ({"max_output_tokens": 9}, {"max_tokens": 9}),
        ({"stop": ["a"]}, {"stop_sequences": ["a"]}),
        ({"seed": 7}, {"seed": 7}),
        (
            {"presence_penalty": 1, "frequency_penalty": 0.5},
            {"presence_penalty": 1, "frequency_penalty": 0.5},
        ),
        ({"tool_choice": "auto"}, {}),
        ({"tool_choice": "required"}, {"tool_choice": "REQUIRED"}),
        ({"tool_choice": "none"}, {"tool_choice": "NONE"}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"reasoning_effort": "high"}, {"thinking": {"type": "enabled"}}),
        ({"reasoning_budget": 0}, {"thinking": {"type": "disabled"}}),
        ({"reasoning_budget": 512}, {"thinking": {"type": "enabled", "token_budget": 512}}),
        (
            {"response_schema": {"type": "object"}},
            {"response_format": {"type": "json_object", "json_schema": {"type": "object"}}},
        ),
    ],
)
def test_options(options: dict[str, Any], sent: dict[str, Any]) -> None:
    """Each neutral option becomes Cohere's own, and nothing else is sent."""
    found = body(asking(**options))
    assert {k: v for k, v in found.items() if k not in ("model", "messages", "stream")} == sent


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"top_p": 1}, "top_p=1: Cohere takes 0.01 to 0.99"),
        ({"top_k": 501}, "top_k=501"),
        ({"presence_penalty": -1}, "presence_penalty"),
        ({"frequency_penalty": 1.5}, "frequency_penalty"),
        ({"stop": list("abcdef")}, "at most 5"),
        ({"tool_choice": "f"}, "tool_choice=f"),
        ({"reasoning_effort": "none", "reasoning_budget": 9}, "exclude each other"),
    ],
)
def test_values_that_cannot_be_sent(options: dict[str, Any], words: str) -> None:
    """They are refused by name before anything is sent."""
    with pytest.raises(UsageError, match=words):
        body(asking(**options))


def test_extra_is_merged_last() -> None:
    """`-o extra.KEY=JSON` wins over everything."""
    extra = {"temperature": 0, "safety_mode": "OFF", "thinking": {"token_budget": 9}}
    options = {"temperature": 1, "reasoning_effort": "low"}
    sent = body(Request("m", (PROMPT,), options=options, extra=extra))
    assert (sent["temperature"], sent["safety_mode"]) == (0, "OFF")
    assert sent["thinking"] == {"type": "enabled", "token_budget": 9}


def test_attachments() -> None:
    """Images go as data URIs beside the text; other kinds have no place."""
    parts = (Text("look"), Media(b"png", "image/png", "a.png"))
    sent = body(Request("m", (Message("system", (Text("s"),)), Message("user", parts))))
    assert sent["messages"] == [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
            ],
        },
    ]
    pdf = Media(b"x", "application/pdf", "b.pdf")
    with pytest.raises(UsageError, match=r"b\.pdf: Cohere takes images only"):
        body(Request("m", (Message("user", (pdf,)),)))


def tool_turn(*opaque: Opaque) -> Request:
    """A question, a tool call with its plan, the result."""
    call = ToolCall("f_1", "f", "")
    return Request(
        "m",
        (
            PROMPT,
            Message("assistant", (Reasoning("I will ask."), call, *opaque)),
            Message("tool", (ToolResult("f_1", "42"), ToolResult("x", "no", is_error=True))),
        ),
        tools=(Tool("f", "does f", {"type": "object"}, strict=True),),
    )


CALL = {"id": "f_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_tool_turn() -> None:
    """A call and its results go back; reasoning that came from elsewhere does not."""
    elsewhere = Opaque("q", "m", {"tool_plan": "Theirs."})
    sent = body(tool_turn(elsewhere))
    assert sent["messages"][1:] == [
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "f_1", "content": "42"},
        {"role": "tool", "tool_call_id": "x", "content": "Error: no"},
    ]
    function = {"name": "f", "description": "does f", "parameters": {"type": "object"}}
    assert sent["tools"] == [{"type": "function", "function": function}]
    assert sent["strict_tools"] is True


def test_plan_and_thoughts_go_back_as_they_came() -> None:
    """To the same provider and model, in the fields they came in."""
    plan = Opaque("p", "m", {"tool_plan": "I will ask."})
    assert body(tool_turn(plan))["messages"][1] == {
        "role": "assistant",
        "tool_calls": [CALL],
        "tool_plan": "I will ask.",
    }
    thoughts = [{"type": "thinking", "thinking": "I will ask."}]
    sent = body(tool_turn(Opaque("p", "m", {"content": thoughts})))
    assert sent["messages"][1] == {
        "role": "assistant",
        "content": thoughts,
        "tool_calls": [CALL],
    }


def test_answers_go_back_as_text() -> None:
    """An empty one does not, for every message has content or calls."""
    said = Message("assistant", (Reasoning("hm"), Text("4")))
    nothing = Message("assistant", (Reasoning("hm"),))
    assert body(Request("m", (said, nothing)))["messages"] == [
        {"role": "assistant", "content": "4"}
    ]


def end(text: str) -> Frame:
    """The last event of an answer, with this in its delta."""
    return Frame('{"type":"message-end","delta":{' + text + "}}", "message-end")


BEGUN = Frame('{"type":"content-delta","delta":{"message":{"content":{"text":"a"}}}}')


@pytest.mark.parametrize(
    "frame",
    [
        end('"finish_reason":"ERROR","error":"boom"'),
        end('"finish_reason":"TIMEOUT","error":"boom"'),
        end('"finish_reason":"COMPLETE","error":"boom"'),
        Frame('{"id":"x","message":"boom"}'),
        Frame('{"message":"boom"}', "error"),
        Frame('{"error":{"message":"boom"}}'),
    ],
)
def test_error_inside_a_stream(frame: Frame) -> None:
    """Each shape of an error is raised with its message, at the start and later."""
    with pytest.raises(ServerError, match="boom"):
        parsed(frame)
    with pytest.raises(ServerError, match="boom"):
        parsed(BEGUN, frame)


@pytest.mark.parametrize("reason", ["ERROR", "TIMEOUT"])
def test_failure_without_words(reason: str) -> None:
    """The reason alone is an error too, streamed or whole."""
    with pytest.raises(ServerError, match=reason):
        parsed(BEGUN, end(f'"finish_reason":"{reason}"'))
    with pytest.raises(ServerError, match=reason):
        parsed(Frame('{"message":{},"finish_reason":"' + reason + '"}', whole=True))


def test_stream_without_its_end() -> None:
    """Bytes that end before the message-end are no answer, and none are neither."""
    adapter = Cohere()
    state = adapter.begin(asking(), CARD)
    with pytest.raises(ProtocolError, match="empty answer"):
        list(adapter.end(state))
    list(adapter.parse(BEGUN, state))
    with pytest.raises(ProtocolError, match="before the end"):
        list(adapter.end(state))


def test_done_alone_is_no_end() -> None:
    """A stream without its message-end is cut, though [DONE] came."""
    with pytest.raises(ProtocolError, match="before the end"):
        parsed(BEGUN, Frame("[DONE]"))


@pytest.mark.parametrize(
    "text", ["1", '"x"', "{", "{}", "[]", '{"message":{}}', '{"finish_reason":"COMPLETE"}']
)
def test_whole_body_that_is_no_answer(text: str) -> None:
    """JSON that holds no answer is a protocol error."""
    with pytest.raises(ProtocolError):
        parsed(Frame(text, whole=True))


def test_whole_body_that_is_an_error() -> None:
    """A status of 200 does not make it an answer."""
    with pytest.raises(ProviderError, match="boom"):
        parsed(Frame('{"id":"x","message":"boom"}', whole=True))


def refused(status: int, text: str = '{"id":"x","message":"boom"}') -> ProviderError:
    """The error of a response with this body."""
    return Cohere().parse_error(status, {"x-request-id": "r1"}, text.encode())


def test_own_statuses() -> None:
    """498 is a bad token there, not a busy server as with Groq; 499 is not tried again."""
    assert isinstance(refused(498), AuthError)
    assert not refused(498).retryable
    assert isinstance(refused(499), ServerError)
    assert not refused(499).retryable
    assert refused(498).request_id == "r1"


@pytest.mark.parametrize(
    "text",
    [
        '{"message":"boom","error_type":"TOO_MANY_TOKENS"}',
        '{"message":"too many tokens: total must be at most 128000"}',
    ],
)
def test_prompt_too_long(text: str) -> None:
    """By the error's type or by its words."""
    assert isinstance(refused(400, text), ContextTooLong)


def test_list_of_models() -> None:
    """Names, contexts as floats, features where they are named."""
    rows = [
        {"name": "a", "context_length": 128000.0, "features": ["tools", "vision", "reasoning"]},
        {"name": "b", "context_length": 0, "features": None},
        {"name": ""},
        7,
    ]
    first, second = Cohere().parse_models({"models": rows})
    assert (first.id, first.context, first.input) == ("a", 128000, ("text", "image"))
    assert (first.tools, first.reasoning) == (True, True)
    assert (second.id, second.context, second.input) == ("b", None, None)
    assert (second.tools, second.reasoning) == (None, None)


def test_pages_of_the_list() -> None:
    """Only chat models, page after page."""
    adapter = Cohere()
    first = adapter.render_models(CARD, None).url
    assert first == "http://127.0.0.1:1/v1/models?endpoint=chat&page_size=1000"
    following = adapter.render_next_models({"models": [], "next_page_token": "a&b"}, CARD, None)
    assert following is not None
    assert following.url == first + "&page_token=a%26b"
    for last in (
        {"models": []},
        {"next_page_token": ""},
        {"next_page_token": 7},
        {"next_page_token": "\ud83c"},
        [],
    ):
        assert adapter.render_next_models(last, CARD, None) is None


def test_one_model() -> None:
    """Its page has the fields of the list; the id stays what was asked for."""
    call = Cohere().render_model("ft/a?b", CARD, None)
    assert call.url == "http://127.0.0.1:1/v1/models/ft%2Fa%3Fb"
    found = Cohere().parse_model("a", {"name": "A", "context_length": 9, "features": ["tools"]})
    assert (found.id, found.context, found.tools) == ("a", 9, True)
    with pytest.raises(ProtocolError):
        Cohere().parse_model("a", [])


def test_tokens_are_not_counted() -> None:
    """There is no call that counts a whole request."""
    assert Cohere().render_tokens(asking(), CARD, None) is None


@pytest.mark.parametrize(
    ("purpose", "sent"),
    [("", "search_document"), ("document", "search_document"), ("query", "search_query")],
)
def test_embeddings_request(purpose: str, sent: str) -> None:
    """The purpose has to be said there; a text too long is an error rather than cut."""
    request = EmbeddingRequest("e", ("a", "b"), dimensions=256, purpose=purpose)
    call = Cohere().render_embeddings(request, CARD, None)
    assert call.url == "http://127.0.0.1:1/v2/embed"
    assert call.body == {
        "model": "e",
        "texts": ["a", "b"],
        "input_type": sent,
        "embedding_types": ["float"],
        "truncate": "NONE",
        "output_dimension": 256,
    }
    assert Cohere().embedding_limit(CARD) == 96


def test_embeddings() -> None:
    """The vectors and what is billed for them."""
    found = Cohere().parse_embeddings(
        {
            "id": "x",
            "embeddings": {"float": [[0.5, 1], [0.25, -1]]},
            "meta": {"billed_units": {"input_tokens": 4}},
        }
    )
    assert found.vectors == ((0.5, 1.0), (0.25, -1.0))
    assert found.usage == Usage(input=4, output=0)
    assert Cohere().parse_embeddings({"embeddings": {"float": []}}).usage is None


@pytest.mark.parametrize("answer", [[], {}, {"embeddings": [[1]]}, {"embeddings": {"int8": []}}])
def test_embeddings_that_are_none(answer: Any) -> None:
    """Whatever is no list of vectors is a protocol error."""
    with pytest.raises(ProtocolError):
        Cohere().parse_embeddings(answer)
