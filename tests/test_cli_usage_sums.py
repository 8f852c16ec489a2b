"""The sums of `llm usage`: exact to the last digit, kept by day, right whatever the window."""

from __future__ import annotations

import contextlib
import math
import random
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

import ledgers
import pytest
from ledgers import day, drawn, entry, usd
from support import Llm

from llmcli.ledger import Entry
from llmcli.report import figures
from llmcli.spending import Window
from llmcli.store import totals
from llmcli.usage import Price, Usage, cost_of

MANY = 100_000
DAYS = 100


def total(llm: Llm, *args: str) -> dict[str, Any]:
    found: dict[str, Any] = llm("usage", "--json", *args).json["total"]
    return found


def exact(amounts: Iterable[Decimal]) -> Decimal:
    """Their sum with all digits."""
    with localcontext() as context:
        context.prec = 200
        return sum(amounts, Decimal(0))


def amounts(count: int) -> list[Decimal]:
    """What servers may say: whole dollars, prices of a token, and up to 30 decimals."""
    draw = random.Random(3)
    places = (0, 2, 6, 9, 12, 13, 18, 30)
    return [Decimal(draw.randrange(1, 10**12)).scaleb(-draw.choice(places)) for _ in range(count)]


def test_a_hundred_thousand_amounts_add_up_to_the_last_digit(llm: Llm) -> None:
    """In the total, and in the rows of every way to group them."""
    costs = amounts(MANY)
    kept = [
        entry(f"lab/{number % 7}", number % 5, cost=usd(str(cost), "reported"))
        for number, cost in enumerate(costs)
    ]
    ledgers.keep(llm, *kept)
    expected = exact(costs)
    assert len(expected.as_tuple().digits) > 40
    found = llm("usage", "--json", timeout=60).json
    assert Decimal(found["total"]["cost"]["amount"]) == expected
    for number, row in enumerate(sorted(found["rows"], key=lambda row: str(row["model"]))):
        assert Decimal(row["cost"]["amount"]) == exact(costs[number::7])
    for args in (("--by", "tag"), ("--by", "week"), ("--since", "9999h")):
        assert Decimal(total(llm, *args)["cost"]["amount"]) == expected, args


def test_sums_that_are_too_large_for_64_bits(llm: Llm) -> None:
    """Nine million dollars in millionths of a millionth: kept by day, and added up over days."""
    ledgers.keep(llm, *(entry(days=days, cost=usd("999.999999999999")) for days in range(20)))
    with contextlib.closing(sqlite3.connect(llm.db)) as db, db:
        db.execute("UPDATE spending SET pico = 9000000000000000000")
    assert total(llm)["cost"]["amount"] == "180000000"


def test_costs_of_tiers_batches_and_servers(llm: Llm) -> None:
    """They come out of the ledger as they went in."""
    prices = (
        Price(Decimal("1.25"), Decimal(10), batch=Price(Decimal("0.625"), Decimal(5))),
        Price(Decimal("2.5"), Decimal(15), above=200_000),
    )
    moment = datetime.fromtimestamp(ledgers.noon(0)).astimezone()
    used = [(Usage(7, 3), False), (Usage(200_001, 1), False), (Usage(7, 3), True)]
    costs = [cost_of(usage, prices, moment, batch=batch) for usage, batch in used]
    said = usd("0.000000123456789012345678901", "reported")
    made = [
        entry(usage=usage, cost=cost, batch=batch)
        for (usage, batch), cost in zip(used, costs, strict=True)
    ]
    ledgers.keep(llm, *made, entry(cost=said))
    expected = exact(cost.amount for cost in (*costs, said) if cost)
    assert Decimal(total(llm)["cost"]["amount"]) == expected
    assert total(llm)["exact"]


def test_the_usual_report_reads_no_entry(llm: Llm) -> None:
    """Without the table of entries it says the same: it is made from the sums by day."""
    ledgers.keep(llm, *drawn(50_000, DAYS))
    ways = [("--json",), (), ("--since", "7d"), ("--tag", "project", "--by", "week")]
    ways += [("--tag", "project", "--csv"), ("--by", "month")]
    ways += [("--by", by, "--json") for by in ("tag", "kind")]
    before = [llm("usage", *way).text for way in ways]
    assert '"requests": 50000' in before[0]
    with contextlib.closing(sqlite3.connect(llm.db)) as db, db:
        db.execute("DROP TABLE attempts")
    assert [llm("usage", *way).text for way in ways] == before


def p95(values: Sequence[float]) -> float | None:
    """The value that 95 % of them do not exceed."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None


@pytest.mark.parametrize(
    ("window", "days"),
    [
        (Window(), range(DAYS)),
        (Window(since=day(70)), range(71)),
        (Window(until=day(70)), range(70, DAYS)),
        (Window(since=day(75), until=day(3)), range(3, 76)),
        (Window(since=day(6)), range(7)),
        (Window(since=day(200), until=day(150)), range(0)),
    ],
)
def test_percentiles_are_right_whatever_the_window(llm: Llm, window: Window, days: range) -> None:
    """From counts of all time, or from the entries of some days; each entry counts once."""
    kept = list(drawn(3000, DAYS))
    ledgers.keep(llm, *kept)
    args = [*(("--since", window.since) if window.since else ())]
    args += ["--until", window.until] if window.until else []
    wanted = {day(number) for number in days}
    inside = [
        one for one in kept if datetime.fromtimestamp(one.started).date().isoformat() in wanted
    ]
    groups: dict[str, Callable[[Entry], str | None]] = {
        "provider": lambda one: one.provider,
        "month": lambda one: datetime.fromtimestamp(one.started).date().isoformat()[:7],
        "day": lambda one: datetime.fromtimestamp(one.started).date().isoformat(),
    }
    for by, name in groups.items():
        found = llm("usage", "--json", "--by", by, *args).json
        for row in [*found["rows"], {**found["total"], by: None}]:
            some = [one for one in inside if row[by] in (None, name(one))]
            assert row["requests"] == len(some), (by, row)
            first = p95([one.first_token_s for one in some if one.first_token_s])
            assert row["first_token"]["p95_s"] == (first and pytest.approx(first, rel=0.011))
            speeds = [
                (one.usage.output or 0) / (one.seconds - one.first_token_s)
                for one in some
                if one.usage and one.first_token_s
            ]
            assert row["speed"]["p95"] == (p95(speeds) and pytest.approx(p95(speeds), rel=0.011))


def test_hours_and_days_count_the_same(llm: Llm) -> None:
    """What is added up from entries is what the sums by day say."""
    ledgers.keep(llm, *drawn(2000, 30))
    for by in ("model", "tag", "month", "kind"):
        whole = llm("usage", "--json", "--by", by).json
        hours = llm("usage", "--json", "--by", by, "--since", "9999h").json
        for one, other in zip(whole["rows"], hours["rows"], strict=True):
            for name in ("seconds", "speed", "first_token"):
                assert one.pop(name) == pytest.approx(other.pop(name), rel=1e-6), (by, name)
            assert one == other


def test_conversations_have_percentiles_however_many_they_are(llm: Llm) -> None:
    """More than SQLite takes as values of one query."""
    for name in ("a", "b", "c", "d"):
        times = [ord(name) / 100 + number / 10 for number in range(20)]
        made = [entry(first_token_s=first, seconds=first + 2) for first in times]
        ledgers.keep(llm, *made, conversation=name)
    with contextlib.closing(sqlite3.connect(llm.db)) as db:
        db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 3)
        found = totals.dear(db, Window(), 9, paced=True)
    assert [group.key[0] for group, _ in found] == ["a", "b", "c", "d"]
    for group, _ in found:
        expected = ord(group.key[0]) / 100 + 1.8
        assert figures.pace(group).first_p95 == pytest.approx(expected, rel=0.011)
        assert figures.pace(group).speed_p95 == pytest.approx(100, rel=0.011)


def test_an_entry_that_changes_counts_as_it_is_now(llm: Llm) -> None:
    """While it runs it does not count; written twice it counts once."""
    ended = entry(first_token_s=0.5)
    with ledgers.accounts(llm.db) as kept:
        kept.keep("CALL", [ended._replace(status="running", usage=None, cost=None)])
        assert kept.totals(Window()) == []
        for made in (ended._replace(cost=usd("7")), ended, ended):
            kept.keep("CALL", [made])
        (found,) = kept.totals(Window(), paced=True)
        assert (found.sums.requests, found.sums.cost) == (1, Decimal("0.01"))
        assert [list(found.first.values()), list(found.speed.values())] == [[1], [1]]
