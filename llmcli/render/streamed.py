"""An answer shown while it arrives: what plain text and Markdown have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from llmcli.errors import Failure
from llmcli.events import Event, Finish, OpaqueData, Start, TextDelta, UsageReport
from llmcli.render.display import Display
from llmcli.render.notes import Notes
from llmcli.render.output import Output
from llmcli.sanitize import Incoming
from llmcli.turn import Turn

_SILENT = frozenset((Start, UsageReport, OpaqueData, Finish))


class Streamed(ABC):
    """Collects what one read brought and writes it at once; the first text goes out immediately."""

    def __init__(self, display: Display) -> None:
        self._output = Output(display.stdout)
        self._notes = Notes(display, self._break)
        self._shared = display.stdout_tty and display.stderr_tty
        self._incoming = Incoming()
        self._parts: list[str] = []
        self._waiting = True

    def begin(self, turn: Turn) -> None:  # noqa: B027
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
        """Show what was collected, as far as it is certain how it will look."""
        if self._parts:
            self._write()
        elif self._waiting:
            self._notes.flush()

    def finish(self, turn: Turn, _exit_code: int = 0) -> None:
        """Show what was held back and end the line."""
        self._end()
        self._notes.calls(turn)
        self._notes.end(turn)

    def fail(self, _error: Failure, _turn: Turn | None) -> None:
        """The same: what arrived is all shown, and the terminal is left clean."""
        try:
            self._end()
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
            self._add(text)

    @abstractmethod
    def _add(self, text: str) -> None:
        """Show the next piece of the answer."""

    @abstractmethod
    def _break(self) -> None:
        """End a line that stands unfinished on the terminal."""

    @abstractmethod
    def _end(self) -> None:
        """Show everything that was collected or held back."""
