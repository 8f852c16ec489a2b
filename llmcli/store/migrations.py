"""The history's schema as a list of dated steps, each from the version before it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from llmcli.store import ledger_schema, parts

# 2026-11-21
_FIRST = """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE turns (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations(id),
    started REAL NOT NULL,
    ended REAL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    system TEXT,
    prompt TEXT NOT NULL,
    options TEXT NOT NULL DEFAULT '{}',
    text TEXT NOT NULL DEFAULT '',
    reasoning TEXT NOT NULL DEFAULT '',
    tool_calls TEXT NOT NULL DEFAULT '[]',
    opaque TEXT NOT NULL DEFAULT '[]',
    finish_reason TEXT,
    status TEXT NOT NULL,
    exit_code INTEGER,
    error_kind TEXT,
    error_message TEXT,
    input INTEGER, output INTEGER,
    cache_read INTEGER, cache_write INTEGER, reasoning_tokens INTEGER,
    cost TEXT, currency TEXT, basis TEXT,
    first_token_s REAL, total_s REAL
) WITHOUT ROWID;
CREATE INDEX turns_by_start ON turns(started);
CREATE INDEX turns_by_conversation ON turns(conversation, started);
CREATE TABLE attempts (
    turn TEXT NOT NULL REFERENCES turns(id),
    number INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    http_status INTEGER,
    request_id TEXT,
    error_kind TEXT,
    error_message TEXT,
    input INTEGER, output INTEGER,
    cache_read INTEGER, cache_write INTEGER, reasoning_tokens INTEGER,
    cost TEXT, currency TEXT, basis TEXT,
    seconds REAL NOT NULL,
    PRIMARY KEY (turn, number)
) WITHOUT ROWID;
"""

# 2026-11-21. `key` is the start in microseconds since 1970, made unique: rows lie in order of
# time. Columns that are looked at in many rows come before the long ones. The index of words is
# made from the view, and only from turns that ended; that of beginnings of three letters makes
# it a quarter larger, and words so short as quick to find as long ones.
_TREE = """
ALTER TABLE turns RENAME TO old_turns;
ALTER TABLE attempts RENAME TO old_attempts;
ALTER TABLE conversations RENAME TO old_conversations;
DROP INDEX turns_by_start;
DROP INDEX turns_by_conversation;
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    name TEXT COLLATE NOCASE UNIQUE,
    title TEXT NOT NULL DEFAULT '',
    head TEXT,
    terminal TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX conversations_by_update ON conversations(updated);
CREATE INDEX conversations_by_terminal ON conversations(terminal, updated);
CREATE TABLE parts (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    body NOT NULL
);
CREATE TABLE turns (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    parent TEXT,
    since TEXT,
    conversation TEXT NOT NULL REFERENCES conversations(id),
    started REAL NOT NULL,
    ended REAL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt INTEGER NOT NULL REFERENCES parts(number),
    system INTEGER REFERENCES parts(number),
    tools INTEGER REFERENCES parts(number),
    status TEXT NOT NULL,
    pid INTEGER,
    indexed INTEGER NOT NULL DEFAULT 0,
    exit_code INTEGER,
    error_kind TEXT,
    finish_reason TEXT,
    raw_finish TEXT NOT NULL DEFAULT '',
    input INTEGER, output INTEGER,
    cache_read INTEGER, cache_write INTEGER, reasoning_tokens INTEGER,
    audio INTEGER, reported TEXT, used INTEGER NOT NULL DEFAULT 0,
    cost TEXT, currency TEXT, basis TEXT,
    first_token_s REAL,
    total_s REAL NOT NULL DEFAULT 0,
    options TEXT NOT NULL DEFAULT '{}',
    extra TEXT NOT NULL DEFAULT '{}',
    error_message TEXT,
    tool_calls TEXT NOT NULL DEFAULT '[]',
    opaque TEXT NOT NULL DEFAULT '[]',
    reasoning TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL DEFAULT ''
);
CREATE INDEX turns_by_conversation ON turns(conversation);
CREATE INDEX turns_by_parent ON turns(parent);
CREATE INDEX turns_running ON turns(pid, started) WHERE status = 'running';
CREATE TABLE attachments (
    turn INTEGER NOT NULL REFERENCES turns(key),
    position INTEGER NOT NULL,
    part INTEGER NOT NULL REFERENCES parts(number),
    PRIMARY KEY (turn, position)
) WITHOUT ROWID;
CREATE TABLE attempts (
    turn TEXT NOT NULL,
    number INTEGER NOT NULL,
    started REAL NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    http_status INTEGER,
    request_id TEXT,
    error_kind TEXT,
    error_message TEXT,
    input INTEGER, output INTEGER,
    cache_read INTEGER, cache_write INTEGER, reasoning_tokens INTEGER,
    audio INTEGER, reported TEXT, used INTEGER NOT NULL DEFAULT 0,
    cost TEXT, currency TEXT, basis TEXT,
    seconds REAL NOT NULL,
    PRIMARY KEY (turn, number)
) WITHOUT ROWID;
CREATE VIEW searchable AS
    SELECT turns.key, substr(parts.body, 1, 1000000) AS prompt, substr(text, 1, 1000000) AS answer
    FROM turns JOIN parts ON parts.number = turns.prompt WHERE turns.indexed;
CREATE VIRTUAL TABLE search USING fts5(
    prompt, answer, content = 'searchable', content_rowid = 'key',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '3'
);
"""
_FIGURES = "input, output, cache_read, cache_write, reasoning_tokens, cost, currency, basis"
_SAME = f"""id, conversation, started, ended, provider, model, options, tool_calls, opaque,
    finish_reason, status, exit_code, error_kind, error_message, text, reasoning, first_token_s,
    {_FIGURES}"""
_USED = "input IS NOT NULL OR output IS NOT NULL"
# Others than llm may have written rows that it never would: none of them stops a migration.
_OLD = """
SELECT id, CAST(started AS REAL), CAST(prompt AS BLOB), CAST(system AS BLOB)
FROM old_turns ORDER BY CAST(started AS REAL), id
"""
_ANSWERS = """
SELECT id, conversation, coalesce(ended, started), substr(body, 1, 10000),
    trim(text, ' ' || char(9, 10, 13)) != '' OR (status = 'complete' AND tool_calls != '[]')
FROM turns JOIN parts ON parts.number = turns.prompt ORDER BY key
"""
_MOVE = f"""
INSERT INTO conversations (id, created, updated, title, head)
    SELECT id, created, created, '', NULL FROM old_conversations;
INSERT INTO turns (key, prompt, system, {_SAME}, total_s, used)
    SELECT place.key, place.prompt, place.system, {_SAME}, coalesce(total_s, 0), {_USED}
    FROM old_turns JOIN temp.place USING (id);
INSERT INTO attempts (turn, number, started, provider, model, status, http_status, request_id,
    error_kind, error_message, seconds, {_FIGURES}, used)
    SELECT turn, number, coalesce((SELECT started FROM old_turns WHERE id = turn), 0), provider,
    model, status, http_status, request_id, error_kind, error_message, seconds, {_FIGURES}, {_USED}
    FROM old_attempts;
UPDATE turns SET indexed = 1 WHERE status != 'running';
INSERT INTO search (rowid, prompt, answer) SELECT key, prompt, answer FROM searchable;
DROP TABLE temp.place;
DROP TABLE old_attempts;
DROP TABLE old_turns;
DROP TABLE old_conversations;
"""  # noqa: S608


class Migration(NamedTuple):
    """A step to `version`, and when it came."""

    version: int
    date: str
    apply: Callable[[sqlite3.Connection], None]


def statements(script: str) -> list[str]:
    """The statements of a script, each ending its line with a semicolon."""
    return [statement for statement in script.split(";\n") if statement.strip()]


def _run(db: sqlite3.Connection, script: str) -> None:
    for statement in statements(script):
        db.execute(statement)


def _first(db: sqlite3.Connection) -> None:
    _run(db, _FIRST)


def _tree(db: sqlite3.Connection) -> None:
    """Turns get parents, heads and an index of words; prompts become parts."""
    _run(db, _TREE)
    db.execute("CREATE TEMP TABLE place (id PRIMARY KEY, key, prompt, system)")
    key = -(2**63)
    for turn, started, prompt, system in db.execute(_OLD):
        key = max(key + 1, parts.microseconds(started))
        texts = {"prompt": prompt, "system": system}
        numbers = (parts.keep_text(db, kind, _text(data)) for kind, data in texts.items())
        db.execute("INSERT INTO temp.place VALUES (?, ?, ?, ?)", (turn, key, *numbers))
    _run(db, _MOVE)
    _chain(db)


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "replace")


def _chain(db: sqlite3.Connection) -> None:
    """Name the conversations by their first prompt and let each go on from its last answer."""
    last: dict[str, str] = {}
    for turn, conversation, moment, prompt, answered in db.execute(_ANSWERS).fetchall():
        db.execute("UPDATE turns SET parent = ? WHERE id = ?", (last.get(conversation), turn))
        db.execute(
            "UPDATE conversations SET updated = ?, title = iif(title = '', ?, title) WHERE id = ?",
            (moment, parts.first_line(prompt), conversation),
        )
        if answered:
            last[conversation] = turn
    db.executemany("UPDATE conversations SET head = ?2 WHERE id = ?1", last.items())


MIGRATIONS = (
    Migration(1, "2026-11-21", _first),
    Migration(2, "2026-11-21", _tree),
    Migration(3, "2026-11-21", ledger_schema.apply),
)
VERSION = MIGRATIONS[-1].version
