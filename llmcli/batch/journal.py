"""The output of a batch as its journal: what is written there is not asked again."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from llmcli.batch import outputs
from llmcli.errors import LocalIOError, UsageError
from llmcli.files import try_lock, writing_out
from llmcli.render.objects import Object
from llmcli.sanitize import one_line

_TORN = b'{"id":'


class Place(NamedTuple):
    """A line of the output: what it answers, and where it stands."""

    line: int
    request: str
    failed: bool
    at: int
    size: int


class Asked(NamedTuple):
    """An attempt that was begun, of a call; `started` in seconds since 1970."""

    call: str
    number: int
    started: float


class Sink(Protocol):
    """Where the lines go. Every method raises LocalIOError."""

    def begun(self, asked: Asked) -> None:
        """An attempt is about to be made."""
        ...

    def add(self, number: int, value: Object) -> None:
        """The line of a prompt is there; `number` counts the prompts that are asked, from 0."""
        ...


class Journal:
    """An output file that a batch adds to, kept from any other batch while it is open.

    Its lines so far are `places`, by id. A last line that was torn when a run was killed is cut
    off; one that only lacks its end gets it. Beside it lies a list of the attempts that were begun,
    as long as not all of them are in the ledger. Raises UsageError for a file of other lines,
    LocalIOError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._handle = _locked(path)
        self.places: dict[str, Place] = {}
        self._end = 0
        self._superseded = False
        try:
            self._read()
        except BaseException:
            os.close(self._handle)
            raise
        folder, name = os.path.split(path.resolve())
        self._list = Path(folder) / f".{name}.asked"
        self._asked = -1

    def unfinished(self) -> list[Asked]:
        """The attempts of a run that was killed before all of them were in the ledger."""
        found = []
        with contextlib.suppress(OSError), open(self._list, encoding="utf-8") as file:
            for text in file:
                with contextlib.suppress(ValueError, TypeError):
                    call, number, started = json.loads(text)
                    found.append(Asked(str(call), int(number), float(started)))
        return found

    def rows(self) -> Iterator[Object]:
        """All lines as they were written, also those that later ones took the place of."""
        with open(self.path, "rb") as file:
            for data in file:
                if value := outputs.parse(data):
                    yield value

    def begun(self, asked: Asked) -> None:
        """An attempt is about to be made. Raises LocalIOError."""
        data = f'["{asked.call}",{asked.number},{asked.started:.3f}]\n'.encode()
        with _explained(self._list), self._lock:
            if self._asked < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._asked = os.open(self._list, flags, 0o600)
            os.write(self._asked, data)

    def add(self, number: int, value: Object) -> None:  # noqa: ARG002
        """Write a line at the end, in one piece or not at all. Raises LocalIOError."""
        data = outputs.line(value)
        with _explained(self.path), self._lock:
            try:
                done = os.write(self._handle, data)
                while done < len(data):
                    done += os.write(self._handle, data[done:])
            except OSError:
                os.ftruncate(self._handle, self._end)
                raise
            self._put(value, len(data))

    def sync(self) -> None:
        """See that what was written outlives a loss of power, as far as the disk can."""
        with contextlib.suppress(OSError):
            os.fsync(self._handle)

    def settled(self) -> None:
        """Every attempt is in the ledger: the list of them is not needed any more."""
        with self._lock:
            if self._asked >= 0:
                os.close(self._asked)
                self._asked = -1
            with contextlib.suppress(OSError):
                self._list.unlink(missing_ok=True)

    def arrange(self) -> None:
        """Put the lines into the order of the input, the last one of each id. LocalIOError."""
        kept = sorted(self.places.values(), key=lambda place: (place.line, place.at))
        if not self._superseded and all(a.at < b.at for a, b in itertools.pairwise(kept)):
            return
        with (
            _explained(self.path),
            open(self.path, "rb") as old,
            writing_out(self.path, replace=True) as file,
        ):
            for place in kept:
                old.seek(place.at)
                file.write(old.read(place.size))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)
        if self._asked >= 0:
            os.close(self._asked)
            self._asked = -1

    def _read(self) -> None:
        with _explained(self.path), os.fdopen(os.dup(self._handle), "rb") as file:
            file.seek(0)
            for number, data in enumerate(file, 1):
                value = outputs.parse(data)
                if value is None and _is_torn(data):
                    os.ftruncate(self._handle, self._end)
                    return
                if value is None:
                    words = f"{one_line(str(self.path), 200)}, line {number} is no line of a batch"
                    raise UsageError(words, hint="Choose another file: -o FILE")
                ended = data.endswith(b"\n")
                self._put(value, len(data) if ended else len(data) + os.write(self._handle, b"\n"))

    def _put(self, value: Object, size: int) -> None:
        known = outputs.known(value)
        place = Place(known.line, known.request, known.failed, self._end, size)
        self._superseded = self._superseded or known.id in self.places
        self.places[known.id] = place
        self._end += size


class Stream:
    """Lines to stdout, or to a pipe or device of that path: in the order of the input, or not.

    `begun` remembers nothing: a run that was killed is not gone on with. Raises LocalIOError.
    """

    def __init__(self, path: str, *, ordered: bool) -> None:
        self._path = None if path in ("", "-") else Path(path)
        self._file = self._opened()
        self._ordered = ordered
        self._next = 0
        self._waiting: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def begun(self, asked: Asked) -> None:
        """Nothing to do."""

    def add(self, number: int, value: Object) -> None:
        """Write the line, and those that waited for it."""
        with self._lock:
            self._waiting[number] = outputs.line(value)
            while self._waiting:
                due = self._next if self._ordered else number
                if due not in self._waiting:
                    return
                self._write(self._waiting.pop(due))
                self._next += 1

    def finish(self) -> None:
        """Write what waited for prompts that were not answered."""
        with self._lock:
            for number in sorted(self._waiting):
                self._write(self._waiting.pop(number))

    def _opened(self) -> IO[bytes]:
        if self._path is None:
            return sys.stdout.buffer
        with _explained(self._path):
            return open(self._path, "wb", buffering=0)

    def _write(self, data: bytes) -> None:
        with _explained(self._path) if self._path else contextlib.nullcontext():
            self._file.write(data)
            self._file.flush()


def is_stream(path: str) -> bool:
    """Whether what is written there cannot be read again: stdout, a pipe, a device."""
    if path in ("", "-"):
        return True
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False


def _is_torn(data: bytes) -> bool:
    """Whether a line without its end began as one of ours, or is what a loss of power left."""
    if data.endswith(b"\n") or _is_json(data):
        return False
    return data.startswith(_TORN[: len(data)]) or not data.strip(b"\0")


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _locked(path: Path) -> int:
    """The file, open and kept from other batches, whichever file has its name by then."""
    while True:
        with _explained(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if not try_lock(handle):
            os.close(handle)
            words = f"another batch writes {one_line(str(path), 200)}"
            raise UsageError(words, hint="Let it end first, or choose another file: -o FILE")
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        words = f"{one_line(str(path), 200)} cannot be written: {error.strerror}"
        raise LocalIOError(words) from None
