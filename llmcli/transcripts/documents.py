"""A conversation as a JSON document or as JSON lines, and back without loss.

A document is one object: `format`, `version`, `conversation`, `turns`, and `parts` with the bytes
of attachments in base64 by their SHA-256, each once. As lines it is the same without `turns`, then
one turn a line, with the `parts` that no line before it had. Times are in seconds since 1970,
amounts of money texts.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeAlias

from llmcli.ledger import Entry
from llmcli.messages import Media
from llmcli.transcripts.fields import Fields, refuse
from llmcli.transcripts.values import Parts, conversation_in, turn_in
from llmcli.turn import Conversation, Turn
from llmcli.usage import Cached

Transcript: TypeAlias = tuple[Conversation, list[Turn]]
FORMAT = "llm-conversation"
VERSION = 1
_LONE = "[\ud800-\udfff]"


def to_document(conversation: Conversation, turns: Sequence[Turn]) -> dict[str, Any]:
    """The conversation with these turns, ready for JSON."""
    parts: dict[str, str] = {}
    written = [_turn_out(turn, parts) for turn in turns]
    return {**_header(conversation), "parts": parts, "turns": written}


def to_lines(conversation: Conversation, turns: Iterable[Turn]) -> Iterator[str]:
    """The same as JSON lines, each with its newline; those of several conversations can follow."""
    yield to_text(_header(conversation)) + "\n"
    told: set[str] = set()
    for turn in turns:
        parts: dict[str, str] = {}
        line = _turn_out(turn, parts)
        fresh = {key: data for key, data in parts.items() if key not in told}
        told |= fresh.keys()
        yield to_text({**line, "parts": fresh} if fresh else line) + "\n"


def to_text(value: Any, indent: int | None = None) -> str:
    """The JSON text of a document, which UTF-8 can encode: lone surrogates are escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return re.sub(_LONE, lambda found: f"\\u{ord(found.group()):04x}", text)


def _header(conversation: Conversation) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, "conversation": conversation._asdict()}


def _turn_out(turn: Turn, parts: dict[str, str]) -> dict[str, Any]:
    """The turn; the bytes of its attachments go to `parts`."""
    return {
        **turn._asdict(),
        "attachments": [_media_out(media, parts) for media in turn.attachments],
        "options": _free(turn.options),
        "extra": _free(turn.extra),
        "tools": [_free(tool._asdict()) for tool in turn.tools],
        "tool_calls": [call._asdict() for call in turn.tool_calls],
        "opaque": [_free(opaque._asdict()) for opaque in turn.opaque],
        **_spent_out(turn),
        "attempts": [_entry_out(entry) for entry in turn.attempts],
        "cached": _cached_out(turn.cached),
    }


def _entry_out(entry: Entry) -> dict[str, Any]:
    return {
        **entry._asdict(),
        **_spent_out(entry),
        "tags": dict(entry.tags),
        "guess": None if entry.guess is None else str(entry.guess),
    }


def _media_out(media: Media, parts: dict[str, str]) -> dict[str, Any]:
    key = sha256(media.data).hexdigest()
    if key not in parts:
        parts[key] = b64encode(media.data).decode("ascii")
    return {"sha256": key, "media_type": media.media_type, "name": media.name}


def _spent_out(of: Turn | Entry) -> dict[str, Any]:
    usage, cost = of.usage, of.cost
    reported = None if usage is None or usage.cost is None else str(usage.cost)
    return {
        "usage": None if usage is None else {**usage._asdict(), "cost": reported},
        "cost": None if cost is None else {**cost._asdict(), "amount": str(cost.amount)},
    }


def _cached_out(cached: Cached | None) -> dict[str, Any] | None:
    if cached is None:
        return None
    spent = _spent_out(Turn("", "", "", "", "", usage=cached.usage, cost=cached.saved))
    return {"stored": cached.stored, "saved": spent["cost"], "usage": spent["usage"]}


def _free(value: Mapping[str, Any]) -> Any:
    """A copy in plain JSON values; what JSON has no number for is null."""
    return json.loads(json.dumps(value, default=_plain), parse_constant=lambda _: None)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return float(value) if isinstance(value, Decimal) else str(value)


def from_document(value: Any) -> Transcript:
    """The conversation and the turns of a document. Raises UsageError that says where it is wrong.

    A parent or the head may be a turn that the document does not hold.
    """
    fields = Fields(value, "")
    _check_format(fields)
    conversation = fields.item("conversation", conversation_in)
    if conversation is None:
        refuse("conversation", "is missing")
    parts = fields.item("parts", Parts) or Parts(Fields({}, "parts"))
    turns = fields.items("turns", lambda turn: turn_in(turn, conversation.id, parts))
    _check_tree(turns)
    return conversation, list(turns)


def from_bytes(data: bytes) -> list[Transcript]:
    """`from_text` of a file in UTF-8, or in UTF-16 as PowerShell writes it."""
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        refuse("it", "is no text")
    return from_text(text)


def from_text(text: str) -> list[Transcript]:
    """The conversations in a file: documents, lists of documents or JSON lines, in any mixture.

    What it is, its content tells. Raises UsageError when it is anything else.
    """
    found: list[dict[str, Any]] = []
    for line, value in _values(text):
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict):
                refuse(f"line {line}", "must be an object")
            if "format" in item:
                found.append({"turns": [], "parts": {}, **item})
            elif found:
                _add_line(found[-1], item, line)
            else:
                refuse(f"line {line}", f'has no "format": "{FORMAT}"')
    if not found:
        refuse("it", "is empty")
    return [from_document(document) for document in found]


def _values(text: str) -> Iterator[tuple[int, Any]]:
    """Every JSON value of the text with the line it begins in."""
    decode = json.JSONDecoder().raw_decode
    at, line, seen = 0, 1, 0
    not_blank = re.compile(r"[^\s\ufeff]").search
    while begin := not_blank(text, at):
        line, seen = line + text.count("\n", seen, begin.start()), begin.start()
        try:
            value, at = decode(text, seen)
        except (ValueError, RecursionError):
            refuse(f"line {line}", "is no JSON")
        yield line, value


def _add_line(document: dict[str, Any], line: dict[str, Any], number: int) -> None:
    """Add the turn of a line, and the bytes it brings, to the document it belongs to."""
    turns, parts, fresh = document["turns"], document["parts"], line.get("parts") or {}
    if not (isinstance(turns, list) and isinstance(parts, dict) and isinstance(fresh, dict)):
        refuse(f"line {number}", "is no turn of a conversation")
    turns.append(line)
    parts.update(fresh)


def _check_format(fields: Fields) -> None:
    if fields.text_or_none("format") != FORMAT:
        refuse("it", f'has no "format": "{FORMAT}"')
    if (fields.count("version") or 0) > VERSION:
        refuse("it", "was written by a newer llm: update this one", hint="")


def _check_tree(turns: Sequence[Turn]) -> None:
    """Raise UsageError where two turns have one id, or one is its own ancestor."""
    parents: dict[str, str | None] = {}
    for number, turn in enumerate(turns):
        if turn.id in parents:
            refuse(f"turns[{number}].id", "is the id of another turn too")
        parents[turn.id] = turn.parent
    safe: set[str] = set()
    for number, turn in enumerate(turns):
        way: set[str] = set()
        at: str | None = turn.id
        while at is not None and at in parents and at not in safe:
            if at in way:
                refuse(f"turns[{number}].parent", "leads in a circle")
            way.add(at)
            at = parents[at]
        safe |= way
