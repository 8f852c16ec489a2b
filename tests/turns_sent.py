"""What a rendered request says, read back from each wire format, and the rules it has to keep."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from official_types import OFFICIAL

ALTERNATE = ("anthropic", "gemini", "bedrock")
UNIQUE = ("anthropic", "bedrock", "openai-responses", "cohere")
IDS = {
    "anthropic": r"[a-zA-Z0-9_-]+",
    "bedrock": r"[a-zA-Z0-9_.:-]{1,64}",
    "openai-responses": r".{1,64}",
}


class Piece(NamedTuple):
    """A text, image, call or result, and who says it; `name` and `id` are a call's or result's."""

    role: str
    kind: str
    text: str = ""
    id: str = ""
    name: str = ""


def read(name: str, body: Mapping[str, Any]) -> list[Piece]:
    """Everything said in a body but reasoning, system prompt included."""
    return list(_READERS[name](json.loads(json.dumps(body))))


def _chat(body: Any) -> Iterator[Piece]:
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role == "tool":
            name = message.get("tool_name", "")
            yield Piece("user", "result", content, message["tool_call_id"], name)
            continue
        if content or not (message.get("tool_calls") or message.get("images")):
            parts = content if isinstance(content, list) else [content]
            yield from (_chat_part(role, part) for part in parts)
        yield from (Piece(role, "image") for _ in message.get("images", ()))
        for call in message.get("tool_calls", ()):
            function = call["function"]
            yield Piece(role, "call", _json(function["arguments"]), call["id"], function["name"])


def _chat_part(role: str, part: Any) -> Piece:
    if isinstance(part, str):
        return Piece(role, "text", part)
    kind = part["type"]
    return Piece(role, {"image_url": "image"}.get(kind, kind), part.get("text", ""))


def _responses(body: Any) -> Iterator[Piece]:
    if "instructions" in body:
        yield Piece("system", "text", body["instructions"])
    for item in body["input"]:
        if item["type"] == "function_call":
            arguments = _json(item["arguments"])
            yield Piece("assistant", "call", arguments, item["call_id"], item["name"])
        elif item["type"] == "function_call_output":
            yield Piece("user", "result", item["output"], item["call_id"])
        elif item["type"] == "message":
            content = item["content"]
            for part in [content] if isinstance(content, str) else content:
                text = part if isinstance(part, str) else part.get("text", "")
                image = isinstance(part, dict) and part["type"] == "input_image"
                yield Piece(item["role"], "image" if image else "text", text)


def _anthropic(body: Any) -> Iterator[Piece]:
    yield from (Piece("system", "text", block["text"]) for block in body.get("system", ()))
    for turn in body["messages"]:
        for block in turn["content"]:
            kind, role = block["type"], turn["role"]
            if kind == "tool_use":
                yield Piece(role, "call", _json(block["input"]), block["id"], block["name"])
            elif kind == "tool_result":
                yield Piece(role, "result", block.get("content", ""), block["tool_use_id"])
            else:
                yield Piece(role, kind, block.get("text", ""))


def _gemini(body: Any) -> Iterator[Piece]:
    system = body.get("systemInstruction", {"parts": []})["parts"]
    yield from (Piece("system", "text", part["text"]) for part in system)
    for content in body["contents"]:
        role = {"model": "assistant"}.get(content["role"], content["role"])
        for part in content["parts"]:
            call, result = part.get("functionCall"), part.get("functionResponse")
            if call:
                yield Piece(role, "call", _json(call["args"]), call.get("id", ""), call["name"])
            elif result:
                (text,) = result["response"].values()
                yield Piece(role, "result", text, result.get("id", ""), result["name"])
            elif "inlineData" in part:
                yield Piece(role, "image")
            else:
                yield Piece(role, "thinking" if part.get("thought") else "text", part["text"])


def _bedrock(body: Any) -> Iterator[Piece]:
    yield from (Piece("system", "text", block["text"]) for block in body.get("system", ()))
    for turn in body["messages"]:
        for block in turn["content"]:
            ((kind, value),) = block.items()
            role = turn["role"]
            if kind == "toolUse":
                arguments = _json(value["input"])
                yield Piece(role, "call", arguments, value["toolUseId"], value["name"])
            elif kind == "toolResult":
                text = "".join(part["text"] for part in value["content"])
                yield Piece(role, "result", text, value["toolUseId"])
            elif kind == "text":
                yield Piece(role, "text", value)
            else:
                yield Piece(role, {"reasoningContent": "thinking"}.get(kind, kind))


def _json(value: Any) -> str:
    """Arguments in one spelling."""
    return json.dumps(json.loads(value) if isinstance(value, str) else value, ensure_ascii=False)


_READERS: Mapping[str, Callable[[Any], Iterator[Piece]]] = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "ollama": _chat,
    "cohere": _chat,
    "bedrock": _bedrock,
}


def check(name: str, body: Mapping[str, Any]) -> None:
    """The vendor would take this body: its own types, and the rules that types cannot tell."""
    body = json.loads(json.dumps(body))
    said = read(name, body)
    OFFICIAL.get(name, lambda _body: None)(_without_strange_fields(body))
    assert not [p for p in said if p.kind == "text" and not _is_told(name, p)]
    _check_results(name, [piece for piece in said if piece.role != "system"])
    if name in ALTERNATE:
        _check_turns(name, body)
    pattern = IDS.get(name)
    for piece in said:
        if pattern and piece.kind in ("call", "result"):
            assert re.fullmatch(pattern, piece.id), piece


def _without_strange_fields(body: Any) -> Any:
    """The body without what OpenRouter has added to Chat Completions."""
    for message in body.get("messages", ()):
        message.pop("reasoning_details", None)
    return body


def _is_told(name: str, piece: Piece) -> bool:
    """Whether this text may be sent: nobody takes an empty one, and some no blank one."""
    return bool(piece.text.strip() if name in ("anthropic", "bedrock") else piece.text)


def _check_results(name: str, said: list[Piece]) -> None:
    """Each call has its one result in what follows, and no result is there without its call."""
    groups = [(role, list(group)) for role, group in groupby(said, lambda piece: piece.role)]
    open_calls: list[Piece] = []
    every = [piece.id for piece in said if piece.kind == "call"]
    for role, pieces in groups:
        if role == "assistant":
            assert not open_calls, f"no result: {open_calls}"
            open_calls = [piece for piece in pieces if piece.kind == "call"]
            continue
        found = [piece for piece in pieces if piece.kind == "result"]
        assert sorted(p.id for p in found) == sorted(p.id for p in open_calls)
        assert pieces[: len(found)] == found, "results come first"
        names = {call.id: call.name for call in open_calls}
        if name in ("gemini", "ollama"):
            assert [p.name for p in found] == [names[p.id] for p in found]
        open_calls = []
    assert not open_calls, f"no result: {open_calls}"
    if name in UNIQUE:
        assert len(set(every)) == len(every), every


def _check_turns(name: str, body: Any) -> None:
    """Roles take turns, the user's first; no turn is empty or ends in bare reasoning."""
    turns = body["contents" if name == "gemini" else "messages"]
    roles = [turn["role"] for turn in turns]
    second = "model" if name == "gemini" else "assistant"
    assert roles == (["user", second] * len(roles))[: len(roles)]
    for turn in turns:
        assert turn["parts" if name == "gemini" else "content"]
        if name in ("anthropic", "bedrock"):
            last = turn["content"][-1]
            reasoning = ("thinking", "redacted_thinking")
            assert last.get("type") not in reasoning
            assert "reasoningContent" not in last
