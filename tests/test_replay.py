"""Conversations that move between providers and models: what goes back, and what stays away."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import wire
from histories import (
    CALLS,
    FORMATS,
    answer_bytes,
    calls_of,
    card,
    conversation,
    hear,
    opaque_of,
    results,
    spoken,
    user,
)
from turns_sent import UNIQUE, check, read

from llmcli import adapters
from llmcli.errors import UsageError
from llmcli.messages import Media, Message, Request, Text, Tool, ToolCall, ToolResult

NAMES = tuple(FORMATS)
OPAQUE = tuple(name for name in NAMES if name != "ollama")
TOOLS = tuple(Tool(name) for name, _ in CALLS)
PNG = Media(b"\x89PNG\r\n\x1a\n", "image/png", "a.png")
every_format = pytest.mark.parametrize("name", NAMES)
every_target = pytest.mark.parametrize("target", NAMES)


def sent(
    target: str,
    messages: Sequence[Message],
    *,
    model: str = "",
    provider: str = "here",
    **dialect: Any,
) -> dict[str, Any]:
    """The body that this history becomes, found valid."""
    at = card(target, provider)
    at = at._replace(dialect={**at.dialect, **dialect})
    request = Request(model or FORMATS[target].model, tuple(messages), tools=TOOLS)
    body = dict(adapters.find(target)().render(request, at, None).body)
    check(target, body)
    return body


def words(name: str, body: dict[str, Any]) -> list[str]:
    """Everything said, in order."""
    return [piece.text for piece in read(name, body) if piece.kind in ("text", "call", "result")]


class TestSameModel:
    """Opaque parts go back as they came and where they were."""

    def kept(self, name: str) -> tuple[Any, Any]:
        """What was opaque, and the body that holds it again."""
        history = conversation(name)
        (opaque,) = opaque_of(history[1])
        return opaque.data, sent(name, history)

    @pytest.mark.parametrize("name", OPAQUE)
    def test_the_canaries_are_there(self, name: str) -> None:
        """Those that the tests below look for in vain."""
        _, body = self.kept(name)
        assert all(canary in json.dumps(body) for canary in FORMATS[name].canaries)

    def test_blocks(self) -> None:
        data, body = self.kept("anthropic")
        kinds = [block["type"] for block in data["content"]]
        assert kinds == ["thinking", "text", "tool_use", "tool_use"]
        assert body["messages"][1] == {"role": "assistant", "content": data["content"]}

    def test_parts(self) -> None:
        data, body = self.kept("gemini")
        assert body["contents"][1] == {"role": "model", "parts": data["parts"]}
        signed = ["thoughtSignature" in part for part in data["parts"]]
        assert signed == [False, False, True, True]

    def test_output_items(self) -> None:
        data, body = self.kept("openai-responses")
        assert body["input"][1:5] == data["output"]
        kinds = [item["type"] for item in data["output"]]
        assert kinds == ["reasoning", "message", "function_call", "function_call"]

    def test_content(self) -> None:
        data, body = self.kept("bedrock")
        assert body["messages"][1] == {"role": "assistant", "content": data["content"]}
        assert [*data["content"][0]] == ["reasoningContent"]

    def test_details_and_plan(self) -> None:
        data, body = self.kept("openai-chat")
        assert body["messages"][1]["reasoning_details"] == data["reasoning_details"]
        data, body = self.kept("cohere")
        assert body["messages"][1]["tool_plan"] == data["tool_plan"]
        assert body["messages"][1]["content"] == [
            *data["content"],
            {"type": "text", "text": "Let me look."},
        ]

    def test_thinking(self) -> None:
        """Ollama signs nothing: its own reasoning goes back beside the calls."""
        body = sent("ollama", conversation("ollama"))
        assert body["messages"][1]["thinking"] == "Thinking of rain."

    @every_format
    def test_the_whole_conversation(self, name: str) -> None:
        """Nothing is said twice or left out, and each result stands by its call."""
        history = conversation(name)
        rain, time = CALLS[1][1], CALLS[0][1]
        found = words(name, sent(name, history))
        assert [text.removeprefix("Error: ") for text in found] == [
            "How is the rain?",
            "Let me look.",
            time,
            rain,
            f"get_time gave {calls_of(history[1])[0].arguments}",
            "no such place",
            "And tomorrow?",
        ]


@every_target
@pytest.mark.parametrize("source", NAMES)
class TestElsewhere:
    """What only its own model can read does not leave it; what was said does."""

    def check(self, source: str, body: dict[str, Any], target: str) -> None:
        text = json.dumps(body)
        assert not [canary for canary in FORMATS[source].canaries if canary in text]
        own = sent(target, conversation(target))
        said = [piece._replace(id="") for piece in read(target, body) if piece.kind != "thinking"]
        if target == "cohere":
            own["messages"][1]["content"] = "Let me look."
        assert said == [p._replace(id="") for p in read(target, own) if p.kind != "thinking"]

    def test_another_provider(self, source: str, target: str) -> None:
        """Also one whose model has the same name."""
        history = conversation(source, provider="there")
        for model in (FORMATS[target].model, FORMATS[source].model):
            self.check(source, sent(target, history, model=model), target)

    def test_another_model(self, source: str, target: str) -> None:
        """Of the same provider, which may speak several wire formats."""
        self.check(source, sent(target, conversation(source), model="other-1"), target)

    def test_there_and_back(self, source: str, target: str) -> None:
        """A turn of the other's in between: each gets its own opaque parts, and no others."""
        first = conversation(source)
        asked = [*first, *conversation(target, provider="there")[1:]]
        text = json.dumps(sent(source, asked))
        own, other = FORMATS[source].canaries, FORMATS[target].canaries
        assert all(canary in text for canary in own)
        assert source == target or not any(c in text for c in other if c not in own)

    def test_ids_that_come_again(self, source: str, target: str) -> None:
        """Kimi and Ollama begin to count anew in every answer."""
        ids = ("functions.get_time:0", "functions.get_rain:1")
        asked = conversation(source, ids)
        again = hear(source, answer_bytes(source, ids), asked)
        history = [*asked, again, results(again), user("Thanks.")]
        sent(target, history)
        sent(target, history, provider="there")


def test_calls_with_one_id() -> None:
    """A server that gives parallel calls one id has them told apart."""
    told = [
        {"index": index, "id": "same", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(CALLS)
    ]
    said = wire.event(wire.chunk({"tool_calls": told})) + wire.ends("tool_calls")
    calls = calls_of(hear("openai-chat", said))
    assert [(call.name, call.arguments) for call in calls] == list(CALLS)
    assert len({call.id for call in calls}) == 2


def cut(name: str) -> Message:
    """An answer that was interrupted: text, no end, nothing opaque."""
    return spoken(name, lambda voice: voice.partial())


def bare_calls(name: str) -> Message:
    said = hear(name, answer_bytes(name))
    return said._replace(parts=tuple(calls_of(said)))


def only_reasoning(name: str) -> Message:
    """Cut by the limit before the answer began."""
    return spoken(
        name, lambda voice: voice.begin() + voice.thinks("Hm, rain.") + voice.ends("length")
    )


def nothing(_name: str) -> Message:
    return Message("assistant", (Text(""),))


def turned(message: Message) -> Message:
    return message._replace(parts=message.parts[::-1])


def one_by_one(message: Message) -> list[Message]:
    return [message._replace(parts=(part,)) for part in message.parts[::-1]]


def result_parts(message: Message) -> list[ToolResult]:
    return [part for part in message.parts if isinstance(part, ToolResult)]


def mute(message: Message) -> Message:
    """Results without a word, of a success and of an error."""
    return message._replace(parts=tuple(p._replace(text="") for p in result_parts(message)))


SYSTEM = Message("system", (Text("be brief"),))
ODD: dict[str, Callable[[str], list[Message]]] = {
    "users in a row": lambda _: [user("a"), user("b"), user("c")],
    "assistants in a row": lambda n: [user("a"), cut(n), cut(n), user("b")],
    "interrupted": lambda n: [user("a"), cut(n), user("b")],
    "only calls": lambda n: [user("a"), bare_calls(n), results(bare_calls(n)), user("b")],
    "empty text": lambda n: [user("a"), nothing(n), user("b")],
    "only reasoning": lambda n: [user("a"), only_reasoning(n), user("b")],
    "reasoning twice": lambda n: [user("a"), only_reasoning(n), only_reasoning(n), user("b")],
    "results turned": lambda n: [*(c := conversation(n))[:2], turned(c[2]), c[3]],
    "results one by one": lambda n: [*(c := conversation(n))[:2], *one_by_one(c[2]), c[3]],
    "results without a word": lambda n: [*(c := conversation(n))[:2], mute(c[2]), c[3]],
    "results last": lambda n: conversation(n)[:3],
    "system in the middle": lambda n: [*conversation(n), cut(n), SYSTEM, user("b")],
    "system between users": lambda n: [user("a"), SYSTEM, user("b"), cut(n), user("c")],
    "image before": lambda n: [user("look", PNG), *conversation(n)[1:], cut(n), user("b")],
    "image alone": lambda n: [user(PNG), cut(n), user("b")],
    "image with no words": lambda n: [user("", PNG), cut(n), user("b")],
    "blank question": lambda n: [user("a"), cut(n), user(" \n"), user("b")],
}


@every_target
@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("history", ODD.values(), ids=ODD)
def test_odd_histories(history: Callable[[str], list[Message]], source: str, target: str) -> None:
    """Valid for the same model, for others, and still with what the user said last."""
    messages = history(source)
    for provider in ("here", "there"):
        found = words(target, sent(target, messages, provider=provider))
        if messages[-1].role == "user":
            assert found[-1].endswith(messages[-1].text)


@every_target
def test_order_of_results(target: str) -> None:
    """A result names its call, in whatever order they come."""
    history = conversation(target)
    body = sent(target, [*history[:2], turned(history[2]), history[3]])
    said = read(target, body)
    calls = {piece.id: piece for piece in said if piece.kind == "call"}
    told = {calls[piece.id].name: piece.text for piece in said if piece.kind == "result"}
    assert told["get_time"].startswith("get_time gave")
    assert told["get_rain"].removeprefix("Error: ") == "no such place"


@every_target
def test_nothing_but_a_system_prompt(target: str) -> None:
    """Refused before it is sent where the wire format has a place of its own for it."""
    if target in ("openai-chat", "ollama", "cohere"):
        assert words(target, sent(target, [SYSTEM])) == ["be brief"]
    else:
        with pytest.raises(UsageError):
            sent(target, [SYSTEM])


@every_format
def test_ids_for_mistral(name: str) -> None:
    """Exactly nine letters and digits, the same for a call and its result."""
    body = sent("openai-chat", conversation(name), provider="there", tool_ids="alnum9")
    ids = [piece.id for piece in read("openai-chat", body) if piece.id]
    assert len(set(ids)) == 2
    assert all(len(i) == 9 and i.isascii() and i.isalnum() for i in ids)


@every_format
def test_ids_for_openai(name: str) -> None:
    """Those of vLLM have 46 characters; OpenAI takes 40."""
    history = conversation(name)
    long = "chatcmpl-tool-" + "0123456789abcdef" * 2
    swap = {call.id: f"{long}{call.name}" for call in calls_of(history[1])}
    calls = tuple(call._replace(id=swap[call.id]) for call in calls_of(history[1]))
    told = tuple(p._replace(call_id=swap[p.call_id]) for p in result_parts(history[2]))
    asked = [history[0], Message("assistant", calls), Message("tool", told)]
    body = sent("openai-chat", asked, tool_ids="max40")
    ids = [piece.id for piece in read("openai-chat", body) if piece.id]
    assert len(set(ids)) == 2
    assert all(len(i) == 40 for i in ids)
    assert long in json.dumps(sent("openai-chat", asked))


def test_results_without_a_word() -> None:
    """An error without content, and a blank text in a result, are refused."""
    told = results(conversation("anthropic")[1])
    asked = [*conversation("anthropic")[:2], mute(told)]
    first, second = sent("anthropic", asked)["messages"][2]["content"]
    assert "content" not in first
    assert (second["is_error"], bool(second["content"].strip())) == (True, True)
    content = sent("bedrock", asked)["messages"][2]["content"]
    assert all(block["toolResult"]["content"][0]["text"].strip() for block in content)


def test_calls_without_reasoning() -> None:
    """DeepSeek and Moonshot refuse a call without its reasoning, Moonshot also an empty one."""
    asked = conversation("anthropic", provider="there")
    bare = [asked[0], bare_calls("anthropic"), *asked[2:]]
    for history, reasoning in ((asked, "Thinking of rain."), (bare, " ")):
        request = Request("m", tuple(history))
        at = card("openai-chat")._replace(dialect={"replay": "reasoning_content"})
        body = adapters.find("openai-chat")().render(request, at, None).body
        assert body["messages"][1]["reasoning_content"] == reasoning


def test_neighbours_of_the_users() -> None:
    """Templates that want roles in turn get one message, with its images."""
    body = sent("openai-chat", [user("a"), only_reasoning("ollama"), user("b")])
    assert body["messages"] == [{"role": "user", "content": "a\n\nb"}]
    body = sent("openai-chat", [user("look", PNG), user("b")])
    kinds = [part["type"] for part in body["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "text"]


def test_a_card_that_changed_its_wire_format() -> None:
    """What an answer in another wire format left is no field of this one."""
    history = conversation("anthropic")
    model = FORMATS["anthropic"].model
    body = sent("openai-chat", history, model=model)
    assert body["messages"][1]["content"] == "Let me look."


@every_target
@pytest.mark.parametrize(
    "ids", [("é" * 9, "x y"), ("a.b", "a:b"), ("x" * 300, "x" * 299), ("same", "same"), ("", "-")]
)
def test_ids_of_any_kind(target: str, ids: tuple[str, str]) -> None:
    """They become what the vendor takes, and stay two."""
    calls = tuple(ToolCall(i, n, a) for i, (n, a) in zip(ids, CALLS, strict=True))
    results = tuple(ToolResult(i, n) for i, (n, _) in zip(ids, CALLS, strict=True))
    history = [user("a"), Message("assistant", calls), Message("tool", results), user("b")]
    body = sent(target, history)
    if target not in (*UNIQUE, "gemini"):
        return
    said = read(target, body)
    names = {piece.id: piece.name for piece in said if piece.kind == "call"}
    assert [names[p.id] for p in said if p.kind == "result"] == [n for n, _ in CALLS]
