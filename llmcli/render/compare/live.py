"""Lines at the bottom of a terminal that change, under lines that stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import IO

from llmcli.render.output import Output
from llmcli.render.wrap import columns

_CLEAR_LINE = "\x1b[2K"
_STEPS = re.compile(r"\x1b\[\d*[A-Za-z]")  # what a line has besides its text


class Live:
    """Draws with one write at a time, and only the lines that are others than before.

    No line may be wider than the terminal. The cursor stands on the last one.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._output = Output(stream)
        self._kept: list[str] = []
        self._shown: list[str] = []

    def keep(self, lines: Sequence[str]) -> None:
        """Lines that stay; they are written with the next `show`."""
        self._kept += lines

    def show(self, lines: Sequence[str]) -> None:
        """The lines that change, as they are now. Raises OSError."""
        kept, self._kept = self._kept, []
        fresh = [*kept, *lines]
        if fresh == self._shown and lines:
            return
        if fresh or self._shown:
            self._output.write(self._steps(fresh, ends=not lines))
        self._shown = list(lines)

    def clear(self) -> None:
        """Take them away, so that something else can be written there."""
        if self._shown:
            self._output.write(_erased(len(self._shown)))
            self._shown = []

    def resized(self, width: int) -> None:
        """Take them away from a terminal that has become so wide, and has wrapped them anew."""
        if self._shown:
            sizes = (columns(_STEPS.sub("", line)) for line in self._shown)
            self._output.write(_erased(sum(max(-(-size // max(width, 1)), 1) for size in sizes)))
            self._shown = []

    def _steps(self, fresh: Sequence[str], *, ends: bool) -> str:
        old, text = self._shown, [_to_top(len(self._shown))]
        if len(fresh) < len(old):
            old, text = [], [_erased(len(old))]
        for number, line in enumerate(fresh):
            if number:
                text.append("\n")
            if number >= len(old):
                text.append(line)
            elif line != old[number]:
                text.append(f"{_CLEAR_LINE}{line}")
        if ends and fresh:
            text.append("\n")
        return "".join(text)


def _to_top(rows: int) -> str:
    return f"\r\x1b[{rows - 1}A" if rows > 1 else "\r" if rows else ""


def _erased(rows: int) -> str:
    """Line by line: of a screen that is cleared as a whole tmux keeps a copy."""
    return f"{_to_top(rows)}{chr(10).join([_CLEAR_LINE] * rows)}{_to_top(rows)}"
