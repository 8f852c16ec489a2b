"""The stderr side of several answers: warnings, retries, errors and the table at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from llmcli.errors import LlmError
from llmcli.events import (
    Event,
    Notice,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmcli.explain import explain
from llmcli.outcome import Outcome
from llmcli.redaction import redact
from llmcli.render.compare.table import table
from llmcli.render.display import Display
from llmcli.render.notes import Notes
from llmcli.sanitize import sanitize

_SILENT = (TextDelta, ReasoningDelta, ToolCallStart, ToolCallDelta, ToolCallEnd)
_RED, _RESET = "\x1b[31m", "\x1b[0m"


class Asides:
    """Says on stderr what the answers do not."""

    def __init__(self, display: Display, specs: Sequence[str]) -> None:
        self.notes = Notes(display)
        self._specs = specs
        self._display = display
        self._said: set[str] = set()

    def hear(self, number: int, event: Event) -> None:
        """Tell of an event that is no part of an answer; of a warning only once."""
        if isinstance(event, _SILENT):
            return
        if isinstance(event, Notice):
            words = event.message
            if words in self._said:
                return
            self._said.add(words)
            event = Notice(f"{self._specs[number]}: {words}")
        self.notes.hear(event)

    def error(self, outcome: Outcome) -> None:
        """Say what failed and what to type next, as for one question."""
        if not isinstance(outcome.error, LlmError):
            return
        message, hint = explain(outcome.error)
        if outcome.spec not in message:
            message = f"{outcome.spec}: {message}"
        label = f"{_RED}llm:{_RESET}" if self._display.styled_err else "llm:"
        lines = [f"{label} {sanitize(redact(message))}"]
        lines += [f"     {line}" for line in sanitize(redact(hint)).splitlines()]
        self.write("\n".join(lines) + "\n")

    def table(self, outcomes: Sequence[Outcome]) -> None:
        """Time, tokens and cost of each; where usage is shown at all."""
        if self._display.usage:
            width = self._display.width if self._display.stderr_tty else 1000
            self.write("\n".join(("", *table(outcomes, width))) + "\n")

    def write(self, text: str) -> None:
        """Trouble with stderr harms no answer."""
        with contextlib.suppress(OSError, ValueError):
            self._display.stderr.write(text)
            self._display.stderr.flush()
