"""How quick answers were: counts of what every answer took, from which percentiles follow."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from llmcli.store import entries
from llmcli.store.ledger_schema import PACES
from llmcli.store.windows import ENDED, Where

Paces = dict[tuple[str, ...], dict[str, dict[float, int]]]


def of_all_time(db: sqlite3.Connection, where: Where, columns: Sequence[str]) -> Paces:
    """By these columns, how many answers took so long to the first token, and were so quick."""
    query = "SELECT {key}, sum(count) FROM pace WHERE measure = '{measure}'"
    return _counted(db, query, dict.fromkeys(PACES, "bucket"), where, columns)


def of_entries(db: sqlite3.Connection, where: Where, columns: Sequence[str]) -> Paces:
    """The same, from entries."""
    query = f"SELECT {{key}}, count(*) FROM attempts WHERE {ENDED} AND {{bucket}} NOTNULL"  # noqa: S608
    return _counted(db, query, PACES, where, columns)


def _counted(
    db: sqlite3.Connection,
    query: str,
    buckets: dict[str, str],
    where: Where,
    columns: Sequence[str],
) -> Paces:
    found: Paces = {}
    for measure, bucket in buckets.items():
        key = ", ".join((*columns, bucket))
        words = query.format(key=key, measure=measure, bucket=bucket)
        rows = db.execute(f"{words} AND {where.words} GROUP BY {key}", where.values)
        for *names, number, count in rows:
            counts = found.setdefault(tuple(names), {name: {} for name in PACES})
            if count:
                counts[measure][entries.middle(number)] = int(count)
    return found
