"""How one of several models answered the same question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmcli.errors import ExitCode, Failure
from llmcli.turn import Turn


class Outcome(NamedTuple):
    """What became of asking the model `spec`; `turn` has what came, None where nothing was sent."""

    spec: str
    turn: Turn | None
    exit_code: int
    error: Failure | None = None

    @property
    def status(self) -> str:
        """How it ended, in a word or two."""
        if self.turn is None:
            return "failed"
        if self.turn.status != "complete":
            return "interrupted" if self.turn.status == "running" else self.turn.status
        return "complete" if self.turn.whole else f"cut ({self.turn.finish_reason})"


def code_of(outcomes: Sequence[Outcome]) -> int:
    """0 where all answered; where all failed alike that code, else the code of what is partial."""
    codes = {outcome.exit_code for outcome in outcomes}
    return codes.pop() if len(codes) == 1 else ExitCode.INCOMPLETE
