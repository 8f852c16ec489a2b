"""Type on a terminal of one's own, as a user does."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
from running import SECONDS
from support import environment

RUNNER = Path(__file__).with_name("read_on_terminal.py")
UP, DOWN, RIGHT, LEFT, HOME, END = (f"\x1b[{key}" for key in "ABCDHF")
ESC, ENTER, ALT_ENTER, TAB, BACKSPACE = "\x1b", "\r", "\x1b\r", "\t", "\x7f"
PROMPTING = "\x1b[?2004h"  # sent whenever a prompt comes
_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>])")


def ctrl(letter: str) -> str:
    """The character of Ctrl and this letter."""
    return chr(ord(letter.upper()) & 0x1F)


def pasted(text: str) -> str:
    """What a terminal sends when this is pasted."""
    return f"\x1b[200~{text}\x1b[201~"


class Typist:
    """Types at `read_on_terminal.py`, whose options are the words."""

    def __init__(
        self,
        root: Path,
        *options: str,
        env: dict[str, str | None] | None = None,
        size: tuple[int, int] = (24, 80),
        shell: str = "",
        ready: str = "the toolbar",
        **options_of_spawn: Any,
    ) -> None:
        (root / "home").mkdir(exist_ok=True)
        wanted = {**environment(root), "TERM": "xterm-256color", **(env or {})}
        self.env = {name: value for name, value in wanted.items() if value is not None}
        command = [sys.executable, str(RUNNER), *options]
        if shell:
            quoted = " ".join(f"'{word}'" for word in command)
            command = ["bash", "--norc", "-ic", shell.replace("COMMAND", quoted)]
        self.log = _Log()
        self.child: Any = pexpect.spawn(
            command[0],
            command[1:],
            env=self.env,
            dimensions=size,
            timeout=SECONDS,
            encoding="utf-8",
            codec_errors="replace",
            cwd=str(root),
            maxread=1 << 16,
            **options_of_spawn,
        )
        self.child.logfile_read = self.log
        self.child.delaybeforesend = None
        self.child.ptyproc.delayafterclose = self.child.ptyproc.delayafterterminate = 0.01
        if ready:
            self.see(ready)

    @property
    def written(self) -> str:
        """All that the terminal was sent so far."""
        return self.log.text

    def see(self, text: str) -> str:
        """Wait for this on the terminal; what came before it, without sequences."""
        self.child.expect_exact(text)
        return _SEQUENCE.sub("", self.child.before)

    def type(self, *keys: str) -> None:
        """Press these keys."""
        self.child.send("".join(keys))

    def got(self, *keys: str) -> str:
        """Press these keys, and return the message that was read."""
        self.type(*keys)
        self.see("got ")
        line = self.child.readline().strip()
        self.see(PROMPTING)
        return str(eval(line)) if line[0] in "'\"" else line

    def leave(self) -> None:
        """Press Ctrl-D and see it end well."""
        self.type(ctrl("d"))
        self.see("left")
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus == 0, self.written[-500:]

    def close(self) -> None:
        """End it, whatever it does."""
        self.child.kill(signal.SIGKILL)
        self.child.close(force=True)


Open = Callable[..., Typist]


class _Log:
    def __init__(self) -> None:
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def write(self, text: str) -> None:
        self._pieces.append(text)

    def flush(self) -> None:
        pass


def script(root: Path, name: str, body: str) -> Path:
    """A program of the shell, to be an editor."""
    path = root / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return path
