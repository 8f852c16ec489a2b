"""What a call cost, to the last digit, or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import permutations

import pytest

from llmcli.usage import Cost, Price, Usage, cost_of, price_at

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
D = Decimal


def cost(usage: Usage, *prices: Price, batch: bool = False) -> Decimal | None:
    """The amount alone."""
    found = cost_of(usage, prices, NOW, batch=batch)
    return found.amount if found else None


def input_price(prices: Sequence[Price], moment: datetime, tokens: int = 10) -> Decimal | None:
    """What a million input tokens cost."""
    found = price_at(prices, moment, tokens)
    return found.input if found else None


def test_parts_of_the_input_have_prices_of_their_own() -> None:
    """Cached and written tokens are parts of the input, never counted twice."""
    usage = Usage(input=1000, output=100, cache_read=600, cache_write=100, reasoning=50)
    price = Price(D(2), D(10), D("0.2"), D("2.5"))
    assert cost(usage, price) == D("0.00197")  # 300 × 2 + 600 × 0.2 + 100 × 2.5 + 100 × 10


def test_no_price_of_their_own_is_the_input_price() -> None:
    """A provider that lists no cache price bills those tokens as input."""
    usage = Usage(input=1000, output=0, cache_read=600)
    assert cost(usage, Price(D(2), D(10))) == D("0.002")


def test_sound_has_a_price_of_its_own_where_there_is_one() -> None:
    """How much of a cached part was sound is not told, so that such a cost is unknown."""
    usage = Usage(input=1000, output=0, audio=400)
    assert cost(usage, Price(D(2), D(10))) == D("0.002")
    assert cost(usage, Price(D(2), D(10), audio=D(5))) == D("0.0032")  # 600 × 2 + 400 × 5
    assert cost(usage._replace(cache_read=1), Price(D(2), D(10), audio=D(5))) is None
    assert cost(usage._replace(cache_read=0), Price(D(2), D(10), audio=D(5))) == D("0.0032")


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage(input=None, output=1), Price(D(1), D(1))),
        (Usage(input=1, output=None), Price(D(1), D(1))),
        (Usage(input=1, output=1), Price(D(1), None)),
        (Usage(input=1, output=1), Price(None, D(1))),
        (Usage(input=1, output=1, cache_read=1, cache_write=1), Price(D(1), D(1))),
        (Usage(input=1, output=1, audio=2), Price(D(1), D(1), audio=D(1))),
    ],
)
def test_any_unknown_part_makes_the_cost_unknown(usage: Usage, price: Price) -> None:
    """Unknown is None, never 0; so are parts that add up to more than the whole."""
    assert cost(usage, price) is None
    assert cost(Usage(1, 1)) is None


@pytest.mark.parametrize("output", [None, 0])
def test_embeddings_have_no_output(output: int | None) -> None:
    """What has no price for output costs what its input costs."""
    assert cost(Usage(input=1000, output=output), Price(D("0.02"))) == D("0.00002")


def test_what_the_server_says_wins() -> None:
    """A reported cost beats the card, also a reported zero."""
    usage = Usage(input=1000, output=1000, cost=D("0.5"))
    assert cost_of(usage, (Price(D(1), D(1)),), NOW) == Cost(D("0.5"), "reported")
    assert cost(Usage(cost=D(0))) == 0


def test_a_batch_has_its_own_price_or_none() -> None:
    """Without one the cost of a batch is unknown: it is not that of single calls."""
    usage = Usage(input=1_000_000, output=0)
    assert cost(usage, Price(D(2), D(10), batch=Price(D(1), D(5))), batch=True) == 1
    assert cost(usage, Price(D(2), D(10), batch=Price(D(1), D(5)))) == 2
    assert cost(usage, Price(D(2), D(10)), batch=True) is None


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
    moment = datetime.combine(day, datetime.min.time(), UTC)
    for order in permutations(prices):
        assert input_price(order, moment, tokens) == expected


def test_a_later_price_may_have_no_tiers() -> None:
    """A tier belongs to the prices of its time."""
    prices = (Price(D(1)), Price(D(4), above=200_000), Price(D(2), since=date(2026, 12, 1)))
    for order in permutations(prices):
        assert input_price(order, NOW, 300_000) == 4
        assert input_price(order, datetime(2026, 12, 1, tzinfo=UTC), 300_000) == 2


def test_tiers_in_any_order() -> None:
    """The highest tier that a prompt reaches counts, wherever a card lists it."""
    prices = (Price(D(1)), Price(D(2), above=1_000), Price(D(4), above=2_000))
    for order in permutations(prices):
        assert [input_price(order, NOW, n) for n in (1_000, 1_001, 2_001)] == [1, 2, 4]


def test_peak_hours_of_a_later_price() -> None:
    """Peak prices belong to those of their time too."""
    then, peak = date(2026, 12, 1), ("01:00-04:00",)
    prices = (
        Price(D(1)),
        Price(D(2), hours=peak),
        Price(D(3), since=then),
        Price(D(6), since=then, hours=peak),
        Price(D(8), since=then, above=1_000),
    )
    for order in permutations(prices):
        for day, hour, tokens, expected in (
            ((11, 30), 2, 1, 2),
            ((11, 30), 5, 1, 1),
            ((12, 1), 2, 1, 6),
            ((12, 1), 5, 1, 3),
            ((12, 1), 5, 1_001, 8),
            ((12, 1), 2, 1_001, 6),
        ):
            moment = datetime(2026, *day, hour, tzinfo=UTC)
            assert input_price(order, moment, tokens) == expected


def test_days_begin_at_midnight_utc() -> None:
    """Wherever the user is, a price changes at the same moment."""
    prices = (Price(D(1)), Price(D(2), since=date(2026, 12, 1)))
    tokyo, honolulu = timezone(timedelta(hours=9)), timezone(timedelta(hours=-10))
    assert input_price(prices, datetime(2026, 12, 1, 8, 59, tzinfo=tokyo)) == 1
    assert input_price(prices, datetime(2026, 12, 1, 9, 0, tzinfo=tokyo)) == 2
    assert input_price(prices, datetime(2026, 11, 30, 14, 0, tzinfo=honolulu)) == 2


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        (20, "00:59", 1),
        (20, "01:00", 2),
        (20, "03:59", 2),
        (20, "04:00", 1),
        (20, "06:00", 2),
        (21, "01:00", 1),  # Saturday
        (22, "01:00", 1),
        (23, "01:00", 2),
        (20, "22:30", 3),
        (21, "00:29", 3),
        (21, "00:30", 1),
    ],
)
def test_hours_and_days(day: int, clock: str, expected: int) -> None:
    """Hours hold without their end, some over midnight; days are those in UTC."""
    work = ("mon", "tue", "wed", "thu", "fri")
    prices = (
        Price(D(1)),
        Price(D(2), hours=("01:00-04:00", "06:00-10:00"), days=work),
        Price(D(3), hours=("22:30-00:30",)),
    )
    moment = datetime.fromisoformat(f"2026-11-{day}T{clock}:59+00:00")
    assert input_price(prices, moment) == expected


def test_no_price_yet() -> None:
    """Before the first date there is no price."""
    assert price_at((Price(D(1), D(1), since=date(2030, 1, 1)),), NOW, 1) is None
