"""Bodies that are too large to be held in memory: sent from a file, and saved as they come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from llmcli.errors import LocalIOError

_CHUNK = 1 << 16


class FileBody(NamedTuple):
    """The first `size` bytes of a file between `head` and `tail`; `listed` makes its lines a list.

    A last line of those keeps no end, of the others a comma takes the place.
    """

    path: str
    size: int
    head: bytes = b""
    tail: bytes = b""
    listed: bool = False

    @property
    def length(self) -> int:
        """How many bytes are sent."""
        return len(self.head) + self.size - self.listed + len(self.tail)

    def chunks(self, sending: Callable[[], None]) -> Iterator[bytes]:
        """The bytes, piece by piece; `sending` is called before each. Raises OSError."""
        yield self.head
        left = self.size - self.listed
        with open(self.path, "rb") as file:
            while left and (data := file.read(min(_CHUNK, left))):
                left -= len(data)
                sending()
                yield data.replace(b"\n", b",") if self.listed else data
        sending()
        yield self.tail


@contextlib.contextmanager
def saving(path: Path, *, goes_on: bool) -> Iterator[Callable[[bytes], None]]:
    """A function that writes to a file at once; what fails is a LocalIOError, not the network."""

    def write(data: bytes) -> None:
        try:
            file.write(data)
            file.flush()
        except OSError as error:
            raise failed(error) from None

    def failed(error: OSError) -> LocalIOError:
        return LocalIOError(f"{path} cannot be written: {error.strerror}")

    try:
        file = open(path, "ab" if goes_on else "wb")  # noqa: SIM115
    except OSError as error:
        raise failed(error) from None
    with file:
        yield write
