"""Take words out of the history so that their bytes are gone; what was spent stays known."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from llmcli.store import parts, writing
from llmcli.store.parts import Stored

_TEXTS = ("text", "reasoning", "error_message", "raw_finish", "finish_reason")
_JSON = ("options", "extra", "tool_calls", "opaque")


def remove(db: sqlite3.Connection, conversations: Iterable[str]) -> int:
    """Remove these conversations and the turns no other conversation shares; how many turns.

    A shared turn moves to a conversation that shares it. Attempts stay, without error texts.
    """
    db.execute("CREATE TEMP TABLE IF NOT EXISTS going (id TEXT PRIMARY KEY)")
    db.execute("DELETE FROM temp.going")
    db.executemany("INSERT OR IGNORE INTO temp.going VALUES (?)", ((c,) for c in conversations))
    db.execute("DELETE FROM conversations WHERE id IN temp.going")
    _move_shared(db)
    gone = db.execute("SELECT key, id FROM turns WHERE conversation IN temp.going").fetchall()
    for key, turn in gone:
        writing.unindex(db, turn)
        db.execute(
            "UPDATE attempts SET error_message = NULL, request_id = NULL WHERE turn = ?", (turn,)
        )
        db.execute("DELETE FROM attachments WHERE turn = ?", (key,))
        db.execute("DELETE FROM turns WHERE key = ?", (key,))
    parts.sweep(db)
    _compact_index(db)
    return len(gone)


def _move_shared(db: sqlite3.Connection) -> None:
    """Give the turns that lead to another conversation's turn or head to that conversation."""
    shared = db.execute(
        "WITH RECURSIVE kept (id, parent, heir) AS ("
        " SELECT turns.id, turns.parent, c.id FROM turns JOIN conversations c ON c.head = turns.id"
        " WHERE turns.conversation IN temp.going"
        " UNION SELECT turns.id, turns.parent, child.conversation FROM turns"
        " JOIN turns child ON child.parent = turns.id"
        " WHERE turns.conversation IN temp.going AND child.conversation NOT IN temp.going"
        " UNION SELECT turns.id, turns.parent, kept.heir FROM kept JOIN turns"
        " ON turns.id = kept.parent WHERE turns.conversation IN temp.going)"
        " SELECT id, max(heir) FROM kept GROUP BY id"
    ).fetchall()
    moves = [(heir, turn) for turn, heir in shared]
    db.executemany("UPDATE turns SET conversation = ? WHERE id = ?", moves)


def redact(db: sqlite3.Connection, text: str, mask: str) -> int:
    """Put the mask where the text stands, in everything that is kept; how many places."""
    touched = _holding(db, text)
    for turn in touched:
        writing.unindex(db, turn)
    count = replace(db, text, mask)
    for turn in touched:
        writing.index(db, turn)
    _compact_index(db)
    return count


def replace(db: sqlite3.Connection, text: str, mask: str) -> int:
    """The same without the index of words."""
    masked = _Masked(text, mask)
    _redact_parts(db, masked)
    for table, columns in (
        ("turns", _TEXTS), ("attempts", ("error_message", "request_id")),
        ("conversations", ("title",)),
    ):  # fmt: skip
        _redact_columns(db, table, columns, masked.text)
    _redact_columns(db, "turns", _JSON, masked.json)
    _redact_columns(db, "attempts", ("tags",), masked.json)
    _drop_empty_sums(db)
    named = db.execute("UPDATE conversations SET name = NULL WHERE instr(name, ?)", (text,))
    return masked.count + named.rowcount


def _holding(db: sqlite3.Connection, text: str) -> list[str]:
    """The indexed turns with the text in their prompt or answer."""
    found = db.execute(
        "SELECT turns.id FROM turns JOIN parts ON parts.number = turns.prompt"
        " WHERE turns.indexed AND (instr(turns.text, ?1) OR instr(parts.body, ?1))",
        (text,),
    )
    return [turn for (turn,) in found]


class _Masked:
    """Replaces a text, also as it stands inside JSON, and counts."""

    def __init__(self, text: str, mask: str) -> None:
        escaped = (json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
        self._forms = list(dict.fromkeys((text, *escaped)))
        self._mask = mask
        self.count = 0

    def text(self, value: str) -> str:
        for form in self._forms:
            self.count += value.count(form)
            value = value.replace(form, self._mask)
        return value

    def bytes(self, value: bytes) -> bytes:
        for form in self._forms:
            self.count += value.count(form.encode())
            value = value.replace(form.encode(), self._mask.encode())
        return value

    def json(self, value: str) -> str:
        return json.dumps(self._inside(json.loads(value)), ensure_ascii=False)

    def _inside(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._inside(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self._inside(item) for key, item in value.items()}
        return value


def _redact_columns(
    db: sqlite3.Connection, table: str, columns: tuple[str, ...], change: Callable[[str], str]
) -> None:
    """Change these columns of every row that has them."""
    key = {"turns": "key", "conversations": "id", "attempts": "turn, number"}[table]
    here = " AND ".join(f"{name} = ?" for name in key.split(", "))
    for column in columns:
        query = f"SELECT {column}, {key} FROM {table} WHERE {column} NOT IN ('', '[]', '{{}}')"  # noqa: S608
        for value, *row_key in db.execute(query).fetchall():
            changed = change(value)
            if changed != value:
                statement = f"UPDATE {table} SET {column} = ? WHERE {here}"  # noqa: S608
                db.execute(statement, (changed, *row_key))


def _redact_parts(db: sqlite3.Connection, masked: _Masked) -> None:
    """A part that changes may become one that is there already: then its users move to that."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS moved (old INTEGER PRIMARY KEY, new INTEGER)")
    db.execute("DELETE FROM temp.moved")
    retitled: dict[str, str] = {}
    query = "SELECT kind, name, media_type, body FROM parts WHERE number = ?"
    for (number,) in db.execute("SELECT number FROM parts").fetchall():
        part = Stored(*db.execute(query, (number,)).fetchone())
        changed = part._replace(name=masked.text(part.name), body=_masked_body(part, masked))
        if changed != part:
            new = parts.keep(db, changed)
            db.execute("INSERT INTO temp.moved VALUES (?, ?)", (number, new))
            if part.kind == "prompt":
                retitled[_title(part)] = _title(changed)
    for table, column in (
        ("turns", "prompt"), ("turns", "system"), ("turns", "tools"), ("attachments", "part"),
    ):  # fmt: skip
        db.execute(
            f"UPDATE {table} SET {column} = (SELECT new FROM temp.moved WHERE old = {column})"  # noqa: S608
            f" WHERE {column} IN (SELECT old FROM temp.moved)"
        )
    db.execute("DELETE FROM parts WHERE number IN (SELECT old FROM temp.moved)")
    masked.count += _retitle(db, retitled)


def _drop_empty_sums(db: sqlite3.Connection) -> None:
    """Sums of nothing, under tags that no entry has any more."""
    db.execute("DELETE FROM spending WHERE requests = 0")
    db.execute("DELETE FROM pace WHERE count = 0")


def _title(part: Stored) -> str:
    return parts.first_line(str(part.body))


def _retitle(db: sqlite3.Connection, retitled: dict[str, str]) -> int:
    """Make titles anew from prompts that changed, for in a title the text may be cut; how many."""
    stored = db.execute("SELECT id, title FROM conversations").fetchall()
    changed = [
        (retitled[title], conversation)
        for conversation, title in stored
        if retitled.get(title, title) != title
    ]
    db.executemany("UPDATE conversations SET title = ? WHERE id = ?", changed)
    return len(changed)


def _masked_body(part: Stored, masked: _Masked) -> str | bytes:
    if isinstance(part.body, bytes):
        return masked.bytes(part.body)
    return masked.json(part.body) if part.kind == "tools" else masked.text(part.body)


def empty_journal(db: sqlite3.Connection) -> bool:
    """Bring all changes into the database itself, so that the journal keeps no word.

    Whether that could be done: not while another process reads what was before.
    """
    (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _compact_index(db: sqlite3.Connection) -> None:
    """Words that were taken out stay in the index until its pieces are merged into one."""
    db.execute("INSERT INTO search (search) VALUES ('optimize')")
