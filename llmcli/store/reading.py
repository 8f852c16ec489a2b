"""Read turns and conversations."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from llmcli.errors import ConfigError
from llmcli.options import nearest
from llmcli.sanitize import one_line
from llmcli.store import parts, rows
from llmcli.turn import Conversation, Turn
from llmcli.usage import Spent, exact_sum

_LONGEST_PATH = 100_000  # turns; only a tree that bites its tail has more
_SHOWN = 8
_PATH = f"""
WITH RECURSIVE line (up, key, parent) AS (
    SELECT 0, key, parent FROM turns WHERE id = ?
    UNION ALL SELECT up + 1, turns.key, turns.parent FROM line JOIN turns ON turns.id = line.parent
    LIMIT {_LONGEST_PATH}
)
{rows.SELECT} JOIN line ON line.key = turns.key ORDER BY line.up DESC
"""  # noqa: S608
_WHOLE = f"""
WITH RECURSIVE line (id) AS (
    SELECT id FROM turns WHERE conversation = ?
    UNION SELECT ?
    UNION SELECT turns.parent FROM line JOIN turns ON turns.id = line.id
)
{rows.SELECT} JOIN line ON line.id = turns.id ORDER BY turns.key
"""  # noqa: S608
_CONVERSATIONS = """
SELECT c.id, c.created, c.updated, c.name, c.title, c.head, c.terminal,
    (SELECT count(*) FROM turns WHERE conversation = c.id) AS turns,
    coalesce(
        (SELECT provider || '/' || model FROM turns WHERE key =
            (SELECT max(key) FROM turns WHERE conversation = c.id)),
        (SELECT provider || '/' || model FROM turns WHERE id = c.head), '') AS model
FROM conversations c
"""


def turn(db: sqlite3.Connection, turn_id: str) -> Turn | None:
    """One turn, whole."""
    return _first(db, "WHERE turns.id = ?", turn_id)


def last_turn(db: sqlite3.Connection) -> Turn | None:
    """The turn that was asked last."""
    return _first(db, "ORDER BY turns.key DESC LIMIT 1")


def _first(db: sqlite3.Connection, which: str, *values: Any) -> Turn | None:
    found = rows.read(db, db.execute(f"{rows.SELECT} {which}", values), attempts=True)
    return found[0] if found else None


def path(db: sqlite3.Connection, head: str | None) -> list[Turn]:
    """The turns from the beginning to `head`, without attempts."""
    found = db.execute(_PATH, (head,)).fetchall()
    if len({row["id"] for row in found}) < len(found):
        raise ValueError(f"turn {head} comes before itself")
    return rows.read(db, found, attempts=False)


def tree(db: sqlite3.Connection, conversation: str) -> list[Turn]:
    """Every turn asked in a conversation, oldest first."""
    query = f"{rows.SELECT} WHERE turns.conversation = ? ORDER BY turns.key"
    return rows.read(db, db.execute(query, (conversation,)), attempts=True)


def whole(db: sqlite3.Connection, conversation: str, head: str | None) -> list[Turn]:
    """Those, what leads to them and what leads to `head`, oldest first."""
    return rows.read(db, db.execute(_WHOLE, (conversation, head)), attempts=True)


def children(db: sqlite3.Connection, parent: str | None, conversation: str) -> list[str]:
    """The answered turns that follow a turn in this conversation, newest first."""
    # Many turns follow none, so the index of parents is no help for those.
    narrow = "+turns.parent IS ? AND turns.conversation"
    if parent is not None:
        narrow = "turns.parent IS ? AND +turns.conversation"
    query = f"{rows.SELECT} WHERE {narrow} = ? ORDER BY turns.key DESC"
    found = rows.read(db, db.execute(query, (parent, conversation)), attempts=False)
    return [turn.id for turn in found if turn.answered]


def conversation(db: sqlite3.Connection, conversation_id: str) -> Conversation | None:
    """The conversation with this id."""
    found = _conversations(db, "WHERE c.id = ?", conversation_id)
    return found[0] if found else None


def conversations(
    db: sqlite3.Connection, limit: int, terminal: str | None, model: str | None
) -> list[Conversation]:
    """Conversations, the one used last first; of this terminal, with this provider or model."""
    where, values = ["1"], []
    if terminal is not None:
        where.append("c.terminal = ?")
        values.append(terminal)
    if model is not None:
        where.append(
            "EXISTS (SELECT 1 FROM turns WHERE conversation = c.id"
            " AND (provider = ? OR model = ? OR provider || '/' || model = ?))"
        )
        values += [model, model, model]
    order = f"WHERE {' AND '.join(where)} ORDER BY c.updated DESC, c.id DESC LIMIT ?"
    return _conversations(db, order, *values, limit or -1)


def spent(db: sqlite3.Connection, conversations: Sequence[str]) -> dict[str, Spent]:
    """What the turns asked in each of these conversations cost."""
    found = dict.fromkeys(conversations, Spent())
    for some in parts.batches(list(conversations)):
        query = (
            f"SELECT conversation, cost FROM turns WHERE conversation IN"  # noqa: S608
            f" ({','.join('?' * len(some))})"
            " AND (status <> 'failed' OR used OR cost NOTNULL)"
        )
        for one, cost in db.execute(query, some):
            before = found[one]
            amount = exact_sum((before.amount, Decimal(cost or 0)))
            found[one] = Spent(amount, before.exact and cost is not None)
    return found


def last_here(db: sqlite3.Connection, terminal: str) -> Conversation | None:
    """The conversation last used in this terminal, of those that can be gone on with."""
    found = _conversations(
        db,
        "WHERE c.terminal = ? AND c.head IS NOT NULL ORDER BY c.updated DESC, c.id DESC LIMIT 1",
        terminal,
    )
    return found[0] if found else None


def older_than(db: sqlite3.Connection, moment: float) -> list[Conversation]:
    """The conversations last used before that time, oldest first."""
    return _conversations(db, "WHERE c.updated < ? ORDER BY c.updated, c.id", moment)


def find(db: sqlite3.Connection, text: str) -> Conversation:
    """The conversation of that name or id, or the only one whose id begins so."""
    text = text.strip()
    found = _conversations(db, "WHERE c.name = ? OR c.id = ? ORDER BY c.name IS NULL", text, text)
    if not found and text:
        low = text.upper()
        found = _conversations(
            db, "WHERE c.id >= ? AND c.id < ? ORDER BY c.updated DESC", low, f"{low}\U0010ffff"
        )
    if not found:
        raise ConfigError(
            f"no conversation is called {one_line(text, 100)!r}", hint=_near(db, text)
        )
    if len(found) > 1 and found[0].name.lower() != text.lower():
        raise ConfigError(
            f"{len(found)} conversations begin with {one_line(text, 30)!r}",
            hint="\n".join(_row(one) for one in found[:_SHOWN]),
        )
    return found[0]


def _near(db: sqlite3.Connection, text: str) -> str:
    names = [name for (name,) in db.execute("SELECT name FROM conversations WHERE name NOTNULL")]
    return f"{nearest(text, names)} All of them: llm history list".strip()


def _row(one: Conversation) -> str:
    return one_line(f"{one.id} · {one.name or one.title}", 80)


def _conversations(db: sqlite3.Connection, which: str, *values: Any) -> list[Conversation]:
    found = db.execute(f"{_CONVERSATIONS} {which}", values)
    return [Conversation(**{**dict(row), "name": row["name"] or ""}) for row in found]
