"""What a job will cost, and whether it may: its own limit, and the budgets of the config."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from llmcli import budgets, jobs
from llmcli.budgets import PER_CALL, Account, Standing
from llmcli.cards import Card
from llmcli.config import Config
from llmcli.errors import BudgetReached, UsageError
from llmcli.forecast import forecast
from llmcli.jobs import Job
from llmcli.messages import Request
from llmcli.outlook import USUAL
from llmcli.store import Store, default_path
from llmcli.usage import Usage, cost_of
from llmcli.wording import money


class Expected:
    """The sums over the requests of a job, in USD: `likely`, and `most`; None is unknown.

    `dearest` is what the dearest of them will probably cost.
    """

    def __init__(self, spec: str, card: Card) -> None:
        self._spec = spec
        self._card = card
        self._now = datetime.now(UTC)
        self.likely: Decimal | None = Decimal(0)
        self.most: Decimal | None = Decimal(0)
        self.dearest = Decimal(0)

    def add(self, request: Request) -> None:
        """One more request. Raises UsageError for what cannot be sent."""
        found = forecast(request, self._card, self._now, batch=True)
        self.most = None if None in (self.most, found.high) else self.most + found.high  # type: ignore[operator]
        usage = Usage(found.input, min(USUAL, found.output or USUAL))
        prices = self._card.models[request.model].prices
        cost = cost_of(usage, prices, self._now, batch=True)
        if cost is None or self.likely is None:
            self.likely = None
            return
        self.likely += cost.amount
        self.dearest = max(self.dearest, cost.amount)

    def hold_to(self, most: Decimal, where: str) -> None:
        """Raise BudgetReached where it may cost more than `most`, UsageError if that is unknown."""
        if self.most is None:
            raise UsageError(
                f"--max-cost: what a batch of {self._spec} costs at most is not known",
                hint="-O max_output_tokens=N bounds it, where the price of a batch is known: "
                f"llm models show {self._spec}",
            )
        if self.most > most:
            raise BudgetReached(
                f"up to {where} the batch may cost {money(self.most)}, more than {money(most)}",
                hint="Nothing was sent. -O max_output_tokens=N bounds it, or a higher --max-cost.",
            )


def check_budgets(config: Config, expected: Expected, job: Job) -> list[str]:
    """Warnings about the limits of the config that so much passes.

    Jobs that are not fetched yet count with what they will probably cost. Raises BudgetReached
    for a limit that refuses, LocalIOError where it cannot be looked up.
    """
    limits = budgets.read(config)
    accounts = budgets.accounts(limits, date.today(), None, job.tags)
    singles = [Standing(Account(limit)) for limit in limits if limit.name == PER_CALL]
    if not accounts and not singles:
        return []
    if expected.likely is None:
        return ["what it will cost is not known, so no budget can hold it"]
    store = Store(default_path())
    try:
        standings = store.accounts.standings(accounts)
    finally:
        store.close()
    asked = [
        (one._replace(held=one.held + _open(one.account, job)), expected.likely)
        for one in standings
    ]
    asked += [(one, expected.dearest) for one in singles]
    for standing, amount in asked:
        standing.check(amount)
    return list(filter(None, (standing.warning(amount) for standing, amount in asked)))


def _open(account: Account, job: Job) -> Decimal:
    """What other jobs will probably cost that are to be fetched, as far as it counts here."""
    amounts = [
        Decimal(other.likely)
        for other in jobs.every()
        if other.open and other.likely and other.id != job.id
        if account.tag is None or account.tag in other.tags
    ]
    return sum(amounts, Decimal(0))
