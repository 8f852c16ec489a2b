"""The report on usage as pure functions: rows, figures, series and the page."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcli.report import figures, grouping
from llmcli.report.grouping import Row
from llmcli.report.html import Report, to_html
from llmcli.report.series import Series, series, sparkline
from llmcli.spending import Group, Sums
from llmcli.usage import exact_sum

VOID = {"meta", "rect", "line", "polygon", "polyline"}
TAGS = """
html head title style body header main footer section figure figcaption h1 h2 p div ul li table
thead tbody tr th td svg text rect line polygon polyline
"""
AMOUNTS = st.decimals(0, 10**6, places=12)


def sums(cost: str = "1", **facts: int) -> Sums:
    return Sums(**{"requests": 1, "input": 10, "output": 5, **facts}, cost=Decimal(cost))  # type: ignore[arg-type]


def dated(*facts: tuple[str, str, str, str]) -> list[Group]:
    """Groups of a day, a provider, a model and a cost."""
    return [Group(key, sums(cost)) for *key_, cost in facts for key in [tuple(key_)]]


class Page(HTMLParser):
    """A page taken apart; whatever may not be in it fails the test at once."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS.split() or tag in VOID, tag
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("style", "href")]
        if tag not in ("meta", "line", "polygon", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "line", "polygon", "polyline"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def report(groups: Sequence[Group], about: str = "all time") -> Report:
    rows = [Row("/".join(group.key[1:]), group) for group in groups]
    total = grouping.together(groups)
    return Report(about, total, series(groups, 60), {"Model": rows})


def test_weeks_at_the_turn_of_the_year() -> None:
    """A week belongs to the year that has most of it."""
    days = ("2026-12-28", "2026-12-31", "2027-01-03", "2027-01-04", "2024-12-30")
    found = [grouping.week(day) for day in days]
    assert found == ["2026-W53", "2026-W53", "2026-W53", "2027-W01", "2025-W01"]


def test_percentiles() -> None:
    counts = {float(number): 1 for number in range(1, 101)}
    assert figures.percentile(counts) == 95
    assert figures.percentile({1.0: 19, 7.0: 1}) == 1.0
    assert figures.percentile({1.0: 18, 7.0: 2}) == 7.0
    assert figures.percentile({}) is None


@pytest.mark.parametrize(
    ("found", "words", "usd"),
    [
        (sums("0.5"), "$0.5000", "0.5"),
        (sums("0.5", requests=2, unpriced=1), "at least $0.5000", "≥0.5"),
        (sums("0", unpriced=1), "cost unknown", ""),
        (sums("0", local=1), "free (local)", "0"),
        (sums("0", requests=2, local=1), "$0", "0"),
        (sums("0", requests=2, local=1, unpriced=1), "cost unknown", ""),
        (sums("0.5", requests=2, local=1), "$0.5000", "0.5"),
        (sums("0", failures=1), "$0", "0"),
    ],
)
def test_costs_in_words(found: Sums, words: str, usd: str) -> None:
    """Unknown is never zero."""
    assert (figures.cost(found), figures.usd(found)) == (words, usd)


def test_sums_keep_every_digit() -> None:
    small, large = sums("0.000000000000000000000000000001"), sums("123456789.5")
    assert str(small.plus(large).cost) == "123456789.500000000000000000000000000001"


@given(st.lists(AMOUNTS, min_size=1, max_size=200), st.integers(1, 60))
def test_a_series_loses_nothing(costs: list[Decimal], most: int) -> None:
    """Whatever its step, its amounts are those that went in."""
    first = date(2026, 1, 30)
    groups = [
        Group(
            ((first + timedelta(number * 3)).isoformat(), f"p{number % 9}", "m"),
            Sums(requests=1, cost=cost, input=1),
        )
        for number, cost in enumerate(costs)
    ]
    found = series(groups, most)
    assert len(found.providers) <= 6
    assert len(found.times) <= most or found.step == "month"
    assert list(found.times) == sorted(set(found.times))
    if found.unit == "USD":
        for some in (found.providers, found.models):
            whole = exact_sum(amount for amounts in some.values() for amount in amounts)
            assert whole == exact_sum(costs)


def test_days_without_a_call_are_there() -> None:
    found = series(dated(("2026-01-01", "a", "m", "1"), ("2026-01-04", "b", "m", "2")), 60)
    assert found.times == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
    assert found.providers == {"b": [0, 0, 0, 2], "a": [1, 0, 0, 0]}
    assert series(dated(("2026-01-31", "a", "m", "1"), ("2026-04-01", "a", "m", "1")), 5).times == [
        "2026-01", "2026-02", "2026-03", "2026-04",
    ]  # fmt: skip


def test_free_calls_are_drawn_by_their_tokens() -> None:
    found = series(dated(("2026-01-01", "local", "m", "0")), 60)
    assert (found.unit, found.models) == ("tokens", {"local/m": [15]})


def test_a_clock_that_was_wrong_does_not_fill_the_memory() -> None:
    found = series(dated(("0001-01-01", "a", "m", "1"), ("9999-12-31", "a", "m", "2")), 60)
    assert len(found.times) < 1300


@given(st.decimals("1e-12", "1e9"))
def test_a_chart_is_a_little_higher_than_its_bars(most: Decimal) -> None:
    found = Series("day", "USD", ["x"], {"a": [most]}, {})
    assert most <= found.top <= most * Decimal("1.6")


def test_sparklines() -> None:
    """Nothing is a dot; something is never one."""
    amounts = [Decimal(n) for n in ("0", "0.0001", "4", "8")]
    assert sparkline(amounts, 10) == "·▁▅█"
    assert sparkline(amounts, 2) == "▁█"
    assert sparkline([Decimal(0)] * 3, 10) == "···"
    assert sparkline([], 10) == ""


def test_the_page_needs_nothing_but_itself() -> None:
    """Its policy forbids every request, script and style but the one in it."""
    source = to_html(report(dated(("2026-01-01", "a", "m", "1"))))
    (style,) = re.findall("<style>(.*)</style>", source, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert (
        f"content=\"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'\"" in source
    )
    assert not re.search(r"url\(|@import|<script|<link|<base|<form|<img|https?://", source)
    assert "prefers-color-scheme: dark" in style


@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_no_name_gets_out_of_the_page(provider: str, model: str) -> None:
    groups = dated(
        ("2026-01-01", provider, f'"><script>{model}', "1"), ("2026-01-02", "b", "c", "2")
    )
    source = to_html(report(groups, f"</title><script>{model}"))
    Page(source)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", source)


def test_the_page_tells_what_is_unknown() -> None:
    """An unknown cost is in no chart, and the chart says so."""
    unknown = Group(("2026-01-01", "b", "m"), sums("0", unpriced=1))
    shown = Page(to_html(report([*dated(("2026-01-01", "a", "m", "0.25")), unknown])))
    text = " ".join(shown.words)
    for words in ("at least $0.2500", "USD by day · without 1 of unknown cost", "cost unknown"):
        assert words in text
    assert to_html(report([unknown])).count("<polyline") == 1


def test_long_tables_are_cut_and_add_up() -> None:
    groups = dated(*(("2026-01-01", "a", f"m{number}", "1") for number in range(100)))
    shown = Page(to_html(report(groups)))
    text = " ".join(shown.words)
    assert "41 more" in text
    assert "$41.0000" in text
