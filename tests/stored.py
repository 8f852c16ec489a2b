"""Turns to be stored, a history of version 1, and processes that write until they are killed."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmcli.ledger import Entry
from llmcli.messages import Media, Opaque, Tool, ToolCall
from llmcli.store import beside, ledger_schema, troubles
from llmcli.store.migrations import MIGRATIONS
from llmcli.turn import Turn, new_id
from llmcli.usage import Cached, Cost, Usage

BEGUN = 1_700_000_000.0

WHOLE = Turn(
    id="01WH0LE",
    conversation="01C0NVERSATI0N",
    provider="fs",
    model="org/m",
    prompt="Grüße\n\0 «what»\x1b[1m?",
    parent="01PARENT",
    since="01SINCE",
    attachments=(
        Media(bytes(range(256)), "image/png", "a.png"),
        Media("ä\r\n".encode(), "text/plain", "b.txt"),
        Media(bytes(range(256)), "image/png", "c.png"),
    ),
    system="Be\tbrief.",
    options={"temperature": 0, "stop": ["a", "\n"], "metadata": {"a": {"b": [None, 1.5, True]}}},
    extra={"x": [{}], "n": 10**15},
    tools=(
        Tool("now", "The time.", {"type": "object", "properties": {"zone": {"enum": ["a"]}}}, True),
        Tool("rain"),
    ),
    started=BEGUN + 0.123456,
    status="complete",
    text="Because.\n\n```\n\ttab\r\n```",
    reasoning="Hm …",
    tool_calls=(ToolCall("c1", "now", '{"zone":  "ü"}'), ToolCall("c1", "rain", "{")),
    opaque=(Opaque("fs", "org/m", {"signature": "EqQB", "list": [None, {"a": 0}]}),),
    finish_reason="tool_calls",
    raw_finish="tool_use",
    usage=Usage(0, 2, None, 0, 1, Decimal("0.000000123456789012345678901"), 7),
    cost=Cost(Decimal("0.10"), "reported"),
    first_token_s=0.0,
    total_s=1.25,
    attempts=(
        Entry(
            1, "fs", "org/m", "failed", 503, "req_1", "server", "busy", None, None, 0.25, BEGUN,
        ),
        Entry(
            2, "fs", "org/m", "complete", 200, None, None, None,
            Usage(), Cost(Decimal("1E-30"), "card", "EUR"), 1.0, BEGUN + 1, 0.5, "count", "retry",
            (("a", "ü"), ("b", "=,")), True, Decimal("0.000000000002"),
        ),
    ),
    exit_code=0,
    cached=Cached(BEGUN + 7, Cost(Decimal("0.0001"), "card"), Usage(0, None, audio=3)),
)  # fmt: skip


def turn(number: int, conversation: str = "C", /, **changes: Any) -> Turn:
    """The answered turn `T<number>` that follows the one before, a minute after it."""
    facts: dict[str, Any] = {
        "id": f"T{number}",
        "conversation": conversation,
        "provider": "fs",
        "model": "m",
        "prompt": f"question {number}",
        "parent": f"T{number - 1}" if number > 1 else None,
        "started": BEGUN + number * 60,
        "status": "complete",
        "text": f"answer {number}",
        "attempts": (Entry(1, "fs", "m", "complete", 200, cost=Cost(Decimal(number), "card")),),
        "exit_code": 0,
        **changes,
    }
    return Turn(**facts)


def running(whole: Turn) -> Turn:
    """The turn as it was when it began."""
    blank = Turn("", "", "", "", "")
    asked = {name: getattr(blank, name) for name in Turn._fields[Turn._fields.index("status") :]}
    return whole._replace(**asked)


def write_version_1(path: Path, turns: int) -> None:
    """A history as the first version of llm wrote it: two turns in each conversation."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        MIGRATIONS[0].apply(db)
        db.execute("PRAGMA user_version = 1")
        for number in range(turns):
            _write_turn(db, number)


def _write_turn(db: sqlite3.Connection, number: int) -> None:
    key, conversation = f"01T{number:06}", f"01C{number // 2:06}"
    if number % 2 == 0:
        db.execute("INSERT INTO conversations VALUES (?, ?)", (conversation, BEGUN + number))
    figures = (10, 20, 4, None, 0, "0.0123", "USD", "card")
    db.execute(
        "INSERT INTO turns VALUES (?, ?, ?, ?, 'fs', 'm', ?, ?, '{\"seed\": 1}', ?, 'hm', ?, '[]',"
        " 'stop', 'complete', 0, NULL, NULL, ?, ?, ?, ?, ?, ?, ?, ?, 0.5, 1.5)",
        (
            key, conversation, BEGUN + number, BEGUN + number + 1.5,
            "Be brief." if number % 3 else None, f"\nprompt {number}", f"answer {number}",
            '[["c", "now", "{}"]]', *figures,
        ),
    )  # fmt: skip
    db.execute(
        "INSERT INTO attempts VALUES (?, 1, 'fs', 'm', 'complete', 200, 'r', NULL, NULL,"
        " ?, ?, ?, ?, ?, ?, ?, ?, 1.5)",
        (key, *figures),
    )


# Keeps so many turns as a chat does, and says which of them are kept.
_WRITER = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from stored import new_id, running, turn
from llmcli.config import load
from llmcli.recorder import Recorder
recorder = Recorder(load(), lambda words: print(words, file=sys.stderr))
conversation, parent = new_id(), None
for _ in range(int(sys.argv[1])):
    one = turn(1, conversation, id=new_id(), started=time.time(), parent=parent)
    recorder.begin(running(one))
    recorder.close(one)
    print(one.id, flush=True)
    parent = one.id
recorder.end()
"""


def writer(turns: int) -> list[str]:
    """The command line of a process that keeps so many turns of one conversation."""
    return [sys.executable, "-c", _WRITER, str(turns)]


__all__ = ["BEGUN", "WHOLE", "new_id", "running", "turn", "write_version_1", "writer"]


def check(path: Path) -> list[str]:
    """What is wrong with a history, and what lies beside it; its sums must be those of its rows."""
    found = troubles(path)
    return [*found, *(() if found or not path.exists() else wrong_sums(path)), *beside(path)]


def wrong_sums(path: Path) -> list[str]:
    """The sums that are not those of the attempts; they are made anew in a copy and compared.

    What is summed in floating point may differ in its last digits, and sums of nothing may stay.
    """
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db,
        contextlib.closing(sqlite3.connect(":memory:")) as copy,
    ):
        if db.execute("PRAGMA user_version").fetchone() < (3,):
            return []
        db.backup(copy)
        kept = [_sums(copy, table) for table in ("spending", "pace")]
        ledger_schema.sum_up(copy)
        made = [_sums(copy, table) for table in ("spending", "pace")]
    return [] if kept == made else [f"sums are {kept}, and the attempts make {made}"]


def _sums(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    rows = db.execute(f"SELECT * FROM {table}").fetchall()
    found = [row[:6] + tuple(_rounded(n) for n in row[6:]) for row in rows]
    return sorted((row for row in found if any(row[6:])), key=repr)


def _rounded(number: float) -> float:
    return round(number, 6) if isinstance(number, float) else number
