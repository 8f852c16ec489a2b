"""The money side of the history: entries of the ledger and the sums over them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from llmcli.ledger import Entry
from llmcli.store import entries, writing

if TYPE_CHECKING:
    from llmcli.budgets import Account, Claim, Standing
    from llmcli.spending import Group, Repriced, Unpriced, Window
    from llmcli.store.repricing import Prices

T = TypeVar("T")
_KEEP_SECONDS = 6.0


class _Changing(Protocol):
    def __call__(
        self, action: Callable[[sqlite3.Connection], Any], seconds: float = ..., /
    ) -> Any: ...


class Accounts:
    """What was spent, in the database of a Store; `read` and `change` are how it is used.

    Every method raises LocalIOError when the database cannot be used.
    """

    def __init__(
        self, read: Callable[[Callable[[sqlite3.Connection], Any]], Any], change: _Changing
    ) -> None:
        self._read = read
        self._change = change

    def keep(
        self,
        call: str,
        kept: Sequence[Entry],
        conversation: str | None = None,
        *,
        held: bool = False,
    ) -> None:
        """Write entries of a call that is no turn, or of a turn that is not kept.

        What was `held` for it is let go.
        """

        def keep(db: sqlite3.Connection) -> None:
            entries.keep(db, call, kept, conversation)
            if held:
                writing.settle(db, call)

        self._change(keep, _KEEP_SECONDS)

    def hold(self, claim: Claim) -> Sequence[Standing]:
        """Hold money, in place of what the claim's id held; how its accounts stood before.

        Raises BudgetReached.
        """
        from llmcli.store import holds

        found: Sequence[Standing] = self._change(lambda db: holds.claim(db, claim), _KEEP_SECONDS)
        return found

    def let_go(self, hold: str) -> None:
        """Hold nothing more under this id."""
        self._change(lambda db: writing.settle(db, hold), _KEEP_SECONDS)

    def standings(self, accounts: Sequence[Account]) -> list[Standing]:
        """What is spent on these accounts, and held by calls under way."""
        from llmcli.store import holds

        found: list[Standing] = self._read(lambda db: holds.look(db, accounts))
        return found

    def mean_output(self, provider: str, model: str, since: str) -> int | None:
        """How many tokens an answer of this model has had since that day, on the average."""
        from llmcli.store import holds

        found: int | None = self._read(lambda db: holds.mean_output(db, provider, model, since))
        return found

    def keep_all(self, calls: Iterable[tuple[str, Sequence[Entry]]]) -> None:
        """Write the entries of many calls in one transaction: all of them or none."""
        several = list(calls)

        def write(db: sqlite3.Connection) -> None:
            for call, kept in several:
                entries.keep(db, call, kept)

        self._change(write, _KEEP_SECONDS)

    def kept(self, calls: Sequence[str]) -> set[tuple[str, int]]:
        """Which attempts of these calls have an entry: call and number."""
        found = self._read(lambda db: entries.load(db, list(calls)))
        return {(call, entry.number) for call, some in found.items() for entry in some}

    def totals(
        self, window: Window, columns: Sequence[str] = (), *, paced: bool = False
    ) -> list[Group]:
        """The sums by `day`, `month`, `provider`, `model`, `kind` or `tags`; of no column, one.

        `tags` are JSON, or nothing. With `paced` also how quick the answers were.
        """
        from llmcli.store import totals

        found: list[Group] = self._read(lambda db: totals.totals(db, window, columns, paced=paced))
        return found

    def dear(self, window: Window, limit: int, *, paced: bool = False) -> list[tuple[Group, str]]:
        """The conversations that cost most, with their titles, in that order."""
        from llmcli.store import totals

        found: list[tuple[Group, str]] = self._read(
            lambda db: totals.dear(db, window, limit, paced=paced)
        )
        return found

    def unpriced(self, window: Window) -> list[Unpriced]:
        """What has no known cost, by model; most calls first."""
        from llmcli.store import totals

        found: list[Unpriced] = self._read(lambda db: totals.unpriced(db, window))
        return found

    def reprice(self, window: Window, prices: Prices, *, write: bool) -> list[Repriced]:
        """What the prices of now change in costs of the past, by model; done if `write`."""
        from llmcli.store import repricing

        def act(db: sqlite3.Connection) -> list[Repriced]:
            return repricing.reprice(db, window, prices, write=write)

        found: list[Repriced] = self._change(act) if write else self._read(act)
        return found
