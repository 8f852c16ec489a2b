"""A history that is damaged: find out, move it aside, never delete it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from llmcli.errors import ConfigError
from llmcli.files import listed, locked
from llmcli.paths import cache_dir, data_dir
from llmcli.store import backups, opening
from llmcli.store.migrations import VERSION

_SPOOL = "spool"
_WAITING = (".json", ".running")
_SUFFIXES = ("", "-wal", "-shm", "-journal")
# Of a turn that was removed its attempts stay; a chat that was open then goes on from it.
_TREE_CHECKS = {
    "conversations that go on from a turn that is not there": "SELECT count(*) FROM conversations c"
    " WHERE head NOTNULL AND NOT EXISTS (SELECT 1 FROM turns WHERE id = c.head)",
    "turns that follow one that is not there": "SELECT count(*) FROM turns t"
    " WHERE parent NOTNULL AND NOT EXISTS (SELECT 1 FROM turns WHERE id = t.parent)"
    " AND NOT EXISTS (SELECT 1 FROM attempts WHERE turn = t.parent)",
}


def is_damage(error: BaseException, path: Path) -> bool:
    """Whether this error says that the file is no good."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return name == "SQLITE_NOTADB" or name.startswith("SQLITE_CORRUPT") or path.is_dir()


def is_index_damage(error: BaseException) -> bool:
    """Whether only the index of words is said to be damaged, which can be made again.

    A constraint that has no name of its own is one of the index.
    """
    return getattr(error, "sqlite_errorname", None) in ("SQLITE_CORRUPT_VTAB", "SQLITE_CONSTRAINT")


def set_aside(path: Path) -> Path | None:
    """Move a damaged database and its journal aside; where it went, None if it is whole by now.

    Of many processes that find it damaged one moves it, the others find the new one. Raises
    OSError.
    """
    try:
        with locked(path):
            if not _damaged(path):
                return None
            aside = _free(path.with_name(f"{path.name}.corrupt-{backups.stamp()}"))
            for suffix in _SUFFIXES:
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
            return aside
    except ConfigError as error:
        raise OSError(error.message) from None


def _free(path: Path) -> Path:
    names = (path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 1000)))
    return next(name for name in names if not name.exists())


def _damaged(path: Path) -> bool:
    if path.is_dir():
        return True
    if not path.exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=opening.BUSY_SECONDS)) as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        return is_damage(error, path)


def troubles(path: Path) -> list[str]:
    """What is wrong with the database itself, in SQLite's words. Raises LocalIOError."""
    if not path.exists():
        return []
    with opening.explained():
        uri = f"{path.absolute().as_uri()}?mode=ro"
        db = sqlite3.connect(uri, uri=True, timeout=opening.BUSY_SECONDS)
        with contextlib.closing(db):
            version = opening.version(db)
            if version > VERSION:
                return [f"written by a newer llm (version {version}): it is only read"]
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(10)")]
            found = [] if found == ["ok"] else found
            found += [
                f"a row of {row[0]} refers to one of {row[2]} that is not there"
                for row in db.execute("PRAGMA foreign_key_check").fetchmany(10)
            ]
            if version == VERSION:
                found += _tree_troubles(db)
    return found + (_index_troubles(path) if version == VERSION and not found else [])


def _tree_troubles(db: sqlite3.Connection) -> Iterator[str]:
    for words, query in _TREE_CHECKS.items():
        (count,) = db.execute(query).fetchone()
        if count:
            yield f"{words}: {count}"


def _index_troubles(path: Path) -> list[str]:
    """Compare the index of words with the texts; SQLite wants to write for that."""
    if not os.access(path, os.W_OK):
        return []
    db = sqlite3.connect(path, timeout=opening.BUSY_SECONDS, isolation_level=None)
    with contextlib.closing(db):
        try:
            db.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            if not is_damage(error, path):
                return [f"the index of words cannot be checked: {error}"]
            return ["the index of words does not match the texts"]
    return []


def beside(path: Path) -> Iterator[str]:
    """What lies beside the database that needs a look; a line each."""
    for folder in spools():
        files = listed(folder, _WAITING)
        if files:
            yield f"turns that wait to be taken in: {len(files)} in {folder}"
        for unread in listed(folder, ".unreadable"):
            yield f"a turn that could not be taken in: {unread}"
    for aside in sorted(path.parent.glob(f"{path.name}.corrupt-*")):
        if not aside.name.endswith(_SUFFIXES[1:]):
            yield f"an older history, moved aside because it was damaged: {aside}"


def spools() -> tuple[Path, Path]:
    """The folders where turns wait that the database could not take; the second if need be."""
    return data_dir() / _SPOOL, cache_dir() / _SPOOL


def waiting() -> list[Path]:
    """The files in them, in the order of their turns."""
    files = [file for folder in spools() for file in listed(folder, _WAITING)]
    return sorted(files, key=lambda file: file.name)
