"""Turns and attempts as rows of the database, and back; every field comes back as it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from llmcli.ledger import Entry
from llmcli.messages import EMPTY, Media, Opaque, Tool, ToolCall
from llmcli.store import entries, parts
from llmcli.store.parts import Stored, storable
from llmcli.turn import Turn
from llmcli.usage import Cached

_Row = tuple[Any, ...]
_ANSWER = (
    "ended", "provider", "model", "status", "exit_code", "error_kind", "error_message",
    "finish_reason", "raw_finish", "first_token_s", "total_s", "tool_calls", "opaque", "reasoning",
    "text", "cached", *entries.FIGURES,
)  # fmt: skip
_ASKED = ("id", "parent", "since", "conversation", "started", "options", "extra")
_COLUMNS = (*_ASKED, "key", "prompt", "system", "tools", *_ANSWER)
_ID, _KEY = _COLUMNS.index("id"), _COLUMNS.index("key")
_PARTS = slice(_KEY + 1, _KEY + 4)  # prompt, system, tools
SELECT = f"SELECT {', '.join(f'turns.{name}' for name in _COLUMNS)} FROM turns"  # noqa: S608


def _assignments(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = :{name}" for name in names)


def _insertion(table: str, names: Iterable[str]) -> str:
    names = tuple(names)
    values = ", ".join(f":{name}" for name in names)
    return f"INTO {table} ({', '.join(names)}) VALUES ({values})"


UPDATE = f"UPDATE turns SET {_assignments(_ANSWER)}, pid = NULL WHERE id = :id"  # noqa: S608
INSERT = f"INSERT {_insertion('turns', (*_COLUMNS, 'pid'))}"


def dump(value: Any) -> str:
    """A value as JSON text that SQLite can keep."""
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    return storable(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def asked(turn: Turn) -> dict[str, Any]:
    """The columns of what was asked, without parts."""
    return {
        "id": turn.id,
        "parent": turn.parent,
        "since": turn.since,
        "conversation": turn.conversation,
        "started": turn.started,
        "options": dump(turn.options),
        "extra": dump(turn.extra),
    }


def answer(turn: Turn) -> dict[str, Any]:
    """The columns of what answered it."""
    message = turn.error_message
    return {
        "ended": None if turn.status == "running" else turn.started + turn.total_s,
        "provider": storable(turn.provider),
        "model": storable(turn.model),
        "status": turn.status,
        "exit_code": turn.exit_code,
        "error_kind": turn.error_kind,
        "error_message": None if message is None else storable(message),
        "finish_reason": turn.finish_reason,
        "raw_finish": storable(turn.raw_finish),
        "first_token_s": turn.first_token_s,
        "total_s": turn.total_s,
        "tool_calls": dump([list(call) for call in turn.tool_calls]),
        "opaque": dump([list(opaque) for opaque in turn.opaque]),
        "reasoning": storable(turn.reasoning),
        "text": storable(turn.text),
        "cached": _cached_out(turn.cached),
        **entries.figures(turn.usage, turn.cost),
    }


def tools(turn: Turn) -> str | None:
    """The tools as JSON text, None where there are none."""
    return dump([list(tool) for tool in turn.tools]) if turn.tools else None


def read(db: sqlite3.Connection, found: Iterable[sqlite3.Row], attempts: bool) -> list[Turn]:
    """The turns of rows that SELECT gave, with their parts; with their attempts if asked for."""
    try:
        return _read(db, list(map(tuple, found)), attempts)
    except (LookupError, TypeError) as error:
        raise ValueError(f"{type(error).__name__} {error}") from error


def _read(db: sqlite3.Connection, rows: list[_Row], attempts: bool) -> list[Turn]:
    attached = _attachments(db, (row[_KEY] for row in rows))
    numbers = [number for row in rows for number in row[_PARTS]]
    numbers += [number for some in attached.values() for number in some]
    stored = parts.load(db, numbers)
    tried = entries.load(db, [row[_ID] for row in rows]) if attempts else {}
    return [
        _turn(
            row,
            stored,
            tuple(_media(stored[number]) for number in attached.get(row[_KEY], ())),
            tuple(tried.get(row[_ID], ())),
        )
        for row in rows
    ]


def _attachments(db: sqlite3.Connection, keys: Iterable[int]) -> dict[int, list[int]]:
    """The numbers of the parts attached to each turn, by its key."""
    found: dict[int, list[int]] = {}
    for some in parts.batches(list(keys)):
        marks = ",".join("?" * len(some))
        query = (
            f"SELECT turn, part FROM attachments WHERE turn IN ({marks}) ORDER BY turn, position"  # noqa: S608
        )
        for key, number in db.execute(query, some):
            found.setdefault(key, []).append(number)
    return found


def _turn(
    row: _Row,
    stored: Mapping[int | None, Stored],
    media: tuple[Media, ...],
    attempts: tuple[Entry, ...],
) -> Turn:
    (
        turn_id, parent, since, conversation, started, options, extra, _, prompt, system, tools, _,
        provider, model, status, exit_code, error_kind, error_message, finish_reason, raw_finish,
        first_token_s, total_s, tool_calls, opaque, reasoning, text, cached, *figures,
    ) = row  # fmt: skip
    return Turn(
        id=turn_id,
        conversation=conversation,
        provider=provider,
        model=model,
        prompt=_body(stored, prompt),
        parent=parent,
        since=since,
        attachments=media,
        system=_body(stored, system),
        options=_mapping(options),
        extra=_mapping(extra),
        tools=tuple(Tool(*tool) for tool in _list(_body(stored, tools))),
        started=started,
        status=status,
        text=text,
        reasoning=reasoning,
        tool_calls=tuple(ToolCall(*call) for call in _list(tool_calls)),
        opaque=tuple(Opaque(*part) for part in _list(opaque)),
        finish_reason=finish_reason,
        raw_finish=raw_finish,
        usage=entries.usage_of(figures),
        cost=entries.cost_of(figures),
        first_token_s=first_token_s,
        total_s=total_s,
        attempts=attempts,
        exit_code=exit_code,
        error_kind=error_kind,
        error_message=error_message,
        cached=_cached_in(cached),
    )


def _cached_out(cached: Cached | None) -> str | None:
    """As JSON: what the kept reply was, an empty object where there was none."""
    if cached is None:
        return None
    if cached.stored is None:
        return "{}"
    spent = entries.figures(cached.usage, cached.saved)
    return json.dumps(
        {"stored": cached.stored, **{k: v for k, v in spent.items() if v is not None}}
    )


def _cached_in(text: str | None) -> Cached | None:
    if text is None:
        return None
    found = json.loads(text)
    spent = [found.get(name) for name in entries.FIGURES]
    return Cached(found.get("stored"), entries.cost_of(spent), entries.usage_of(spent))


def _body(stored: Mapping[int | None, Stored], number: int | None) -> str:
    return "" if number is None else str(stored[number].body)


def _media(part: Stored) -> Media:
    body = part.body
    return Media(body.encode() if isinstance(body, str) else body, part.media_type, part.name)


def _list(text: str) -> list[Any]:
    return json.loads(text) if text and text != "[]" else []


def _mapping(text: str) -> Mapping[str, Any]:
    return EMPTY if text == "{}" else json.loads(text)
