"""The lists of models that providers sent, kept until they are asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from llmcli import cards, paths, schema
from llmcli.cards import Card, Model
from llmcli.config import MODEL_KEYS
from llmcli.errors import LocalIOError
from llmcli.files import atomic_write
from llmcli.usage import AMOUNTS, Price

_FACTS = ("context", "output", "input", "tools", "reasoning")
_ROW = schema.Table(MODEL_KEYS)


class Listing(NamedTuple):
    """The models a provider listed on a `day`: by id, in the keys of a card, not yet checked."""

    day: date
    rows: Mapping[str, Any]

    def model(self, name: str) -> Model | None:
        """One of the models; None when it was not listed, or its row is broken."""
        try:
            return _model(name, self.rows[name])
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
            return None

    def models(self) -> dict[str, Model]:
        """All of them, by id."""
        found = {name: self.model(name) for name in self.rows}
        return {name: model for name, model in found.items() if model is not None}


def path_of(card: Card) -> Path:
    """Where the list of this provider is kept."""
    return paths.cache_dir() / "models" / f"{card.id}.json"


def read(card: Card) -> Listing | None:
    """The kept list; None when there is none, it is broken, or it came from another address."""
    try:
        with open(path_of(card), "rb") as file:
            found = json.load(file)
        day, rows = date.fromisoformat(found["day"]), found["models"]
        same = found["base_url"] == card.base_url
        return Listing(day, rows) if same and isinstance(rows, dict) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def save(card: Card, models: Sequence[Model], day: date) -> None:
    """Keep a list in place of the one before. Raises LocalIOError."""
    found = {
        "day": day.isoformat(),
        "base_url": card.base_url,
        "models": {model.id: _row(model) for model in models},
    }
    path = path_of(card)
    try:
        atomic_write(path, json.dumps(found).encode() + b"\n")
    except OSError as error:
        raise LocalIOError(f"{path}: cannot be written: {error.strerror}") from None


def _row(model: Model) -> dict[str, Any]:
    """What is told of a model; what is not is left out."""
    row = {name: getattr(model, name) for name in _FACTS}
    row["retired"] = model.retired.isoformat() if model.retired else None
    row["prices"] = [_price(price) for price in model.prices if price.since is None] or None
    return {name: value for name, value in row.items() if value is not None}


def _price(price: Price) -> dict[str, Any]:
    amounts = {name: getattr(price, name) for name in AMOUNTS}
    found: dict[str, Any] = {name: str(usd) for name, usd in amounts.items() if usd is not None}
    return {**found, "above": price.above} if price.above else found


def _model(name: str, row: Mapping[str, Any]) -> Model:
    """Raises ValueError, and what a value of a wrong type raises."""
    checked = dict(row)
    if "retired" in row:
        checked["retired"] = date.fromisoformat(row["retired"])
    if "prices" in row:
        checked["prices"] = [
            {key: Decimal(value) if key in AMOUNTS else value for key, value in price.items()}
            for price in row["prices"]
        ]
    if schema.problems(checked, _ROW):
        raise ValueError(name)
    return cards.model(name, checked)
