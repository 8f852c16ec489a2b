"""The file of the kept replies: made private, opened, and kept small."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from llmcli.files import private_dir

_VERSION = 1
SECONDS = 2.0
_SCHEMA = f"""
CREATE TABLE replies (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    stored REAL NOT NULL,
    used REAL NOT NULL,
    digest BLOB NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX replies_by_use ON replies(used);
CREATE INDEX replies_by_age ON replies(stored);
CREATE TABLE hits (
    since REAL NOT NULL,
    count INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    saved TEXT NOT NULL
);
PRAGMA user_version = {_VERSION};
"""
_DAMAGE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


@contextlib.contextmanager
def opened(path: Path, *, make: bool) -> Iterator[sqlite3.Connection | None]:
    """A connection; None where there is no file and none is to be made.

    Nothing waits for the disk. Raises sqlite3.Error, OSError, ValueError for a newer llm's file.
    """
    if make:
        _make_private(path)
    elif not path.exists():
        yield None
        return
    uri = f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(uri, uri=True, timeout=SECONDS, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = OFF")
        yield db if _prepare(db, make=make) else None
    finally:
        db.close()


def _make_private(path: Path) -> None:
    private_dir(path.parent)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare(db: sqlite3.Connection, *, make: bool) -> bool:
    """Whether the tables are there, or were made."""
    found = _version(db)
    if found == 0 and make:
        db.execute("PRAGMA auto_vacuum = FULL")
        db.execute("BEGIN IMMEDIATE")
        if _version(db) == 0:  # another process may have been quicker
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute("INSERT INTO hits VALUES (?, 0, 0, '0')", (time.time(),))
        db.execute("COMMIT")
        return True
    if found > _VERSION:
        raise ValueError("written by a newer llm")
    return found == _VERSION


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def size(db: sqlite3.Connection) -> int:
    """The bytes in use."""
    pages, free, each = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * each


def fit(db: sqlite3.Connection, limit: int) -> None:
    """Remove a tenth of the replies, the longest unused first, until `limit` bytes do."""
    while size(db) > limit:
        (count,) = db.execute("SELECT count(*) FROM replies").fetchone()
        if count <= 1:
            return
        db.execute(
            "DELETE FROM replies WHERE number IN"
            " (SELECT number FROM replies ORDER BY used, number LIMIT ?)",
            (max(count // 10, 1),),
        )


def is_damage(error: Exception) -> bool:
    """Whether it says that the file is broken."""
    return getattr(error, "sqlite_errorname", "").startswith(_DAMAGE)


def throw_away(path: Path) -> None:
    """Delete the file; its journal first, or a new one would be mended with that."""
    for one in (path.with_name(f"{path.name}-journal"), path):
        with contextlib.suppress(OSError):
            one.unlink(missing_ok=True)
