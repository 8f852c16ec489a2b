"""Write a turn while it happens, move heads, and keep the index of words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmcli.ledger import Entry
from llmcli.store import entries, parts, rows
from llmcli.store.parts import storable
from llmcli.store.processes import gone
from llmcli.turn import Turn

if TYPE_CHECKING:
    from llmcli.budgets import Claim, Standing

_ours: set[str] = set()


def begin(
    db: sqlite3.Connection, turn: Turn, terminal: str, claim: Claim | None = None
) -> Sequence[Standing]:
    """Write the turn, and its conversation if that is new; hold money for it, if any is claimed.

    Returns how the accounts of that stood. Raises BudgetReached.
    """
    found: Sequence[Standing] = ()
    if claim:
        from llmcli.store import holds

        found = holds.claim(db, claim)
    _ours.add(turn.id)
    touch(db, turn, terminal)
    insert(db, turn, os.getpid())
    return found


def checkpoint(db: sqlite3.Connection, turn: Turn) -> None:
    """Write what has arrived so far, unless the turn was removed meanwhile."""
    kept = db.execute(
        "UPDATE turns SET text = ?, reasoning = ?, total_s = ? WHERE id = ?",
        (storable(turn.text), storable(turn.reasoning), turn.total_s, turn.id),
    )
    if kept.rowcount:
        keep_attempts(db, turn)


def close(
    db: sqlite3.Connection, turn: Turn, terminal: str, *, begun: bool, held: bool = False
) -> None:
    """Write how the turn ended; its conversation goes on from it where it was answered.

    One that was `begun` here and is not there any more was removed: only its cost is kept. What
    was `held` for it is settled.
    """
    if held:
        settle(db, turn.id)
    if begun and not db.execute("SELECT 1 FROM turns WHERE id = ?", (turn.id,)).fetchone():
        bare = (one._replace(error_message=None, request_id=None) for one in turn.attempts)
        keep_attempts(db, turn._replace(attempts=tuple(bare)))
        return
    touch(db, turn, terminal)
    replace(db, turn)
    if turn.answered:
        db.execute("UPDATE conversations SET head = ? WHERE id = ?", (turn.id, turn.conversation))


def settle(db: sqlite3.Connection, call: str) -> None:
    """Let go of the money that was held for a call: its entries tell what it cost."""
    from llmcli.store import holds

    holds.drop(db, call)


def replace(db: sqlite3.Connection, turn: Turn) -> None:
    """Write a turn over what was there of it, or as a new one; index its words if it ended."""
    unindex(db, turn.id)
    if db.execute(rows.UPDATE, {**rows.answer(turn), "id": turn.id}).rowcount:
        if not turn.attempts:  # one may have been presumed
            db.execute("DELETE FROM attempts WHERE turn = ?", (turn.id,))
        keep_attempts(db, turn)
    else:
        insert(db, turn, None)
    if turn.status != "running":
        index(db, turn.id)


def insert(db: sqlite3.Connection, turn: Turn, pid: int | None) -> None:
    """A new row, with its parts and attempts; `pid` is who writes it, while it is running."""
    numbers = {
        "prompt": parts.keep_text(db, "prompt", turn.prompt),
        "system": parts.keep_text(db, "system", turn.system or None),
        "tools": parts.keep_text(db, "tools", rows.tools(turn)),
    }
    key = _free_key(db, turn.started)
    facts = {**rows.asked(turn), **rows.answer(turn), **numbers, "key": key, "pid": pid}
    db.execute(rows.INSERT, facts)
    for at, media in enumerate(turn.attachments):
        attached = (key, at, parts.keep_media(db, media))
        db.execute("INSERT INTO attachments VALUES (?, ?, ?)", attached)
    keep_attempts(db, turn)


def keep_attempts(db: sqlite3.Connection, turn: Turn) -> None:
    """Write the attempts so far."""
    entries.keep(db, turn.id, turn.attempts, turn.conversation)


def unindex(db: sqlite3.Connection, turn: str) -> None:
    """Take the words of a turn out of the index, before they change."""
    row = db.execute("SELECT key FROM turns WHERE id = ? AND indexed", (turn,)).fetchone()
    if row:
        db.execute(
            "INSERT INTO search (search, rowid, prompt, answer)"
            " SELECT 'delete', key, prompt, answer FROM searchable WHERE key = ?",
            (row[0],),
        )
        db.execute("UPDATE turns SET indexed = 0 WHERE key = ?", (row[0],))


def index(db: sqlite3.Connection, turn: str) -> None:
    """Put the words of a turn into the index, unless they are there."""
    fresh = db.execute("UPDATE turns SET indexed = 1 WHERE id = ? AND NOT indexed", (turn,))
    if fresh.rowcount:
        db.execute(
            "INSERT INTO search (rowid, prompt, answer) SELECT key, prompt, answer FROM searchable"
            " WHERE key = (SELECT key FROM turns WHERE id = ?)",
            (turn,),
        )


def index_anew(db: sqlite3.Connection) -> None:
    """Make the index of words again from the texts.

    It is emptied by hand first, as FTS5 makes a new one: of a damaged one it cannot even drop.
    """
    db.execute("DELETE FROM search_idx")
    db.execute("DELETE FROM search_data")
    db.execute("INSERT INTO search_data VALUES (1, x''), (10, x'00000000000000')")
    db.execute("INSERT INTO search (search) VALUES ('rebuild')")


def abandoned(db: sqlite3.Connection) -> list[str]:
    """The turns that are running by the book, though their process is gone."""
    now = time.time()
    found = db.execute("SELECT id, pid, started FROM turns WHERE status = 'running'").fetchall()
    return [turn for turn, pid, started in found if _left(turn, pid, now - started)]


def give_up(db: sqlite3.Connection, turns: list[str]) -> None:
    """Mark abandoned turns as incomplete; where something came, conversations go on from them.

    A row keeps its `pid` as a sign that this is only presumed: the end may wait in a file.
    """
    for turn in turns:
        changed = db.execute(
            "UPDATE turns SET status = 'incomplete', ended = started + total_s,"
            " pid = coalesce(pid, 0) WHERE id = ? AND status = 'running'",
            (turn,),
        )
        if not changed.rowcount:
            continue
        _give_up_attempts(db, turn)
        index(db, turn)
        ((text, parent, conversation),) = db.execute(
            "SELECT text, parent, conversation FROM turns WHERE id = ?", (turn,)
        )
        if text.strip():
            db.execute(
                "UPDATE conversations SET head = ? WHERE id = ? AND head IS ?",
                (turn, conversation, parent),
            )


def _give_up_attempts(db: sqlite3.Connection, turn: str) -> None:
    """The running attempt has ended; where none was written yet one is presumed."""
    db.execute(
        "UPDATE attempts SET status = 'incomplete' WHERE turn = ? AND status = 'running'", (turn,)
    )
    if db.execute("SELECT 1 FROM attempts WHERE turn = ?", (turn,)).fetchone() is None:
        ((conversation, provider, model, started, seconds),) = db.execute(
            "SELECT conversation, provider, model, started, total_s FROM turns WHERE id = ?",
            (turn,),
        )
        presumed = Entry(
            1, provider, model, "incomplete", seconds=float(seconds), started=float(started)
        )
        entries.keep(db, turn, [presumed], conversation)


def _left(turn: str, pid: int | None, age: float) -> bool:
    """Whether nobody is writing this turn any more."""
    if pid == os.getpid():
        return turn not in _ours  # of an earlier process: in a container all have one number
    return pid is None or gone(pid, age)


def touch(db: sqlite3.Connection, turn: Turn, terminal: str) -> None:
    """Its conversation is in use, in this terminal; a new one is made and named."""
    moment = turn.started + turn.total_s
    db.execute(
        "INSERT INTO conversations (id, created, updated, title, terminal) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET updated = max(updated, excluded.updated),"
        " title = iif(title = '', excluded.title, title),"
        " terminal = iif(excluded.terminal = '', terminal, excluded.terminal)",
        (turn.conversation, turn.started, moment, storable(parts.title(turn)), terminal),
    )


def _free_key(db: sqlite3.Connection, started: float) -> int:
    """The start in microseconds, or the next number that is free."""
    key = parts.microseconds(started)
    if db.execute("SELECT 1 FROM turns WHERE key = ?", (key,)).fetchone() is None:
        return key
    query = "SELECT max(key) + 1 FROM turns WHERE key >= ? AND key < ?"
    return int(db.execute(query, (key, key + 1_000_000)).fetchone()[0])
