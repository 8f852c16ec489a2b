"""A ledger to report on: entries written by the store, without a provider."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from support import Llm

from llmcli.ledger import Entry
from llmcli.store import Store, entries
from llmcli.store.accounts import Accounts
from llmcli.turn import new_id
from llmcli.usage import Cost, Usage


def noon(days: int) -> float:
    """The middle of the local day so many days ago."""
    return datetime.combine(date.today() - timedelta(days), time(12)).timestamp()


def day(days: int) -> str:
    """The name of that day."""
    return (date.today() - timedelta(days)).isoformat()


def usd(text: str, basis: Any = "card") -> Cost:
    """A cost."""
    return Cost(Decimal(text), basis)


def entry(spec: str = "lab/m", days: int = 0, **facts: Any) -> Entry:
    """An answer of 1,000 tokens in and 200 out that cost a cent, or whatever the facts say."""
    provider, _, model = spec.partition("/")
    made = Entry(1, provider, model, "complete", usage=Usage(1000, 200), cost=usd("0.01"))
    return made._replace(seconds=2.0, started=noon(days))._replace(**facts)


FAILED = {"status": "failed", "usage": None, "cost": None}


@contextlib.contextmanager
def accounts(path: Path) -> Iterator[Accounts]:
    """The accounts of the history at this path."""
    store = Store(path)
    try:
        yield store.accounts
    finally:
        store.close()


def keep(llm: Llm, *entries: Entry, conversation: str | None = None) -> None:
    """Write entries as those of one call."""
    numbered = [one._replace(number=number) for number, one in enumerate(entries, 1)]
    with accounts(llm.db) as kept:
        kept.keep(new_id(), numbered, conversation)


def fill(llm: Llm, made: Iterable[Entry]) -> None:
    """Write many entries quickly, each as that of a call of its own."""
    Store(llm.db).close()
    with contextlib.closing(sqlite3.connect(llm.db)) as db, db:
        for one in made:
            entries.keep(db, new_id(), [one])


def drawn(count: int, days: int, seed: int = 1) -> Iterable[Entry]:
    """Entries of all kinds over so many days, always the same ones."""
    draw = random.Random(seed)
    for _ in range(count):
        first = draw.lognormvariate(-0.5, 0.6)
        made = entry(
            draw.choice(("lab/a", "lab/b", "shop/a", "shop/org/c")),
            draw.randrange(days),
            usage=Usage(draw.randrange(1, 9000), draw.randrange(1, 900)),
            cost=usd(f"0.{draw.randrange(10**6):06}") if draw.random() < 0.9 else None,
            first_token_s=first,
            seconds=first + draw.uniform(0.1, 9),
            tags=draw.choice(((), (("project", "x"),), (("project", "y"), ("team", "web")))),
        )
        yield made._replace(**FAILED, first_token_s=None) if draw.random() < 0.1 else made
