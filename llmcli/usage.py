"""Tokens used, prices, and what a call cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Literal, NamedTuple

AMOUNTS = ("input", "output", "cache_read", "cache_write", "audio")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PER = Decimal(1_000_000)
DIGITS = 60  # of a sum of amounts: enough for any that was ever said


class Usage(NamedTuple):
    """Tokens of one call; None is unsaid, never 0.

    `input` and `output` are totals: `cache_read`, `cache_write` and `audio` are parts of input,
    `reasoning` is a part of output. `cost` is what the server itself says in USD.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cost: Decimal | None = None
    audio: int | None = None


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum with every digit; the usual 28 would round what a server may say."""
    with localcontext() as context:
        context.prec = DIGITS
        return sum(amounts, Decimal(0))


def total(usages: Sequence[Usage]) -> Usage:
    """The sum of several calls; what one of them leaves unsaid is unsaid of all."""
    columns = zip(*usages, strict=True)
    return Usage(*(None if None in column else sum(column) for column in columns))


class Price(NamedTuple):
    """USD per million tokens, and when they hold, all times in UTC.

    They hold from the day `since` on, for prompts of more than `above` tokens, on these `days`
    and in these `hours`, such as `01:00-04:00`; no days are all days, no hours the whole day.
    `audio` is for input tokens that are sound; `batch` is what a batch of requests pays.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    since: date | None = None
    above: int = 0
    hours: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    audio: Decimal | None = None
    batch: Price | None = None

    def holds(self, moment: datetime, input_tokens: int) -> bool:
        """Whether this is a price for a prompt of that size at that time (UTC)."""
        if self.above and input_tokens <= self.above:
            return False
        if self.since is not None and moment.date() < self.since:
            return False
        if self.days and DAYS[moment.weekday()] not in self.days:
            return False
        if not self.hours:
            return True
        clock = f"{moment:%H:%M}"
        return any(_within(clock, *hours.split("-")) for hours in self.hours)


Basis = Literal["card", "reported", "local", "cache"]


class Cost(NamedTuple):
    """What a call cost, in USD, and how that is known; one from the `cache` cost nothing."""

    amount: Decimal
    basis: Basis
    currency: str = "USD"


class Cached(NamedTuple):
    """What the kept replies gave: one `stored` then, in seconds since 1970; None had to be asked.

    `saved` is what that one cost when it came, None where that is unknown, `usage` its tokens.
    """

    stored: float | None = None
    saved: Cost | None = None
    usage: Usage | None = None


class Spent(NamedTuple):
    """What several turns cost in USD; `exact` unless one of them has an unknown cost."""

    amount: Decimal = Decimal(0)
    exact: bool = True

    def plus(self, cost: Cost | None) -> Spent:
        """With one more turn."""
        paid = (self.amount, *([cost.amount] if cost else []))
        return Spent(exact_sum(paid), self.exact and cost is not None)


class Bill(NamedTuple):
    """What a turn used and cost, by `provider/model`."""

    spec: str
    usage: Usage | None
    cost: Cost | None


def _within(clock: str, start: str, end: str) -> bool:
    """Whether `HH:MM` is in a span that may run over midnight; its end is not part of it."""
    return start <= clock < end if start <= end else clock >= start or clock < end


def price_at(prices: Sequence[Price], moment: datetime, input_tokens: int) -> Price | None:
    """The price for a prompt of that size at that time, or None; the order does not matter.

    Of those that hold the newest counts, of these one for certain hours or days, of these the
    highest tier. The tier is chosen by the whole prompt: one token over `above` moves every token.
    """
    moment = moment.astimezone(UTC)
    return max((p for p in prices if p.holds(moment, input_tokens)), key=_rank, default=None)


def _rank(price: Price) -> tuple[date, bool, int]:
    return price.since or date.min, bool(price.hours or price.days), price.above


def cost_of(
    usage: Usage, prices: Sequence[Price], moment: datetime, *, batch: bool = False
) -> Cost | None:
    """The cost of a call made at that time, or None when any part of it is unknown.

    Where a provider lists no price for cached tokens it bills them as input. What has no price
    for output, as embeddings have none, must have no output tokens either.
    """
    if usage.cost is not None:
        return Cost(usage.cost, "reported")
    if usage.input is None:
        return None
    price = price_at(prices, moment, usage.input)
    if batch and price is not None:
        price = price.batch
    if price is None or price.input is None:
        return None
    output = _output_amount(usage.output, price.output)
    read, write = usage.cache_read or 0, usage.cache_write or 0
    audio = (usage.audio or 0) if price.audio is not None else 0
    fresh = usage.input - read - write - audio
    if output is None or fresh < 0 or (audio and (read or write)):
        return None  # how much of the cached part was sound is not told
    amount = output + fresh * price.input
    amount += read * (price.input if price.cache_read is None else price.cache_read)
    amount += write * (price.input if price.cache_write is None else price.cache_write)
    amount += audio * (price.audio or 0)
    return Cost(amount / _PER, "card")


def _output_amount(tokens: int | None, price: Decimal | None) -> Decimal | None:
    """The output's part of the cost times a million; None when it is unknown."""
    if price is None:
        return None if tokens else Decimal(0)
    return None if tokens is None else tokens * price
