"""Several answers one after another, each whole under its heading."""

from __future__ import annotations

from collections.abc import Sequence

from llmcli.events import Event, TextDelta
from llmcli.outcome import Outcome
from llmcli.render.compare.asides import Asides
from llmcli.render.display import Display
from llmcli.render.output import Output
from llmcli.sanitize import Incoming, one_line


class Stacked:
    """The answers in the order asked; the first that is not whole is shown as it comes."""

    def __init__(self, display: Display, specs: Sequence[str]) -> None:
        self._output = Output(display.stdout)
        self._asides = Asides(display, specs)
        self._notes = self._asides.notes
        self._specs = specs
        self._tty = display.stdout_tty
        self._texts: list[list[str]] = [[] for _ in specs]
        self._incoming = [Incoming() for _ in specs]
        self._ended: dict[int, Outcome] = {}
        self._now = 0
        self._begun = False
        self._last = ""

    def hear(self, number: int, events: Sequence[Event]) -> None:
        """Text waits for its place; the rest goes to stderr."""
        for event in events:
            if isinstance(event, TextDelta):
                self._texts[number].append(event.text)
            else:
                self._asides.hear(number, event)

    def end(self, number: int, outcome: Outcome) -> None:
        """Nothing more comes from it."""
        self._ended[number] = outcome

    def refresh(self) -> None:
        """Show what is in its place."""
        while self._now < len(self._specs):
            self._show(self._now)
            if self._now not in self._ended:
                return
            self._finish(self._ended[self._now])
            self._now += 1

    def close(self, outcomes: Sequence[Outcome]) -> None:
        """Show what is left, then the table."""
        try:
            self._ended.update(enumerate(outcomes))
            self.refresh()
        finally:
            self._notes.end()
        self._asides.table(outcomes)

    def _show(self, number: int) -> None:
        pieces, self._texts[number] = self._texts[number], []
        text = "".join(pieces)
        if self._tty:
            text = self._incoming[number].feed(text)
        if text:
            self._begin(number)
            self._write(text)

    def _begin(self, number: int) -> None:
        if not self._begun:
            self._begun = True
            self._notes.clear()
            self._write(f"{chr(10) if number else ''}## {one_line(self._specs[number])}\n\n")

    def _finish(self, outcome: Outcome) -> None:
        self._begin(self._now)
        if self._tty:
            self._write(self._incoming[self._now].end())
        if not self._last.endswith("\n"):
            self._write("\n")
        self._notes.midline = False
        if outcome.turn:
            self._notes.calls(outcome.turn)
        self._asides.error(outcome)
        self._begun = False
        if self._now + 1 < len(self._specs):
            self._notes.spin()

    def _write(self, text: str) -> None:
        if text:
            self._output.write(text)
            self._last = text[-1]
            self._notes.midline = self._tty and self._last != "\n"
