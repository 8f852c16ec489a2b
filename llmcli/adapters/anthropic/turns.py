"""Messages to the turns of an Anthropic conversation.

The rules are those of https://platform.claude.com/docs/en/api/messages (2026-11-21): turns
alternate and begin with a user's, results of tools come first in theirs, no text is blank, no id
of a call comes twice, the assistant's do not end in reasoning, nor the last of them in white space.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from llmcli.adapters.base import replayed
from llmcli.adapters.call_ids import CallIds
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Media, Message, Request, Text, ToolCall, ToolResult

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_REASONING = ("thinking", "redacted_thinking")
_FAILED = "The tool failed and said nothing."  # an error without content is refused
_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def system(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The blocks of every system message, which stand outside the turns."""
    parts = [part for message in messages if message.role == "system" for part in message.parts]
    if not all(isinstance(part, Text) for part in parts):
        raise UsageError("a system message can hold text only")
    return [block for block in map(_user_block, parts) if not _is_blank(block)]


def turns(request: Request, card: Card) -> list[dict[str, Any]]:
    """The turns, as few as can be. Raises UsageError when there is nothing to answer."""
    found: list[dict[str, Any]] = []
    ids = CallIds(_call_id)
    for message in request.messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [block for block in _blocks(message, request, card, ids) if not _is_blank(block)]
        is_over = message is not request.messages[-1]  # else it paused and goes on
        while is_over and blocks and blocks[-1]["type"] in _REASONING:
            blocks.pop()
        if found and found[-1]["role"] == role:
            found[-1]["content"] += blocks
        elif blocks:
            found.append({"role": role, "content": blocks})
    if not found:
        raise UsageError("there is nothing to send: the prompt is blank")
    if found[0]["role"] != "user":
        raise UsageError(f"{card.name} takes only conversations that begin with a user's message")
    for turn in found:
        turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    _strip_end(found[-1])
    return found


def _is_blank(block: Mapping[str, Any]) -> bool:
    return block["type"] == "text" and not str(block.get("text", "")).strip()


def _strip_end(turn: dict[str, Any]) -> None:
    last = turn["content"][-1]
    if turn["role"] == "assistant" and last["type"] == "text":
        turn["content"][-1] = {**last, "text": last["text"].rstrip()}


def _blocks(message: Message, request: Request, card: Card, ids: CallIds) -> list[dict[str, Any]]:
    if message.role != "assistant":
        return [_given_block(part, ids) for part in message.parts]
    data = replayed(message, card, request.model) or {}
    kept = data.get("content")
    if isinstance(kept, list):
        return [_kept(block, ids) for block in kept if isinstance(block, dict) and "type" in block]
    blocks = [_assistant_block(part, ids) for part in message.parts]
    return [block for block in blocks if block]


def _kept(block: dict[str, Any], ids: CallIds) -> dict[str, Any]:
    """A block as it came; only the id of a call is what its result will refer to."""
    is_call = block["type"] == "tool_use"
    return {**block, "id": ids.of_call(str(block.get("id")))} if is_call else block


def _assistant_block(part: Any, ids: CallIds) -> dict[str, Any]:
    """A part in this format; empty for one that only its own provider can read."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, ToolCall):
        given = tool_input(part.arguments)
        return {"type": "tool_use", "id": ids.of_call(part.id), "name": part.name, "input": given}
    return {}


def tool_input(arguments: str) -> dict[str, Any]:
    """A call's arguments as the object they must be; broken ones are wrapped, as documented.

    See https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
    (2026-11-21).
    """
    try:
        found = json.loads(arguments or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"INVALID_JSON": arguments}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _call_id(text: str) -> str:
    """An id as it may be here: calls of other providers have other characters in theirs."""
    return _NOT_IN_AN_ID.sub("_", text) or "_"


def _given_block(part: Any, ids: CallIds) -> dict[str, Any]:
    return _tool_result(part, ids) if isinstance(part, ToolResult) else _user_block(part)


def _user_block(part: Any) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Media):
        return _media(part)
    raise UsageError(f"a user's message cannot hold a {type(part).__name__}")


def _tool_result(result: ToolResult, ids: CallIds) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": ids.of_result(result.call_id)}
    if result.text.strip():
        block["content"] = result.text
    if result.is_error:
        block = {**block, "content": block.get("content", _FAILED), "is_error": True}
    return block


def _media(part: Media) -> dict[str, Any]:
    if part.kind == "image":
        if part.media_type not in _IMAGES:
            raise UsageError(f"{part.name or part.media_type}: send jpeg, png, gif or webp")
        return {"type": "image", "source": _base64(part)}
    if part.media_type == "application/pdf":
        return _document(part, _base64(part))
    text = _text(part)
    return _document(part, {"type": "text", "media_type": "text/plain", "data": text})


def _base64(part: Media) -> dict[str, Any]:
    data = base64.b64encode(part.data).decode()
    return {"type": "base64", "media_type": part.media_type, "data": data}


def _document(part: Media, source: dict[str, Any]) -> dict[str, Any]:
    titled = {"title": part.name} if part.name else {}
    return {"type": "document", "source": source, **titled}


def _text(part: Media) -> str:
    try:
        text = part.data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if part.kind == "audio" or "\0" in text:
        name = part.name or "the attachment"
        raise UsageError(f"{name} ({part.media_type}): only images, PDF and text can be sent")
    return text
