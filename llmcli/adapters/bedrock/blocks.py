"""The blocks of an answer as they come, and the shape in which they are sent back."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters.base import load_json, mended
from llmcli.errors import ProtocolError


@dataclass(slots=True)
class Block:
    """One block: its pieces, and what makes it more than text.

    `held` is half a character of the input whose other half is still to come.
    """

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    signature: str = ""
    redacted: list[str] = field(default_factory=list)
    call_id: str = ""
    name: str = ""
    input: list[str] = field(default_factory=list)
    held: str = ""


def raw(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """The blocks as content of a message, signatures and all; none that is empty."""
    return [content for block in blocks for content in _raw(block)]


def _raw(block: Block) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if block.redacted:
        found.append({"reasoningContent": {"redactedContent": _joined(block.redacted)}})
    if block.reasoning or block.signature:
        thought = {"text": mended("".join(block.reasoning))}
        if block.signature:
            thought["signature"] = block.signature
        found.append({"reasoningContent": {"reasoningText": thought}})
    text = mended("".join(block.text))
    if text.strip():
        found.append({"text": text})
    if block.name:
        call = {"toolUseId": block.call_id, "name": block.name, "input": _input(block)}
        found.append({"toolUse": call})
    return found


def _joined(pieces: list[str]) -> str:
    """Base64 in several pieces as one; each piece may have padding of its own."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except ValueError:
        return "".join(pieces)


def _input(block: Block) -> Any:
    try:
        value = load_json("".join(block.input) or "{}")
    except ProtocolError:
        return {}
    return value if isinstance(value, dict) else {}
