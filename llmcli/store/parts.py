"""Content-addressed parts: what many turns say alike is stored once."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from llmcli.messages import Media
from llmcli.turn import Turn

T = TypeVar("T")
_LONE = "[\ud800-\udfff]"
_TITLE = 200
_FAR = 1e12  # seconds; in microseconds it still fits into a row's number
_MANY = 500


class Stored(NamedTuple):
    """A part as it lies in the database; `body` is str for text and bytes for media."""

    kind: str
    name: str
    media_type: str
    body: str | bytes


def storable(text: str) -> str:
    """The text as UTF-8 can carry it: a lone surrogate becomes U+FFFD."""
    return text if text.isascii() else re.sub(_LONE, "\ufffd", text)


def first_line(prompt: str) -> str:
    """The first line of a prompt that is not blank, at most 200 characters."""
    return next((line.strip()[:_TITLE] for line in prompt.splitlines() if line.strip()), "")


def title(turn: Turn) -> str:
    """What a conversation that begins with this turn is about: its first line, else its files."""
    return first_line(turn.prompt) or ", ".join(media.name for media in turn.attachments)[:_TITLE]


def microseconds(started: float) -> int:
    """A time as the number of a row, whatever it is."""
    return int(max(-_FAR, min(started, _FAR)) * 1_000_000)


def digest(part: Stored) -> bytes:
    """The SHA-256 by which equal parts are known."""
    body = part.body.encode() if isinstance(part.body, str) else part.body
    head = "\0".join((part.kind, part.media_type, part.name, ""))
    return hashlib.sha256(head.encode() + body).digest()


def keep(db: sqlite3.Connection, part: Stored) -> int:
    """The number of the part, which is stored if it is not there."""
    key = digest(part)
    row = db.execute("SELECT number FROM parts WHERE hash = ?", (key,)).fetchone()
    if row is not None:
        return int(row[0])
    inserted = db.execute(
        "INSERT INTO parts (hash, kind, name, media_type, body) VALUES (?, ?, ?, ?, ?)",
        (key, *part),
    )
    return int(inserted.lastrowid or 0)


def keep_text(db: sqlite3.Connection, kind: str, text: str | None) -> int | None:
    """The number of a text of that kind; None for None."""
    return None if text is None else keep(db, Stored(kind, "", "", storable(text)))


def keep_media(db: sqlite3.Connection, media: Media) -> int:
    """The number of an attachment."""
    name, media_type = storable(media.name), storable(media.media_type)
    return keep(db, Stored("attachment", name, media_type, media.data))


def batches(some: list[T]) -> Iterator[list[T]]:
    """The list in pieces that one statement can take."""
    return (some[at : at + _MANY] for at in range(0, len(some), _MANY))


def load(db: sqlite3.Connection, numbers: Iterable[int | None]) -> dict[int | None, Stored]:
    """The parts with these numbers."""
    wanted = list({number for number in numbers if number is not None})
    found: dict[int | None, Stored] = {}
    for some in batches(wanted):
        marks = ",".join("?" * len(some))
        query = f"SELECT number, kind, name, media_type, body FROM parts WHERE number IN ({marks})"  # noqa: S608
        for number, *rest in db.execute(query, some):
            found[number] = Stored(*rest)
    return found


def sweep(db: sqlite3.Connection) -> None:
    """Remove the parts that no turn uses any more."""
    db.execute(
        "DELETE FROM parts WHERE number NOT IN (SELECT prompt FROM turns UNION SELECT system FROM"
        " turns WHERE system IS NOT NULL UNION SELECT tools FROM turns WHERE tools IS NOT NULL"
        " UNION SELECT part FROM attachments)"
    )
