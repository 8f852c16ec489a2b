"""Costs of the past made anew from what was used, with other prices."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from llmcli.ledger import Entry
from llmcli.spending import Repriced, Window
from llmcli.store import entries
from llmcli.store.windows import ENDED, condition
from llmcli.usage import Cost, Price, cost_of, exact_sum

Prices = Callable[[str, str], Sequence[Price]]
_BLOCK = 5000
_READ = ("turn", "number", "started", "provider", "model", "batch")
_OURS = "used AND reported IS NULL AND (basis IS NULL OR basis = 'card')"


class _Change(NamedTuple):
    turn: str
    number: int
    spec: str
    before: Decimal | None
    after: Cost


def reprice(
    db: sqlite3.Connection, window: Window, prices: Prices, *, write: bool
) -> list[Repriced]:
    """What these prices change, by model; they are those of the time of each entry.

    What the server said itself, what was free and what came from the cache stays; and so does a
    cost that these prices do not tell.
    """
    found: dict[str, list[_Change]] = {}
    summed: dict[str, Repriced] = {}
    for block in _blocks(db, window, prices):
        if write:
            _write(db, block)
        found.clear()
        for change in block:
            found.setdefault(change.spec, []).append(change)
        for spec, changes in found.items():
            summed[spec] = _plus(summed.get(spec), spec, changes)
    return sorted(summed.values(), key=lambda one: (-abs(one.after - one.before), one.spec))


def _plus(so_far: Repriced | None, spec: str, changes: Sequence[_Change]) -> Repriced:
    before = so_far or Repriced(spec, 0, 0, Decimal(0), Decimal(0))
    known = [change.before for change in changes if change.before is not None]
    return Repriced(
        spec,
        before.entries + len(changes),
        before.unknown + len(changes) - len(known),
        exact_sum((before.before, *known)),
        exact_sum((before.after, *(change.after.amount for change in changes))),
    )


def _blocks(db: sqlite3.Connection, window: Window, prices: Prices) -> Iterator[list[_Change]]:
    """The changes, some at a time: a ledger may be larger than the memory."""
    where = condition(window)
    columns = ", ".join((*_READ, *entries.FIGURES))
    query = (
        f"SELECT {columns} FROM attempts WHERE (turn, number) > (?, ?) AND {ENDED} AND {_OURS}"  # noqa: S608
        f" AND {where.words} ORDER BY turn, number LIMIT {_BLOCK}"
    )
    turn, number = "", 0
    while rows := db.execute(query, (turn, number, *where.values)).fetchall():
        turn, number = rows[-1][0], rows[-1][1]
        changes = (_change(tuple(row), prices) for row in rows)
        yield [change for change in changes if change]


def _change(row: tuple[Any, ...], prices: Prices) -> _Change | None:
    turn, number, started, provider, model, batch, *figures = row
    usage, before = entries.usage_of(figures), entries.cost_of(figures)
    assert usage
    spec = f"{provider}/{model}"
    moment = datetime.fromtimestamp(started, UTC)
    after = cost_of(usage, prices(provider, model), moment, batch=bool(batch))
    old = before.amount if before else None
    if after is None or after.amount == old:
        return None
    return _Change(turn, number, spec, old, after)


def _write(db: sqlite3.Connection, changes: Sequence[_Change]) -> None:
    """Entries get their new costs, and turns those of the entries they consist of."""
    db.executemany(
        "UPDATE attempts SET cost = ?, currency = ?, basis = ?, pico = ?"
        " WHERE turn = ? AND number = ?",
        [
            (*_money(change.after), entries.pico(change.after.amount), change.turn, change.number)
            for change in changes
        ],
    )
    turns = list(dict.fromkeys(change.turn for change in changes))
    loaded = entries.load(db, turns)
    db.executemany(
        "UPDATE turns SET cost = ?, currency = ?, basis = ? WHERE id = ?"
        " AND (basis IS NULL OR basis = 'card')",
        [(*_money(of_turn(some)), turn) for turn, some in loaded.items()],
    )


def _money(cost: Cost | None) -> tuple[str | None, str | None, str | None]:
    return (format(cost.amount, "f"), cost.currency, cost.basis) if cost else (None, None, None)


def of_turn(made: Sequence[Entry]) -> Cost | None:
    """The cost of a turn: of its last attempt, with those that it went on from after a pause."""
    parts: list[Entry] = []
    for entry in made:
        if parts and entry.cause != "pause":
            parts.pop()
        parts.append(entry)
    costs = [part.cost for part in parts if part.cost is not None]
    if not costs or len(costs) < len(parts):
        return None
    return costs[-1]._replace(amount=exact_sum(cost.amount for cost in costs))
