"""A command on a terminal of its own: type into it, and wait for what it draws."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from resource import struct_rusage
from types import TracebackType
from typing import Self

ROWS, COLUMNS = 40, 100
LIMIT = 120.0  # seconds before what is waited for is said to be missing
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_=>])")
_READY = re.compile(rb"\x1b\[\?2004h.*?>.*?\x1b\[\?25h", re.DOTALL)


class OnTerminal:
    """The running command; it is killed at the end, and `usage` is then what it cost."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.begun = time.perf_counter()
        self.seen = b""
        self.usage: struct_rusage | None = None
        self._pid, self._terminal = _start(command, {**env, "TERM": "xterm-256color"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.kill(self._pid, signal.SIGKILL)
        _, _, self.usage = os.wait4(self._pid, 0)
        os.close(self._terminal)

    @property
    def cpu(self) -> float:
        """The CPU seconds that it took, after its end."""
        assert self.usage
        return self.usage.ru_utime + self.usage.ru_stime

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._terminal, text.encode())

    def wait(self, pattern: re.Pattern[bytes] = _READY) -> float:
        """The moment when this has been drawn since the last wait; by default the prompt."""
        end = time.perf_counter() + LIMIT
        while not (found := pattern.search(self.seen)):
            self._read(end - time.perf_counter())
        self.seen = self.seen[found.end() :]
        return time.perf_counter()

    def echo(self, key: str) -> float:
        """Press a key; the seconds until it is drawn."""
        begun = time.perf_counter()
        self.type(key)
        while key.encode() not in _ESCAPES.sub(b"", self.seen):
            self._read(LIMIT)
        seconds = time.perf_counter() - begun
        while select.select([self._terminal], [], [], 0.02)[0]:
            self._read(0)
        self.seen = b""
        return seconds

    def _read(self, seconds: float) -> None:
        if not select.select([self._terminal], [], [], max(0, seconds))[0]:
            raise SystemExit(f"nothing more is drawn after {self.seen[-2000:]!r}")
        try:
            self.seen += os.read(self._terminal, 1 << 16)
        except OSError:
            raise SystemExit(f"it ended after {self.seen[-2000:]!r}") from None


def _start(command: list[str], env: dict[str, str]) -> tuple[int, int]:
    """Start the command; its process and the master side of its terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
        for handle in (0, 1, 2):
            os.dup2(theirs, handle)
        os.closerange(3, max(ours, theirs) + 1)
        os.execve(command[0], command, env)
    os.close(theirs)
    return pid, ours
