"""Money held for calls under way: checked against the limits and taken in one transaction."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

from llmcli.budgets import Account, Claim, Standing
from llmcli.ledger import Tags
from llmcli.store import entries
from llmcli.store.parts import storable
from llmcli.store.processes import gone, younger
from llmcli.usage import exact_sum

_PICO = Decimal(10) ** 12
_MOST = 1 << 60
_LONG = 3600.0  # seconds: a clock that is set may make a hold look older than its process
_ours: set[str] = set()


class _Hold(NamedTuple):
    id: str
    left: bool
    day: str
    amount: Decimal
    conversation: str | None
    tags: Tags


def claim(db: sqlite3.Connection, wanted: Claim) -> list[Standing]:
    """Hold the money, in place of what this id held; how its accounts stand without it.

    Raises BudgetReached, with which the transaction must fail. What processes held that are gone
    is let go of.
    """
    now = time.time()
    others = [hold for hold in _holds(db, now) if hold.id != wanted.id]
    for hold in others:
        if hold.left:
            drop(db, hold.id)
    found = [
        one._replace(held=one.held + wanted.before)
        for one in _standings(db, wanted.accounts, others)
    ]
    for one in found:
        one.check(wanted.amount, wanted.least)
    scaled = ((wanted.before + wanted.amount) * _PICO).to_integral_value(ROUND_CEILING)
    facts = (wanted.day, min(int(scaled), _MOST), wanted.conversation)
    db.execute(
        "INSERT OR REPLACE INTO holds (id, pid, made, day, amount, conversation, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (wanted.id, os.getpid(), now, *facts, entries.tags_text(wanted.tags)),
    )
    _ours.add(wanted.id)
    return found


def disown(hold: str) -> None:
    """This process holds nothing more under this id, whatever the database says."""
    _ours.discard(hold)


def drop(db: sqlite3.Connection, hold: str) -> None:
    """Let go of what this id held: it is settled, or nothing came of it."""
    disown(hold)
    db.execute("DELETE FROM holds WHERE id = ?", (hold,))


def look(db: sqlite3.Connection, accounts: Sequence[Account]) -> list[Standing]:
    """How these accounts stand; nothing changes."""
    return _standings(db, accounts, _holds(db, time.time()))


def _standings(
    db: sqlite3.Connection, accounts: Sequence[Account], holds: Sequence[_Hold]
) -> list[Standing]:
    """How they stand, by those of these holds that are somebody's still."""
    live = [hold for hold in holds if not hold.left]
    return [_standing(db, account, live) for account in accounts]


def _holds(db: sqlite3.Connection, now: float) -> list[_Hold]:
    query = "SELECT id, pid, made, day, amount, conversation, tags FROM holds"
    return [
        _Hold(
            hold,
            _left(hold, pid, now - made),
            day,
            entries.amount(amount),
            conversation,
            entries.tags_of(tags),
        )
        for hold, pid, made, day, amount, conversation, tags in db.execute(query).fetchall()
    ]


def _left(hold: str, pid: int, age: float) -> bool:
    """Whether nobody holds this any more; in a container all processes may have one number."""
    if pid == os.getpid():
        return hold not in _ours
    return gone(pid, age) or (age > _LONG and younger(pid, age))


def _standing(db: sqlite3.Connection, account: Account, holds: Sequence[_Hold]) -> Standing:
    held = sum((hold.amount for hold in holds if _counts(hold, account)), Decimal(0))
    if not account.counts:
        return Standing(account)
    if account.conversation is not None:
        cost, guess, unpriced = _of_conversation(db, account.conversation)
    else:
        cost, guess, unpriced = _of_sums(db, account)
    return Standing(account, exact_sum((cost, guess)), held, guess, unpriced)


def _counts(hold: _Hold, account: Account) -> bool:
    if account.conversation is not None:
        return hold.conversation == account.conversation
    return account.tag in hold.tags if account.tag else hold.day >= account.since


def _of_sums(db: sqlite3.Connection, account: Account) -> tuple[Decimal, Decimal, int]:
    """From the sums by day; what is no whole number there is looked up."""
    where, value = _where(account)
    query = f"SELECT sum(pico), sum(guess), sum(unpriced), sum(odd) FROM spending WHERE {where}"  # noqa: S608
    pico, guess, unpriced, odd = (n or 0 for n in db.execute(query, (value,)).fetchone())
    amounts = [entries.amount(pico)]
    if odd:
        query = (
            f"SELECT cost FROM attempts WHERE cost NOTNULL AND pico IS NULL AND {where}"  # noqa: S608
            " AND status <> 'running'"
        )
        amounts += (Decimal(cost) for (cost,) in db.execute(query, (value,)))
    return exact_sum(amounts), entries.amount(guess), int(unpriced)


def _where(account: Account) -> tuple[str, Any]:
    if account.tag is None:
        return "day >= ?", account.since
    key, value = (json.dumps(text, ensure_ascii=False) for text in account.tag)
    return "instr(tags, ?)", storable(f"{key}: {value}")  # quotes in a value are escaped


def _of_conversation(db: sqlite3.Connection, conversation: str) -> tuple[Decimal, Decimal, int]:
    query = (
        "SELECT a.cost, a.guess, a.status <> 'failed' OR a.used FROM turns t JOIN attempts a"
        " ON a.turn = t.id WHERE t.conversation = ? AND a.status <> 'running'"
    )
    costs, guesses, unpriced = [], [], 0
    for cost, guess, charged in db.execute(query, (conversation,)):
        if cost is not None:
            costs.append(Decimal(cost))
        else:
            guesses.append(entries.amount(guess or 0))
            unpriced += bool(charged)
    return exact_sum(costs), exact_sum(guesses), unpriced


def mean_output(db: sqlite3.Connection, provider: str, model: str, since: str) -> int | None:
    """How many tokens an answer of this model has had since that day, on the average."""
    tokens, answers = db.execute(
        "SELECT sum(output), sum(requests - failures - interrupted) FROM spending"
        " WHERE day >= ? AND provider = ? AND model = ? AND kind = 'answer'",
        (since, provider, model),
    ).fetchone()
    return round(tokens / answers) if tokens and answers and answers > 0 else None
