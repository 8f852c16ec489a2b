"""The adapter bedrock: the shared behaviour, and the requests it renders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from behaviour import PROMPT, AdapterBehaviour, read_cases
from botocore.validate import ParamValidator
from event_frames import events
from official_types import with_bytes

from llmcli.adapters.bedrock import Bedrock
from llmcli.cards import Card
from llmcli.errors import (
    ProtocolError,
    UsageError,
)
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

CASES = read_cases(Path(__file__).parent / "wire_cases" / "bedrock", events)
CARD = Card(id="p", name="P", adapter="bedrock", base_url="http://127.0.0.1:1")
SERVICE = botocore.session.Session().get_service_model("bedrock-runtime")
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456"


class TestBedrock(AdapterBehaviour):
    """Everything the shared suite asks."""

    adapter = Bedrock()
    card = CARD
    cases = CASES
    line_ends = ()


def body(request: Request) -> dict[str, Any]:
    """The rendered body, which botocore's model of the service has to find valid."""
    rendered = Bedrock().render(request, CARD, None).body
    assert rendered is not None
    found = json.loads(json.dumps(rendered))
    shape = SERVICE.operation_model("ConverseStream").input_shape
    report = ParamValidator().validate({"modelId": request.model, **with_bytes(found)}, shape)
    assert not report.has_errors(), report.generate_report()
    return dict(rendered)


def asking(model: str = CLAUDE, **options: Any) -> Request:
    """A request with these options."""
    return Request(model, (PROMPT,), options=options)


def saying(*messages: Message, **more: Any) -> Request:
    """A request with these messages."""
    return Request(CLAUDE, messages, **more)


def user(*parts: Any) -> Message:
    """A user's message."""
    return Message("user", parts)


class TestCall:
    """Where a call goes, and with which headers."""

    @pytest.mark.parametrize(
        ("model", "path"),
        [
            ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1%3A0"),
            (ARN, ARN.replace(":", "%3A").replace("/", "%2F")),
            ("a b?c#d%", "a%20b%3Fc%23d%25"),
        ],
    )
    def test_model_is_in_the_path(self, model: str, path: str) -> None:
        """Colons, and slashes of an ARN, are percent-encoded."""
        call = Bedrock().render(asking(model), CARD, None)
        assert call.url == f"http://127.0.0.1:1/model/{path}/converse-stream"
        whole = Bedrock().render(asking(model)._replace(stream=False), CARD, None)
        assert whole.url == f"http://127.0.0.1:1/model/{path}/converse"

    def test_headers(self) -> None:
        """A key is a bearer; without one nothing pretends to be."""
        call = Bedrock().render(asking(), CARD, Secret("k-1234"))
        assert call.headers == {
            "accept": "application/vnd.amazon.eventstream",
            "authorization": Secret("Bearer k-1234"),
            "content-type": "application/json",
        }
        assert "authorization" not in Bedrock().render(asking(), CARD, None).headers

    def test_smallest_request(self) -> None:
        """Nothing is sent that the user did not ask for."""
        assert body(asking()) == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}

    def test_extra_is_merged_last(self) -> None:
        """`-o extra.KEY=JSON` wins, table by table."""
        extra = {"inferenceConfig": {"topP": 0.5}, "serviceTier": {"type": "flex"}}
        sent = body(Request(CLAUDE, (PROMPT,), options={"max_output_tokens": 9}, extra=extra))
        assert sent["inferenceConfig"] == {"maxTokens": 9, "topP": 0.5}
        assert sent["serviceTier"] == {"type": "flex"}


class TestOptions:
    """Each neutral option becomes the field that Converse or the model takes."""

    @pytest.mark.parametrize(
        ("options", "field", "sent"),
        [
            ({"temperature": 0.2}, "inferenceConfig", {"temperature": 0.2}),
            ({"top_p": 0.9}, "inferenceConfig", {"topP": 0.9}),
            ({"max_output_tokens": 9}, "inferenceConfig", {"maxTokens": 9}),
            ({"stop": ["END"]}, "inferenceConfig", {"stopSequences": ["END"]}),
            ({"top_k": 4}, "additionalModelRequestFields", {"top_k": 4}),
            ({"reasoning_effort": "high"}, "outputConfig", {"effort": "high"}),
            (
                {"reasoning_effort": "none"},
                "additionalModelRequestFields",
                {"thinking": {"type": "disabled"}},
            ),
            (
                {"reasoning_budget": 2048, "top_k": 4},
                "additionalModelRequestFields",
                {"top_k": 4, "thinking": {"type": "enabled", "budget_tokens": 2048}},
            ),
            (
                {"reasoning_budget": 0},
                "additionalModelRequestFields",
                {"thinking": {"type": "disabled"}},
            ),
            ({"metadata": {"team": "a"}}, "requestMetadata", {"team": "a"}),
        ],
    )
    def test_option(self, options: Any, field: str, sent: Any) -> None:
        """The option is in its field, and nothing else is added."""
        found = body(asking(**options))
        assert found.pop(field) == sent
        assert list(found) == ["messages"]

    def test_top_k_of_nova(self) -> None:
        """Nova has its own name for it."""
        sent = body(asking("us.amazon.nova-lite-v1:0", top_k=4))
        assert sent["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 4}}

    def test_schema(self) -> None:
        """The schema goes as JSON in a text, under a clean name."""
        schema = {"title": "My answer", "type": "object", "properties": {"ä": {}}}
        found = body(asking(response_schema=schema))["outputConfig"]["textFormat"]
        wanted = found["structure"]["jsonSchema"]
        assert (found["type"], wanted["name"]) == ("json_schema", "My_answer")
        assert json.loads(wanted["schema"]) == schema

    @pytest.mark.parametrize(
        ("model", "options", "words"),
        [
            (CLAUDE, {"temperature": 1.5}, "temperature"),
            ("amazon.nova-lite-v1:0", {"reasoning_budget": 1024}, "reasoning_budget"),
            ("amazon.nova-lite-v1:0", {"reasoning_effort": "none"}, "reasoning_effort=none"),
            (CLAUDE, {"metadata": {"n": 1}}, "metadata"),
            (CLAUDE, {"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ],
    )
    def test_value_that_cannot_be_sent(self, model: str, options: Any, words: str) -> None:
        """It is refused by name before anything is sent."""
        with pytest.raises(UsageError, match=words):
            body(asking(model, **options))

    def test_budget_behind_an_arn(self) -> None:
        """An ARN does not tell whose model it is, so the budget is sent."""
        fields = body(asking(ARN, reasoning_budget=1024))["additionalModelRequestFields"]
        assert fields["thinking"]["budget_tokens"] == 1024

    def test_cache_points(self) -> None:
        """One after the system prompt, one after the last words of the user's."""
        request = saying(
            Message("system", (Text("be brief"),)),
            user(Text("a")),
            Message("assistant", (Text("b"),)),
            user(Text("c")),
            options={"cache": True},
        )
        sent, point = body(request), {"cachePoint": {"type": "default"}}
        assert sent["system"] == [{"text": "be brief"}, point]
        assert sent["messages"][2]["content"] == [{"text": "c"}, point]
        assert point not in sent["messages"][0]["content"]
        off = body(request._replace(options={"cache": False}))
        assert "cachePoint" not in json.dumps(off)


class TestMessages:
    """Roles take turns, whatever the conversation looks like."""

    def test_neighbours_are_one_turn(self) -> None:
        """System prompts stand outside; results of tools are the user's, in one message."""
        request = saying(
            Message("system", (Text("be brief"),)),
            user(Text("a")),
            user(Text("b")),
            Message("assistant", (Text("c"), ToolCall("t1", "f", '{"x": 1}'))),
            Message("assistant", (ToolCall("t2", "f", ""),)),
            Message("tool", (ToolResult("t1", "42"),)),
            Message("tool", (ToolResult("t2", "no", is_error=True),)),
            user(Text("go on")),
            Message("system", (Text("be kind"),)),
            tools=(Tool("f", "does f", {"type": "object"}, strict=True),),
        )
        sent = body(request)
        assert sent["system"] == [{"text": "be brief"}, {"text": "be kind"}]
        assert sent["messages"] == [
            {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
            {
                "role": "assistant",
                "content": [
                    {"text": "c"},
                    {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"x": 1}}},
                    {"toolUse": {"toolUseId": "t2", "name": "f", "input": {}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    result("t1", "42", "success"),
                    result("t2", "no", "error"),
                    {"text": "go on"},
                ],
            },
        ]
        assert sent["toolConfig"] == {"tools": [tool("f", "does f", {"type": "object"}, True)]}

    def test_empty_messages_are_left_out(self) -> None:
        """Blank text is refused by the service; an answer that was only reasoning has none."""
        silent = Message("assistant", (Reasoning("hm"), Text(" \n")))
        request = saying(user(Text("a")), silent, user(Text("b")))
        assert body(request)["messages"] == [
            {"role": "user", "content": [{"text": "a"}, {"text": "b"}]}
        ]

    def test_attachments(self) -> None:
        """Images, documents, sounds and films, each as its own kind of block."""
        request = saying(
            user(
                Text("look"),
                Media(b"png", "image/png", "a.png"),
                Media(b"pdf", "application/pdf", "Q3 — report.v2.pdf"),
                Media(b"pdf", "application/pdf", "Q3 — report.v2.pdf"),
                Media(b"x", "text/x-python", "run.py"),
                Media(b"wav", "audio/wav", "b.wav"),
                Media(b"mp4", "video/mp4", "c.mp4"),
            )
        )
        blocks = body(request)["messages"][0]["content"]
        assert [next(iter(block)) for block in blocks] == [
            *("text", "image", "document", "document", "document", "audio", "video")
        ]
        assert blocks[1]["image"] == {"format": "png", "source": {"bytes": "cG5n"}}
        documents = [block["document"] for block in blocks if "document" in block]
        assert [(d["format"], d["name"]) for d in documents] == [
            ("pdf", "Q3 - report-v2"),
            ("pdf", "Q3 - report-v2 (2)"),
            ("txt", "run"),
        ]

    def test_document_without_a_name(self) -> None:
        """A name is required, so one is given."""
        request = saying(
            user(Text("look"), Media(b"x", "text/plain"), Media(b"x", "text/csv", "…"))
        )
        blocks = body(request)["messages"][0]["content"]
        assert [block["document"]["name"] for block in blocks[1:]] == ["document", "document (2)"]

    @pytest.mark.parametrize(
        "parts",
        [
            (Media(b"x", "application/zip", "a.zip"), Text("look")),
            (Media(b"x", "image/tiff", "a.tiff"), Text("look")),
            (Media(b"x", "application/pdf", "a.pdf"),),
        ],
    )
    def test_attachment_that_cannot_be_sent(self, parts: Any) -> None:
        """No format for it, or a document without words beside it."""
        with pytest.raises(UsageError):
            body(saying(user(*parts)))

    def test_ids_of_another_provider(self) -> None:
        """An id that does not fit becomes another, the same in call and result."""
        call_id = "call|" + "x" * 80
        request = saying(
            PROMPT,
            Message("assistant", (ToolCall(call_id, "f", "[1"),)),
            Message("tool", (ToolResult(call_id, "42"),)),
        )
        _, call, answer = body(request)["messages"]
        used = call["content"][0]["toolUse"]
        assert used["toolUseId"] == answer["content"][0]["toolResult"]["toolUseId"] != call_id
        assert used["input"] == {"arguments": "[1"}

    def test_own_blocks_go_back_as_they_came(self) -> None:
        """To the same provider and model; others get the neutral parts, without reasoning."""
        blocks = [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
            {"text": "verbatim"},
        ]
        for provider, model, sent in (
            ("p", CLAUDE, blocks),
            ("q", CLAUDE, [{"text": "neutral"}]),
            ("p", "other", [{"text": "neutral"}]),
        ):
            opaque = Opaque(provider, model, {"content": blocks})
            answer = Message("assistant", (Reasoning("hm"), Text("neutral"), opaque))
            assert body(saying(PROMPT, answer, PROMPT))["messages"][1]["content"] == sent


class TestTools:
    """Tools have to be told whenever the conversation holds a call."""

    def turn(self, **options: Any) -> Request:
        """A conversation with a call, without tools now."""
        call = Message("assistant", (ToolCall("t1", "gone", "{}"),))
        return saying(PROMPT, call, Message("tool", (ToolResult("t1", "1"),)), options=options)

    @pytest.mark.parametrize(
        ("choice", "sent"),
        [("auto", None), ("required", {"any": {}}), ("f", {"tool": {"name": "f"}})],
    )
    def test_choice(self, choice: str, sent: Any) -> None:
        """auto is what happens by itself."""
        request = saying(PROMPT, tools=(Tool("f"),), options={"tool_choice": choice})
        assert body(request)["toolConfig"].get("toolChoice") == sent

    def test_none_leaves_the_tools_out(self) -> None:
        """The wire format has no word for it."""
        request = saying(PROMPT, tools=(Tool("f"),), options={"tool_choice": "none"})
        assert "toolConfig" not in body(request)

    def test_none_after_a_call(self) -> None:
        """Then it cannot be said, so it is refused."""
        with pytest.raises(UsageError, match="tool_choice=none"):
            body(self.turn(tool_choice="none"))

    def test_tools_that_are_gone(self) -> None:
        """A tool that was called stays known, with a warning not to call it."""
        (known,) = body(self.turn())["toolConfig"]["tools"]
        assert known["toolSpec"]["name"] == "gone"
        request = self.turn()._replace(tools=(Tool("gone", "again there"), Tool("new")))
        names = [t["toolSpec"]["name"] for t in body(request)["toolConfig"]["tools"]]
        assert names == ["gone", "new"]


def result(call_id: str, text: str, status: str) -> dict[str, Any]:
    """A block with what a tool returned."""
    return {"toolResult": {"toolUseId": call_id, "content": [{"text": text}], "status": status}}


def tool(name: str, description: str, schema: Any, strict: bool) -> dict[str, Any]:
    """A tool as it is sent."""
    spec = {"name": name, "description": description, "inputSchema": {"json": schema}}
    return {"toolSpec": {**spec, "strict": strict}}


class TestTokens:
    """How long a request is, by the service's own count."""

    def test_call(self) -> None:
        """What counts as input is sent the same way, and nothing else."""
        request = asking(max_output_tokens=9, reasoning_effort="low", reasoning_budget=1024)
        call = Bedrock().render_tokens(request, CARD, Secret("k-1234"))
        assert call is not None
        assert call.url.endswith("%3A0/count-tokens")
        assert call.headers["authorization"] == Secret("Bearer k-1234")
        shape = SERVICE.operation_model("CountTokens").input_shape
        report = ParamValidator().validate({"modelId": CLAUDE, **(call.body or {})}, shape)
        assert not report.has_errors(), report.generate_report()
        inner = (call.body or {})["input"]["converse"]
        assert set(inner) == {"messages", "additionalModelRequestFields"}

    def test_answer(self) -> None:
        """A number, or a clear error."""
        assert Bedrock().parse_tokens({"inputTokens": 14}) == 14
        for answer in ({"inputTokens": None}, {"inputTokens": True}, {}, [], None):
            with pytest.raises(ProtocolError):
                Bedrock().parse_tokens(answer)
