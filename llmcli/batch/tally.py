"""What a batch has done so far: counted by its workers, shown while it runs and at its end."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from decimal import Decimal

from llmcli.errors import LlmError
from llmcli.ledger import Entry
from llmcli.usage import Cost

_RECENT = 30.0  # seconds over which the speed is told


class Tally:
    """Of `total` prompts some were answered `before`, and `left` failed earlier and are left so.

    `done` and `failed` count those of this run, `calls` physical attempts. `amount` in USD is at
    least what they cost, and all of it where `exact`.
    """

    def __init__(self, total: int, before: int = 0, left: int = 0) -> None:
        self.total = total
        self.before = before
        self.left = left
        self.done = 0
        self.failed = 0
        self.calls = 0
        self.input = 0
        self.output = 0
        self.amount = Decimal(0)
        self.exact = True
        self._bases: set[str] = set()
        self._kinds: Counter[str] = Counter()
        self.begun = time.monotonic()
        self._ends: deque[float] = deque()
        self._lock = threading.Lock()

    def attempt(self, entry: Entry) -> None:
        """An attempt ended."""
        usage, cost = entry.usage, entry.cost
        with self._lock:
            self.calls += 1
            if usage:
                self.input += usage.input or 0
                self.output += usage.output or 0
            if cost:
                self.amount += cost.amount
                self._bases.add(cost.basis)
            elif entry.charged:
                self.exact = False

    def end(self, error: LlmError | None) -> None:
        """A prompt got its line."""
        failed = error is not None
        now = time.monotonic()
        with self._lock:
            self.failed += failed
            self.done += not failed
            if error:
                self._kinds[error.kind] += 1
            self._ends.append(now)
            while now - self._ends[0] > _RECENT:
                self._ends.popleft()

    @property
    def reasons(self) -> str:
        """Why prompts failed: `2 rate_limit, 1 bad_request, 4 before`."""
        found = [f"{number:,} {kind}" for kind, number in self._kinds.most_common()]
        return ", ".join([*found, f"{self.left:,} before"] if self.left else found)

    @property
    def over(self) -> int:
        """How many prompts have their line, those of earlier runs included."""
        return self.before + self.left + self.done + self.failed

    @property
    def seconds(self) -> float:
        """How long this run has taken."""
        return time.monotonic() - self.begun

    @property
    def speed(self) -> float:
        """Prompts a second, of late."""
        with self._lock:
            ends = len(self._ends)
            span = time.monotonic() - self._ends[0] if ends else 0.0
        return ends / span if span > 0 else 0.0

    @property
    def cost(self) -> Cost | None:
        """What this run cost; None where a part of it is unknown."""
        if not self.exact:
            return None
        return Cost(self.amount, "local" if self._bases == {"local"} else "card")
