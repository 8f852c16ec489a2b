"""The answer as Markdown on a terminal: shown as it arrives, and never changed once shown."""

from __future__ import annotations

import os
from collections.abc import Callable

from llmcli.render.blocks import Blocks
from llmcli.render.display import Display
from llmcli.render.streamed import Streamed
from llmcli.render.wrap import Lines


class Markdown(Streamed):
    """Only ever appends: a line that was shown is never changed."""

    def __init__(self, display: Display) -> None:
        super().__init__(display)
        self._lines = Lines(_measure(display), display.styled_out)
        self._blocks = Blocks(self._lines, color=display.styled_out, dumb=display.dumb)

    def _add(self, text: str) -> None:
        self._blocks.feed(self._incoming.feed(text))
        self._put()

    def _break(self) -> None:
        self._blocks.feed(self._incoming.end())
        self._blocks.end()
        self._put()

    def _end(self) -> None:
        self._write()
        self._break()

    def _put(self) -> None:
        text = self._lines.take()
        if text:
            self._output.write(text)
        self._notes.midline = self._shared and self._blocks.pending


def _measure(display: Display) -> Callable[[], int]:
    """How wide the terminal is; it is looked at again for each line unless a width was chosen."""
    try:
        terminal = display.stdout.fileno()
        follows = os.get_terminal_size(terminal).columns == display.width
    except (AttributeError, OSError, ValueError):
        follows = False
    if not follows:
        return lambda: display.width

    def measure() -> int:
        try:
            return os.get_terminal_size(terminal).columns or display.width
        except OSError:
            return display.width

    return measure
