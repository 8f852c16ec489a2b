"""What is known of a model, and which file each value comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmcli import cards, catalogue, keys, tomlfile
from llmcli.cards import Card, Model
from llmcli.config import MODEL_KEYS, Config, plain
from llmcli.errors import ConfigError
from llmcli.options import OPTIONS
from llmcli.redaction import redact
from llmcli.usage import AMOUNTS, DAYS, Price, price_at

_FIELDS = ("context", "output", "input", "tools", "reasoning")
_PRICES = ("cost", "prices")


def listed(spec: str, model: Model) -> dict[str, Any]:
    """A model with the present price for a short prompt, as JSON.

    None is unknown; amounts are texts so that they stay exact.
    """
    price = price_now(model)
    return {
        "model": redact(spec),
        "provider": spec.partition("/")[0],
        "id": redact(model.id),
        **_facts(model),
        "price": None if price is None else _amounts(price),
    }


def _facts(model: Model) -> dict[str, Any]:
    retired = model.retired.isoformat() if model.retired else None
    return {**{name: getattr(model, name) for name in _FIELDS}, "retired": retired}


def price_now(model: Model) -> Price | None:
    """What a short prompt costs now."""
    return price_at(model.prices, datetime.now(UTC), 0)


def amount(usd: Decimal) -> str:
    """An amount without an exponent and without closing zeros."""
    return f"{usd.normalize():f}"


def _amounts(price: Price) -> dict[str, str | None]:
    found = {name: getattr(price, name) for name in AMOUNTS}
    return {name: None if usd is None else amount(usd) for name, usd in found.items()}


def _price_facts(price: Price) -> dict[str, Any]:
    since = price.since.isoformat() if price.since else None
    when = {"from": since, "above": price.above, "hours": price.hours, "days": price.days}
    return {**_amounts(price), **when, "batch": _amounts(price.batch) if price.batch else None}


def rows(known: tuple[Card, Model], config: Config) -> list[tuple[str, str, str]]:
    """What, value and source, for a table."""
    card, model = known
    spec = f"{card.id}/{model.id}"
    sources = _sources(card, model, config)
    found = [
        ("model", spec, ""),
        ("provider", f"{card.name} {card.base_url}".strip(), ""),
        ("adapter", model.adapter or card.adapter, sources.get("adapter", "")),
        ("key", _key(card) or ("none" if card.needs_key else "none needed"), ""),
    ]
    found += [(name, _text(getattr(model, name)), sources.get(name, "")) for name in _FIELDS]
    if model.retired:
        found.append(("retired", str(model.retired), sources.get("retired", "")))
    found += _price_rows(model, sources)
    for name, (value, source) in _options(spec, config).items():
        found.append((f"option {name}", _text(value), source))
    found += [("alias", name, str(config.path)) for name in _aliases(spec, config)]
    return found


def as_json(known: tuple[Card, Model], config: Config) -> dict[str, Any]:
    """The same as one JSON object; None is unknown, amounts are texts so that they stay exact."""
    card, model = known
    spec = f"{card.id}/{model.id}"
    options = _options(spec, config)
    return {
        "model": redact(spec),
        "provider": card.id,
        "id": redact(model.id),
        "adapter": model.adapter or card.adapter,
        **_facts(model),
        "prices": [_price_facts(price) for price in model.prices],
        "sources": {name: redact(text) for name, text in _sources(card, model, config).items()},
        "options": {
            name: {"value": _json(value), "source": redact(source)}
            for name, (value, source) in options.items()
        },
        "aliases": _aliases(spec, config),
        "key": _key(card) or None,
    }


def _price_rows(model: Model, sources: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    if not model.prices:
        yield "price", "unknown", ""
    for price in model.prices:
        for way, amounts in (("", price), (" in a batch", price.batch)):
            if amounts is not None:
                limits = f"{_when(price)}{way}".strip()
                words = f"{limits}: {_per_million(amounts)}" if limits else _per_million(amounts)
                yield "price", words, sources.get("prices", "")


def _per_million(price: Price) -> str:
    """`$2 in · $10 out · $0.1 cache read per million`."""
    names = {"input": "in", "output": "out"}
    amounts = {name: getattr(price, name) for name in AMOUNTS}
    words = [
        f"${amount(usd)} {names.get(name, name.replace('_', ' '))}"
        for name, usd in amounts.items()
        if usd is not None
    ]
    return f"{' · '.join(words)} per million" if words else "unknown"


def _when(price: Price) -> str:
    """What a price is limited to, in words; times in UTC."""
    words = f" from {price.since}" if price.since else ""
    words += f" above {price.above:,} tokens" if price.above else ""
    words += f" on {_span(price.days)}" if price.days else ""
    return words + (f" at {', '.join(price.hours)} UTC" if price.hours else "")


def _span(days: Sequence[str]) -> str:
    """`mon to fri` for days that follow one another, else each of them."""
    first = DAYS.index(days[0])
    follow = len(days) > 2 and tuple(days) == DAYS[first : first + len(days)]
    return f"{days[0]} to {days[-1]}" if follow else " ".join(days)


def _sources(card: Card, model: Model, config: Config) -> dict[str, str]:
    """Where each value of the model comes from; the layer on top wins."""
    found: dict[str, str] = {}
    for source, values in _layers(card, model, config):
        for name in MODEL_KEYS:
            if name in values:
                found["prices" if name in _PRICES else name] = source
    return found


def _layers(card: Card, model: Model, config: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The places that may tell of the model, undermost first."""
    listing = catalogue.read(card)
    if listing and isinstance(listing.rows.get(model.id), dict):
        yield f"listed by {card.id} on {listing.day}", listing.rows[model.id]
    for folder, kind in ((cards.shelf(), "shipped card"), (cards.user_shelf(), "")):
        document = tomlfile.read(folder / f"{card.id}.toml")
        if document:
            day = document.values.get("checked")
            source = kind or str(document.path)
            dated = f"{source}, checked {day}" if day else source
            yield dated, document.values.get("models", {}).get(model.id, {})
    yield str(config.path), config.table("models").get(f"{card.id}/{model.id}", {})


def _options(spec: str, config: Config) -> dict[str, tuple[Any, str]]:
    """The options that hold for this model when the command line says nothing."""
    found: dict[str, tuple[Any, str]] = {}
    for name in (f'models."{spec}"', "defaults"):
        table = config.table("defaults") if name == "defaults" else config.table("models").get(spec)
        for option, value in (table or {}).items():
            if option in OPTIONS:
                found.setdefault(option, (value, f"{config.path}: {name}"))
    return found


def _aliases(spec: str, config: Config) -> list[str]:
    return sorted(name for name, target in config.table("aliases").items() if target == spec)


def _key(card: Card) -> str:
    try:
        return keys.where(card) or ""
    except ConfigError:
        return ""


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _json(value: Any) -> Any:
    value = plain(value)
    return redact(value) if isinstance(value, str) else value
