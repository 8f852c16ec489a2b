"""Arguments of tool calls, however a server cuts or nests them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmcli.adapters.base import Adapter
from llmcli.adapters.bedrock import Bedrock
from llmcli.adapters.cohere import Cohere
from llmcli.adapters.ollama import Ollama
from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card
from llmcli.errors import ProtocolError
from llmcli.events import AnswerEvent, ToolCallDelta
from llmcli.frames import Frame
from llmcli.messages import Message, Request, Text

CARD = Card("p", "P", "x", "http://127.0.0.1/v1")
WHOLE = {
    Bedrock: '{"stopReason":"tool_use","output":{"message":{"content":'
    '[{"toolUse":{"toolUseId":"a","name":"f","input":ARGS}}]}}}',
    Cohere: '{"finish_reason":"TOOL_CALL","message":{"tool_calls":'
    '[{"id":"a","function":{"name":"f","arguments":ARGS}}]}}',
    Ollama: '{"message":{"tool_calls":[{"function":{"name":"f","arguments":ARGS}}]},'
    '"done":true,"done_reason":"stop"}',
    OpenAIChat: '{"choices":[{"finish_reason":"tool_calls","message":{"tool_calls":'
    '[{"id":"a","function":{"name":"f","arguments":ARGS}}]}}]}',
}


def heard(kind: type[Adapter[Any]], frames: list[Frame]) -> list[AnswerEvent]:
    adapter = kind()
    request = Request("m", (Message("user", (Text("hi"),)),), stream=not frames[0].whole)
    state = adapter.begin(request, CARD)
    return [event for frame in frames for event in adapter.parse(frame, state)]


def arguments(events: list[AnswerEvent]) -> str:
    return "".join(event.fragment for event in events if isinstance(event, ToolCallDelta))


@pytest.mark.parametrize("kind", WHOLE)
def test_nested_as_deep_as_json_can_be_read(kind: type[Adapter[Any]]) -> None:
    """What can just be read cannot always be written: an error of the protocol, not of ours."""
    refused = []
    for depth in range(900, 1000):
        text = '{"a":' * depth + "1" + "}" * depth
        try:
            events = heard(kind, [Frame(WHOLE[kind].replace("ARGS", text), whole=True)])
        except ProtocolError:
            refused.append(depth)
        else:
            assert arguments(events).replace(" ", "") == text
    assert refused


def _chat(piece: str) -> Frame:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": piece}}
    return Frame(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}))


def _cohere(piece: str) -> Frame:
    call = {"id": "a", "function": {"name": "f", "arguments": piece}}
    chunk = {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": call}}}
    return Frame(json.dumps(chunk))


def _bedrock(piece: str) -> Frame:
    delta = {"contentBlockIndex": 0, "delta": {"toolUse": {"input": piece}}}
    return Frame(json.dumps(delta), "contentBlockDelta")


STREAMS: list[tuple[type[Adapter[Any]], list[Frame], Any, list[Frame]]] = [
    (
        OpenAIChat,
        [],
        _chat,
        [Frame('{"choices":[{"finish_reason":"tool_calls"}]}'), Frame("[DONE]")],
    ),
    (
        Cohere,
        [],
        _cohere,
        [Frame('{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}')],
    ),
    (
        Bedrock,
        [Frame('{"start":{"toolUse":{"toolUseId":"a","name":"f"}}}', "contentBlockStart")],
        _bedrock,
        [Frame('{"stopReason":"tool_use"}', "messageStop"), Frame("{}", "metadata")],
    ),
]


@pytest.mark.parametrize(("kind", "before", "piece", "after"), STREAMS)
@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (['{"a":"\ud83d', '\ude00"}'], '{"a":"\U0001f600"}'),
        (['{"a":"\ud83d', "", '\ude00"}'], '{"a":"\U0001f600"}'),
        (['{"a":"\ud83d', '"}'], '{"a":"\ufffd"}'),
        (["\ud83d"], "\ufffd"),
        (['{"a":"\ud83d'], '{"a":"\ufffd'),
    ],
)
def test_half_a_character(
    kind: type[Adapter[Any]],
    before: list[Frame],
    piece: Any,
    after: list[Frame],
    pieces: list[str],
    whole: str,
) -> None:
    """JSON may cut an emoji in two, in arguments as in text; half of one is no character."""
    assert arguments(heard(kind, [*before, *map(piece, pieces), *after])) == whole
