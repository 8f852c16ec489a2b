"""The adapter gemini: the shared behaviour, its answers and errors."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from behaviour import PROMPT, AdapterBehaviour, collect, read_cases

from llmcli.adapters.gemini import Gemini
from llmcli.cards import Card
from llmcli.errors import (
    AuthError,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    PermissionDenied,
    ProtocolError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmcli.events import AnswerEvent, Finish, Notice, TextDelta, ToolCallStart, UsageReport
from llmcli.frames import Frame
from llmcli.messages import Message, Request, ToolCall
from llmcli.redaction import Secret

CASES = read_cases(Path(__file__).parent / "wire_cases" / "gemini")
CARD = Card(id="g", name="G", adapter="gemini", base_url="http://127.0.0.1:1/v1beta")
USAGE = {"promptTokenCount": 4, "totalTokenCount": 4}


class TestGemini(AdapterBehaviour):
    """Everything the shared suite asks."""

    adapter = Gemini()
    card = CARD
    cases = CASES


def sse(*chunks: Any) -> bytes:
    """These chunks as Google frames them."""
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)


def says(*parts: Any, **candidate: Any) -> dict[str, Any]:
    """A chunk with these parts."""
    content = {"parts": [{"text": p} if isinstance(p, str) else p for p in parts], "role": "model"}
    return {"candidates": [{"content": content, "index": 0, **candidate}]}


def ends(reason: str, **candidate: Any) -> dict[str, Any]:
    """A last chunk without content."""
    return {"candidates": [{"finishReason": reason, "index": 0, **candidate}]}


def heard(*pieces: bytes, history: tuple[Message, ...] = ()) -> list[AnswerEvent]:
    """The events of a streamed answer."""
    events: list[AnswerEvent] = []
    feed(pieces, events, history)
    return events


def feed(
    pieces: Iterable[bytes], events: list[AnswerEvent], history: tuple[Message, ...] = ()
) -> None:
    """Add the events of a streamed answer as long as they come."""
    adapter, request = Gemini(), Request("m", (*history, PROMPT))
    state, decoder = adapter.begin(request, CARD), adapter.decoder(request)
    for frame in [*(f for piece in pieces for f in decoder.feed(piece)), *decoder.close()]:
        for event in adapter.parse(frame, state):
            events.append(event)
            if isinstance(event, Finish):
                return
    events.extend(adapter.end(state))


def notices(events: list[AnswerEvent]) -> str:
    """What the user is warned of."""
    return "\n".join(event.message for event in events if isinstance(event, Notice))


@pytest.mark.parametrize(
    "reason",
    [
        *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "ESCALATION"),
    ],
)
def test_filtered(reason: str) -> None:
    """After some text it is a finish reason, without any the refusal is an error that says why."""
    events = heard(sse(says("so"), ends(reason, finishMessage="because")))
    assert events[-1] == Finish("content_filter", reason)
    assert "because" in notices(events)
    with pytest.raises(ContentFiltered, match=rf"answer was withheld \({reason}\): because"):
        heard(sse(ends(reason, finishMessage="because")))


@pytest.mark.parametrize(
    ("reason", "error", "retryable"),
    [
        ("MALFORMED_FUNCTION_CALL", ServerError, True),
        ("MALFORMED_RESPONSE", ServerError, True),
        ("UNEXPECTED_TOOL_CALL", ServerError, True),
        ("TOO_MANY_TOOL_CALLS", ServerError, False),
        ("MISSING_THOUGHT_SIGNATURE", BadRequest, False),
        ("LANGUAGE", BadRequest, False),
        ("NO_IMAGE", ServerError, False),
        ("OTHER", ServerError, True),
        ("PUP_LIMITED_DISABLED", PermissionDenied, False),
    ],
)
def test_reasons_that_are_errors(reason: str, error: Any, retryable: bool) -> None:
    """An answer that went wrong is never a success, text or not."""
    for data in (sse(says("so"), ends(reason)), sse(ends(reason, finishMessage="m 1"))):
        with pytest.raises(error, match=reason) as caught:
            heard(data)
        assert (caught.value.retryable, caught.value.code) == (retryable, reason)
    assert caught.value.message.endswith(": m 1")


def test_blocked_prompt() -> None:
    """No candidates, a reason: the error says it was the prompt, and usage is told before."""
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "not that"}
    events: list[AnswerEvent] = []
    with pytest.raises(ContentFiltered, match=r"prompt was blocked \(PROHIBITED_CONTENT\): not"):
        feed([sse({"promptFeedback": feedback, "usageMetadata": USAGE})], events)
    usage = [event.usage for event in events if isinstance(event, UsageReport)]
    assert [(u.input, u.output) for u in usage] == [(4, 0)]


def test_blocked_for_a_word_that_names_an_error_elsewhere() -> None:
    """A prompt blocked for OTHER reasons was refused; asking again does not help."""
    with pytest.raises(ContentFiltered, match="OTHER"):
        heard(sse({"promptFeedback": {"blockReason": "OTHER"}}))


def test_limit_without_text_is_explained() -> None:
    """Thinking ate the limit: said so; not when text did come."""
    thought = {"text": "hm", "thought": True}
    assert "thinking counts" in notices(heard(sse(says(thought), ends("MAX_TOKENS"))))
    assert not notices(heard(sse(says("so"), ends("MAX_TOKENS"))))


def test_what_is_not_shown_is_told() -> None:
    """A picture in the answer cannot be shown, which is no reason to keep silent."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    assert "inlineData" in notices(heard(sse(says("here", picture), ends("STOP"))))


def test_made_up_ids_are_new_in_the_conversation() -> None:
    """A call without an id, or with one used twice, gets one that no earlier call has."""
    history = Message("assistant", (ToolCall("call_0", "f", ""), ToolCall("call_2", "f", "")))
    calls = [{"functionCall": {"name": "f"}}, {"functionCall": {"name": "f", "id": "a"}}]
    events = heard(sse(says(*calls, *calls, finishReason="STOP")), history=(history,))
    ids = [event.id for event in events if isinstance(event, ToolCallStart)]
    assert len({*ids, "call_0", "call_2"}) == 6
    assert ids[1] == "a"


def test_usage_is_reported_as_the_answer_grows() -> None:
    """A long answer that is cut leaves a count that is not far behind; the last one is exact."""
    chunks = [
        {**says("x"), "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": n}}
        for n in range(1, 201)
    ]
    for chunk in chunks:
        chunk["usageMetadata"]["totalTokenCount"] = (
            9 + chunk["usageMetadata"]["candidatesTokenCount"]
        )
    events: list[AnswerEvent] = []
    with pytest.raises(ProtocolError):
        feed([sse(*chunks)], events)
    reported = [event.usage.output for event in events if isinstance(event, UsageReport)]
    assert reported[0] == 1
    assert reported[-1] == 200
    assert len(reported) <= 5
    assert all(later - earlier <= 64 for earlier, later in itertools.pairwise(reported))


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"error":{"code":503,"message":"boom","status":"UNAVAILABLE"}}\r\n\r\n',
        b'{\n  "error": {\n    "code": 503,\n    "message": "boom",\n    "status": "U"\n  }\n}\n',
        b'[{\n  "error": {\n    "code": 503,\n    "message": "boom"\n  }\n}\n]\n',
        b'event: error\r\ndata: {"code":503,"message":"boom"}\r\n\r\n',
    ],
)
def test_error_inside_a_stream(data: bytes) -> None:
    """Each shape is raised with its message, at the start or after text."""
    for before in (b"", sse(says("so"))):
        for cut in range(len(data) + 1):
            with pytest.raises(ServerError, match="boom") as caught:
                heard(before, data[:cut], data[cut:])
            assert caught.value.retryable


def test_line_ends_may_mix() -> None:
    """A lone CR ends a line also where the rest of a stream has others."""
    last = json.dumps(ends("STOP")).encode()
    events = heard(sse(says("so")), b"data: " + last[:-1] + b"\rdata: }\n\n")
    assert events[-1] == Finish("stop", "STOP")


def test_cut_error_is_an_error() -> None:
    """An error cut in the middle is still no success, even after a finish reason."""
    with pytest.raises(ProviderError):
        heard(sse(says("so", finishReason="STOP")) + b'{\n  "error": {\n')


def test_bare_json_has_a_limit() -> None:
    """A server cannot fill the memory with JSON that is no event."""
    with pytest.raises(ProtocolError, match="too large"):
        heard(sse(says("so")) + b"{\n" + b"x" * 99 + b"\n" + b"y" * 2000 * 1000 + b"\n")


@pytest.mark.parametrize(
    "text", ["1", '"x"', "{", "[" * 5000, "{}", "[]", '{"a":1}', "null", "[1]"]
)
def test_whole_body_that_is_no_answer(text: str) -> None:
    """JSON that holds no answer is a protocol error."""
    adapter = Gemini()
    state = adapter.begin(Request("m", (PROMPT,)), CARD)
    with pytest.raises(ProtocolError):
        list(adapter.parse(Frame(text, whole=True), state))


def test_whole_body_with_another_servers_words() -> None:
    """A gateway's own message is shown."""
    adapter = Gemini()
    state = adapter.begin(Request("m", (PROMPT,)), CARD)
    with pytest.raises(ProviderError, match="no such route"):
        list(adapter.parse(Frame('{"detail":"no such route"}', whole=True), state))


@pytest.mark.parametrize("value", [None, True, 1, 1e999, "x", [], [1], {}, {"x": None}, "\ud800"])
@pytest.mark.parametrize(
    "path",
    [
        ("error",),
        ("responseId",),
        ("candidates",),
        ("candidates", 0),
        ("candidates", 0, "index"),
        ("candidates", 0, "content"),
        ("candidates", 0, "content", "parts"),
        ("candidates", 0, "content", "parts", 0),
        ("candidates", 0, "content", "parts", 0, "text"),
        ("candidates", 0, "content", "parts", 0, "thought"),
        ("candidates", 0, "content", "parts", 0, "thoughtSignature"),
        ("candidates", 0, "content", "parts", 1, "functionCall"),
        ("candidates", 0, "content", "parts", 1, "functionCall", "id"),
        ("candidates", 0, "content", "parts", 1, "functionCall", "name"),
        ("candidates", 0, "content", "parts", 1, "functionCall", "args"),
        ("candidates", 0, "finishReason"),
        ("candidates", 0, "finishMessage"),
        ("candidates", 0, "continuationToken"),
        ("promptFeedback",),
        ("promptFeedback", "blockReason"),
        ("usageMetadata",),
        ("usageMetadata", "promptTokenCount"),
        ("usageMetadata", "totalTokenCount"),
    ],
)
def test_hostile_values(path: tuple[Any, ...], value: Any) -> None:
    """Whatever stands wherever: an answer or a ProviderError, nothing else."""
    call = {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "c2ln"}
    chunk: Any = says("so", call, finishReason="STOP", finishMessage="m", continuationToken="t")
    chunk |= {"promptFeedback": {}, "usageMetadata": dict(USAGE), "responseId": "r"}
    at = chunk
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    try:
        events = heard(sse(chunk, ends("STOP")))
    except ProviderError:
        return
    collect(events)
    for event in events:
        json.dumps(event, ensure_ascii=False).encode()


def error_body(code: int, status: str, *details: Any, message: str = "boom") -> bytes:
    """An error as Google words it, in a list as it often is."""
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return json.dumps([{"error": error}], indent=2).encode()


def test_bad_key_is_a_400() -> None:
    """The reason tells it from other bad requests."""
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    error = Gemini().parse_error(400, {}, error_body(400, "INVALID_ARGUMENT", reason))
    assert isinstance(error, AuthError)
    other = Gemini().parse_error(400, {}, error_body(400, "INVALID_ARGUMENT"))
    assert isinstance(other, BadRequest)


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("48s", 48.0), ("0.5s", 0.5), ("0s", None), ("-1s", None), ("soon", None), (48, None)],
)
def test_retry_delay_in_the_body(delay: Any, seconds: float | None) -> None:
    """There is no header: how long to wait stands in the details, also inside a stream."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    body = error_body(429, "RESOURCE_EXHAUSTED", info)
    error = Gemini().parse_error(429, {}, body)
    assert isinstance(error, RateLimitError)
    assert (error.retry_after, error.retryable) == (seconds, True)
    with pytest.raises(RateLimitError) as caught:
        heard(body)
    assert caught.value.retry_after == seconds


def test_header_goes_before_the_body() -> None:
    """A proxy's own retry-after is not overruled."""
    body = error_body(429, "RESOURCE_EXHAUSTED", {"retryDelay": "48s"})
    assert Gemini().parse_error(429, {"retry-after": "3"}, body).retry_after == 3


def test_quota_of_a_day_is_not_waited_for() -> None:
    """A delay stands beside it, but no wait of seconds refills a day."""
    quota = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
    body = error_body(429, "RESOURCE_EXHAUSTED", quota, {"retryDelay": "9s"})
    error = Gemini().parse_error(429, {}, body)
    assert isinstance(error, RateLimitError)
    assert not error.retryable
    minute = {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}
    again = Gemini().parse_error(429, {}, error_body(429, "RESOURCE_EXHAUSTED", minute))
    assert again.retryable


def test_prompt_that_is_too_long() -> None:
    """Only the message tells it from other bad requests."""
    message = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
    error = Gemini().parse_error(400, {}, error_body(400, "INVALID_ARGUMENT", message=message))
    assert isinstance(error, ContextTooLong)
    assert (error.http_status, error.message) == (400, message)


@pytest.mark.parametrize(
    "details", [None, {}, [1], [{"violations": {}}], [{"violations": [1, {"quotaId": None}]}]]
)
def test_error_details_of_any_shape(details: Any) -> None:
    """Hostile details change nothing."""
    body = json.dumps({"error": {"code": 429, "message": "m", "details": details}}).encode()
    assert Gemini().parse_error(429, {}, body).retryable


def test_key_stays_out_of_the_url() -> None:
    """It goes into a header of its own, or as a bearer where the card says so."""
    key, request = Secret("k-canary-1234"), Request("m", (PROMPT,))
    call = Gemini().render(request, CARD, key)
    assert call.headers["x-goog-api-key"] == key
    assert call.url == "http://127.0.0.1:1/v1beta/models/m:streamGenerateContent?alt=sse"
    vertex = CARD._replace(dialect={"auth": "bearer"})
    headers = Gemini().render(request, vertex, key).headers
    assert headers["authorization"] == Secret("Bearer k-canary-1234")
    assert "x-goog-api-key" not in headers
    assert "x-goog-api-key" not in Gemini().render(request, CARD, None).headers


def test_text_before_an_error_is_heard() -> None:
    """What arrived is given out before the error is raised."""
    events: list[AnswerEvent] = []
    with pytest.raises(ServerError):
        feed([sse(says("so"), {"error": {"code": 500, "message": "m"}})], events)
    assert TextDelta("so") in events
