"""The answer as Markdown on a terminal: shown as it arrives, and never changed once shown."""

from __future__ import annotations

import os
from collections.abc import Callable

from llmcli.conversation import Turn
from llmcli.errors import Failure
from llmcli.events import Event, Finish, OpaqueData, Start, TextDelta, UsageReport
from llmcli.render.blocks import Blocks
from llmcli.render.display import Display
from llmcli.render.notes import Notes
from llmcli.render.output import Output
from llmcli.render.wrap import Lines
from llmcli.sanitize import Incoming

_SILENT = frozenset((Start, UsageReport, OpaqueData, Finish))


class Markdown:
    """Writes what is ready at every flush; the first text goes out immediately."""

    def __init__(self, display: Display) -> None:
        self._output = Output(display.stdout)
        self._notes = Notes(display, self._end_text)
        self._shared = display.stdout_tty and display.stderr_tty
        self._incoming = Incoming()
        self._lines = Lines(_measure(display), display.styled_out)
        self._blocks = Blocks(self._lines, color=display.styled_out, dumb=display.dumb)
        self._parts: list[str] = []
        self._waiting = True

    def begin(self, turn: Turn) -> None:
        """Nothing to do: the first attempt starts the spinner."""

    def show(self, event: Event) -> None:
        """Text is collected; everything else goes to stderr."""
        if type(event) is TextDelta:
            self._parts.append(event.text)
            if self._waiting:
                self._begin_text()
        elif type(event) not in _SILENT:
            self._waiting = True
            self._write()
            self._notes.hear(event)

    def flush(self) -> None:
        """Show as much as is certain."""
        if self._parts:
            self._write()
        elif self._waiting:
            self._notes.flush()

    def finish(self, turn: Turn, _exit_code: int = 0) -> None:
        """Show what was held back and end the line."""
        self._write()
        self._end_text()
        self._notes.calls(turn)
        self._notes.end(turn)

    def fail(self, _error: Failure, _turn: Turn | None) -> None:
        """The same: what arrived is all shown, and the terminal is left clean."""
        try:
            self._write()
            self._end_text()
        finally:
            self._notes.end()

    def _begin_text(self) -> None:
        if any(self._parts):
            self._waiting = False
            self._notes.clear()
            self._write()

    def _write(self) -> None:
        if self._parts:
            text = "".join(self._parts)
            self._parts.clear()
            self._blocks.feed(self._incoming.feed(text))
            self._put()

    def _end_text(self) -> None:
        self._blocks.feed(self._incoming.end())
        self._blocks.end()
        self._put()

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
