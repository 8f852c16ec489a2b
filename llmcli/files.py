"""Private folders, locks and atomic replacement of files."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from llmcli.errors import ConfigError

LOCK_SECONDS = 10.0
_STALE_SECONDS = 3600.0
_TEMP_PREFIX = ".llmcli-"


def private_dir(path: Path) -> Path:
    """Make the folder with mode 0700, its missing parents too, and return it.

    Raises OSError.
    """
    missing = [p for p in (path, *path.parents) if not p.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    return path


def listed(folder: Path, suffix: str) -> list[Path]:
    """The files that end so, sorted; none where the folder is missing or cannot be opened."""
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if entry.name.endswith(suffix))
    except OSError:
        return []


def atomic_write(path: Path, data: bytes) -> None:
    """Replace the file whole or not at all, with mode 0600.

    A reader sees the old or the new content, also after a crash. A symbolic link stays one: what
    it points to is replaced. Raises OSError.
    """
    path = path.resolve()
    folder = private_dir(path.parent)
    _sweep(folder)
    handle, temp = tempfile.mkstemp(prefix=_TEMP_PREFIX, dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    _sync_dir(folder)


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left behind more than an hour ago."""
    horizon = time.time() - _STALE_SECONDS
    for leftover in folder.glob(_TEMP_PREFIX + "*"):
        with contextlib.suppress(OSError):
            if leftover.stat().st_mtime < horizon:
                leftover.unlink()


def _sync_dir(folder: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside `path` for a read-modify-write; wait at most LOCK_SECONDS.

    The lock file is never deleted. Raises ConfigError when another process keeps it, OSError
    when the folder cannot be written.
    """
    lock = private_dir(path.parent) / f".{path.name}.lock"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(handle, lock)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, lock: Path) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while not _try_lock(handle):
        if time.monotonic() > end:
            raise ConfigError(
                f"{lock} has been locked by another process for {LOCK_SECONDS:.0f} s",
                hint="End the other llm process, then try again.",
            )
        time.sleep(0.02)


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
