"""Budgets: how much may be spent in a day, week or month, by a call or conversation, on a tag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from llmcli.config import Config
from llmcli.errors import BudgetReached, UsageError
from llmcli.ledger import Tags
from llmcli.wording import money

PERIODS = ("day", "week", "month")
PER_CALL, PER_CONVERSATION, PER_TAG = "per_call", "per_conversation", "per_tag"
NAMES = (*PERIODS, PER_CALL, PER_CONVERSATION)
_CENT = Decimal("0.01")
_ROUND = (1, 2, 5, 10)


class Limit(NamedTuple):
    """A limit of the config, in USD: from where on to warn and to refuse; None is nowhere.

    `name` is as it is typed: `day`, `per_call`, `per_tag.project=search`.
    """

    name: str
    warn: Decimal | None = None
    refuse: Decimal | None = None

    @property
    def tag(self) -> str:
        """The tag of one per tag, `KEY` or `KEY=VALUE`; nothing for the others."""
        return self.name.removeprefix(f"{PER_TAG}.") if self.name.startswith(PER_TAG) else ""


class Account(NamedTuple):
    """What counts towards a limit: since a local day, in a conversation, or under a tag.

    With none of these it is a limit for each call, or each conversation.
    """

    limit: Limit
    since: str = ""
    conversation: str | None = None
    tag: tuple[str, str] | None = None

    @property
    def counts(self) -> bool:
        """Whether what was spent before counts."""
        return bool(self.since or self.conversation or self.tag)


class Claim(NamedTuple):
    """Money to be held, in USD, for a call or several, and the accounts it is taken from.

    `least` is what a call costs without its answer, which can be cut. `before` is held on for
    calls of the same id that are under way.
    """

    id: str
    amount: Decimal
    accounts: tuple[Account, ...]
    day: str
    conversation: str | None = None
    tags: Tags = ()
    least: Decimal | None = None
    before: Decimal = Decimal(0)

    @property
    def binding(self) -> bool:
        """Whether one of the limits refuses."""
        return any(account.limit.refuse is not None for account in self.accounts)


class Standing(NamedTuple):
    """What is spent on an account, and held by other calls that are under way, in USD.

    `guessed` is the part of `spent` that is only probable; of `unpriced` calls the cost is not
    known.
    """

    account: Account
    spent: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    guessed: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def left(self) -> Decimal | None:
        """What may still be spent, None where nothing is refused; below 0 when it is passed."""
        refuse = self.account.limit.refuse
        return None if refuse is None else refuse - self.spent - self.held

    @property
    def _before(self) -> str:
        """What counts already, in words."""
        if not self.account.counts:
            return ""
        held = f", {about(self.held)} held by other calls" if self.held else ""
        spent = about(self.spent) if self.guessed else dollars(self.spent)
        return f"{spent} spent{held}, "

    def check(self, amount: Decimal, least: Decimal | None = None) -> None:
        """Raise BudgetReached when so much more would pass the limit.

        `least` is what a call would cost at least, which `--max-cost` can hold it to.
        """
        left = self.left
        if left is None or amount <= left:
            return
        limit = self.account.limit
        assert limit.refuse is not None
        facts = f"{self._before}this call {about(amount)}"
        fits = least is not None and least < left
        way = f", or --max-cost {plain(left)}" if fits else ""
        raise BudgetReached(
            f"{limit.name} budget of {dollars(limit.refuse)} reached ({facts})",
            hint=f"{raising(limit, self.spent + self.held + amount)}{way}.",
            limit=limit.name,
        )

    def warning(self, amount: Decimal) -> str:
        """The line for a limit that so much more passes with a warning, or nothing."""
        limit = self.account.limit
        if limit.warn is None or self.spent + self.held + amount <= limit.warn:
            return ""
        facts = f"{self._before}this call {about(amount)}"
        refused = f"; {dollars(limit.refuse)} is refused" if limit.refuse is not None else ""
        return f"{limit.name} budget: over {dollars(limit.warn)} ({facts}{refused})"


def read(config: Config) -> tuple[Limit, ...]:
    """The limits of the config."""
    return tuple(_read(config.table("budget")))


def _read(table: Mapping[str, Any]) -> Iterator[Limit]:
    for name in NAMES:
        if name in table:
            yield _limit(name, table[name])
    for tag, value in table.get(PER_TAG, {}).items():
        yield _limit(f"{PER_TAG}.{tag}", value)


def _limit(name: str, value: Any) -> Limit:
    if not isinstance(value, Mapping):
        return Limit(name, None, Decimal(value))
    warn, refuse = (value.get(key) for key in ("warn", "refuse"))
    return Limit(name, *(None if one is None else Decimal(one) for one in (warn, refuse)))


def accounts(
    limits: tuple[Limit, ...], today: date, conversation: str | None, tags: Tags
) -> tuple[Account, ...]:
    """The accounts that a call of today counts towards; a limit for each call has none."""
    return tuple(
        account
        for limit in limits
        if limit.name != PER_CALL
        for account in _accounts(limit, today, conversation, tags)
    )


def _accounts(limit: Limit, today: date, conversation: str | None, tags: Tags) -> Iterator[Account]:
    if limit.name in PERIODS:
        yield Account(limit, since=first_day(limit.name, today).isoformat())
    elif limit.name == PER_CONVERSATION:
        if conversation is not None:
            yield Account(limit, conversation=conversation)
    else:
        for key, value in tags:
            if limit.tag in (key, f"{key}={value}"):
                named = limit._replace(name=f"{PER_TAG}.{key}={value}")
                yield Account(named, tag=(key, value))


def first_day(period: str, today: date) -> date:
    """The first day of a period; weeks begin on Monday."""
    if period == "week":
        return today - timedelta(days=today.weekday())
    return today.replace(day=1) if period == "month" else today


def usd(text: str, where: str) -> Decimal:
    """An amount as it is typed. Raises UsageError."""
    try:
        amount = Decimal(text.removeprefix("$").replace("_", ""))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < 10**9:
        raise UsageError(f"{where} takes an amount in USD such as 0.50")
    return amount


def dollars(amount: Decimal) -> str:
    """`$2.00`, `$0.0413`: cents, and more digits only where there are any."""
    whole = abs(amount) < 10**12 and amount == amount.quantize(_CENT)
    return f"${amount:,.2f}" if whole else money(amount)


def about(amount: Decimal) -> str:
    """`≈ $0.05`: a guess, with two digits that count, or to the cent."""
    digit = min(Decimal(1).scaleb(amount.adjusted() - 1), _CENT) if amount else _CENT
    whole, _, rest = f"{amount.quantize(digit):,f}".partition(".")
    return f"≈ ${whole}.{rest[:2]}{rest[2:].rstrip('0')}"


def plain(amount: Decimal) -> str:
    """An amount to be typed, rounded down to two digits that count: `0.02`."""
    digit = Decimal(1).scaleb(amount.adjusted() - 1)
    return f"{(amount // digit * digit).normalize():f}"


def raising(limit: Limit, needed: Decimal) -> str:
    """What to type for a limit that leaves room: the next round number."""
    above = max(needed, limit.refuse or needed)
    size = Decimal(1).scaleb(above.adjusted())
    amount = next(size * one for one in _ROUND if size * one > above)
    name = f"'{limit.name}'" if set(limit.name) & set(" '\"$&;()<>|*?`\\") else limit.name
    return f"llm budget set {name} {amount.normalize():f}"


def unknown_price(spec: str, what: str) -> BudgetReached:
    """The error for a model whose cost no limit can count."""
    key = f"'models.\"{spec}\".cost'"
    return BudgetReached(
        f"{spec} has no known price, so {what} cannot hold it",
        hint=f"Its price in USD per million tokens: llm config set {key} "
        "'{ input = …, output = … }'",
        limit=what,
    )
