"""Messages to turns of Converse: roles in turn, tool results with the user, blocks of content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from llmcli.adapters.base import replayed
from llmcli.adapters.bedrock import media
from llmcli.adapters.call_ids import CallIds, digest
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Media, Message, Part, Request, Text, ToolCall, ToolResult

Block = dict[str, Any]
_SILENT = {"success": "(no output)", "error": "(failed and said nothing)"}  # blanks are refused
_TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")


def system(request: Request) -> list[Block]:
    """The blocks of the system prompt, which stands outside the messages."""
    texts = (message.text for message in request.messages if message.role == "system")
    return [{"text": text} for text in texts if text.strip()]


def turns(request: Request, card: Card) -> list[Block]:
    """Every other message, neighbours of one role as one turn. Raises UsageError."""
    found: list[Block] = []
    names: set[str] = set()
    ids = CallIds(_tool_id)
    for message in request.messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        kept = _kept(message, request.model, card, ids)
        content = kept or [b for part in message.parts for b in _blocks(part, names, ids)]
        if found and found[-1]["role"] == role:
            found[-1]["content"] += content
        elif content:
            found.append({"role": role, "content": content})
    if not found:
        raise UsageError("there is nothing to send: the prompt is blank")
    _check_documents(found, card)
    return found


def _kept(message: Message, model: str, card: Card, ids: CallIds) -> list[Block]:
    """The blocks as they came; reasoning that led to nothing is refused at a turn's end."""
    kept = replayed(message, card, model) if message.role == "assistant" else None
    content = kept.get("content") if kept else None
    blocks = list(content) if isinstance(content, list) else []
    while blocks and "reasoningContent" in blocks[-1]:
        blocks.pop()
    return [_named(block, ids) for block in blocks]


def _named(block: Block, ids: CallIds) -> Block:
    call = block.get("toolUse")
    return {"toolUse": {**call, "toolUseId": ids.of_call(call["toolUseId"])}} if call else block


def _blocks(part: Part, names: set[str], ids: CallIds) -> Iterator[Block]:
    """The block of a part; none for an empty text, which is refused, and for what is not sent."""
    if isinstance(part, Text):
        if part.text.strip():
            yield {"text": part.text}
    elif isinstance(part, Media):
        yield media.block(part, names)
    elif isinstance(part, ToolCall):
        call = {"toolUseId": ids.of_call(part.id), "name": part.name, "input": tool_input(part)}
        yield {"toolUse": call}
    elif isinstance(part, ToolResult):
        status = "error" if part.is_error else "success"
        content = [{"text": part.text if part.text.strip() else _SILENT[status]}]
        call_id = ids.of_result(part.call_id)
        result = {"toolUseId": call_id, "content": content, "status": status}
        yield {"toolResult": result}


def tool_input(call: ToolCall) -> Block:
    """The arguments as the object they have to be; what is none is sent as a text in one."""
    try:
        value = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        value = call.arguments
    return value if isinstance(value, dict) else {"arguments": value}


def _tool_id(call_id: str) -> str:
    """The id as it may be here; another provider's that does not fit is replaced by its digest."""
    if _TOOL_ID.fullmatch(call_id):
        return call_id
    return digest(call_id, 32)


def _check_documents(found: list[Block], card: Card) -> None:
    for turn in found:
        documents = any("document" in block for block in turn["content"])
        if documents and not any("text" in block for block in turn["content"]):
            raise UsageError(f"{card.name} takes a document only with a text beside it")
