"""How a run of the command goes and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended; `code` is negative for a death by signal, `rss_kb` its peak memory."""

    out: bytes
    err: str
    code: int
    seconds: float
    rss_kb: int = 0

    @property
    def text(self) -> str:
        """Stdout as text."""
        return self.out.decode()

    @property
    def json(self) -> Any:
        """Stdout as one JSON value."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A command that is running, to be watched and signalled."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._begun = time.monotonic()
        self._pieces: dict[str, bytes] = {"out": b"", "err": b""}
        self._changed = threading.Condition()
        pipes = {"out": process.stdout, "err": process.stderr}
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in pipes.items()
            if pipe is not None
        ]
        for reader in self._readers:
            reader.start()

    @property
    def out(self) -> bytes:
        """Stdout so far."""
        return self._pieces["out"]

    @property
    def err(self) -> str:
        """Stderr so far."""
        return self._pieces["err"].decode(errors="replace")

    def wait_for(self, expected: bytes, timeout: float = SECONDS, where: str = "out") -> None:
        """Wait until stdout (or `err`) holds these bytes."""
        with self._changed:
            found = self._changed.wait_for(lambda: expected in self._pieces[where], timeout)
        assert found, f"{expected!r} not in {self._pieces}"

    def signal(self, signum: int) -> None:
        """Send a signal to this process alone."""
        self.process.send_signal(signum)

    def finish(self, timeout: float = SECONDS) -> Result:
        """Wait for the end."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout} s: {self._pieces}") from None
        seconds = time.monotonic() - self._begun
        for reader in self._readers:
            reader.join()
        return Result(self.out, self.err, code, seconds)

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        for reader in self._readers:
            reader.join()

    def _read(self, name: str, pipe: Any) -> None:
        with pipe:
            while piece := os.read(pipe.fileno(), 1 << 16):
                with self._changed:
                    self._pieces[name] += piece
                    self._changed.notify_all()
