"""The adapter anthropic: the shared behaviour, what ends an answer early, errors and lists."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from behaviour import PROMPT, AdapterBehaviour, read_cases

from llmcli.adapters.anthropic import Anthropic
from llmcli.adapters.anthropic.dialect import DIALECT
from llmcli.cards import Card, Model
from llmcli.errors import (
    AuthError,
    BadRequest,
    BillingError,
    ContextTooLong,
    NotFound,
    PermissionDenied,
    ProtocolError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmcli.events import (
    AnswerEvent,
    Finish,
    Notice,
    OpaqueData,
    Start,
    TextDelta,
    ToolCallStart,
    UsageReport,
)
from llmcli.frames import Frame
from llmcli.messages import Request
from llmcli.usage import Usage

CASES = read_cases(Path(__file__).parent / "wire_cases" / "anthropic")
CARD = Card(id="p", name="P", adapter="anthropic", base_url="http://127.0.0.1:1")
ASKED = Request("m", (PROMPT,))


class TestAnthropic(AdapterBehaviour):
    """Everything the shared suite asks."""

    adapter = Anthropic()
    card = CARD
    cases = CASES


def parsed(*values: Any, whole: bool = False) -> list[AnswerEvent]:
    """The events of these JSON values, each a frame of one answer."""
    adapter = Anthropic()
    state = adapter.begin(ASKED, CARD)
    frames = [Frame(v if isinstance(v, str) else json.dumps(v), whole=whole) for v in values]
    return [event for frame in frames for event in adapter.parse(frame, state)]


STARTED = {"type": "message_start", "message": {"id": "1", "usage": {"input_tokens": 9}}}
SAYS = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
STOPPED = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}


@pytest.mark.parametrize("count", range(4))
def test_only_message_stop_ends_an_answer(count: int) -> None:
    """Bytes that end before it are no answer, not even after the stop reason."""
    adapter = Anthropic()
    state = adapter.begin(ASKED, CARD)
    for value in (STARTED, SAYS, STOPPED)[:count]:
        assert not any(
            isinstance(e, Finish) for e in adapter.parse(Frame(json.dumps(value)), state)
        )
    with pytest.raises(ProtocolError, match="before the end" if count else "empty answer"):
        list(adapter.end(state))


@pytest.mark.parametrize(
    ("kind", "error", "retryable"),
    [
        ("overloaded_error", ServerError, True),
        ("api_error", ServerError, True),
        ("rate_limit_error", RateLimitError, True),
        ("timeout_error", ServerError, True),
        ("invalid_request_error", BadRequest, False),
        ("authentication_error", AuthError, False),
        ("permission_error", PermissionDenied, False),
        ("billing_error", BillingError, False),
        ("request_too_large", BadRequest, False),
        ("error_of_tomorrow", ServerError, True),
    ],
)
def test_error_inside_a_stream(kind: str, error: type[ProviderError], retryable: bool) -> None:
    """An error with status 200 has a type that says what it is."""
    inner = {"type": kind, "message": "boom"}
    with pytest.raises(error, match="boom") as caught:
        parsed(STARTED, {"type": "error", "error": inner, "request_id": "req_1"})
    assert caught.value.retryable is retryable
    assert caught.value.code == kind
    assert caught.value.request_id == "req_1"


@pytest.mark.parametrize(
    "data",
    [
        '{"error":{"message":"boom"}}',
        '{"error":"boom"}',
        '{"message":"boom"}',
        '{"type":"server_error","code":500,"message":"boom"}',
    ],
)
def test_error_event_of_another_shape(data: str) -> None:
    """Servers that imitate the format have errors of their own shape, named by the event."""
    adapter = Anthropic()
    with pytest.raises(ProviderError, match="boom"):
        list(adapter.parse(Frame(data, "error"), adapter.begin(ASKED, CARD)))


@pytest.mark.parametrize(
    ("status", "kind", "message", "error", "retryable"),
    [
        (400, "invalid_request_error", "max_tokens: Field required", BadRequest, False),
        (400, "invalid_request_error", "prompt is too long: 9 > 8", ContextTooLong, False),
        (401, "authentication_error", "invalid x-api-key", AuthError, False),
        (402, "billing_error", "no credit", BillingError, False),
        (403, "permission_error", "not yours", PermissionDenied, False),
        (404, "not_found_error", "model: x", NotFound, False),
        (409, "conflict_error", "busy", ServerError, True),
        (413, "request_too_large", "too large", BadRequest, False),
        (429, "rate_limit_error", "slow down", RateLimitError, True),
        (500, "api_error", "broken", ServerError, True),
        (504, "timeout_error", "too slow", ServerError, True),
        (529, "overloaded_error", "Overloaded", ServerError, True),
    ],
)
def test_error_of_a_status(
    status: int, kind: str, message: str, error: type[ProviderError], retryable: bool
) -> None:
    """Each status of the documentation, with the headers that name the request and the wait."""
    found = _error(status, {"type": kind, "message": message})
    assert type(found) is error
    assert (found.retryable, found.http_status) == (retryable, status)
    assert (found.message, found.code) == (message, kind)
    assert (found.request_id, found.retry_after) == ("req_1", 7)


def _error(status: int, inner: dict[str, Any]) -> ProviderError:
    body = json.dumps({"type": "error", "error": inner, "request_id": "req_1"}).encode()
    return Anthropic().parse_error(status, {"request-id": "req_1", "retry-after": "7"}, body)


def test_spent_limit_is_not_asked_again() -> None:
    """A 429 that waiting does not end says so in its details only."""
    details = {"error_code": "enforced_spend_limit_reached"}
    found = _error(429, {"type": "rate_limit_error", "message": "spent", "details": details})
    assert isinstance(found, BillingError)
    assert not found.retryable


def test_refusal_is_explained() -> None:
    """What the server says of a refusal is a warning before the end, on one safe line."""
    details = {"type": "refusal", "category": "bio", "explanation": "No\nway\x1b."}
    stopped = {
        "type": "message_delta",
        "delta": {"stop_reason": "refusal", "stop_details": details},
    }
    events = parsed(STARTED, stopped, {"type": "message_stop"})
    assert Notice("the provider refused (bio): No way^[.") in events
    assert events[-1] == Finish("refusal", "refusal")


def test_usage_so_far_does_not_claim_an_output() -> None:
    """The first report has the input only: the one output token it counts is a placeholder."""
    started = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 9, "output_tokens": 1}},
    }
    assert [e for e in parsed(started, SAYS) if isinstance(e, UsageReport)] == [
        UsageReport(Usage(input=9))
    ]


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        ({"input_tokens": True, "output_tokens": "5"}, Usage()),
        ({"input_tokens": 3.0, "output_tokens": -1}, Usage(input=3)),
        ({"input_tokens": 1 << 80, "cache_read_input_tokens": 4}, Usage(cache_read=4)),
        ({"cache_creation": [1], "output_tokens_details": 3, "output_tokens": 2}, Usage(output=2)),
    ],
)
def test_usage_of_the_wrong_type_is_unsaid(usage: Any, wanted: Usage) -> None:
    """What is no number of tokens is None, never 0."""
    stopped = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    assert UsageReport(wanted) in parsed(stopped)


JUNK = [None, True, 3, 1e999, "x", [], [{}], {}, {"type": []}, {"text": 3, "type": "text_delta"}]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
@pytest.mark.parametrize("key", ["type", "message", "index", "content_block", "delta", "usage"])
def test_values_of_the_wrong_type(key: str, junk: Any) -> None:
    """Whatever stands where something else should, the answer goes on."""
    tool = {"type": "tool_use", "id": 3, "name": None, "input": [1]}
    values = [
        STARTED,
        SAYS,
        {"type": "content_block_start", "index": 1, "content_block": tool},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta"}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "citations_delta"}},
        {"type": "content_block_stop", "index": 1},
        STOPPED,
    ]
    events = parsed(*({**value, key: junk} for value in values), {"type": "message_stop"})
    assert isinstance(events[-1], Finish)


def test_error_without_a_name() -> None:
    """An object that holds an error is one, whatever it calls itself."""
    for kind in ([], "chunk", None):
        with pytest.raises(ProviderError, match="boom"):
            parsed(STARTED, {"type": kind, "error": {"message": "boom"}})


def test_what_is_no_json_cannot_be_sent_back() -> None:
    """Numbers that JSON lacks, and lone halves of characters, never reach the next request."""
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "new", "x": 1}}
    text = json.dumps(block)
    nan = parsed(STARTED, text.replace("1}", "NaN}"), {"type": "message_stop"})
    half = parsed(STARTED, text.replace("1}", '"\\ud83c"}'), {"type": "message_stop"})
    assert not [event for event in nan if isinstance(event, OpaqueData)]
    assert OpaqueData({"content": [{"type": "new", "x": "\ufffd"}]}) in half


def test_what_goes_back_is_whole() -> None:
    """A later signature replaces the one before; text after the end of its block is kept too."""
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}}
    deltas = [{"type": "signature_delta", "signature": words} for words in ("old", "new")]
    signed = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    stop = {"type": "content_block_stop", "index": 0}
    events = parsed(STARTED, start, *signed, stop, SAYS, SAYS, {"type": "message_stop"})
    assert (
        OpaqueData(
            {
                "content": [
                    {"type": "thinking", "thinking": "", "signature": "new"},
                    {"type": "text", "text": "aa"},
                ]
            }
        )
        in events
    )


def test_names_hold_no_halves_of_characters() -> None:
    """Ids, models and reasons are written to files and terminals: lone halves would break those."""
    tool = {"type": "tool_use", "id": "i\ud83c!", "name": "n\ud83c!"}
    events = parsed(
        {"type": "message_start", "message": {"id": "a\ud83c!", "model": "m\ud83c!"}},
        {"type": "content_block_start", "index": 0, "content_block": tool},
        {"type": "message_delta", "delta": {"stop_reason": "r\ud83c!"}},
        {"type": "message_stop"},
    )
    assert events[0] == Start("a\ufffd!", "m\ufffd!")
    assert events[1] == ToolCallStart("0", "i\ufffd!", "n\ufffd!")
    assert events[-1] == Finish("tool_calls", "r\ufffd!")


@pytest.mark.parametrize("text", ["1", '"x"', "{", "[" * 5000, '{"content":null}', "[]", "null"])
def test_whole_body_that_is_no_answer(text: str) -> None:
    """JSON that holds no answer is a protocol error."""
    with pytest.raises(ProtocolError):
        parsed(text, whole=True)


def test_whole_body_that_is_an_error() -> None:
    """An error with status 200 and no stream is an error."""
    with pytest.raises(ServerError, match="Overloaded"):
        parsed(
            {"type": "error", "error": {"type": "api_error", "message": "Overloaded"}}, whole=True
        )


def test_bytes_that_are_not_utf8_are_told_once() -> None:
    """The user hears that something was lost, and the text goes on."""
    adapter = Anthropic()
    state = adapter.begin(ASKED, CARD)
    frames = [Frame(json.dumps(SAYS), damaged=True), Frame(json.dumps(SAYS), damaged=True)]
    events = [event for frame in frames for event in adapter.parse(frame, state)]
    assert sum(isinstance(event, Notice) for event in events) == 1
    assert sum(isinstance(event, TextDelta) for event in events) == 2


PAGE = {
    "data": [
        {
            "type": "model",
            "id": "claude-m",
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
            "capabilities": {
                "image_input": {"supported": True},
                "pdf_input": {"supported": False},
                "thinking": {"supported": True, "types": {}},
            },
            "retires_at": "2027-02-01T00:00:00Z",
        },
        {"id": "bare"},
        {"id": "odd", "max_tokens": "9", "capabilities": [], "retires_at": "2027-99-99"},
        {"id": 7},
        "junk",
    ],
    "has_more": True,
    "last_id": "a/b&c",
}


def test_models() -> None:
    """A model has what the list says of it, and None for what it does not."""
    assert Anthropic().parse_models(PAGE) == [
        Model("claude-m", 200_000, 64_000, ("text", "image"), None, True, date(2027, 2, 1)),
        Model("bare"),
        Model("odd"),
    ]


def test_pages_of_models() -> None:
    """A page is as large as can be, and the next begins after its last id."""
    adapter = Anthropic()
    assert adapter.render_models(CARD, None).url == "http://127.0.0.1:1/v1/models?limit=1000"
    after = adapter.render_next_models(PAGE, CARD, None)
    assert after is not None
    assert after.url == "http://127.0.0.1:1/v1/models?limit=1000&after_id=a%2Fb%26c"
    for last in ({"data": []}, {**PAGE, "has_more": False}, {**PAGE, "last_id": None}, None, []):
        assert adapter.render_next_models(last, CARD, None) is None


def test_count_of_tokens() -> None:
    """The number is read; anything else is a protocol error."""
    assert Anthropic().parse_tokens({"input_tokens": 12}) == 12
    for body in ({}, {"input_tokens": "12"}, {"input_tokens": -1}, [], None):
        with pytest.raises(ProtocolError):
            Anthropic().parse_tokens(body)


@pytest.mark.parametrize(
    ("key", "value"),
    [("auth", "basic"), ("beta", "x"), ("beta", [1]), ("count_tokens", 1), ("version", 1)],
)
def test_dialect_of_the_wrong_type(key: str, value: Any) -> None:
    """Each key of the dialect has its check."""
    assert DIALECT[key](value)
