"""The content blocks of an answer: put together for the user, and kept to be sent back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters.anthropic.turns import tool_input
from llmcli.adapters.base import mend_surrogates, mended
from llmcli.adapters.deltas import Deltas
from llmcli.adapters.tool_calls import arguments_text
from llmcli.events import AnswerEvent, ToolCallDelta, ToolCallEnd, ToolCallStart

_PLAIN = ("text", "tool_use")


@dataclass(slots=True)
class Block:
    """One block while it arrives; `pieces` is the text, reasoning or JSON that came in deltas.

    `others` holds the pieces of its other texts.
    """

    raw: dict[str, Any]
    key: str
    kind: str
    pieces: list[str] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)
    held: str = ""
    open: bool = True


def start(raw: Mapping[str, Any], number: int, deltas: Deltas, events: list[AnswerEvent]) -> Block:
    """Begin a block, which may hold some of its content already."""
    kind = raw.get("type")
    block = Block(dict(raw), str(number), kind if isinstance(kind, str) else "")
    block.raw["type"] = block.kind
    if block.kind == "tool_use":
        for name, other in (("id", f"call_{number}"), ("name", "")):
            found = raw.get(name)
            block.raw[name] = mend_surrogates(found)[0] if isinstance(found, str) else ""
            block.raw[name] = block.raw[name] or other
        events.append(ToolCallStart(block.key, block.raw["id"], block.raw["name"]))
    elif block.kind in ("text", "thinking"):
        text = block.raw.pop(block.kind, "")
        if text and isinstance(text, str):
            add_text(block, block.kind, text, deltas, events)
    return block


def add_text(block: Block, kind: str, text: str, deltas: Deltas, events: list[AnswerEvent]) -> None:
    """Take a piece of text or reasoning."""
    if block.kind == kind:
        block.pieces.append(text)
    if kind == "text":
        deltas.text(text, events)
    else:
        deltas.reasoning(text, events)


def add_json(block: Block, text: str, events: list[AnswerEvent]) -> None:
    """Take a piece of a call's arguments; the server's own calls are its own business."""
    if not block.kind.endswith("tool_use"):
        return
    if not text.isascii() or block.held:
        text, block.held = mend_surrogates(text, block.held)
    if text:
        block.pieces.append(text)
        if block.kind == "tool_use":
            events.append(ToolCallDelta(block.key, text))


def add_other(block: Block, kind: str, delta: Mapping[str, Any]) -> None:
    """Take a delta that is only kept: a signature, a citation, or one not known yet."""
    if kind == "citations_delta":
        if not isinstance(block.raw.get("citations"), list):
            block.raw["citations"] = []
        block.raw["citations"].append(delta.get("citation"))
        return
    for name, value in delta.items():
        if name == "type":
            continue
        before = block.raw.get(name)
        if isinstance(before, str) and isinstance(value, str) and name != "signature":
            block.others.setdefault(name, [before]).append(value)
        else:
            block.others.pop(name, None)
            block.raw[name] = value


def stop(block: Block, events: list[AnswerEvent]) -> None:
    """End a block: put its pieces where they belong."""
    if not block.open:
        return
    block.open = False
    if block.held:
        block.held = ""
        block.pieces.append("\ufffd")
        if block.kind == "tool_use":
            events.append(ToolCallDelta(block.key, "\ufffd"))
    block.raw.update({name: "".join(pieces) for name, pieces in block.others.items()})
    whole = "".join(block.pieces)
    if block.kind in ("text", "thinking"):
        block.raw[block.kind] = whole
    elif whole:
        block.raw["input"] = tool_input(whole)
    if block.kind == "tool_use":
        _stop_call(block, whole, events)


def _stop_call(block: Block, arguments: str, events: list[AnswerEvent]) -> None:
    if not isinstance(block.raw.get("input"), dict):
        block.raw["input"] = {}
    if not arguments:  # all of it came at the start, or there is none
        events.append(ToolCallDelta(block.key, mended(arguments_text(block.raw["input"]))))
    events.append(ToolCallEnd(block.key))


def replay(blocks: list[Block], *, always: bool) -> list[dict[str, Any]]:
    """The blocks to send back unchanged; none when text and calls alone say it all.

    Reasoning whose signature did not come (cut by the limit) is refused by the server that signs.
    """
    raw = [b.raw for b in blocks if not (b.kind == "thinking" and b.raw.get("signature") == "")]
    if not always and all(block["type"] in _PLAIN for block in raw):
        return []
    try:
        text = json.dumps(raw, ensure_ascii=False, allow_nan=False)
        return raw if text.isascii() else list(json.loads(mend_surrogates(text)[0]))
    except (ValueError, RecursionError):  # what is no JSON cannot be sent back
        return []
