"""Turns that the database could not take, each in a file until it can.

`ID.json` is a turn that ended; `ID.PID.running` one that the process PID still writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from llmcli.errors import UsageError
from llmcli.files import atomic_write
from llmcli.ledger import Status
from llmcli.store import Store, gone, spools, title
from llmcli.transcripts.documents import from_document, to_document, to_text
from llmcli.turn import Conversation, Turn

_PATIENCE = 1.0  # seconds; a busy history is told at once, for a question waits behind it
_MOST = 20  # files taken in at one start: it must not keep the user waiting


def write(turn: Turn, terminal: str) -> Path | None:
    """Keep the turn as it stands; where, or None where nothing can be written."""
    conversation = Conversation(
        id=turn.conversation,
        created=turn.started,
        updated=turn.started + turn.total_s,
        title=title(turn),
        head=turn.id if turn.answered else turn.parent,
        terminal=terminal,
    )
    data = to_text(to_document(conversation, [turn])).encode()
    running = turn.status == "running"
    for folder in spools():
        path = folder / (_running(turn) if running else f"{turn.id}.json")
        with contextlib.suppress(OSError):
            atomic_write(path, data)
            if not running:
                _remove_running(turn)
            return path
    return None


def discard(turn: Turn) -> None:
    """Remove the files of a turn that the database has taken."""
    _remove_running(turn)
    for folder in spools():
        _remove(folder / f"{turn.id}.json")


def take_in(store: Store, files: Sequence[Path]) -> Iterator[Path]:
    """Move waiting turns into the database; gives what could not be read, under its new name.

    Turns of processes that live go on waiting. Raises LocalIOError.
    """
    for path in [path for path in files if not _lives(path)][:_MOST]:
        try:
            conversation, turns = from_document(json.loads(path.read_bytes()))
        except FileNotFoundError:
            continue  # another process was quicker
        except (UsageError, ValueError, RecursionError, OSError):
            unread = path.with_name(f"{path.name}.unreadable")
            with contextlib.suppress(OSError):
                path.rename(unread)
                yield unread
            continue
        store.merge(conversation, [_ended(turn) for turn in turns], _PATIENCE)
        _remove(path)


def _ended(turn: Turn) -> Turn:
    """The turn as it stays when nobody writes it any more."""
    attempts = tuple(
        one._replace(status="incomplete") if one.status == "running" else one
        for one in turn.attempts
    )
    status: Status = "incomplete" if turn.status == "running" else turn.status
    return turn._replace(status=status, attempts=attempts)


def _running(turn: Turn) -> str:
    return f"{turn.id}.{os.getpid()}.running"


def _lives(path: Path) -> bool:
    """Whether its process still writes it."""
    if path.suffix != ".running":
        return False
    pid = path.stem.rpartition(".")[2]
    with contextlib.suppress(OSError):
        return pid.isdecimal() and not gone(int(pid), time.time() - path.stat().st_mtime)
    return True


def _remove_running(turn: Turn) -> None:
    for folder in spools():
        _remove(folder / _running(turn))


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
