"""The lists of models that providers sent, kept until they are asked again."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from llmcli import cards, origins, paths, schema
from llmcli.cards import Card, Model
from llmcli.config import MODEL_KEYS
from llmcli.errors import ConfigError, LocalIOError
from llmcli.files import atomic_write
from llmcli.redaction import redact
from llmcli.usage import AMOUNTS, Price
from llmcli.variables import expand

FILE_LIMIT = 16 << 20
_NAME_LIMIT = 2048  # the longest ARN of a model
_TOKENS_LIMIT = 1 << 53
_FACTS = ("context", "output", "input", "tools", "reasoning")
_ROW = schema.Table(MODEL_KEYS)


class Listing(NamedTuple):
    """The models a provider listed on a `day`: by id, in the keys of a card, not yet checked."""

    day: date
    rows: Mapping[str, Any]

    def model(self, name: str) -> Model | None:
        """One of the models; None when it was not listed, or its row is broken."""
        try:
            return _model(name, self.rows[name]) if _is_name(name) else None
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
        found = json.loads(_content(path_of(card)))
        day, rows = date.fromisoformat(found["day"]), found["models"]
        same = (found["base_url"], found["origin"]) == (card.base_url, _origin(card))
        return Listing(day, rows) if same and isinstance(rows, dict) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def trouble(card: Card) -> str:
    """Why the kept list cannot be read; empty when it can, or when there is none."""
    try:
        found = json.loads(_content(path_of(card)))
        date.fromisoformat(found["day"])
        return "" if isinstance(found["models"], dict) else "is broken"
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except _Unfit as error:
        return str(error)
    except (ValueError, TypeError, KeyError, RecursionError):
        return "is broken"


class _Unfit(ValueError):
    """A file that is not looked into."""


def _content(path: Path) -> bytes:
    """What is in a file of our own; a pipe that lies there blocks nobody. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise _Unfit("is not a regular file")
        if os.name != "nt" and facts.st_uid != os.geteuid():
            raise _Unfit("belongs to another user")
        if facts.st_size > FILE_LIMIT:
            raise _Unfit(f"is larger than {FILE_LIMIT >> 20} MiB")
        return file.read(FILE_LIMIT)


def _origin(card: Card) -> str:
    """Where the address leads as its variables are now; empty when one is missing."""
    try:
        return origins.origin(expand(card.base_url, card.id))
    except ConfigError:
        return ""


def _is_name(name: str) -> bool:
    """Whether it may be a model's name: short, printable, and no key that was sent back."""
    return 0 < len(name) <= _NAME_LIMIT and name.isprintable() and redact(name) == name


def save(card: Card, models: Sequence[Model], day: date) -> None:
    """Keep a list in place of the one before. Raises LocalIOError."""
    found = {
        "day": day.isoformat(),
        "base_url": card.base_url,
        "origin": _origin(card),
        "models": {model.id: _row(model) for model in models if _is_name(model.id)},
    }
    path, data = path_of(card), json.dumps(found).encode() + b"\n"
    if len(data) > FILE_LIMIT:
        raise LocalIOError(f"{card.id}: its list of models is larger than {FILE_LIMIT >> 20} MiB")
    try:
        atomic_write(path, data)
    except OSError as error:
        raise LocalIOError(f"{path}: cannot be written: {error.strerror}") from None


def _row(model: Model) -> dict[str, Any]:
    """What is told of a model; what is not is left out."""
    row = {name: getattr(model, name) for name in _FACTS}
    row["retired"] = model.retired.isoformat() if model.retired else None
    row["prices"] = [_price(price) for price in model.prices if price.since is None] or None
    for name in ("context", "output"):
        if not 0 < (row[name] or 0) < _TOKENS_LIMIT:
            row[name] = None
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
