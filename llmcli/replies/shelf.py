"""Where replies are kept: one small SQLite file that may be lost at any time.

Nothing waits for the disk: after a power cut the file may be damaged, so each reply carries the
hash of its bytes and a damaged file is thrown away.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

from llmcli.errors import LocalIOError
from llmcli.paths import cache_dir
from llmcli.replies import file
from llmcli.replies.values import Reply, mentions, says, unpack
from llmcli.usage import Cost

T = TypeVar("T")
_changing = threading.Lock()
_AHEAD = 60.0  # seconds: a reply from further ahead is one from before the clock was set back


class Kept(NamedTuple):
    """A reply and when it came, in seconds since 1970."""

    stored: float
    reply: Reply


class Info(NamedTuple):
    """What is kept: `bytes` on disk, `oldest` in seconds since 1970, and what it was good for.

    Since `since` so many `hits` saved so many USD; of `unknown` of them nobody knows how many.
    """

    replies: int = 0
    bytes: int = 0
    oldest: float | None = None
    hits: int = 0
    unknown: int = 0
    saved: Decimal = Decimal(0)
    since: float | None = None


class Shelf:
    """The kept replies. Every method raises LocalIOError when the file cannot be used."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_dir() / "replies.db"

    def find(self, key: bytes, seconds: float) -> Kept | None:
        """The reply to this request, if it is not older than so many seconds."""
        now = time.time()

        def look(db: sqlite3.Connection) -> Kept | None:
            query = "SELECT stored, digest, body FROM replies WHERE key = ?"
            row = db.execute(query, (key,)).fetchone()
            if row is None or not now - seconds <= row[0] <= now + _AHEAD:
                return None
            return Kept(row[0], unpack(row[2])) if row[1] == _digest(key, row[2]) else None

        return self._do(look, None)

    def keep(self, key: bytes, body: bytes, limit: int) -> None:
        """Put a packed reply in, over an older one; from `limit` bytes on the longest unused go.

        One that would fill more than half of that is left out.
        """
        now = time.time()
        if len(body) * 2 > limit:
            return

        def put(db: sqlite3.Connection) -> None:
            row = (key, now, now, _digest(key, body), body)
            db.execute(
                "INSERT INTO replies (key, stored, used, digest, body) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET stored = excluded.stored, used = excluded.used,"
                " digest = excluded.digest, body = excluded.body",
                row,
            )
            file.fit(db, limit)

        self._change(put, make=True)

    def hit(self, key: bytes, saved: Cost | None) -> None:
        """Count that a reply was given again, which saved this much; unknown is None."""

        def count(db: sqlite3.Connection) -> None:
            db.execute("UPDATE replies SET used = ? WHERE key = ?", (time.time(), key))
            amount = saved.amount if saved else Decimal(0)
            row = db.execute("SELECT saved FROM hits").fetchone()
            db.execute(
                "UPDATE hits SET count = count + 1, unknown = unknown + ?, saved = ?",
                (saved is None, format(Decimal(row[0]) + amount, "f")),
            )

        self._change(count)

    def info(self) -> Info:
        """What there is."""

        def look(db: sqlite3.Connection) -> Info:
            count, oldest = db.execute("SELECT count(*), min(stored) FROM replies").fetchone()
            since, hits, unknown, saved = db.execute("SELECT * FROM hits").fetchone()
            return Info(count, file.size(db), oldest, hits, unknown, Decimal(saved), since)

        return self._do(look, Info())

    def count(self, before: float | None = None) -> int:
        """How many replies there are, or how many came before that time."""

        def look(db: sqlite3.Connection) -> int:
            query = "SELECT count(*) FROM replies WHERE stored < coalesce(?, 9e999)"
            return int(db.execute(query, (before,)).fetchone()[0])

        return self._do(look, 0)

    def clear(self, before: float | None = None) -> int:
        """Remove the replies, or those that came before that time; how many."""

        def remove(db: sqlite3.Connection) -> int:
            if before is not None:
                return db.execute("DELETE FROM replies WHERE stored < ?", (before,)).rowcount
            db.execute("UPDATE hits SET since = ?, count = 0, unknown = 0, saved = '0'", _now())
            return db.execute("DELETE FROM replies").rowcount

        return self._change(remove) or 0

    def mentions(self, text: str) -> int:
        """In how many replies this text stands."""
        return self._do(lambda db: len(_those(db, lambda body: mentions(body, text))), 0)

    def forget(self, text: str) -> int:
        """Remove the replies in which this text stands; how many."""
        return self._remove(lambda body: mentions(body, text))

    def forget_answers(self, marks: Collection[bytes]) -> int:
        """Remove the replies that say what these marks stand for; how many."""
        return self._remove(lambda body: says(body, marks))

    def _remove(self, going: Callable[[bytes], bool]) -> int:
        def remove(db: sqlite3.Connection) -> int:
            found = _those(db, going)
            db.executemany("DELETE FROM replies WHERE number = ?", [(one,) for one in found])
            return len(found)

        return self._change(remove) or 0

    def _change(self, action: Callable[[sqlite3.Connection], T], *, make: bool = False) -> T | None:
        """Do it in one transaction, in a new file if one is to be made; else None without one.

        Threads take turns: SQLite lets some of many wait until they give up.
        """

        def change(db: sqlite3.Connection) -> T:
            db.execute("PRAGMA secure_delete = ON")
            db.execute("BEGIN IMMEDIATE")
            try:
                result = action(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            return result

        in_turn = _changing.acquire(timeout=file.SECONDS)
        try:
            return self._do(change, None, make=make)
        finally:
            if in_turn:
                _changing.release()

    def _do(self, action: Callable[[sqlite3.Connection], T], none: T, *, make: bool = False) -> T:
        try:
            with file.opened(self.path, make=make) as db:
                return none if db is None else action(db)
        except (sqlite3.Error, OSError, ValueError, TypeError, ArithmeticError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> LocalIOError:
        words = f"cache: {error}"
        if file.is_damage(error):
            file.throw_away(self.path)
            words += "; the damaged file was thrown away"
        return LocalIOError(words, hint=f"It can be done without: rm {self.path}")


def _now() -> tuple[float]:
    return (time.time(),)


def _digest(key: bytes, body: bytes) -> bytes:
    return hashlib.sha256(key + body).digest()


def _those(db: sqlite3.Connection, meant: Callable[[bytes], bool]) -> list[int]:
    rows = db.execute("SELECT number, body FROM replies")
    return [number for number, body in rows if meant(body)]
