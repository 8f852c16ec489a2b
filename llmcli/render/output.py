"""The answer's way out: UTF-8 bytes, one write for all that is ready."""

from __future__ import annotations

import os
import select
from typing import IO


class Output:
    """Stdout. Raises OSError, BrokenPipeError among them, as the system says it."""

    def __init__(self, stream: IO[str]) -> None:
        stream.flush()
        self._stream = stream
        self._fd = -1
        if os.name == "posix":  # elsewhere a console needs Python's own layers
            try:
                self._fd = stream.fileno()
            except (AttributeError, OSError, ValueError):
                return

    def write(self, text: str) -> None:
        """Write it all, now."""
        data = text.encode("utf-8", "replace")
        if self._fd < 0:
            buffer = getattr(self._stream, "buffer", None)
            if buffer is None:
                self._stream.write(data.decode())
            else:
                buffer.write(data)
            self._stream.flush()
            return
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # someone made the terminal or pipe non-blocking
                select.select([], [self._fd], [])
