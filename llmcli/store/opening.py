"""Open the history database: private, in WAL mode, brought up to date."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from llmcli.errors import LocalIOError
from llmcli.files import private_dir
from llmcli.store import backups
from llmcli.store.migrations import MIGRATIONS, VERSION

T = TypeVar("T")
BUSY_SECONDS = 10.0
_TURN_SECONDS = 0.05
_BUSY = "Another program is writing to it; try again."
_WRONG = "What is wrong with it: llm history check"


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what SQLite and the system say into a LocalIOError in their words."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        name = getattr(error, "sqlite_errorname", "")
        words = f"history: {error}{f' ({name})' if name else ''}"
        hint = _BUSY if name == "SQLITE_BUSY" else _WRONG
        raise LocalIOError(words, hint=hint) from error
    except (ValueError, ArithmeticError) as error:
        raise LocalIOError(f"history: a row makes no sense: {error}", hint=_WRONG) from error


def connect(path: Path, *, changes: bool, busy: float) -> sqlite3.Connection:
    """A connection; one for changes makes the file and brings it up to date, another only reads.

    One that reads brings an older history up to date too, and takes a missing one for empty. It
    waits `busy` seconds for other processes. Raises sqlite3.Error, OSError.
    """
    if changes:
        _make_private(path)
        db = sqlite3.connect(path, timeout=busy, isolation_level=None, check_same_thread=False)
    else:
        db = _reader(path, busy)
    try:
        db.row_factory = sqlite3.Row
        if changes:
            db.execute("PRAGMA synchronous = FULL")
            _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def identity(path: Path) -> tuple[int, int] | None:
    """What tells the file there from another that takes its place; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def version(db: sqlite3.Connection) -> int:
    """The version of the schema."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check_writable(db: sqlite3.Connection) -> None:
    """Raises LocalIOError for a database of a newer llm."""
    found = version(db)
    if found > VERSION:
        raise LocalIOError(
            f"history: written by a newer llm (version {found}): it is only read",
            hint="Use that llm, or another LLMCLI_HOME.",
        )


def transact(
    db: sqlite3.Connection, action: Callable[[sqlite3.Connection], T], seconds: float = BUSY_SECONDS
) -> T:
    """Do something in one immediate transaction, whole or not at all.

    It waits so many seconds for its turn.
    """
    try:
        _begin(db, seconds)
        result = action(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return result


def view(db: sqlite3.Connection, action: Callable[[sqlite3.Connection], T]) -> T:
    """Read something as it stands at one moment, whatever other processes change meanwhile."""
    db.execute("BEGIN")
    try:
        return action(db)
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def rehearse(db: sqlite3.Connection, action: Callable[[sqlite3.Connection], T]) -> T:
    """What something would return, were it done."""
    _begin(db, BUSY_SECONDS)
    try:
        return action(db)
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _begin(db: sqlite3.Connection, seconds: float) -> None:
    """Begin to write. In a crowd SQLite's own waiting, up to 100 ms at a time, lets some starve."""
    end = time.monotonic() + seconds
    wait_at_most(db, min(_TURN_SECONDS, seconds))
    while True:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() >= end:
                raise
        else:
            wait_at_most(db, BUSY_SECONDS)
            return


def wait_at_most(db: sqlite3.Connection, seconds: float) -> None:
    """How long to wait for other processes from now on."""
    db.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")


def _make_private(path: Path) -> None:
    """A file with mode 0600: SQLite gives its journal files the mode of the database.

    A file that exists is not opened: closing it would drop the locks SQLite has on it elsewhere
    in this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    private_dir(path.parent)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    for place, mode in ((path, 0o600), (path.parent, 0o700)):
        if place.stat().st_mode & 0o077:
            place.chmod(mode)


def _reader(path: Path, busy: float) -> sqlite3.Connection:
    """A connection that only reads; an older history is brought up to date before."""
    if not path.exists():
        return _empty()
    db = _read_only(path, busy)
    found = version(db)
    if found >= VERSION:
        return db
    db.close()
    if found == 0:
        return _empty()
    connect(path, changes=True, busy=busy).close()
    return _read_only(path, busy)


def _read_only(path: Path, busy: float) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(uri, uri=True, timeout=busy, isolation_level=None, check_same_thread=False)
    try:
        version(db)
    except sqlite3.Error as error:
        db.close()
        wanted = isinstance(error, sqlite3.OperationalError) and not os.access(path.parent, os.W_OK)
        if not wanted or _has_journal(path):
            raise
        # Where nothing can be written SQLite cannot make the file its readers share.
        db = sqlite3.connect(
            f"{uri}&immutable=1", uri=True, isolation_level=None, check_same_thread=False
        )
    return db


def _has_journal(path: Path) -> bool:
    journal = path.with_name(f"{path.name}-wal")
    return journal.exists() and journal.stat().st_size > 0


def _empty() -> sqlite3.Connection:
    """A history that is not there yet, or has only begun to be, reads as one without turns."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _migrate(db)
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    found = version(db)
    if found > VERSION:
        db.execute("PRAGMA query_only = ON")
    elif found < VERSION:
        _journal(db)
        transact(db, lambda db: _update(db, path))


def _update(db: sqlite3.Connection, path: Path) -> None:
    """All steps that are pending in one transaction, after a backup; another may be quicker."""
    found = version(db)
    if 0 < found < VERSION:
        backups.before_migration(path, found)
    _migrate(db)


def _migrate(db: sqlite3.Connection) -> None:
    found = version(db)
    for migration in MIGRATIONS:
        if migration.version > found:
            migration.apply(db)
    if found < VERSION:
        db.execute(f"PRAGMA user_version = {VERSION}")


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
