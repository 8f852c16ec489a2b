"""The prices of the package genai-prices as lines of our cards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from genai_prices.data import providers
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

NAMES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "input_audio_mtok": "audio",
}
NOT_OURS = {
    "cache_write_1h_mtok",  # we ask for the usual five minutes
    "cache_audio_read_mtok",  # servers do not tell how much of the cached part was sound
    "web_searches_kcount",  # tools that run at the provider: we offer none
    "storage_searches_kcount",
}


class Row(NamedTuple):
    """The amounts of one price in USD per million tokens, and when they hold."""

    amounts: Mapping[str, Decimal]
    batch: Decimal | Mapping[str, Decimal] | None
    since: date | None = None
    above: int = 0
    hours: tuple[str, ...] = ()

    def values(self, days: Sequence[str]) -> dict[str, Any]:
        """The row as a card has it."""
        found: dict[str, Any] = {
            "from": self.since,
            "above": self.above,
            "hours": list(self.hours),
            "days": list(days) if self.hours else [],
        }
        found = {key: value for key, value in found.items() if value}
        found.update(self.amounts)
        return found if self.batch is None else {**found, "batch": self.batch}


def rows_of(model: ModelInfo, day: date) -> list[Row]:
    """The prices of a model from that day on, the first for most prompts.

    Empty for a model that is not paid by the token.
    """
    prices = model.prices
    if isinstance(prices, ModelPrice):
        prices = [ConditionalPrice(prices=prices)]
    if not all(_is_by_token(price.prices) for price in prices):
        return []
    limits = [price.constraint for price in prices]
    starts = {x.start_date for x in limits if isinstance(x, StartDateConstraint)}
    windows = [x for x in limits if isinstance(x, TimeOfDateConstraint)]
    quiet = next(h for h in range(24) if not any(x.active(_at(day, h)) for x in windows))
    found: list[Row] = []
    before: list[Row] = []
    for start in [None, *sorted(s for s in starts if s > day)]:
        since = start or day
        now = [*_tiers(model, _at(since, quiet)), *_peaks(model, since, windows)]
        if now != before:
            found += [row._replace(since=start) for row in now]
        before = now
    return found


def _peaks(model: ModelInfo, day: date, windows: Sequence[TimeOfDateConstraint]) -> list[Row]:
    """What it costs in certain hours; windows of one price share a row."""
    found: dict[str, Row] = {}
    for window in windows:
        hours = f"{window.start_time:%H:%M}-{window.end_time:%H:%M}"
        for row in _tiers(model, datetime.combine(day, window.start_time, UTC)):
            known = found.setdefault(repr(row), row)
            found[repr(row)] = known._replace(hours=(*known.hours, hours))
    return list(found.values())


def _is_by_token(price: ModelPrice) -> bool:
    said = {key for key, value in vars(price).items() if value is not None}
    return "input_mtok" in said and said <= {*NAMES, *NOT_OURS}


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def _tiers(model: ModelInfo, moment: datetime) -> Iterator[Row]:
    usual = model.get_prices(moment)
    batch = _batch_prices(model, moment)
    starts = {tier.start for price in vars(usual).values() for tier in getattr(price, "tiers", ())}
    for start in (0, *sorted(starts)):
        amounts = _amounts(usual, start + 1)
        yield Row(
            amounts, _batch(amounts, _amounts(batch, start + 1)) if batch else None, None, start
        )


def _amounts(price: ModelPrice, tokens: int) -> dict[str, Decimal]:
    found = {}
    for key, name in NAMES.items():
        value = getattr(price, key)
        if isinstance(value, TieredPrices):
            tiers = [tier.price for tier in value.tiers if tokens > tier.start]
            value = tiers[-1] if tiers else value.base
        if value is not None:
            found[name] = value
    return found


def _batch_prices(model: ModelInfo, moment: datetime) -> ModelPrice | None:
    context = {"processing": "batch"}
    said = any(
        variant.when == context
        and (variant.constraint is None or variant.constraint.active(moment))
        for variant in model.price_variants or ()
    )
    return model.get_prices(moment, context) if said else None


def _batch(
    usual: Mapping[str, Decimal], batch: Mapping[str, Decimal]
) -> Decimal | dict[str, Decimal]:
    """One factor where it gives the very amounts, else the amounts that differ."""
    factor = batch["input"] / usual["input"] if usual["input"] else Decimal(1)
    if {key: usd * factor for key, usd in usual.items()} == batch:
        return factor
    return {key: usd for key, usd in batch.items() if usd != usual.get(key)}


def provider(name: str) -> Provider:
    """A provider by its id in the package. Raises StopIteration for an unknown one."""
    return next(p for p in providers if p.id == name)


def exact_id(provider: Provider, model: ModelInfo) -> str | None:
    """An id the package takes for this model and no other."""
    spellings = [model.id, *re.findall(r"equals='([^']+)'", repr(model.match))]
    return next((s for s in spellings if provider.find_model(s) is model), None)
