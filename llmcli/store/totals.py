"""Sums over the ledger for a report: grouped by the database, exact, quick over a million entries.

They come from the sums that the database keeps by day, and of how quick answers were of all time.
Only a window that begins in the midst of a day, and percentiles of some days, have the entries
themselves looked at.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from llmcli.spending import Group, Sums, Unpriced, Window
from llmcli.store import entries, pacing
from llmcli.store.ledger_schema import CHARGED, MEASURES
from llmcli.store.pacing import Paces
from llmcli.store.windows import ENDED, Where, condition
from llmcli.usage import exact_sum

Key = tuple[str, ...]
_MILLION = 1_000_000
_MANY = 2**63 - 1  # rows: SQLite counts no further
_LISTED = "(SELECT value FROM json_each(?))"
_WIDE = ("pico", "guess")  # sums that 64 bits may be too few for: added up in two halves
_MONTH = {"month": "substr(day, 1, 7)"}
_DATED = {"day", *_MONTH.values()}
_KEPT = {name: name for name in MEASURES}
_OF_ENTRIES = {name: words.format(row="attempts") for name, words in MEASURES.items()}
_UNTOLD = "(input IS NULL OR (output IS NULL AND kind = 'answer'))"
_NO_COST = f"{CHARGED.format(row='attempts')} AND cost IS NULL AND {ENDED}"


def totals(
    db: sqlite3.Connection, window: Window, columns: Sequence[str], *, paced: bool = False
) -> list[Group]:
    """The sums by these columns: `day`, `month`, `provider`, `model`, `kind`, `tags`; none is one.

    `tags` come as they are stored: JSON, or nothing. With `paced` the groups also have the counts
    of how quick answers were.
    """
    where = condition(window)
    columns = [_MONTH.get(name, name) for name in columns]
    paces: Paces = {}
    if paced:
        some = window.since or window.until or window.after or not _DATED.isdisjoint(columns)
        paces = (pacing.of_entries if some else pacing.of_all_time)(db, where, columns)
    if window.after:
        query = _grouped("attempts", _OF_ENTRIES, columns, f"{ENDED} AND {where.words}")
    else:
        query = _grouped("spending", _KEPT, columns, f"requests > 0 AND {where.words}")
    return _groups(db, query, where, columns, paces)


def dear(
    db: sqlite3.Connection, window: Window, limit: int, *, paced: bool = False
) -> list[tuple[Group, str]]:
    """The conversations that cost most, with their titles; calls outside of any are one group."""
    where = condition(window)
    found = db.execute(
        "SELECT coalesce(conversation, ''), total(coalesce(pico, cost * 1e12)) AS money"  # noqa: S608
        f" FROM attempts WHERE {ENDED} AND {where.words} GROUP BY 1 ORDER BY money DESC, 1 LIMIT ?",
        (*where.values, min(limit, _MANY)),
    )
    ids = [str(row[0]) for row in found]
    column = "coalesce(conversation, '')"
    both = Where(f"{where.words} AND {column} IN {_LISTED}", (*where.values, json.dumps(ids)))
    query = _grouped("attempts", _OF_ENTRIES, [column], f"{ENDED} AND {both.words}")
    paces = pacing.of_entries(db, both, [column]) if paced else {}
    groups = {group.key[0]: group for group in _groups(db, query, both, [column], paces)}
    titles = db.execute(
        f"SELECT id, coalesce(name, title) FROM conversations WHERE id IN {_LISTED}",  # noqa: S608
        (json.dumps(ids),),
    )
    named = {str(row[0]): str(row[1]) for row in titles}
    return [(groups[one], named.get(one, "")) for one in ids]


def unpriced(db: sqlite3.Connection, window: Window) -> list[Unpriced]:
    """What has no known cost, by model."""
    where = condition(window)
    found = db.execute(
        f"SELECT provider, model, batch, count(*), sum({_UNTOLD}), sum(coalesce(input, 0)),"  # noqa: S608
        f" sum(coalesce(output, 0)) FROM attempts WHERE {_NO_COST} AND {where.words}"
        " GROUP BY provider, model, batch ORDER BY count(*) DESC, provider, model, batch",
        where.values,
    )
    return [Unpriced(p, m, bool(batch), *map(int, rest)) for p, m, batch, *rest in found]


def _grouped(table: str, measures: dict[str, str], columns: Sequence[str], where: str) -> str:
    sums = [f"sum({words}) AS {name}" for name, words in measures.items() if name not in _WIDE]
    for name in _WIDE:
        sums += [f"sum({measures[name]} / {_MILLION}) AS {name}_high"]
        sums += [f"sum({measures[name]} % {_MILLION}) AS {name}_low"]
    by = f" GROUP BY {', '.join(columns)}" if columns else " HAVING count(*) > 0"
    return f"SELECT {', '.join((*columns, *sums))} FROM {table} WHERE {where}{by}"  # noqa: S608


def _groups(
    db: sqlite3.Connection,
    query: str,
    where: Where,
    columns: Sequence[str],
    paces: Paces,
) -> list[Group]:
    wide = len(columns)
    cursor = db.execute(query, where.values)
    names = [one[0] for one in cursor.description][wide:]
    found = []
    odd = False
    for row in map(tuple, cursor):
        measures = dict(zip(names, row[wide:], strict=True))
        for name in _WIDE:
            measures[name] = measures[f"{name}_high"] * _MILLION + measures[f"{name}_low"]
        odd = odd or bool(measures["odd"])
        found.append(Group(row[:wide], _sums(measures), **paces.get(row[:wide], {})))
    return list(_with_odd(db, found, where, columns)) if odd else found


def _sums(row: Mapping[str, float]) -> Sums:
    """The values of the measures, without the amounts that are no whole numbers."""
    named = {name: row[name] for name in Sums._fields if name in row}
    whole = {n: v if n.endswith("seconds") else int(v) for n, v in named.items()}
    money = {"cost": entries.amount(int(row["pico"])), "guess": entries.amount(int(row["guess"]))}
    return Sums(**{**whole, **money})  # type: ignore[arg-type]


def _with_odd(
    db: sqlite3.Connection, groups: Sequence[Group], where: Where, columns: Sequence[str]
) -> Iterator[Group]:
    """The groups with the amounts that are no whole numbers of millionths of a millionth."""
    amounts: dict[Key, list[Decimal]] = defaultdict(list)
    query = (
        f"SELECT {', '.join((*columns, 'cost'))} FROM attempts"  # noqa: S608
        f" WHERE cost NOTNULL AND pico IS NULL AND {ENDED} AND {where.words}"
    )
    for *key, cost in db.execute(query, where.values):
        amounts[tuple(key)].append(Decimal(cost))
    for group in groups:
        cost = exact_sum((group.sums.cost, *amounts[group.key]))
        yield group._replace(sums=group.sums._replace(cost=cost))
