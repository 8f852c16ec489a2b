"""genai-prices, the peer of our prices: the cards that come from it, and what it says of a call."""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import random
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmcli import cards
from llmcli.cards import Card
from llmcli.usage import Price, Usage

genai = pytest.importorskip("genai_prices", reason="genai-prices, the peer of our prices, is away")

SCRIPTS = Path(__file__).parent.parent / "scripts"
ROUNDS = 120


sys.path.insert(0, str(SCRIPTS))
refresh: Any = importlib.import_module("refresh_cards")
price_list: Any = importlib.import_module("price_list")
sys.path.remove(str(SCRIPTS))
SOURCED = sorted(name for name in refresh.SOURCES if (cards.shelf() / f"{name}.toml").is_file())
SIGN = re.compile(rf"^{refresh.SIGN}(\S+) \(MIT\), (\d{{4}}-\d\d-\d\d)\.$", re.MULTILINE)


def text_of(name: str) -> str:
    return (cards.shelf() / f"{name}.toml").read_text(encoding="utf-8")


def card_of(name: str) -> Card:
    card = cards.load(name)
    assert card is not None
    return card


def signed(name: str) -> tuple[str, datetime.date]:
    """The package's version and the day the card's prices are of."""
    (found,) = SIGN.findall(text_of(name))
    return found[0], datetime.date.fromisoformat(found[1])


def need_same_version() -> None:
    """Skip where another version of the package is installed than the cards are from."""
    installed = importlib.metadata.version("genai-prices")
    other = {version for version, _ in map(signed, SOURCED)} - {installed}
    if other:
        pytest.skip(
            f"the cards are from genai-prices {', '.join(other)} and {installed} is installed: "
            "run scripts/refresh_cards.py --write"
        )


def usages(prices: Sequence[Price], dice: random.Random) -> Iterator[Usage]:
    """Random usages, many of them on the edges of the tiers."""
    edges = sorted({price.above + step for price in prices for step in (0, 1) if price.above})
    has_output = any(price.output is not None for price in prices)
    for number in range(ROUNDS):
        tokens = (
            dice.choice(edges)
            if edges and number % 2
            else dice.randrange(1 << dice.randrange(1, 21))
        )
        sound = dice.randint(0, tokens) if prices[0].audio is not None and number % 3 == 0 else None
        read = dice.randint(0, tokens) if not sound and dice.random() < 0.7 else None
        write = dice.randint(0, tokens - (read or 0)) if not sound and dice.random() < 0.5 else None
        output = (
            dice.randrange(1 << dice.randrange(1, 18)) if has_output else dice.choice([0, None])
        )
        thought = dice.randint(0, output) if output and dice.random() < 0.5 else None
        yield Usage(tokens, output, read, write, thought, audio=sound)


def moments(
    prices: Sequence[Price], day: datetime.date, dice: random.Random
) -> Iterator[datetime.datetime]:
    """Moments of the two years to come, many of them where a price changes."""
    start = datetime.datetime.combine(day, datetime.time(), UTC)
    edges = [datetime.datetime.combine(p.since, datetime.time(), UTC) for p in prices if p.since]
    for price in prices:
        for clock in "-".join(price.hours).split("-") if price.hours else ():
            hour, minute = map(int, clock.split(":"))
            edges += [start + timedelta(days=d, hours=hour, minutes=minute) for d in range(8)]
    for number in range(ROUNDS):
        if edges and number % 2:
            moment = dice.choice(edges) + timedelta(seconds=dice.choice([-1, 0, 1]))
        else:
            moment = start + timedelta(seconds=dice.randrange(2 * 365 * 86_400))
        zone = timezone(timedelta(minutes=dice.randrange(-720, 840, 15)))
        yield max(moment, start).astimezone(zone)


def peer_cost(
    card: str, model: str, usage: Usage, moment: datetime.datetime, **context: str
) -> Decimal:
    said = {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "output_reasoning_tokens": usage.reasoning,
        "input_audio_tokens": usage.audio,
    }
    found = genai.calc_price(
        genai.Usage(**said),
        model,
        provider_id=refresh.SOURCES[card].provider,
        genai_request_timestamp=moment,
        price_context=context or None,
    )
    total: Decimal = found.total_price
    return total


def as_the_peer_sees(moment: datetime.datetime, prices: Sequence[Price]) -> datetime.datetime:
    """The same moment; a quiet hour of that day where the peer knows no days of the week."""
    moment = moment.astimezone(UTC)
    days = {day for price in prices for day in price.days}
    return moment if not days or moment.weekday() < 5 else moment.replace(hour=12)
