"""What a renderer is, and what it must know about where it shows things."""

from __future__ import annotations

import os
from typing import IO, Literal, NamedTuple, Protocol

from llmcli.errors import Failure
from llmcli.events import Event
from llmcli.turn import Turn

Mode = Literal["plain", "markdown", "json", "jsonl", "code"]


class Display(NamedTuple):
    """Where an answer goes and how it should look; `width` in columns.

    `verbose` asks for what a pipe would not get. `reasoning` and `usage` are the final word on
    what the model reasons and on the usage line; of None a terminal gets the reasoning.
    """

    mode: Mode
    stdout: IO[str]
    stderr: IO[str]
    stdout_tty: bool = False
    stderr_tty: bool = False
    color_out: bool = False
    color_err: bool = False
    width: int = 80
    quiet: bool = False
    usage: bool = False
    reasoning: bool | None = None
    verbose: bool = False

    @property
    def dumb(self) -> bool:
        """Whether the terminal understands nothing but text."""
        return os.environ.get("TERM", "" if os.name == "nt" else "dumb") in ("dumb", "unknown")

    @property
    def reasons(self) -> bool:
        """Whether what the model reasons is shown."""
        if self.reasoning is None:
            return self.stderr_tty and not self.quiet
        return self.reasoning

    @property
    def styled_out(self) -> bool:
        """Whether stdout may carry colours."""
        return self.color_out and not (self.stdout_tty and self.dumb)

    @property
    def styled_err(self) -> bool:
        """Whether stderr may carry colours."""
        return self.color_err and not (self.stderr_tty and self.dumb)


class Renderer(Protocol):
    """Shows one answer. Raises OSError when stdout cannot be written."""

    def begin(self, turn: Turn, /) -> None:
        """The question is about to be sent; the turn has its ids and nothing else yet."""

    def show(self, event: Event, /) -> None:
        """Take the next event."""

    def flush(self) -> None:
        """Make everything received so far visible."""

    def finish(self, turn: Turn, exit_code: int = 0, /) -> None:
        """The answer is complete."""

    def fail(self, error: Failure, turn: Turn | None, /) -> None:
        """The answer ended in an error: leave the terminal clean; the caller says what failed."""
