"""Entries of the ledger as rows of the table `attempts`, and back.

Rows that ended are summed up by triggers into `spending`, by local day, and into `pace`, so that
a report need not look at every one of them.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from llmcli.ledger import Entry, Tags
from llmcli.store import parts
from llmcli.store.parts import storable
from llmcli.usage import Cost, Usage

STEP = 1.02  # from one bucket of a measure to the next
_PACED_SECONDS = 0.05  # a shorter stream has no speed
_PICO = 12  # decimals of a cost that are summed as whole numbers
FIGURES = (
    "input", "output", "cache_read", "cache_write", "reasoning_tokens", "audio", "reported", "used",
    "cost", "currency", "basis",
)  # fmt: skip
_OF_ENTRY = (
    "turn", "number", "started", "provider", "model", "status", "http_status", "request_id",
    "error_kind", "error_message", "seconds", "first_token_s", "kind", "cause", "tags", "batch",
    "guess", *FIGURES,
)  # fmt: skip
_ALL = (*_OF_ENTRY, "conversation", "day", "pico", "first_bucket", "speed_bucket")
_CHANGING = [name for name in _ALL if name not in ("turn", "number")]
_KEEP = (
    f"INSERT INTO attempts ({', '.join(_ALL)}) VALUES ({', '.join(f':{name}' for name in _ALL)})"  # noqa: S608
    " ON CONFLICT (turn, number) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _CHANGING)
)


def keep(
    db: sqlite3.Connection, call: str, entries: Iterable[Entry], conversation: str | None = None
) -> None:
    """Write entries over what was there of them; `call` is the id of their turn or of a call."""
    for entry in entries:
        db.execute(_KEEP, _row(call, entry, conversation))


def load(db: sqlite3.Connection, calls: list[str]) -> dict[str, list[Entry]]:
    """The entries of each of these calls."""
    found: dict[str, list[Entry]] = {}
    for some in parts.batches(calls):
        marks = ",".join("?" * len(some))
        query = (
            f"SELECT {', '.join(_OF_ENTRY)} FROM attempts WHERE turn IN ({marks})"  # noqa: S608
            " ORDER BY turn, number"
        )
        for row in db.execute(query, some):
            found.setdefault(row[0], []).append(_entry(row))
    return found


def _row(call: str, entry: Entry, conversation: str | None) -> dict[str, Any]:
    message, request = entry.error_message, entry.request_id
    return {
        **entry._asdict(),
        "turn": call,
        "provider": storable(entry.provider),
        "model": storable(entry.model),
        "request_id": None if request is None else storable(request),
        "error_message": None if message is None else storable(message),
        "tags": tags_text(entry.tags),
        "guess": None if entry.guess is None else pico(round_to_pico(entry.guess)),
        **figures(entry.usage, entry.cost),
        "conversation": conversation,
        "day": day(entry.started),
        "pico": None if entry.cost is None else pico(entry.cost.amount),
        "first_bucket": _bucket(entry.first_token_s),
        "speed_bucket": _bucket(_speed(entry)),
    }


def _entry(row: Sequence[Any]) -> Entry:
    (
        _, number, started, provider, model, status, http_status, request_id, error_kind,
        error_message, seconds, first_token_s, kind, cause, tags, batch, guess, *rest,
    ) = row  # fmt: skip
    return Entry(
        number=number,
        provider=provider,
        model=model,
        status=status,
        http_status=http_status,
        request_id=request_id,
        error_kind=error_kind,
        error_message=error_message,
        usage=usage_of(rest),
        cost=cost_of(rest),
        seconds=seconds,
        started=started,
        first_token_s=first_token_s,
        kind=kind,
        cause=cause,
        tags=tags_of(tags),
        batch=bool(batch),
        guess=None if guess is None else amount(guess),
    )


def figures(usage: Usage | None, cost: Cost | None) -> dict[str, Any]:
    """The columns of what was used and what it cost."""
    told = usage or Usage()
    return {
        "input": told.input,
        "output": told.output,
        "cache_read": told.cache_read,
        "cache_write": told.cache_write,
        "reasoning_tokens": told.reasoning,
        "audio": told.audio,
        "reported": None if told.cost is None else str(told.cost),
        "used": usage is not None,
        "cost": format(cost.amount, "f") if cost else None,
        "currency": cost.currency if cost else None,
        "basis": cost.basis if cost else None,
    }


def usage_of(row: Sequence[Any]) -> Usage | None:
    """What was used, from the columns of `figures`."""
    read, written, cached_read, cached_written, reasoning, audio, reported, used, *_ = row
    if not used:
        return None
    cost = None if reported is None else Decimal(reported)
    return Usage(read, written, cached_read, cached_written, reasoning, cost, audio)


def cost_of(row: Sequence[Any]) -> Cost | None:
    """What it cost, from the same columns."""
    money, currency, basis = row[-3:]
    return None if money is None else Cost(Decimal(money), basis, currency)


def day(moment: float) -> str:
    """The local day of a time since 1970, as it is when it is written: `2026-11-21`."""
    try:
        return datetime.fromtimestamp(moment).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def pico(money: Decimal) -> int | None:
    """An amount as a whole number of millionths of a millionth; None where it is not one.

    Nor from 1,000 USD on: the sum of such amounts must fit into 64 bits.
    """
    scaled = money.scaleb(_PICO)
    whole = (
        scaled.is_finite()
        and scaled.adjusted() < _PICO + 3
        and scaled == scaled.to_integral_value()
    )
    return int(scaled) if whole else None


def round_to_pico(money: Decimal) -> Decimal:
    """An amount without what is smaller than that; one that is too large to be one stays."""
    return money if money.adjusted() >= _PICO else money.quantize(Decimal(1).scaleb(-_PICO))


def amount(number: int) -> Decimal:
    """The same back."""
    return Decimal(int(number)).scaleb(-_PICO)


def tags_text(tags: Tags) -> str:
    """Tags as they are stored: JSON in the order of their keys, nothing where there are none."""
    return storable(json.dumps(dict(sorted(tags)), ensure_ascii=False)) if tags else ""


def tags_of(text: str) -> Tags:
    """The same back."""
    return tuple(json.loads(text).items()) if text else ()


def _speed(entry: Entry) -> float | None:
    """Output tokens a second after the first; None where that is not known.

    What came in one piece tells nothing of how fast it was written.
    """
    output = entry.usage.output if entry.usage else None
    if not output or entry.first_token_s is None:
        return None
    seconds = entry.seconds - entry.first_token_s
    return output / seconds if seconds >= _PACED_SECONDS else None


def _bucket(value: float | None) -> int | None:
    """The bucket that a measure falls into, each 2 % wide."""
    return None if not value or value < 0 else round(math.log(value, STEP))


def middle(bucket: int) -> float:
    """The measure that a bucket stands for, within 1 %."""
    return float(STEP**bucket)
