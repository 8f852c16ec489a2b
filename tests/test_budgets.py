"""Limits as values, their words, and what an answer has cost so far."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from llmcli import budgets
from llmcli.budgets import Account, Limit, Standing
from llmcli.config import Config
from llmcli.errors import BudgetReached, ServerError, UsageError
from llmcli.events import (
    Attempt,
    Event,
    ReasoningDelta,
    Retry,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from llmcli.outlook import Outlook
from llmcli.running_cost import RunningCost
from llmcli.usage import Price, Usage

PRICES = (Price(Decimal(1000), Decimal(1000)),)  # a tenth of a cent for each token
LOOK = Outlook("fs/m", PRICES, free=False, input=10, longest=None)


@pytest.mark.parametrize(
    ("today", "week", "month"),
    [
        ("2026-11-21", "2026-11-16", "2026-11-01"),
        ("2026-11-22", "2026-11-16", "2026-11-01"),  # a Sunday
        ("2026-11-23", "2026-11-23", "2026-11-01"),
        ("2027-01-01", "2026-12-28", "2027-01-01"),
        ("2028-02-29", "2028-02-28", "2028-02-01"),
    ],
)
def test_periods_begin(today: str, week: str, month: str) -> None:
    """Weeks on Monday, as ISO has it, over the borders of months and years."""
    day = date.fromisoformat(today)
    found = [budgets.first_day(name, day).isoformat() for name in budgets.PERIODS]
    assert found == [today, week, month]


def test_limits_of_the_config() -> None:
    """A number refuses; a table says both."""
    table = {"day": 2, "week": {"warn": Decimal("1.5")}, "per_tag": {"run": {"refuse": 3}}}
    assert budgets.read(Config(Path(), {"budget": table})) == (
        Limit("day", None, Decimal(2)),
        Limit("week", Decimal("1.5"), None),
        Limit("per_tag.run", None, Decimal(3)),
    )


def test_accounts_of_a_call() -> None:
    """Each tag that has a limit is one; a limit for each call is none."""
    limits = tuple(
        map(
            Limit,
            ("day", "per_call", "per_conversation", "per_tag.run", "per_tag.a=b", "per_tag.c"),
        )
    )
    found = budgets.accounts(limits, date(2026, 11, 21), "C", (("a", "b"), ("run", "7")))
    assert [(one.limit.name, one.since, one.conversation, one.tag) for one in found] == [
        ("day", "2026-11-21", None, None),
        ("per_conversation", "", "C", None),
        ("per_tag.run=7", "", None, ("run", "7")),
        ("per_tag.a=b", "", None, ("a", "b")),
    ]


def test_the_words_of_a_refusal() -> None:
    """What is true: spent or about, held or not, and ways out that are ones."""
    day = Account(Limit("day", None, Decimal(2)), since="2026-11-21")
    with pytest.raises(BudgetReached) as caught:
        Standing(day, Decimal("1.98")).check(Decimal("0.0502"), Decimal("0.001"))
    assert caught.value.message == "day budget of $2.00 reached ($1.98 spent, this call ≈ $0.05)"
    assert caught.value.hint == "llm budget set day 5, or --max-cost 0.02."
    guessed = Standing(day, Decimal(1), Decimal("1.5"), Decimal("0.5"))
    with pytest.raises(BudgetReached) as caught:
        guessed.check(Decimal(8), Decimal(1))
    assert caught.value.message == (
        "day budget of $2.00 reached (≈ $1.00 spent, ≈ $1.50 held by other calls,"
        " this call ≈ $8.00)"
    )
    assert caught.value.hint == "llm budget set day 20."
    Standing(day, Decimal("1.98")).check(Decimal("0.02"))


@pytest.mark.parametrize(
    ("amount", "exact", "about"),
    [
        ("2", "$2.00", "≈ $2.00"),
        ("0", "$0.00", "≈ $0.00"),
        ("0.05005", "$0.05005", "≈ $0.05"),
        ("0.0004123", "$0.0004123", "≈ $0.00041"),
        ("1234.567", "$1,234.5670", "≈ $1,234.57"),
    ],
)
def test_amounts_in_words(amount: str, exact: str, about: str) -> None:
    """To the cent where that is all; a guess with two digits that count."""
    assert (budgets.dollars(Decimal(amount)), budgets.about(Decimal(amount))) == (exact, about)


@pytest.mark.parametrize(("text", "amount"), [("5", "5"), ("$0.5", "0.5"), ("1_000", "1000")])
def test_amounts_as_typed(text: str, amount: str) -> None:
    """With or without the sign."""
    assert budgets.usd(text, "x") == Decimal(amount)


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1e99", "0,5"])
def test_what_is_no_amount(text: str) -> None:
    """One line for each."""
    with pytest.raises(UsageError, match="takes an amount in USD"):
        budgets.usd(text, "--max-cost")


def running(limit: str) -> RunningCost:
    """Of an answer of `fs/m` with 10 tokens of input, $0.01."""
    found = RunningCost({"fs/m": LOOK}, Decimal(limit))
    assert not found.passes(Attempt("fs", "m", 1))
    return found


@pytest.mark.parametrize("kind", [TextDelta, ReasoningDelta, lambda text: ToolCallDelta("k", text)])
def test_all_that_is_written_costs(kind: type[TextDelta]) -> None:
    """Text, reasoning and arguments: about a token a word."""
    cost = running("0.03")
    words = next(n for n in range(100) if cost.passes(kind("word ")))
    assert 12 <= words <= 25
    assert Decimal("0.03") < cost.amount < Decimal("0.034")


def test_it_looks_seldom() -> None:
    """While the limit is far it only counts characters."""
    cost = running("10")
    looks = []
    for n in range(4000):
        before = cost.amount
        assert not cost.passes(TextDelta("word "))
        if cost.amount != before:
            looks.append(n)
    assert len(looks) < 5


def test_calls_of_one_turn_add_up() -> None:
    """After a pause; an attempt that failed before anything came is free."""
    cost = running("1")
    error = ServerError("down")
    for event in (Retry(error, 0.0, 2, 3), Attempt("fs", "m", 2)):
        assert not cost.passes(event)
    assert cost.amount == Decimal("0.01")
    events: list[Event] = [UsageReport(Usage(10, 40)), Attempt("fs", "m", 3)]
    assert not any(map(cost.passes, events))
    assert cost.amount == Decimal("0.06")
    assert not cost.passes(UsageReport(Usage(10, 2000)))  # no content follows: it may be whole
    assert cost.passes(TextDelta("more"))


def test_the_next_call_is_not_made() -> None:
    """Where what came before it has used the limit up."""
    cost = running("0.05")
    assert not cost.passes(UsageReport(Usage(10, 39)))
    assert cost.passes(Attempt("fs", "m", 2))
