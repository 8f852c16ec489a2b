"""The history in SQLite: every turn and every attempt, written while they happen."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmcli.conversation import Turn
from llmcli.errors import LocalIOError
from llmcli.files import private_dir
from llmcli.ledger import Entry
from llmcli.paths import data_dir
from llmcli.usage import Cost, Usage

VERSION = 1
BUSY_SECONDS = 10.0
CHECKPOINT_MILLISECONDS = 50
_SCHEMA = """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE turns (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations(id),
    started REAL NOT NULL,
    ended REAL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    system TEXT,
    prompt TEXT NOT NULL,
    options TEXT NOT NULL DEFAULT '{}',
    text TEXT NOT NULL DEFAULT '',
    reasoning TEXT NOT NULL DEFAULT '',
    tool_calls TEXT NOT NULL DEFAULT '[]',
    opaque TEXT NOT NULL DEFAULT '[]',
    finish_reason TEXT,
    status TEXT NOT NULL,
    exit_code INTEGER,
    error_kind TEXT,
    error_message TEXT,
    input INTEGER, output INTEGER,
    cache_read INTEGER, cache_write INTEGER, reasoning_tokens INTEGER,
    cost TEXT, currency TEXT, basis TEXT,
    first_token_s REAL, total_s REAL
) WITHOUT ROWID;
CREATE INDEX turns_by_start ON turns(started);
CREATE INDEX turns_by_conversation ON turns(conversation, started);
CREATE TABLE attempts (
    turn TEXT NOT NULL REFERENCES turns(id),
    number INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    http_status INTEGER,
    request_id TEXT,
    error_kind TEXT,
    error_message TEXT,
    input INTEGER, output INTEGER,
    cache_read INTEGER, cache_write INTEGER, reasoning_tokens INTEGER,
    cost TEXT, currency TEXT, basis TEXT,
    seconds REAL NOT NULL,
    PRIMARY KEY (turn, number)
) WITHOUT ROWID;
"""
_USAGE = ("input", "output", "cache_read", "cache_write", "reasoning_tokens")
_MONEY = ("cost", "currency", "basis")


class Store:
    """The history database; each change is one immediate transaction, safe against a crash.

    Every method raises LocalIOError, with SQLite's own words, when the database cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._db = _open(path)

    def begin(self, turn: Turn, system: str, options: dict[str, Any]) -> None:
        """Write the row of a turn that is about to be asked."""
        now = time.time()
        row = {
            "id": turn.id,
            "conversation": turn.conversation,
            "started": now,
            "provider": turn.provider,
            "model": turn.model,
            "system": system or None,
            "prompt": turn.prompt,
            "options": _json(options),
            "status": "running",
        }
        with self._changing():
            self._db.execute(
                "INSERT OR IGNORE INTO conversations VALUES (?, ?)", (turn.conversation, now)
            )
            self._insert("turns", row)

    def checkpoint(self, turn: Turn) -> None:
        """Keep what has arrived so far; a database that is busy is left for the next time."""
        self._db.execute(f"PRAGMA busy_timeout = {CHECKPOINT_MILLISECONDS}")
        try:
            with self._changing():
                self._update(turn.id, {"text": turn.text, "reasoning": turn.reasoning})
                self._attempts(turn)
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")

    def close_turn(
        self, turn: Turn, exit_code: int, error_kind: str | None, error_message: str | None
    ) -> None:
        """Write how a turn ended, and every attempt."""
        row = {
            "ended": time.time(),
            "provider": turn.provider,
            "model": turn.model,
            "text": turn.text,
            "reasoning": turn.reasoning,
            "tool_calls": _json([[c.id, c.name, c.arguments] for c in turn.tool_calls]),
            "opaque": _json([[o.provider, o.model, dict(o.data)] for o in turn.opaque]),
            "finish_reason": turn.finish_reason,
            "status": turn.status,
            "exit_code": exit_code,
            "error_kind": error_kind,
            "error_message": error_message,
            "first_token_s": turn.first_token_s,
            "total_s": turn.total_s,
            **_figures(turn.usage, turn.cost),
        }
        with self._changing():
            self._update(turn.id, row)
            self._attempts(turn)

    def last(self) -> dict[str, Any] | None:
        """The newest turn with its attempts, or None."""
        with _explained():
            self._db.row_factory = sqlite3.Row
            row = self._db.execute("SELECT * FROM turns ORDER BY started DESC LIMIT 1").fetchone()
            if row is None:
                return None
            attempts = self._db.execute(
                "SELECT * FROM attempts WHERE turn = ? ORDER BY number", (row["id"],)
            ).fetchall()
        return {**dict(row), "attempts": [dict(attempt) for attempt in attempts]}

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _attempts(self, turn: Turn) -> None:
        for entry in turn.attempts:
            self._insert("attempts", _attempt(turn.id, entry), "INSERT OR REPLACE")

    def _insert(self, table: str, row: dict[str, Any], verb: str = "INSERT") -> None:
        marks = ", ".join("?" * len(row))
        statement = f"{verb} INTO {table} ({', '.join(row)}) VALUES ({marks})"
        self._db.execute(statement, tuple(map(_storable, row.values())))

    def _update(self, turn_id: str, row: dict[str, Any]) -> None:
        columns = ", ".join(f"{name} = ?" for name in row)
        values = (*map(_storable, row.values()), turn_id)
        self._db.execute(f"UPDATE turns SET {columns} WHERE id = ?", values)  # noqa: S608

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        with _explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def default_path() -> Path:
    """Where the history lies."""
    return data_dir() / "history.db"


def integrity(path: Path) -> str:
    """What is wrong with the database, in SQLite's words, or nothing. Raises LocalIOError."""
    with _explained():
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            found = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
            version = db.execute("PRAGMA user_version").fetchone()[0]
        finally:
            db.close()
    if found != ["ok"]:
        return "; ".join(found)
    return f"written by a newer llm (version {version})" if version > VERSION else ""


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        name = getattr(error, "sqlite_errorname", "")
        raise LocalIOError(f"history: {error}{f' ({name})' if name else ''}") from None


def _open(path: Path) -> sqlite3.Connection:
    with _explained():
        private_dir(path.parent)
        # Made with mode 0600 first: SQLite gives its journal files the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        for place, mode in ((path, 0o600), (path.parent, 0o700)):
            if place.stat().st_mode & 0o077:
                place.chmod(mode)
        db = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(db)
        except BaseException:
            db.close()
            raise
        return db


def _prepare(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise LocalIOError(f"history: written by a newer llm (version {version})")
    if version == 0:
        _journal(db)
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _SCHEMA.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")


def _journal(db: sqlite3.Connection) -> None:
    """Turn write-ahead logging on; it stays on. Two processes doing so at once may collide."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _attempt(turn_id: str, entry: Entry) -> dict[str, Any]:
    return {
        "turn": turn_id,
        "number": entry.number,
        "provider": entry.provider,
        "model": entry.model,
        "status": entry.status,
        "http_status": entry.http_status,
        "request_id": entry.request_id,
        "error_kind": entry.error_kind,
        "error_message": entry.error_message,
        "seconds": entry.seconds,
        **_figures(entry.usage, entry.cost),
    }


def _figures(usage: Usage | None, cost: Cost | None) -> dict[str, Any]:
    tokens = usage or Usage()
    counts = (
        tokens.input,
        tokens.output,
        tokens.cache_read,
        tokens.cache_write,
        tokens.reasoning,
    )
    money = (format(cost.amount, "f"), cost.currency, cost.basis) if cost else (None, None, None)
    return {**dict(zip(_USAGE, counts, strict=True)), **dict(zip(_MONEY, money, strict=True))}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _storable(value: Any) -> Any:
    """Text as SQLite can keep it, without lone surrogates."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()
    return value
