"""A history to look at: conversations written by the store, without a provider."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmcli.ledger import Entry
from llmcli.store import Store
from llmcli.turn import Turn, new_id
from llmcli.usage import Cost, Usage

DAY = 86_400.0
USAGE = Usage(1000, 200)
COST = Cost(Decimal("0.0034"), "card")


def turn(prompt: str, text: str = "fine", **facts: Any) -> Turn:
    """A turn that was answered two minutes ago, or whatever the facts say."""
    days = facts.pop("days", 0)
    made = Turn(
        id=new_id(),
        conversation=facts.pop("conversation", "") or new_id(),
        provider="groq",
        model="llama-3.3",
        prompt=prompt,
        started=time.time() - 120 - days * DAY,
        status="complete",
        text=text,
        finish_reason="stop",
        usage=USAGE,
        cost=COST,
        total_s=1.5,
        exit_code=0,
    )
    made = made._replace(**facts)
    entry = Entry(1, made.provider, made.model, made.status, usage=made.usage, cost=made.cost)
    return made._replace(attempts=(entry,))


def talk(path: Path, *prompts: str, **facts: Any) -> list[Turn]:
    """A conversation with these prompts, one after the other, in the history at `path`."""
    turns: list[Turn] = []
    for prompt in prompts:
        before = turns[-1] if turns else None
        turns.append(
            turn(
                prompt,
                **{
                    "parent": before and before.id,
                    "conversation": before.conversation if before else "",
                    **facts,
                },
            )
        )
    write(path, turns)
    return turns


def write(path: Path, turns: Sequence[Turn]) -> None:
    """Put the turns into the history, in this order."""
    store = Store(path)
    for one in turns:
        store.begin(one._replace(status="running", text="", attempts=()))
        store.close_turn(one)
    store.close()


def fill(path: Path, count: int) -> None:
    """Add so many turns in conversations of twenty, each with words of its own; quickly."""
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TEMP TABLE n (i INTEGER PRIMARY KEY)")
        db.executemany("INSERT INTO n VALUES (?)", ((i,) for i in range(1, count + 1)))
        for statement in _FILL.split(";"):
            db.execute(statement)
    db.close()


_FILL = """
INSERT INTO conversations (id, created, updated, title, head)
    SELECT printf('0FILL%021d', i), i, i, 'filled ' || i, printf('0TURN%021d', i + 19)
    FROM n WHERE i % 20 = 1;
INSERT INTO parts (number, hash, kind, name, media_type, body)
    SELECT i + 1000, printf('%032d', i), 'prompt', '', '',
        'how about number ' || i || ' of them, with common words' FROM n;
INSERT INTO turns (key, id, parent, conversation, started, provider, model, prompt, status,
        indexed, cost, text)
    SELECT i, printf('0TURN%021d', i), iif(i % 20 = 1, NULL, printf('0TURN%021d', i - 1)),
        printf('0FILL%021d', (i - 1) / 20 * 20 + 1), i, 'lab', 'm', i + 1000, 'complete', 1,
        '0.001', 'the common answer to number ' || i || ' is that it depends on the others'
    FROM n;
INSERT INTO attempts (turn, number, started, provider, model, status, seconds)
    SELECT printf('0TURN%021d', i), 1, i, 'lab', 'm', 'complete', 1 FROM n;
INSERT INTO search (search) VALUES ('rebuild')
"""
