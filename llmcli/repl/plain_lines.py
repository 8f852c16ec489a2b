"""Typing on a terminal that can only print: line by line, not one escape sequence."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import IO

from llmcli.repl.editor import edit
from llmcli.repl.rows import Row, shown

_NOTICE = "· this terminal cannot move its cursor: no completion, no history; Ctrl-D leaves"


class PlainLines:
    """Messages typed on a dumb terminal; with `multiline` an empty line ends one."""

    def __init__(self, keyboard: IO[str]) -> None:
        self.multiline = False
        self._keyboard = keyboard
        self._noticed = False

    def read(self, default: str) -> str:
        """One message; just Enter gives the default. Raises EOFError."""
        if not self._noticed:
            sys.stderr.write(f"{_NOTICE}\n")
            sys.stderr.flush()
            self._noticed = True
        offer = f"[Enter: {shown(default)[:60]}] " if default.strip() else ""
        while True:
            with _ctrl_c_raises():
                try:
                    return self._message(offer) or default
                except KeyboardInterrupt:
                    sys.stdout.write("\n")

    def edit(self, text: str, suffix: str) -> str | None:
        """The text after the user edited it; None when nothing came of it."""
        return edit(text, suffix, keyboard=self._keyboard, screen=sys.stdout)

    def choose(self, question: str, rows: Sequence[Row]) -> str | None:
        """The name of the row whose number or beginning is typed; None for nothing, or Ctrl-C."""
        for number, row in enumerate(rows, 1):
            about = f"  {shown(row.about)}" if row.about else ""
            sys.stdout.write(f"{number:>3}  {shown(row.name)}{about}\n")
        with _ctrl_c_raises():
            try:
                answer = self._line(f"{shown(question)} [1-{len(rows)}] ").strip()
            except (EOFError, KeyboardInterrupt):
                sys.stdout.write("\n")
                return None
        if answer.isdecimal() and 0 < int(answer) <= len(rows):
            return rows[int(answer) - 1].name
        begun = [row.name for row in rows if answer and row.name.startswith(answer)]
        return begun[0] if len(begun) == 1 else None

    def _message(self, offer: str) -> str:
        line = self._line(f"{offer}> ")
        if not self.multiline:
            return line
        lines = []
        while line:
            lines.append(line)
            line = self._line("  ")
        return "\n".join(lines)

    def _line(self, prompt: str) -> str:
        sys.stdout.write(prompt)
        sys.stdout.flush()
        line = self._keyboard.readline()
        if not line:
            sys.stdout.write("\n")
            raise EOFError
        return line.rstrip("\r\n")


@contextlib.contextmanager
def _ctrl_c_raises() -> Iterator[None]:
    """Let Ctrl-C end the line that is being typed, whatever it does elsewhere."""

    def stop(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
