"""What a call cost, to the last digit, or unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from llmcli.usage import Cost, Price, Usage, cost_of, price_at

DAY = date(2026, 11, 21)
D = Decimal


def cost(usage: Usage, *prices: Price, day: date = DAY) -> Decimal | None:
    """The amount alone."""
    found = cost_of(usage, prices, day)
    return found.amount if found else None


def test_parts_of_the_input_have_prices_of_their_own() -> None:
    """Cached and written tokens are parts of the input, never counted twice."""
    usage = Usage(input=1000, output=100, cache_read=600, cache_write=100, reasoning=50)
    price = Price(D(2), D(10), D("0.2"), D("2.5"))
    assert cost(usage, price) == D("0.00197")  # 300 × 2 + 600 × 0.2 + 100 × 2.5 + 100 × 10


def test_no_price_of_their_own_is_the_input_price() -> None:
    """A provider that lists no cache price bills those tokens as input."""
    usage = Usage(input=1000, output=0, cache_read=600)
    assert cost(usage, Price(D(2), D(10))) == D("0.002")


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage(input=None, output=1), Price(D(1), D(1))),
        (Usage(input=1, output=None), Price(D(1), D(1))),
        (Usage(input=1, output=1), Price(D(1), None)),
        (Usage(input=1, output=1), Price(None, D(1))),
    ],
)
def test_any_unknown_part_makes_the_cost_unknown(usage: Usage, price: Price) -> None:
    """Unknown is None, never 0."""
    assert cost(usage, price) is None
    assert cost(Usage(1, 1)) is None


def test_what_the_server_says_wins() -> None:
    """A reported cost beats the card, also a reported zero."""
    usage = Usage(input=1000, output=1000, cost=D("0.5"))
    assert cost_of(usage, (Price(D(1), D(1)),), DAY) == Cost(D("0.5"), "reported")
    assert cost(Usage(cost=D(0))) == 0


@pytest.mark.parametrize(
    ("day", "tokens", "expected"),
    [
        (date(2026, 1, 1), 10, 1),
        (date(2026, 11, 30), 10, 1),
        (date(2026, 12, 1), 10, 2),
        (date(2026, 12, 1), 200_000, 2),
        (date(2026, 12, 1), 200_001, 4),
        (date(2026, 1, 1), 300_000, 1),
    ],
)
def test_dated_and_tiered_prices(day: date, tokens: int, expected: int) -> None:
    """The newest price of the day; one token over a tier's edge moves the whole prompt."""
    start = date(2026, 12, 1)
    prices = (
        Price(D(1), D(1)),
        Price(D(2), D(2), since=start),
        Price(D(4), D(4), since=start, above=200_000),
    )
    found = price_at(prices, day, tokens)
    assert found is not None
    assert found.input == expected


def test_no_price_yet() -> None:
    """Before the first date there is no price."""
    assert price_at((Price(D(1), D(1), since=DAY),), date(2020, 1, 1), 1) is None
