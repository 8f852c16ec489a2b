"""The answer as text: byte for byte in a pipe, made harmless on a terminal."""

from __future__ import annotations

from llmcli.conversation import Turn
from llmcli.errors import Failure
from llmcli.events import Event, Finish, OpaqueData, Start, TextDelta, UsageReport
from llmcli.render.display import Display
from llmcli.render.notes import Notes
from llmcli.render.output import Output
from llmcli.sanitize import Incoming

_SILENT = frozenset((Start, UsageReport, OpaqueData, Finish))


class Plain:
    """Collects what one read brought and writes it at once; the first text goes out immediately."""

    def __init__(self, display: Display) -> None:
        self._output = Output(display.stdout)
        self._notes = Notes(display, self._break_line)
        self._tty = display.stdout_tty
        self._shared = display.stdout_tty and display.stderr_tty
        self._incoming = Incoming()
        self._parts: list[str] = []
        self._waiting = True
        self._midline = False

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
        """Write what was collected."""
        if self._parts:
            self._write()
        elif self._waiting:
            self._notes.flush()

    def finish(self, turn: Turn, _exit_code: int = 0) -> None:
        """End the line on a terminal; add nothing in a pipe."""
        self._end()
        self._notes.calls(turn)
        self._notes.end(turn)

    def fail(self, _error: Failure, _turn: Turn | None) -> None:
        """What arrived stays; the error begins a line of its own on a terminal."""
        try:
            self._end()
        finally:
            self._notes.end()

    def _begin_text(self) -> None:
        if not any(self._parts):
            return
        self._waiting = False
        self._notes.clear()
        self._write()

    def _write(self) -> None:
        if not self._parts:
            return
        text = "".join(self._parts)
        self._parts.clear()
        self._put(self._incoming.feed(text) if self._tty else text)

    def _put(self, text: str) -> None:
        if not text:
            return
        try:
            self._output.write(text)
        except OSError:
            self._notes.end()
            raise
        if self._tty:
            self._midline = text[-1] != "\n"
            self._notes.midline = self._midline and self._shared

    def _break_line(self) -> None:
        if self._midline:
            self._put("\n")

    def _end(self) -> None:
        self._write()
        if self._tty:
            self._put(self._incoming.end())
            self._break_line()
