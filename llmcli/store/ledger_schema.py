"""The third version of the schema: the ledger grows kinds, tags and sums by day."""

from __future__ import annotations

import sqlite3
from decimal import Decimal, InvalidOperation

from llmcli.store import entries

_COLUMNS = (
    "conversation TEXT",
    "kind TEXT NOT NULL DEFAULT 'answer'",
    "cause TEXT NOT NULL DEFAULT 'question'",
    "tags TEXT NOT NULL DEFAULT ''",
    "batch INTEGER NOT NULL DEFAULT 0",
    "day TEXT NOT NULL DEFAULT ''",
    "first_token_s REAL",
    "first_bucket INTEGER",
    "speed_bucket INTEGER",
    "pico INTEGER",
    "guess INTEGER",
)
_KEY = ("day", "provider", "model", "kind", "tags", "batch")
CHARGED = "({row}.status <> 'failed' OR {row}.used OR {row}.cost NOTNULL)"
_PACED = "{row}.speed_bucket NOTNULL"
_MOST_TOKENS = 10**12  # of one entry: the sums must fit into 64 bits whatever a server said


def _tokens(name: str) -> str:
    return f"min(coalesce({{row}}.{name}, 0), {_MOST_TOKENS})"


MEASURES = {
    "requests": "1",
    "failures": "{row}.status IN ('failed', 'incomplete')",
    "interrupted": "{row}.status = 'interrupted'",
    "retries": "{row}.cause = 'retry'",
    "fallbacks": "{row}.cause = 'fallback'",
    "input": _tokens("input"),
    "output": _tokens("output"),
    "cache_read": _tokens("cache_read"),
    "cache_write": _tokens("cache_write"),
    "reasoning": _tokens("reasoning_tokens"),
    "audio": _tokens("audio"),
    "unsaid": f"{CHARGED} AND {{row}}.input IS NULL AND {{row}}.output IS NULL",
    "unpriced": f"{CHARGED} AND {{row}}.cost IS NULL",
    "local": "coalesce({row}.basis, '') = 'local'",
    "pico": "coalesce({row}.pico, 0)",
    "odd": "{row}.cost NOTNULL AND {row}.pico IS NULL",
    "guess": "iif({row}.cost IS NULL, coalesce({row}.guess, 0), 0)",
    "seconds": "{row}.seconds",
    "first_count": "{row}.first_bucket NOTNULL",
    "first_seconds": "iif({row}.first_bucket NOTNULL, {row}.first_token_s, 0)",
    "paced_output": f"iif({_PACED}, {_tokens('output')}, 0)",
    "paced_seconds": f"iif({_PACED}, {{row}}.seconds - {{row}}.first_token_s, 0)",
}
# How quick answers were is counted over all time: the buckets of a day are hardly fewer than its
# entries, which a report on some days therefore counts itself.
PACES = {"first": "first_bucket", "speed": "speed_bucket"}
_PACE_KEY = "provider, model, kind, tags, measure, bucket"
_ENDED = "{row}.status <> 'running'"


def apply(db: sqlite3.Connection) -> None:
    """Attempts become entries of the ledger, with sums by day that triggers keep."""
    db.execute("ALTER TABLE turns ADD COLUMN cached TEXT")
    for column in _COLUMNS:
        db.execute(f"ALTER TABLE attempts ADD COLUMN {column}")
    db.execute("CREATE INDEX attempts_odd ON attempts(day) WHERE cost NOTNULL AND pico IS NULL")
    db.execute(
        "CREATE TABLE holds (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, made REAL NOT NULL,"
        " day TEXT NOT NULL, amount INTEGER NOT NULL, conversation TEXT, tags TEXT NOT NULL)"
        " WITHOUT ROWID"
    )
    sums = ", ".join(f"{name} NOT NULL" for name in MEASURES)
    key = ", ".join(_KEY)
    db.execute(f"CREATE TABLE spending ({key}, {sums}, PRIMARY KEY ({key})) WITHOUT ROWID")
    key = _PACE_KEY
    db.execute(f"CREATE TABLE pace ({key}, count NOT NULL, PRIMARY KEY ({key})) WITHOUT ROWID")
    _fill_columns(db)
    sum_up(db)
    for trigger in _triggers():
        db.execute(trigger)


def _fill_columns(db: sqlite3.Connection) -> None:
    db.execute(
        "UPDATE attempts SET day = coalesce(date(started, 'unixepoch', 'localtime'), ''),"
        " conversation = (SELECT conversation FROM turns WHERE id = turn)"
    )
    query = "SELECT cost, turn, number FROM attempts WHERE cost NOTNULL"
    known = ((*_amount(cost), *key) for cost, *key in db.execute(query).fetchall())
    db.executemany("UPDATE attempts SET cost = ?, pico = ? WHERE turn = ? AND number = ?", known)


def _amount(cost: object) -> tuple[object, int | None]:
    """The cost as it is and in pico; unknown if it is no amount: others may have written it."""
    try:
        amount = Decimal(str(cost))
    except InvalidOperation:
        return None, None
    return (cost, entries.pico(amount)) if amount.is_finite() else (None, None)


def sum_up(db: sqlite3.Connection) -> None:
    """Make the sums anew from the entries."""
    db.execute("DELETE FROM spending")
    db.execute("DELETE FROM pace")
    key = ", ".join(_KEY)
    sums = ", ".join(f"sum({_of(words, 'attempts')})" for words in MEASURES.values())
    db.execute(
        f"INSERT INTO spending ({key}, {', '.join(MEASURES)}) SELECT {key}, {sums}"  # noqa: S608
        f" FROM attempts WHERE {_of(_ENDED, 'attempts')} GROUP BY {key}"
    )
    for measure, bucket in PACES.items():
        db.execute(
            f"INSERT INTO pace SELECT provider, model, kind, tags, '{measure}', {bucket}, count(*)"  # noqa: S608
            f" FROM attempts WHERE {bucket} NOTNULL AND {_of(_ENDED, 'attempts')}"
            f" GROUP BY provider, model, kind, tags, {bucket}"
        )


def _of(words: str, row: str) -> str:
    return words.format(row=row)


def _triggers() -> list[str]:
    """One for each way an entry comes, changes and goes."""
    old, new = _of(_ENDED, "OLD"), _of(_ENDED, "NEW")
    add, take = _added("NEW", "+"), _added("OLD", "-")
    return [
        f"CREATE TRIGGER entry_made AFTER INSERT ON attempts WHEN {new} BEGIN {add} END",
        f"CREATE TRIGGER entry_gone AFTER DELETE ON attempts WHEN {old} BEGIN {take} END",
        f"CREATE TRIGGER entry_left AFTER UPDATE ON attempts WHEN {old} BEGIN {take} END",
        f"CREATE TRIGGER entry_ended AFTER UPDATE ON attempts WHEN {new} BEGIN {add} END",
    ]


def _added(row: str, sign: str) -> str:
    """The statements that add an entry to the sums, or take it away."""
    key = ", ".join(_KEY)
    facts = [f"{row}.{name}" for name in _KEY]
    facts += [f"{sign}({_of(words, row)})" for words in MEASURES.values()]
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in MEASURES)
    columns, values = ", ".join((*_KEY, *MEASURES)), ", ".join(facts)
    insertion = f"INSERT INTO spending ({columns}) VALUES ({values})"  # noqa: S608
    place = f"{row}.provider, {row}.model, {row}.kind, {row}.tags"
    paces = " UNION ALL ".join(
        f"SELECT {place}, '{measure}', {row}.{bucket}, {sign}1 WHERE {row}.{bucket} NOTNULL"
        for measure, bucket in PACES.items()
    )
    more = "DO UPDATE SET count = count + excluded.count"
    return (
        f"{insertion} ON CONFLICT ({key}) DO UPDATE SET {sums};"
        f" INSERT INTO pace {paces} ON CONFLICT ({_PACE_KEY}) {more};"
    )
