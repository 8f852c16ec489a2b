"""Consistent copies of the history database."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from pathlib import Path

from llmcli.errors import UsageError
from llmcli.files import private_dir


def stamp() -> str:
    """The present moment as it stands in file names."""
    return time.strftime("%Y%m%d-%H%M%S")


def before_migration(path: Path, version: int) -> Path:
    """Copy the database beside itself before it changes; the caller holds its write lock.

    A migration that was killed and begins anew finds its copy there and makes no second one.
    """
    older = sorted(path.parent.glob(f"{path.name}.v{version}-*.bak"))
    copy = path.with_name(f"{path.name}.v{version}-{stamp()}.bak")
    for leftover in path.parent.glob(f"{path.name}.v*.bak.tmp*"):
        leftover.unlink()
    temp = path.with_name(f"{copy.name}.tmp")
    _copy(path, temp)
    if older and _digest(older[-1]) == _digest(temp):
        temp.unlink()
        return older[-1]
    os.replace(temp, copy)
    return copy


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def write(path: Path, target: Path) -> None:
    """Copy the database to a new file. Raises UsageError where there is one, OSError."""
    private_dir(target.parent)
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise UsageError(f"{target} exists", hint="Give the name of a new file.") from None
    temp = target.with_name(f".{target.name}.tmp")
    try:
        _copy(path, temp)
        os.replace(temp, target)
    except BaseException:
        for place in (temp, target):
            place.unlink(missing_ok=True)
        raise


def _copy(path: Path, temp: Path) -> None:
    """A copy that needs no other file, on the disk for good when this returns."""
    temp.unlink(missing_ok=True)
    os.close(os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    with contextlib.closing(source), contextlib.closing(sqlite3.connect(temp)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    handle = os.open(temp, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
