"""Tokens used, prices, and what a call cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

_PER = Decimal(1_000_000)


class Usage(NamedTuple):
    """Tokens of one call; None is unsaid, never 0.

    `input` and `output` are totals: `cache_read` and `cache_write` are parts of input,
    `reasoning` is a part of output. `cost` is what the server itself says in USD.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cost: Decimal | None = None


class Price(NamedTuple):
    """USD per million tokens, from a day on (`since`) and above so many input tokens (`above`)."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    since: date | None = None
    above: int = 0


class Cost(NamedTuple):
    """What a call cost, in USD, and how that is known."""

    amount: Decimal
    basis: Literal["card", "reported", "local"]
    currency: str = "USD"


def price_at(prices: Sequence[Price], day: date, input_tokens: int) -> Price | None:
    """The price in force on `day` for a prompt of that size, or None.

    The tier is chosen by the whole prompt: one token over `above` moves every token.
    """
    dated = [p for p in prices if p.since is None or p.since <= day]
    if not dated:
        return None
    newest = max(p.since or date.min for p in dated)
    tiers = [
        p
        for p in dated
        if (p.since or date.min) == newest and (p.above == 0 or input_tokens > p.above)
    ]
    return max(tiers, key=lambda p: p.above, default=None)


def cost_of(usage: Usage, prices: Sequence[Price], day: date) -> Cost | None:
    """The cost of a call, or None when any part of it is unknown.

    Where a provider lists no price for cached tokens it bills them as input.
    """
    if usage.cost is not None:
        return Cost(usage.cost, "reported")
    if usage.input is None or usage.output is None:
        return None
    price = price_at(prices, day, usage.input)
    if price is None or price.input is None or price.output is None:
        return None
    read, write = usage.cache_read or 0, usage.cache_write or 0
    fresh = usage.input - read - write
    if fresh < 0:
        return None
    read_price = price.input if price.cache_read is None else price.cache_read
    write_price = price.input if price.cache_write is None else price.cache_write
    amount = fresh * price.input + read * read_price + write * write_price
    return Cost((amount + usage.output * price.output) / _PER, "card")
