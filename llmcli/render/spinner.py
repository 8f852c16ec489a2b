"""A sign of life on stderr while nothing else is to be seen."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import IO

DELAY = 0.15
_FRAME = 0.1
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Spinner:
    """`⠋ 3 s`, drawn by a thread of its own from DELAY seconds after `start()` to `stop()`.

    It is erased with spaces, so that not one escape byte is needed without colour.
    """

    def __init__(self, stream: IO[str], dim: bool) -> None:
        self._stream = stream
        self._style = ("\x1b[2m", "\x1b[0m") if dim else ("", "")
        self._lock = threading.Lock()
        self._stop: threading.Event | None = None
        self._drawn = 0

    def start(self) -> None:
        """Begin to wait; nothing is seen before DELAY has passed."""
        if self._stop is None:
            self._stop = threading.Event()
            threading.Thread(target=self._run, args=(self._stop,), daemon=True).start()

    def stop(self) -> None:
        """Erase it. After this it writes nothing until it is started again."""
        if self._stop is None:
            return
        with self._lock:
            self._stop.set()
            self._stop = None
            if self._drawn:
                self._write("\r" + " " * self._drawn + "\r")
                self._drawn = 0

    def _run(self, stopped: threading.Event) -> None:
        begun = time.monotonic()
        pause = DELAY
        frame = 0
        while not stopped.wait(pause):
            with self._lock:
                if stopped.is_set():
                    return
                text = f"{_FRAMES[frame % len(_FRAMES)]} {int(time.monotonic() - begun)} s"
                self._write(f"\r{self._style[0]}{text}{self._style[1]}")
                self._drawn = len(text)
            frame += 1
            pause = _FRAME

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
