"""Move, name and branch conversations, and take in those from elsewhere."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Sequence
from typing import NamedTuple

from llmcli.errors import LocalIOError, UsageError
from llmcli.sanitize import one_line
from llmcli.store import parts, reading, writing
from llmcli.turn import Conversation, Turn, new_id

_ID_LIKE = r"(?i)0[0-9A-HJKMNP-TV-Z]*"
_LONGEST_NAME = 100


class Merged(NamedTuple):
    """How many turns came in, and how many were there already."""

    added: int
    known: int


def set_head(db: sqlite3.Connection, conversation: str, head: str | None) -> None:
    """Let the conversation go on from that turn. Raises LocalIOError where either is not there."""
    _must_have(db, "conversations", conversation)
    if head is not None:
        _must_have(db, "turns", head)
    db.execute("UPDATE conversations SET head = ? WHERE id = ?", (head, conversation))


def rename(db: sqlite3.Connection, conversation: str, name: str) -> None:
    """Give the conversation a name, or take it away; one can be named before it begins."""
    fit = _fit_name(db, name, conversation)
    now = time.time()
    db.execute(
        "INSERT INTO conversations (id, created, updated, name) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        (conversation, now, now, fit or None),
    )


def fork(
    db: sqlite3.Connection, conversation: str, head: str | None, name: str, terminal: str
) -> Conversation:
    """A new conversation that goes on from the same turn."""
    _must_have(db, "conversations", conversation)
    made, now = new_id(), time.time()
    db.execute(
        "INSERT INTO conversations (id, created, updated, name, terminal, title)"
        " SELECT ?, ?, ?, ?, ?, title FROM conversations WHERE id = ?",
        (made, now, now, _fit_name(db, name, made) or None, terminal, conversation),
    )
    set_head(db, made, head)
    found = reading.conversation(db, made)
    assert found
    return found


def merge(db: sqlite3.Connection, conversation: Conversation, turns: Sequence[Turn]) -> Merged:
    """Take in turns; one that ended replaces one that runs, never the other way.

    The conversation goes on from its new head where that follows from the one it had.
    """
    _take_in(db, conversation)
    made: list[str] = []
    fresh = [turn for turn in turns if _take_turn(db, turn, made)]
    head = conversation.head
    if head in {turn.id for turn in fresh} and _follows(db, head, conversation.id):
        db.execute("UPDATE conversations SET head = ? WHERE id = ?", (head, conversation.id))
    for turn in fresh:
        if turn.conversation in made and turn.answered:
            db.execute(
                "UPDATE conversations SET head = ? WHERE id = ?", (turn.id, turn.conversation)
            )
    return Merged(len(fresh), len(turns) - len(fresh))


def _take_in(db: sqlite3.Connection, one: Conversation) -> None:
    """Make its row; of one that is there only the last use may be later."""
    if _exists(db, "conversations", one.id):
        db.execute(
            "UPDATE conversations SET updated = max(updated, ?) WHERE id = ?", (one.updated, one.id)
        )
        return
    texts = map(parts.storable, (one.title, one.terminal))
    db.execute(
        "INSERT INTO conversations (id, created, updated, title, terminal, name, head)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (one.id, one.created, one.updated, *texts, _free_name(db, one), None),
    )
    if one.head is not None and _exists(db, "turns", one.head):
        db.execute("UPDATE conversations SET head = ? WHERE id = ?", (one.head, one.id))


def _free_name(db: sqlite3.Connection, one: Conversation) -> str | None:
    """Its name, with a number where another conversation has it; None where it does not fit."""
    for number in range(1, 100):
        name = one.name if number == 1 else f"{one.name}-{number}"
        try:
            return _fit_name(db, name, one.id) or None
        except UsageError:
            continue
    return None


def _take_turn(db: sqlite3.Connection, turn: Turn, made: list[str]) -> bool:
    """Whether the turn, or its end, was new; conversations that it needs are `made`."""
    row = db.execute("SELECT status, pid FROM turns WHERE id = ?", (turn.id,)).fetchone()
    if row is not None:
        ended = row["status"] != "running" and row["pid"] is None
        if ended or turn.status == "running":
            return False
    if not _exists(db, "conversations", turn.conversation):
        writing.touch(db, turn, "")
        made.append(turn.conversation)
    writing.replace(db, turn)
    return True


def _follows(db: sqlite3.Connection, head: str | None, conversation: str) -> bool:
    """Whether a new head comes after the one the conversation has."""
    row = db.execute("SELECT head FROM conversations WHERE id = ?", (conversation,)).fetchone()
    found = db.execute(
        "WITH RECURSIVE line (id, parent) AS (SELECT id, parent FROM turns WHERE id = ?"
        " UNION SELECT turns.id, turns.parent FROM line JOIN turns ON turns.id = line.parent)"
        " SELECT 1 FROM line WHERE id = ?",
        (head, row[0]),
    ).fetchone()
    return row[0] is None or found is not None


def _fit_name(db: sqlite3.Connection, name: str, conversation: str) -> str:
    """The name as it is stored. Raises UsageError for one that cannot be told from an id."""
    name = " ".join(parts.storable(name).split())
    if not name:
        return ""
    same = (_exists(db, "conversations", one) for one in (name, name.upper()))
    if re.fullmatch(_ID_LIKE, name) or any(same):
        raise UsageError(f"{one_line(name, 40)!r} looks like an id", hint="Take another name.")
    if name.startswith("-") or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(
            f"{one_line(name, 40)!r} cannot be a name",
            hint=f"At most {_LONGEST_NAME} printable characters that do not begin with a dash.",
        )
    query = "SELECT id FROM conversations WHERE name = ? AND id != ?"
    taken = db.execute(query, (name, conversation)).fetchone()
    if taken:
        raise UsageError(
            f"the name {one_line(name, 40)!r} is taken by {taken[0]}", hint="Take another name."
        )
    return name


def _exists(db: sqlite3.Connection, table: str, row_id: str) -> bool:
    return bool(db.execute(f"SELECT 1 FROM {table} WHERE id = ?", (row_id,)).fetchone())  # noqa: S608


def _must_have(db: sqlite3.Connection, table: str, row_id: str) -> None:
    if not _exists(db, table, row_id):
        raise LocalIOError(f"history: there is no {table[:-1]} {one_line(row_id, 40)} in it")
