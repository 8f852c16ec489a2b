"""A purse for many calls at once: what they may cost, held in a few large pieces."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from llmcli import budgets
from llmcli.budgets import PER_CALL, Claim, Standing, about, dollars
from llmcli.config import Config
from llmcli.errors import BudgetReached, LocalIOError
from llmcli.ledger import Tags
from llmcli.store import Store, default_path
from llmcli.turn import new_id
from llmcli.usage import Cost

_AHEAD = 4.0  # seconds of spending that are held in one piece
_FRESH = 600.0  # seconds after which what is held is looked at again
_FEW = 8  # calls that are held for at once before the pace is known


class Purse:
    """What many calls may spend together; every method may be called from any thread.

    `max_cost` in USD is for all of them. `warn` is told once of each limit that is passed with a
    warning. Between `take` and `give` the money of a call is held, in the database too.
    """

    def __init__(
        self,
        config: Config,
        tags: Tags,
        max_cost: Decimal | None,
        warn: Callable[[str], None],
    ) -> None:
        self._limits = budgets.read(config)
        self._tags = tags
        self._max_cost = max_cost
        self._warn = warn
        self._id = new_id()
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._told: set[str] = set()
        self._granted = self._taken = self._spent = self._used = Decimal(0)
        self._begun = self._looked = time.monotonic()
        self._shared = any(limit.name in budgets.PERIODS or limit.tag for limit in self._limits)

    @property
    def active(self) -> bool:
        """Whether there is any limit: if not, nothing need be taken."""
        return bool(self._limits) or self._max_cost is not None

    def take(self, amount: Decimal | None, spec: str = "this model") -> None:
        """Before a call: hold what it will probably cost; None is unknown, 0 is always granted.

        Raises BudgetReached when that would pass a limit, or when `max_cost` cannot count it;
        LocalIOError where a limit that refuses cannot be looked up.
        """
        with self._lock:
            if amount is None:
                self._take_unknown(spec)
                return
            if not amount:
                return
            self._check_own(amount)
            if self._shared and not self._fits(amount):
                self._renew(amount)
            self._taken += amount

    def give(self, amount: Decimal | None, cost: Cost | None, guess: Decimal | None = None) -> None:
        """After a call, when its entries are written: what it took, and what it has cost.

        `guess` is what one of unknown cost has probably cost.
        """
        paid = cost.amount if cost else guess or Decimal(0)
        with self._lock:
            self._taken -= amount or Decimal(0)
            self._spent += paid
            self._used += paid

    def close(self) -> None:
        """Let go of what is still held."""
        with self._lock:
            if self._store:
                try:
                    self._store.accounts.let_go(self._id)
                except LocalIOError as error:
                    self._warn(error.message)
                self._store.close()
                self._store = None

    def _take_unknown(self, spec: str) -> None:
        if self._max_cost is not None:
            raise budgets.unknown_price(spec, "--max-cost")
        if self._limits:
            self._tell(f"{spec} has no known price, so [budget] does not count it")

    def _check_own(self, amount: Decimal) -> None:
        """The limits that no other process has a part in."""
        if self._max_cost is not None and self._spent + self._taken + amount > self._max_cost:
            held = f", {about(self._taken)} held by calls under way" if self._taken else ""
            raise BudgetReached(
                f"--max-cost of {dollars(self._max_cost)} reached"
                f" ({dollars(self._spent)} spent{held}, the next call {about(amount)})",
                limit="--max-cost",
            )
        for limit in self._limits:
            if limit.name == PER_CALL:
                one = Standing(budgets.Account(limit))
                one.check(amount)
                self._tell(one.warning(amount))

    def _fits(self, amount: Decimal) -> bool:
        """Whether what is held covers one more call."""
        fresh = time.monotonic() - self._looked < _FRESH
        return fresh and self._used + self._taken + amount <= self._granted

    def _renew(self, amount: Decimal) -> None:
        """Hold anew: for the calls under way, for this one, and for some that are to come."""
        pace = self._spent / Decimal(max(time.monotonic() - self._begun, 1.0))
        ahead = max(pace * Decimal(_AHEAD), amount * _FEW)
        try:
            try:
                found = self._hold(amount + ahead)
            except BudgetReached:
                found = self._hold(amount)
        except LocalIOError as error:
            self._uncounted(error)
            return
        for one in found:
            self._tell(one.warning(amount))

    def _hold(self, amount: Decimal) -> list[Standing]:
        today = date.today()
        accounts = budgets.accounts(self._limits, today, None, self._tags)
        claim = Claim(
            self._id, amount, accounts, today.isoformat(), tags=self._tags, before=self._taken
        )
        self._store = self._store or Store(default_path())
        found = self._store.accounts.hold(claim)
        self._granted, self._used = self._taken + amount, Decimal(0)
        self._looked = time.monotonic()
        return list(found)

    def _uncounted(self, error: LocalIOError) -> None:
        words = f"the budget cannot be checked: {error.message}"
        if any(limit.refuse is not None for limit in self._limits):
            raise LocalIOError(words, hint="To check it: llm history check") from None
        self._tell(words)

    def _tell(self, words: str) -> None:
        """A warning, once for each limit."""
        key = words.partition(":")[0]
        if words and key not in self._told:
            self._told.add(key)
            self._warn(words)
