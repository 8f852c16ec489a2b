"""What a request will cost is worked out as what it did cost is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from llmcli import estimate
from llmcli.cards import Card, Model
from llmcli.forecast import Forecast, ends, forecast, longest, priced
from llmcli.messages import Media, Message, Request, Text
from llmcli.usage import Price, Usage, cost_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TIERS = (
    Price(Decimal(2), Decimal(8), batch=Price(Decimal(1), Decimal(4))),
    Price(Decimal(4), Decimal(12), above=1000),
    Price(Decimal(1), Decimal(2), hours=("00:00-06:00",)),
    Price(Decimal(3), Decimal(9), since=date(2027, 1, 1)),
)


def card(model: Model, adapter: str = "openai-chat") -> Card:
    """A card that has this model only."""
    return Card("p", "P", adapter, "https://p.example", models={model.id: model})


def request(words: int, **options: int) -> Request:
    """A request of about so many tokens."""
    text = "word " * words
    return Request("m", (Message("user", (Text(text),)),), options=options)


@pytest.mark.parametrize("words", [1, 200, 5000])
@pytest.mark.parametrize("hours", [0, 15, 24 * 60])
def test_the_ends_are_costs_of_calls(words: int, hours: int) -> None:
    """In each tier, at quiet hours and after a change of prices."""
    moment, asked = NOW + timedelta(hours=hours), request(words)
    found = forecast(asked, card(Model("m", output=700, prices=TIERS)), moment)
    tokens = estimate.of_request(asked)
    assert tokens is not None
    ends = [cost_of(Usage(tokens, written), TIERS, moment) for written in (0, 700)]
    assert all(ends)
    assert found == Forecast(tokens, 700, *(end.amount for end in ends if end))


def test_a_batch_has_its_own_price() -> None:
    """Which is unknown in a tier that has none."""
    here = card(Model("m", output=100, prices=TIERS))
    small, large = (forecast(request(words), here, NOW, batch=True) for words in (1, 5000))
    assert small.input is not None
    assert small.low == Decimal(small.input) / 1_000_000
    assert (large.low, large.high) == (None, None)
    assert large.input is not None


@pytest.mark.parametrize(
    ("asked", "most", "expected"),
    [({}, None, None), ({}, 9, 9), ({"max_output_tokens": 5}, None, 5)]
    + [({"max_output_tokens": n}, 9, min(n, 9)) for n in (5, 50)],
)
def test_the_longest_answer(asked: dict[str, int], most: int | None, expected: int | None) -> None:
    """What was asked for, and never more than the model can."""
    assert longest(request(1, **asked), card(Model("m", output=most))) == expected


@pytest.mark.parametrize(
    ("adapter", "extra", "expected"),
    [
        ("openai-chat", {}, 100_000),
        ("openai-chat", {"max_completion_tokens": 7}, 7),
        ("gemini", {"generationConfig": {"maxOutputTokens": 7}}, 7),
        ("anthropic", {}, 32_000),
        ("anthropic", {"max_tokens": 64_000}, 64_000),
        ("anthropic", {"max_tokens": 640_000}, 100_000),
        ("ollama", {"options": {"num_predict": -1}}, 100_000),
    ],
)
def test_a_limit_of_the_format_or_of_a_field_by_its_own_name(
    adapter: str, extra: dict[str, Any], expected: int
) -> None:
    """What is sent unasked bounds the answer, and what is written into the body wins."""
    asked = request(1)._replace(extra=extra)
    assert longest(asked, card(Model("m", output=100_000), adapter)) == expected


def test_a_prompt_that_is_kept_is_read_for_less_or_written_for_more() -> None:
    """Nobody knows beforehand whether the provider has it already."""
    prices = (Price(Decimal(10), Decimal(50), Decimal(1), Decimal("12.5")),)
    ways = [ends(request(1, cache=kept), 1000, 10) for kept in (False, True)]
    plain, cached = (priced(usages, prices, NOW) for usages in ways)
    assert plain == [Decimal("0.01"), Decimal("0.0105")]
    assert cached == [Decimal("0.001"), Decimal("0.013")]


def test_unknown_is_never_nothing() -> None:
    """Prices, limits and pictures that nobody knows."""
    picture = Media(b"\x89PNG", "image/png", "a.png")
    seen = Request("m", (Message("user", (picture, Text("what is it?"))),))
    assert forecast(seen, card(Model("m", output=9, prices=TIERS)), NOW) == (None, 9, None, None)
    endless = forecast(request(1), card(Model("m", prices=TIERS)), NOW)
    assert endless.low is not None
    assert (endless.output, endless.high) == (None, None)
    unpriced = forecast(request(1), card(Model("m", output=9)), NOW)
    assert (unpriced.low, unpriced.high) == (None, None)
    embedding = (Price(Decimal(2)),)
    usages = (Usage(10, 0), Usage(10, 5), None)
    assert priced(usages, embedding, NOW) == [Decimal("0.00002"), None, None]
