"""Turns and attempts as rows of the database, and back; every field comes back as it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from llmcli.ledger import Entry
from llmcli.messages import EMPTY, Media, Opaque, Tool, ToolCall
from llmcli.store import parts
from llmcli.store.parts import Stored, storable
from llmcli.turn import Turn
from llmcli.usage import Cost, Usage

_Row = tuple[Any, ...]
_TOKENS = ("input", "output", "cache_read", "cache_write", "reasoning_tokens", "audio")
_COUNTS = (*_TOKENS[:4], "reasoning", "audio")  # the same as Usage has them
_FIGURES = (*_TOKENS, "reported", "used", "cost", "currency", "basis")
_ANSWER = (
    "ended", "provider", "model", "status", "exit_code", "error_kind", "error_message",
    "finish_reason", "raw_finish", "first_token_s", "total_s", "tool_calls", "opaque", "reasoning",
    "text", *_FIGURES,
)  # fmt: skip
_ASKED = ("id", "parent", "since", "conversation", "started", "options", "extra")
_COLUMNS = (*_ASKED, "key", "prompt", "system", "tools", *_ANSWER)
_ID, _KEY = _COLUMNS.index("id"), _COLUMNS.index("key")
_PARTS = slice(_KEY + 1, _KEY + 4)  # prompt, system, tools
SELECT = f"SELECT {', '.join(f'turns.{name}' for name in _COLUMNS)} FROM turns"  # noqa: S608
_ENTRY = (
    "turn", "number", "started", "provider", "model", "status", "http_status", "request_id",
    "error_kind", "error_message", "seconds", *_FIGURES,
)  # fmt: skip


def _assignments(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = :{name}" for name in names)


def _insertion(table: str, names: Iterable[str]) -> str:
    names = tuple(names)
    values = ", ".join(f":{name}" for name in names)
    return f"INTO {table} ({', '.join(names)}) VALUES ({values})"


UPDATE = f"UPDATE turns SET {_assignments(_ANSWER)}, pid = NULL WHERE id = :id"  # noqa: S608
INSERT = f"INSERT {_insertion('turns', (*_COLUMNS, 'pid'))}"
KEEP_ATTEMPT = f"INSERT OR REPLACE {_insertion('attempts', _ENTRY)}"


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
        **_figures(turn.usage, turn.cost),
    }


def entry(turn: Turn, attempt: Entry) -> dict[str, Any]:
    """The columns of one attempt."""
    message, request = attempt.error_message, attempt.request_id
    return {
        "turn": turn.id,
        "number": attempt.number,
        "started": turn.started,
        "provider": storable(attempt.provider),
        "model": storable(attempt.model),
        "status": attempt.status,
        "http_status": attempt.http_status,
        "request_id": None if request is None else storable(request),
        "error_kind": attempt.error_kind,
        "error_message": None if message is None else storable(message),
        "seconds": attempt.seconds,
        **_figures(attempt.usage, attempt.cost),
    }


def tools(turn: Turn) -> str | None:
    """The tools as JSON text, None where there are none."""
    return dump([list(tool) for tool in turn.tools]) if turn.tools else None


def _figures(usage: Usage | None, cost: Cost | None) -> dict[str, Any]:
    told = usage or Usage()
    reported = None if told.cost is None else str(told.cost)
    money = (format(cost.amount, "f"), cost.currency, cost.basis) if cost else (None, None, None)
    tokens = (getattr(told, name) for name in _COUNTS)
    return dict(zip(_FIGURES, (*tokens, reported, usage is not None, *money), strict=True))


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
    tried = _attempts(db, [row[_ID] for row in rows]) if attempts else {}
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
        first_token_s, total_s, tool_calls, opaque, reasoning, text, *figures,
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
        usage=_usage(figures),
        cost=_cost(figures),
        first_token_s=first_token_s,
        total_s=total_s,
        attempts=attempts,
        exit_code=exit_code,
        error_kind=error_kind,
        error_message=error_message,
    )


def _attempts(db: sqlite3.Connection, turns: list[str]) -> dict[str, list[Entry]]:
    """The attempts of each turn."""
    found: dict[str, list[Entry]] = {}
    for some in parts.batches(turns):
        marks = ",".join("?" * len(some))
        columns = ", ".join(_ENTRY)
        query = f"SELECT {columns} FROM attempts WHERE turn IN ({marks}) ORDER BY turn, number"  # noqa: S608
        for row in db.execute(query, some):
            found.setdefault(row[0], []).append(_entry(row))
    return found


def _entry(row: Iterable[Any]) -> Entry:
    (
        _, number, _, provider, model, status, http_status, request_id, error_kind, error_message,
        seconds, *figures,
    ) = row  # fmt: skip
    return Entry(
        number=number,
        provider=provider,
        model=model,
        status=status,
        http_status=http_status,
        request_id=request_id,
        error_kind=error_kind,
        error_message=error_message,
        usage=_usage(figures),
        cost=_cost(figures),
        seconds=seconds,
    )


def _usage(figures: Sequence[Any]) -> Usage | None:
    read, written, cached_read, cached_written, reasoning, audio, reported, used, *_ = figures
    if not used:
        return None
    cost = None if reported is None else Decimal(reported)
    return Usage(read, written, cached_read, cached_written, reasoning, cost, audio)


def _cost(figures: Sequence[Any]) -> Cost | None:
    amount, currency, basis = figures[-3:]
    return None if amount is None else Cost(Decimal(amount), basis, currency)


def _body(stored: Mapping[int | None, Stored], number: int | None) -> str:
    return "" if number is None else str(stored[number].body)


def _media(part: Stored) -> Media:
    body = part.body
    return Media(body.encode() if isinstance(body, str) else body, part.media_type, part.name)


def _list(text: str) -> list[Any]:
    return json.loads(text) if text and text != "[]" else []


def _mapping(text: str) -> Mapping[str, Any]:
    return EMPTY if text == "{}" else json.loads(text)
