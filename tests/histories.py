"""Conversations as they are after real answers: bytes heard by an adapter, kept as messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from voices import VOICES
from voices.base import Voice
from voices.cohere import Cohere
from voices.openai_chat import OpenAIChat

from llmcli import adapters
from llmcli.adapters.base import Adapter
from llmcli.answer import Answer
from llmcli.cards import Card
from llmcli.errors import ProtocolError
from llmcli.events import TextDelta
from llmcli.messages import (
    EMPTY,
    Message,
    Opaque,
    Part,
    Reasoning,
    Request,
    Text,
    ToolCall,
    ToolResult,
)

CALLS = (("get_time", '{"zone": "Côte"}'), ("get_rain", '{"days": 3}'))
PLAN = "Zeit zuerst."
DETAIL = {"type": "reasoning.encrypted", "data": "ZGV0YWls", "id": "rd_1", "index": 0}


class Format(NamedTuple):
    """A wire format as a source: a model's name, the ids of two calls, and what is opaque in it."""

    model: str
    ids: tuple[str, str]
    canaries: tuple[str, ...]
    dialect: Mapping[str, Any] = EMPTY


FORMATS = {
    "openai-chat": Format(
        "openai/gpt-5.5",
        ("functions.get_time:0", "functions.get_rain:1"),
        ("reasoning_details", str(DETAIL["data"])),
        {"replay": "reasoning_details"},
    ),
    "openai-responses": Format(
        "gpt-5.5", ("call_Zm9vYmFyYmF6cXV4", "call_cXV4YmF6YmFyZm9v"), ("encrypted_content", "gAAA")
    ),
    "anthropic": Format(
        "claude-sonnet-5-5", ("toolu_01AbCdEfGh", "toolu_01IjKlMnOp"), ("signature", "EqQB")
    ),
    "gemini": Format("gemini-3.8-flash", ("k2j4h6g8", "m1n3b5v7"), ("CiQB",)),
    "ollama": Format("qwen4:8b", ("", ""), ()),
    "cohere": Format("command-a-03-2026", ("get_time_8fk2h1", "get_rain_d71ka0"), ("tool_plan",)),
    "bedrock": Format(
        "us.anthropic.claude-sonnet-5-5-v1:0",
        ("tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "tooluse_Lq0T3xxQRY2m8q1d7tOZhw"),
        ("signature", "EqQB"),
    ),
}


def card(name: str, provider: str = "here") -> Card:
    """A provider that speaks this wire format."""
    url = "http://127.0.0.1:1/v1"
    return Card(provider, provider, name, base_url=url, dialect=FORMATS[name].dialect)


def answer_bytes(name: str, ids: Sequence[str] = ()) -> bytes:
    """Reasoning, what is opaque, text, and two parallel calls."""
    voice = VOICES[name]()
    pieces = [voice.begin(), voice.thinks("Thinking of rain."), opaque_bytes(voice)]
    pieces.append(voice.says("Let me look."))
    for call_id, (tool, arguments) in zip(ids or FORMATS[name].ids, CALLS, strict=True):
        pieces.append(voice.calls(call_id, tool, [arguments[:5], arguments[5:]]))
    return b"".join([*pieces, voice.ends("tool_calls")])


def opaque_bytes(voice: Voice) -> bytes:
    """What a voice does not say by itself."""
    if isinstance(voice, OpenAIChat):
        return voice.frame({"choices": [{"index": 0, "delta": {"reasoning_details": [DETAIL]}}]})
    if isinstance(voice, Cohere):
        return voice.typed("tool-plan-delta", delta={"message": {"tool_plan": PLAN}})
    return b""


def hear(
    name: str, data: bytes, earlier: Sequence[Message] = (), provider: str = "here"
) -> Message:
    """The message that is kept of an answer; one that is cut is kept as far as it came."""
    adapter: Adapter[Any] = adapters.find(name)()
    model = FORMATS[name].model
    request, at = Request(model, tuple(earlier)), card(name, provider)
    state, decoder, answer = adapter.begin(request, at), adapter.decoder(request), Answer()
    answer.call(provider, model, (), free=False)
    try:
        for frame in [*decoder.feed(data), *decoder.close()]:
            for event in () if answer.finish else adapter.parse(frame, state):
                keep(event, answer)
        for event in () if answer.finish else adapter.end(state):
            keep(event, answer)
    except ProtocolError:
        pass
    thought, said = "".join(answer.reasoning), "".join(answer.text)
    parts: list[Part] = [Reasoning(thought)] if thought else []
    parts += [Text(said)] if said else []
    return Message("assistant", (*parts, *answer.tool_calls, *answer.opaque))


def keep(event: Any, answer: Answer) -> None:
    """Take an event as the conversation does."""
    if isinstance(event, TextDelta):
        answer.text.append(event.text)
    else:
        answer.hear(event)


def calls_of(message: Message) -> list[ToolCall]:
    return [part for part in message.parts if isinstance(part, ToolCall)]


def opaque_of(message: Message) -> list[Opaque]:
    return [part for part in message.parts if isinstance(part, Opaque)]


def results(message: Message) -> Message:
    """The results of an answer's calls, the last of them an error."""
    calls = calls_of(message)
    found = [ToolResult(c.id, f"{c.name} gave {c.arguments}") for c in calls[:-1]]
    return Message("tool", (*found, ToolResult(calls[-1].id, "no such place", is_error=True)))


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(Text(p) if isinstance(p, str) else p for p in parts))


def conversation(name: str, ids: Sequence[str] = (), provider: str = "here") -> list[Message]:
    """A question, an answer with calls, their results, and a further question."""
    asked = user("How is the rain?")
    said = hear(name, answer_bytes(name, ids), [asked], provider)
    return [asked, said, results(said), user("And tomorrow?")]


def spoken(name: str, tell: Callable[[Voice], bytes]) -> Message:
    """What is kept of the bytes that a voice tells, whole or not."""
    return hear(name, tell(VOICES[name]()))
