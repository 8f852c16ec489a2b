"""Several answers side by side on a terminal, while they come."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

from llmcli.errors import LlmError
from llmcli.events import (
    Event,
    Fallback,
    Notice,
    ReasoningDelta,
    Replay,
    Retry,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmcli.explain import reason
from llmcli.outcome import Outcome
from llmcli.redaction import redact
from llmcli.render.compare.asides import Asides
from llmcli.render.compare.column import Column
from llmcli.render.compare.live import Live
from llmcli.render.display import Display
from llmcli.render.wrap import columns
from llmcli.sanitize import Incoming, one_line

NARROWEST = 30  # columns in which an answer can be read
_BAR = " │ "
_FRAME = 0.03  # seconds from one frame to the next, at least
_TICK = 0.1  # seconds from one frame of the spinner to the next
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_TOLD = (Notice, Retry, Fallback, Replay)
_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"


class _Answer:
    """One of the columns."""

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self.column = Column(NARROWEST)
        self.incoming = Incoming()
        self.doing = "waiting"
        self.begun = time.monotonic()
        self.outcome: Outcome | None = None

    def add(self, words: str) -> None:
        """A line of ours below the text."""
        self.column.feed(f"\n{words}" if self.column.count else words)

    def state(self, moment: float) -> str:
        """What it does, with a sign of life."""
        if self.outcome:
            return self.outcome.status
        frame = _SPINNER[int(moment / _TICK) % len(_SPINNER)]
        return f"{frame} {self.doing} {int(moment - self.begun)} s"


class Beside:
    """As many answers side by side as have room; the others follow below, in the order asked.

    While they come the last lines of each are seen, as many as the screen has; those that stand
    side by side are written out, whole, when all of them have ended.
    """

    def __init__(self, display: Display, specs: Sequence[str]) -> None:
        self._asides = Asides(display._replace(width=0), specs)  # the spinner is here
        self._table = Asides(display, specs)
        self._live = Live(display.stdout)
        self._color = display.styled_out
        self._answers = [_Answer(spec) for spec in specs]
        self._size = shutil.get_terminal_size()
        self._first = 0  # of the answers that are not written out
        self._dirty = True
        self._drawn = 0.0

    def hear(self, number: int, events: Sequence[Event]) -> None:
        """Text goes to its column, warnings above them all."""
        answer = self._answers[number]
        for event in events:
            if isinstance(event, TextDelta):
                answer.doing = "writing"
                answer.column.feed(answer.incoming.feed(event.text))
            elif isinstance(event, ReasoningDelta):
                answer.doing = "thinking"
            elif isinstance(event, (ToolCallStart, ToolCallDelta, ToolCallEnd)):
                answer.doing = "calling a tool"
            elif isinstance(event, _TOLD):
                self._live.clear()
                self._asides.hear(number, event)
        self._dirty = True

    def end(self, number: int, outcome: Outcome) -> None:
        """Say how it ended where it was not well."""
        answer = self._answers[number]
        if answer.outcome:
            return
        answer.outcome = outcome
        answer.column.feed(answer.incoming.end())
        for call in outcome.turn.tool_calls if outcome.turn else ():
            words = f"· tool call {one_line(call.name, 80)} {one_line(call.arguments, 200)}"
            answer.add(words.rstrip())
        if isinstance(outcome.error, LlmError):
            answer.add(f"✗ {one_line(redact(reason(outcome.error)))}")
        elif outcome.error:
            answer.add("✗ interrupted")
        self._dirty = True

    def refresh(self) -> None:
        """Draw what changed; without news only the signs of life move."""
        now = time.monotonic()
        if now - self._drawn >= (_FRAME if self._dirty else _TICK):
            self._drawn, self._dirty = now, False
            self._draw(now)

    def close(self, outcomes: Sequence[Outcome]) -> None:
        """Write the rest out, then what failed, and the table."""
        for number, outcome in enumerate(outcomes):
            self.end(number, outcome)
        self._draw(time.monotonic())
        for outcome in outcomes:
            self._table.error(outcome)
        self._table.table(outcomes)

    def _draw(self, now: float) -> None:
        self._take_size()
        while band := self._band():
            width = self._width(len(band))
            for answer in band:
                answer.column.wrap(width)
            head = self._head(band)
            if not all(answer.outcome for answer in band):
                states = [_cut(answer.state(now), width) for answer in band]
                room = max(self._size.lines - len(head) - 2, 1)
                lines = [*head, *self._rows(band, room), self._joined(states, _DIM)]
                self._live.show(lines[-max(self._size.lines - 1, 1) :])
                return
            self._live.keep([*head, *self._rows(band)])
            self._first += len(band)
        self._live.show([])

    def _take_size(self) -> None:
        size = shutil.get_terminal_size()
        if size != self._size:
            self._size = size
            self._live.resized(size.columns)

    def _band(self) -> Sequence[_Answer]:
        """The answers that stand side by side now, spread evenly over as few bands as can be."""
        left = len(self._answers) - self._first
        fit = max((self._size.columns - 1 + len(_BAR)) // (NARROWEST + len(_BAR)), 1)
        bands = -(-left // fit)
        return self._answers[self._first : self._first + -(-left // max(bands, 1))]

    def _width(self, count: int) -> int:
        room = self._size.columns - 1 - len(_BAR) * (count - 1)
        return max(room // count, 2)

    def _head(self, band: Sequence[_Answer]) -> list[str]:
        width = self._width(len(band))
        names = [_cut(one_line(answer.spec), width) for answer in band]
        rule = "─┼─".join("─" * width for _ in band)
        return [*([""] if self._first else []), self._joined(names, _BOLD), rule]

    def _rows(self, band: Sequence[_Answer], room: int | None = None) -> list[str]:
        """The lines of the answers side by side; the last of each, where there is less room."""
        longest = max(answer.column.count for answer in band)
        seen = longest if room is None else min(longest, room)
        parts = [answer.column.last(seen) for answer in band]
        return [self._joined([part[row] for part in parts]) for row in range(seen)]

    def _joined(self, cells: Sequence[str], style: str = "") -> str:
        """The cells of a row, each at its place.

        Where terminals may count columns in another way than we do, the cursor is sent there.
        """
        width, line = self._width(len(cells)), ""
        for number, cell in enumerate(cells):
            if number:
                line += _BAR
            line += f"{style}{cell}{_RESET}" if style and self._color and cell else cell
            if number + 1 < len(cells):
                room = " " * max(width - columns(cell), 0)
                place = (number + 1) * (width + len(_BAR)) - len(_BAR) + 1
                line += room if cell.isascii() else f"{room}\x1b[{place}G"
        return line.rstrip(" ") if line.isascii() else line


def _cut(text: str, width: int) -> str:
    while columns(text) > width:
        text = text[:-2] + "…"
    return text
