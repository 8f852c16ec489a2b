"""What an answer has cost so far, by what has come of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from llmcli import estimate
from llmcli.events import (
    Attempt,
    Event,
    Fallback,
    ReasoningDelta,
    Retry,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from llmcli.outlook import Outlook
from llmcli.usage import Usage

_FAR = 1 << 60
_STEP = 1_000  # tokens over which the price of one is taken


class RunningCost:
    """Adds up what a turn costs while its events pass; `limit` is what it may cost, in USD.

    The text is looked at only when enough has come that the limit may be near: a token has a
    character or more.
    """

    def __init__(self, outlooks: Mapping[str, Outlook], limit: Decimal) -> None:
        self._outlooks = outlooks
        self._limit = limit
        self._before = Decimal(0)
        self._outlook: Outlook | None = None
        self._usage: Usage | None = None
        self._pieces: list[str] = []
        self._tokens = self._characters = 0
        self._look_at = _FAR

    @property
    def amount(self) -> Decimal:
        """What it has cost so far, in USD, as far as that is known."""
        return self._before + self._current(0)

    def passes(self, event: Event) -> bool:
        """Whether the turn has passed the limit, and more of it is to come."""
        if isinstance(event, (TextDelta, ReasoningDelta)):
            piece = event.text
        elif isinstance(event, ToolCallDelta):
            piece = event.fragment
        else:
            return self._hear(event)
        self._pieces.append(piece)
        self._characters += len(piece)
        return self._characters >= self._look_at and self._look()

    def _hear(self, event: Event) -> bool:
        if isinstance(event, UsageReport):
            self._usage, self._look_at = event.usage, min(self._look_at, self._characters)
        elif isinstance(event, (Retry, Fallback)) and self._usage is None:
            self._outlook = None  # it failed before anything came
        elif isinstance(event, Attempt):
            self._before += self._current(0)
            self._outlook = self._outlooks.get(f"{event.provider}/{event.model}")
            self._usage, self._tokens, self._pieces = None, 0, []
            return self._look()
        return False

    def _look(self) -> bool:
        """Count what came, and find out how much more may come until the next look."""
        self._tokens += estimate.of_text("".join(self._pieces))
        self._pieces.clear()
        left = self._limit - self.amount
        each = (self._current(_STEP) - self._current(0)) / _STEP
        more = min(max(int(left / each), 1), _FAR) if each > 0 else _FAR
        self._look_at = self._characters + more
        return left < 0

    def _current(self, more: int) -> Decimal:
        """What the running call costs, with so many more tokens."""
        if self._outlook is None:
            return Decimal(0)
        usage = self._usage or Usage()
        output = max(usage.output or 0, self._tokens) + more
        return self._outlook.cost(usage._replace(output=output, cost=None)) or Decimal(0)
