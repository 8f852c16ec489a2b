"""Answers of the adapter bedrock: failures, hostile values, botocore as a peer, lists of models."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from behaviour import PROMPT, Case, collect, read_cases
from botocore.eventstream import EventStream
from botocore.parsers import EventStreamJSONParser
from event_frames import event, events, exception

from llmcli.adapters.bedrock import Bedrock
from llmcli.cards import Card
from llmcli.errors import (
    AuthError,
    BadRequest,
    ContextTooLong,
    NotFound,
    PermissionDenied,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmcli.events import AnswerEvent, Finish, TextDelta, UsageReport
from llmcli.frames import Decoder, Frame
from llmcli.messages import Request
from llmcli.redaction import Secret
from llmcli.usage import Usage

CASES = read_cases(Path(__file__).parent / "wire_cases" / "bedrock", events)
CARD = Card(id="p", name="P", adapter="bedrock", base_url="http://127.0.0.1:1")
REQUEST = Request("m", (PROMPT,))
SERVICE = botocore.session.Session().get_service_model("bedrock-runtime")
PROFILE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
BEGUN = event("messageStart", '{"role":"assistant"}')
SAID = event("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"He"}}')
NOT_FOR_PEERS = {
    "surrogates": "botocore keeps the halves of a character apart",
    "unknown": "the case is about what the service's model does not know",
}


def frames(data: bytes, decoder: Decoder) -> Iterator[Frame]:
    """All frames of these bytes."""
    yield from decoder.feed(data)
    yield from decoder.close()


def steps(data: bytes, *, stream: bool = True) -> Iterator[AnswerEvent]:
    """The events of an answer one by one, as a provider takes them."""
    adapter, request = Bedrock(), REQUEST._replace(stream=stream)
    state = adapter.begin(request, CARD)
    for frame in frames(data, adapter.decoder(request)):
        for found in adapter.parse(frame, state):
            yield found
            if isinstance(found, Finish):
                return
    yield from adapter.end(state)


def run(data: bytes, *, stream: bool = True) -> list[AnswerEvent]:
    """All events of an answer."""
    return list(steps(data, stream=stream))


class TestFailures:
    """What the service says when it does not answer."""

    @pytest.mark.parametrize(
        ("status", "name", "message", "kind", "retryable"),
        [
            (400, "ValidationException", "bad field", BadRequest, False),
            (
                400,
                "ValidationException",
                "Input is too long for requested model.",
                ContextTooLong,
                False,
            ),
            (400, "ExpiredTokenException", "expired", AuthError, False),
            (403, "AccessDeniedException", "not yours", PermissionDenied, False),
            (403, "UnrecognizedClientException", "who?", AuthError, False),
            (403, "InvalidSignatureException", "Signature expired", AuthError, False),
            (404, "ResourceNotFoundException", "no such model", NotFound, False),
            (408, "ModelTimeoutException", "slow", ServerError, True),
            (424, "ModelErrorException", "oops", ServerError, True),
            (429, "ThrottlingException", "Too many requests", RateLimitError, True),
            (429, "ThrottlingException", "Too many tokens per day", RateLimitError, False),
            (429, "ModelNotReadyException", "warming up", RateLimitError, True),
            (500, "InternalServerException", "oops", ServerError, True),
            (503, "ServiceUnavailableException", "later", ServerError, True),
        ],
    )
    def test_name_in_a_header(
        self, status: int, name: str, message: str, kind: type[ProviderError], retryable: bool
    ) -> None:
        """The name is in a header up to a colon, the message in the body with either capital."""
        for key in ("message", "Message"):
            error = Bedrock().parse_error(
                status,
                {
                    "x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/x/",
                    "x-amzn-requestid": "r-1",
                    "retry-after": "7",
                },
                json.dumps({key: message}).encode(),
            )
            assert type(error) is kind
            assert (error.message, error.http_status, error.code) == (message, status, name)
            assert (error.retryable, error.request_id, error.retry_after) == (retryable, "r-1", 7)

    def test_name_in_the_body(self) -> None:
        """Older services of Amazon's put it there."""
        data = b'{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"m"}'
        error = Bedrock().parse_error(403, {}, data)
        assert isinstance(error, AuthError)
        assert error.code == "UnrecognizedClientException"

    def test_model_that_wants_a_profile(self) -> None:
        """The hint says what to ask for instead."""
        words = "Invocation of model ID x with on-demand throughput isn\u2019t supported."
        error = Bedrock().parse_error(400, {}, json.dumps({"message": words}).encode())
        assert "inference profile" in error.hint

    def test_model_that_refused_the_request(self) -> None:
        """A failure whose first cause was the request is not tried again."""
        headers = {"x-amzn-errortype": "ModelErrorException"}
        refused = b'{"message":"m","originalStatusCode":400}'
        failed = b'{"message":"m","originalStatusCode":503}'
        assert not Bedrock().parse_error(424, headers, refused).retryable
        assert Bedrock().parse_error(424, headers, failed).retryable

    @pytest.mark.parametrize(
        ("name", "kind", "status", "retryable"),
        [
            ("throttlingException", RateLimitError, 429, True),
            ("modelStreamErrorException", ServerError, 424, True),
            ("internalServerException", ServerError, 500, True),
            ("serviceUnavailableException", ServerError, 503, True),
            ("validationException", BadRequest, 400, False),
            ("somethingNewException", ServerError, None, True),
        ],
    )
    def test_exception_inside_the_stream(
        self, name: str, kind: type[ProviderError], status: int | None, retryable: bool
    ) -> None:
        """A frame that is no event is raised with its message and meaning."""
        data = BEGUN + SAID + exception(name, '{"message":"boom"}')
        with pytest.raises(kind, match="boom") as caught:
            run(data)
        error = caught.value
        assert (error.http_status, error.code, error.retryable) == (status, name, retryable)

    def test_exception_without_words(self) -> None:
        """Then its name is all there is to say."""
        with pytest.raises(RateLimitError, match="throttlingException"):
            run(BEGUN + exception("throttlingException", ""))

    @pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
    def test_malformed_answer(self, reason: str) -> None:
        """The model failed: usage is still told, and the answer is not called whole."""
        usage = '{"usage":{"inputTokens":1,"outputTokens":2}}'
        stop = event("messageStop", json.dumps({"stopReason": reason}))
        seen: list[AnswerEvent] = []
        with pytest.raises(ServerError, match=reason):
            seen.extend(steps(BEGUN + SAID + stop + event("metadata", usage)))
        assert UsageReport(Usage(input=1, output=2)) in seen
        whole = {"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": reason}
        with pytest.raises(ServerError, match=reason):
            run(json.dumps(whole).encode(), stream=False)

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("1", "no answer"),
            ("[]", "no answer"),
            ("{", "broken JSON"),
            ('{"output":{"message":{"content":null}}}', "no answer"),
            ('{"message":"The model is gone."}', "model is gone"),
        ],
    )
    def test_body_that_is_no_answer(self, text: str, words: str, stream: bool) -> None:
        """Status 200 and JSON that holds no answer."""
        with pytest.raises(ProviderError, match=words):
            run(text.encode(), stream=stream)


HOSTILE = [None, True, 0, -1, 1e999, 10**30, "x", "\ud800", [], [[]], {}, {"a": None}]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_wrong_types_everywhere(value: Any) -> None:
    """Whatever stands where something else should: no error but one of ours."""
    payloads: dict[str, list[Any]] = {
        "messageStart": [value, {"role": value}],
        "contentBlockStart": [
            value,
            {"contentBlockIndex": value, "start": value},
            {"start": {"toolUse": value}},
            {"contentBlockIndex": value, "start": {"toolUse": {"name": value, "toolUseId": value}}},
            {"contentBlockIndex": value, "start": {"toolUse": {"name": "f", "toolUseId": value}}},
        ],
        "contentBlockDelta": [
            value,
            {"contentBlockIndex": value, "delta": value},
            {"contentBlockIndex": value, "delta": {"text": value}},
            {"delta": {"reasoningContent": value}},
            {"delta": {"reasoningContent": {"text": value, "signature": value}}},
            {"delta": {"reasoningContent": {"redactedContent": value}}},
            {"delta": {"toolUse": value}},
            {"delta": {"toolUse": {"input": value}}},
        ],
        "contentBlockStop": [value],
        "messageStop": [value, {"stopReason": value}],
        "metadata": [value, {"usage": value}, {"usage": {"inputTokens": value}}],
    }
    adapter = Bedrock()
    for name, values in payloads.items():
        for payload in values:
            state = adapter.begin(REQUEST, CARD)
            for damaged in (False, True):
                list(adapter.parse(Frame(json.dumps(payload), name, damaged=damaged), state))
            list(adapter.parse(Frame('{"stopReason":"end_turn"}', "messageStop"), state))
            list(adapter.end(state))
    content = {
        "text": value,
        "toolUse": value,
        "reasoningContent": value,
        "citationsContent": value,
    }
    for whole in (
        {"output": value},
        {"output": {"message": value}},
        {"output": {"message": {"content": value}}},
        {"output": {"message": {"content": [value, content]}}, "usage": value},
        {"output": {"message": {"content": [{"toolUse": {"name": "f", "input": value}}]}}},
    ):
        with contextlib.suppress(ProviderError):
            run(json.dumps(whole).encode(), stream=False)
    for listed in ({"modelSummaries": [value, {"modelId": value}]}, {"nextToken": value}, value):
        adapter.render_next_models(listed, CARD, None)
    adapter.parse_models(
        {
            "modelSummaries": [
                value,
                {"modelId": value},
                {
                    "modelId": "m",
                    **dict.fromkeys(
                        ("inputModalities", "outputModalities", "modelLifecycle"), value
                    ),
                },
            ]
        }
    )


def test_stop_without_a_reason_is_an_end() -> None:
    """messageStop itself is the end; what it leaves unsaid is no failure."""
    answer = collect(run(BEGUN + SAID + event("messageStop", "{}")))
    assert (answer.text, answer.finish) == ("He", "other")


def test_redacted_reasoning_in_pieces() -> None:
    """Each piece is base64 of its own; they go back as one."""
    pieces = [
        {"contentBlockIndex": 0, "delta": {"reasoningContent": {"redactedContent": text}}}
        for text in ("c2Vj", "cmU=", "dA==")
    ]
    frames = [event("contentBlockDelta", json.dumps(piece)) for piece in pieces]
    answer = collect(
        run(BEGUN + b"".join(frames) + event("messageStop", '{"stopReason":"end_turn"}'))
    )
    assert answer.opaque == [{"content": [{"reasoningContent": {"redactedContent": "c2VjcmV0"}}]}]


def test_interleaved_blocks() -> None:
    """Blocks are told apart by index, whatever order their pieces come in."""
    frames = [
        (
            "contentBlockStart",
            '{"contentBlockIndex":1,"start":{"toolUse":{"name":"f","toolUseId":"a"}}}',
        ),
        (
            "contentBlockStart",
            '{"contentBlockIndex":2,"start":{"toolUse":{"name":"g","toolUseId":"b"}}}',
        ),
        ("contentBlockDelta", '{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\\"g\\":"}}}'),
        ("contentBlockDelta", '{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}'),
        ("contentBlockDelta", '{"contentBlockIndex":2,"delta":{"toolUse":{"input":"1}"}}}'),
        ("messageStop", '{"stopReason":"tool_use"}'),
    ]
    answer = collect(run(events(frames)))
    assert answer.tool_calls == [["a", "f", "{}"], ["b", "g", '{"g":1}']]


def test_damaged_bytes_are_told_once() -> None:
    """Bytes that are no UTF-8 show as a replacement, with one warning."""
    piece = b'{"contentBlockIndex":0,"delta":{"text":"a\xff"}}'
    found = run(
        BEGUN
        + event("contentBlockDelta", piece) * 2
        + event("messageStop", '{"stopReason":"end_turn"}')
    )
    assert sum("UTF-8" in str(e) for e in found) == 1
    assert [e for e in found if isinstance(e, TextDelta)] == [TextDelta("a\ufffd")] * 2


class TestPeer:
    """botocore reads the same from the same bytes."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_events(self, case: Case) -> None:
        """Text, tool calls, usage and the reason of every wire case."""
        if case.name in NOT_FOR_PEERS:
            pytest.skip(NOT_FOR_PEERS[case.name])
        found, ours = self.read(case.stream), case.answer()
        deltas = [value["delta"] for value in found["contentBlockDelta"]]
        assert "".join(piece.get("text", "") for piece in deltas) == ours.text
        thoughts = [piece.get("reasoningContent", {}) for piece in deltas]
        assert "".join(piece.get("text", "") for piece in thoughts) == ours.reasoning
        starts = [value["start"]["toolUse"] for value in found["contentBlockStart"]]
        names = [[start["toolUseId"], start["name"]] for start in starts]
        assert names == [call[:2] for call in ours.tool_calls]
        assert [value["stopReason"] for value in found["messageStop"]] == [self.reason(case)]
        totals = [value["usage"]["totalTokens"] for value in found["metadata"]]
        assert totals == ([ours.usage.input + ours.usage.output] if ours.usage else [])

    def read(self, data: bytes) -> dict[str, list[Any]]:
        """What botocore makes of these bytes: values by the name of their event."""
        shape = SERVICE.operation_model("ConverseStream").output_shape.members["stream"]
        stream = EventStream(_Raw(data), shape, EventStreamJSONParser(), "ConverseStream")
        found: dict[str, list[Any]] = defaultdict(list)
        for value in stream:
            for name, inner in value.items():
                found[name].append(inner)
        return found

    def reason(self, case: Case) -> str:
        """The provider's own word for the end, as the adapter gives it."""
        return next(e.raw for e in run(case.stream) if isinstance(e, Finish))


class _Raw:
    """Bytes as botocore takes them from a connection."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self) -> Any:
        """All in one piece."""
        return iter([self._data])

    def close(self) -> None:
        """Nothing is open."""


class TestModels:
    """Two lists of the control plane make one."""

    @pytest.mark.parametrize(
        ("runtime", "control"),
        [
            (
                "https://bedrock-runtime.us-east-1.amazonaws.com",
                "https://bedrock.us-east-1.amazonaws.com",
            ),
            (
                "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
                "https://bedrock-fips.us-gov-west-1.amazonaws.com",
            ),
            (
                "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
                "https://bedrock.cn-north-1.amazonaws.com.cn",
            ),
            ("https://bedrock-runtime.evil.example", "https://bedrock-runtime.evil.example"),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ],
    )
    def test_host(self, runtime: str, control: str) -> None:
        """The control plane has a host of its own; an address of one's own serves both."""
        card = CARD._replace(base_url=runtime)
        call = Bedrock().render_models(card, Secret("k-1234"))
        assert (call.method, call.url, call.body) == ("GET", f"{control}/foundation-models", None)
        assert call.headers["authorization"] == Secret("Bearer k-1234")

    def test_pages(self) -> None:
        """The profiles follow the models, as many pages as there are."""
        adapter = Bedrock()
        first = adapter.render_next_models({"modelSummaries": []}, CARD, None)
        assert first is not None
        assert first.url.endswith("/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED")
        page = {"inferenceProfileSummaries": [], "nextToken": "a/b="}
        second = adapter.render_next_models(page, CARD, None)
        assert second is not None
        assert second.url == first.url + "&nextToken=a%2Fb%3D"
        assert adapter.render_next_models({"inferenceProfileSummaries": []}, CARD, None) is None

    def test_list(self) -> None:
        """Models that write text and can be asked by this id, and every profile."""
        rows = [
            {
                "modelId": "amazon.nova-lite-v1:0",
                "inputModalities": ["TEXT", "IMAGE", "VIDEO", "SMELL"],
                "outputModalities": ["TEXT"],
                "inferenceTypesSupported": ["ON_DEMAND", "INFERENCE_PROFILE"],
                "modelLifecycle": {"status": "LEGACY", "endOfLifeTime": "2027-01-31T00:00:00Z"},
            },
            {"modelId": "bare"},
            {"modelId": "amazon.titan-embed", "outputModalities": ["EMBEDDING"]},
            {"modelId": "only-by-profile", "inferenceTypesSupported": ["INFERENCE_PROFILE"]},
        ]
        nova, bare = Bedrock().parse_models({"modelSummaries": rows})
        assert (nova.id, nova.input) == ("amazon.nova-lite-v1:0", ("text", "image", "video"))
        assert str(nova.retired) == "2027-01-31"
        assert (bare.id, bare.input, bare.retired) == ("bare", None, None)
        profiles = [{"inferenceProfileId": PROFILE}, {"inferenceProfileId": None}]
        found = Bedrock().parse_models({"inferenceProfileSummaries": profiles})
        assert [model.id for model in found] == [PROFILE]


def test_usage_without_a_part() -> None:
    """What is unsaid stays unsaid; a cache alone does not make an input."""
    usage = '{"usage":{"outputTokens":2,"cacheReadInputTokens":5}}'
    answer = collect(
        run(BEGUN + event("messageStop", '{"stopReason":"end_turn"}') + event("metadata", usage))[
            :3
        ]
    )
    assert answer.usage == Usage(output=2, cache_read=5)
