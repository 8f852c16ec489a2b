"""The usage line: nothing made up, nothing in scientific notation."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rendering import turn

from llmcli.render.summary import usage_line
from llmcli.usage import Cost, Usage
from llmcli.wording import duration, money, price, size, total_price


def test_the_line_of_the_contract() -> None:
    shown = usage_line(
        turn(
            provider="groq",
            model="llama-3.3",
            usage=Usage(1204, 322, 800),
            cost=Cost(Decimal("0.0041"), "card"),
            total_s=2.31,
        )
    )
    assert shown == "groq/llama-3.3 · 1,204 in (800 cached) · 322 out · $0.0041 · 2.3 s"


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        (None, "usage unknown"),
        (Usage(), "usage unknown"),
        (Usage(5, None), "5 in · ? out"),
        (Usage(None, 5), "? in · 5 out"),
        (Usage(0, 0, 0, 0, 0), "0 in · 0 out"),
        (Usage(10, 200, None, None, 150), "10 in · 200 out (150 reasoning)"),
        (Usage(1_000_000, 1), "1,000,000 in · 1 out"),
    ],
)
def test_tokens(usage: Usage | None, shown: str) -> None:
    assert usage_line(turn(usage=usage)) == f"fs/m · {shown} · cost unknown · 2.3 s"


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (None, "cost unknown"),
        (Cost(Decimal(0), "local"), "free (local)"),
        (Cost(Decimal(0), "card"), "$0"),
        (Cost(Decimal("0.5"), "reported"), "$0.5000"),
        (Cost(Decimal("0.1"), "local"), "$0.1000"),
    ],
)
def test_price(cost: Cost | None, shown: str) -> None:
    assert price(cost) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.0041", "$0.0041"),
        ("0.00412345", "$0.004123"),
        ("0.00000123", "$0.00000123"),
        ("1.5E-7", "$0.00000015"),
        ("0.01", "$0.0100"),
        ("0.12345", "$0.1234"),
        ("0.12355", "$0.1236"),
        ("3.1184", "$3.1184"),
        ("1234.5", "$1,234.5000"),
        ("1E+3", "$1,000.0000"),
        ("1E-20", "under $0.000000000001"),
        ("-0.25", "-$0.2500"),
        ("1E+40", "$" + "10," + ",".join(["000"] * 13) + ".0000"),
    ],
)
def test_money(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 ms"),
        (0.0404, "40 ms"),
        (0.099, "99 ms"),
        (0.0996, "0.1 s"),
        (2.349, "2.3 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 0 s"),
        (72.4, "1 min 12 s"),
        (3601, "60 min 1 s"),
    ],
)
def test_duration(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_hostile_model_name_is_shown() -> None:
    assert usage_line(turn(model="a\x1b]0;x\x07\nb")).startswith("fs/a^[]0;x^G b · ")


def test_totals() -> None:
    """Whatever is unknown makes the sum a lower bound, never a zero."""
    card, local = Cost(Decimal("0.5"), "card"), Cost(Decimal(0), "local")
    assert total_price([card, local, card]) == "$1.0000"
    assert total_price([card, None]) == "at least $0.5000"
    assert total_price([None, local]) == "cost unknown"
    assert total_price([local, local]) == "free (local)"
    assert total_price([]) == "$0"


def test_sizes() -> None:
    known = {1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 999_949: "999.9 kB"}
    known |= {999_950: "1.0 MB", 12_345_678_901: "12,345.7 MB"}
    assert {count: size(count) for count in known} == known
