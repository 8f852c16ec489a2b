"""Private folders, locks and atomic replacement of files."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

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


def listed(folder: Path, suffix: str | tuple[str, ...]) -> list[Path]:
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
    handle, temp = _temporary(folder, _TEMP_PREFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temp.unlink()
        raise
    _sync_dir(folder)


def write_out(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file of the user's own in one go; see `writing_out`."""
    with writing_out(path, replace=replace) as file:
        file.write(data)


@contextlib.contextmanager
def writing_out(path: Path, *, replace: bool = False) -> Iterator[IO[bytes]]:
    """A file of the user's own, there whole at the end or not at all; a new one gets mode 0600.

    One that is replaced keeps its mode, and a symbolic link stays one. Raises FileExistsError
    where there is one that is not to be replaced, OSError.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    target = path.resolve() if replace else path
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    handle, part = _temporary(target.parent, f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not replace:
            _into_place(part, path)
            return
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _into_place(part: Path, path: Path) -> None:
    """Give it its name, unless another took that meanwhile; not every file system can tell."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:
        os.replace(part, path)


def _temporary(folder: Path, prefix: str) -> tuple[int, Path]:
    """A new file with mode 0600, open to be written."""
    path = folder / f"{prefix}{os.urandom(6).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o600), path


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
    while not try_lock(handle):
        if time.monotonic() > end:
            raise ConfigError(
                f"{lock} has been locked by another process for {LOCK_SECONDS:.0f} s",
                hint="End the other llm process, then try again.",
            )
        time.sleep(0.02)


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def try_lock(handle: int) -> bool:
        """Take the lock of an open file, or say that another process has it."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Take the lock of an open file, or say that another process has it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
