"""A history of an older llm is brought up to date whole or not at all, and its copy is kept."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from stored import BEGUN, check, turn, write_version_1
from support import Llm, write_card

from llmcli.messages import ToolCall
from llmcli.store import VERSION, Store
from llmcli.store.migrations import MIGRATIONS
from llmcli.usage import Cost, Usage

KILLS = int(os.environ.get("LLM_KILLS", "20"))
TURNS = 4000
OPEN = """
import sys
from pathlib import Path
from llmcli.store import Store
print("go", flush=True)
Store(Path(sys.argv[1]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is."""
    return tmp_path / "data" / "history.db"


def copies(path: Path) -> list[Path]:
    """The copies made before a migration."""
    return sorted(path.parent.glob("history.db.v*"))


def test_everything_of_version_1_is_there(path: Path) -> None:
    """Prompts, answers, money; what belongs together follows one another."""
    write_version_1(path, 4)
    with contextlib.closing(Store(path)) as store:
        conversation = store.find("01C000001")
        first, second = store.tree(conversation.id)
        assert (conversation.title, conversation.head) == ("prompt 2", second.id)
        assert (conversation.created, conversation.updated) == (BEGUN + 2, BEGUN + 4.5)
        assert (first.parent, second.parent) == (None, first.id)
        assert store.path(conversation.head)[0].prompt == "\nprompt 2"
        assert (first.system, second.system) == ("Be brief.", "")
        assert (first.text, first.reasoning, first.options) == ("answer 2", "hm", {"seed": 1})
        assert first.tool_calls == (ToolCall("c", "now", "{}"),)
        assert first.usage == Usage(10, 20, 4, None, 0)
        assert first.cost == Cost(Decimal("0.0123"), "card")
        assert (first.total_s, first.first_token_s, first.started) == (1.5, 0.5, BEGUN + 2)
        assert first.attempts[0].cost == first.cost
        assert [one.turn for one in store.search("prompt 3")] == [second.id]
        assert first._replace(attempts=()) == store.path(conversation.head)[0]
    assert check(path) == []


@pytest.mark.parametrize(
    "odd",
    [
        "UPDATE turns SET started = 9e999",
        "UPDATE turns SET started = 1e15",
        "UPDATE turns SET started = 'yesterday'",
        "UPDATE turns SET prompt = x'fffe', system = x'ff'",
        "UPDATE turns SET prompt = 5",
        "UPDATE turns SET prompt = printf('%.*c', 3000000, 'x')",
        "UPDATE turns SET prompt = '', system = NULL, text = '', ended = NULL, total_s = NULL",
        "DELETE FROM turns WHERE id = '01T000000'",
        "DELETE FROM attempts",
    ],
)
def test_no_row_stops_it(path: Path, odd: str) -> None:
    """Also none that an llm would never have written."""
    write_version_1(path, 4)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(odd)
    with contextlib.closing(Store(path)) as store:
        turns = [turn for one in store.conversations() for turn in store.whole(one)]
        assert len(turns) == (3 if "DELETE FROM turns" in odd else 4)
        assert all(turn.status == "complete" for turn in turns)
    assert check(path) == []


@pytest.mark.parametrize("text", ["half an ", " \n\t", ""])
def test_a_turn_that_was_running(path: Path, text: str) -> None:
    """Nobody writes it any more; the conversation goes on from it where anything had come."""
    write_version_1(path, 4)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "UPDATE turns SET status = 'running', ended = NULL, total_s = NULL, exit_code = NULL,"
            " text = ? WHERE id = '01T000003'",
            (text,),
        )
        db.execute("UPDATE attempts SET status = 'running' WHERE turn = '01T000003'")
    with contextlib.closing(Store(path)) as store:
        found = store.turn("01T000003")
        assert found
        assert (found.status, found.text, found.total_s) == ("incomplete", text, 0.0)
        assert found.attempts[0].status == "incomplete"
        head = "01T000003" if text.strip() else "01T000002"
        assert store.find("01C000001").head == head
        assert [one.turn for one in store.search("prompt 3")] == [found.id]
    assert check(path) == []


def test_the_copy_is_the_old_history(path: Path) -> None:
    """Private, of the old version, with all its rows; it is kept."""
    write_version_1(path, 10)
    Store(path).close()
    (copy,) = copies(path)
    assert copy.suffix == ".bak"
    assert copy.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM turns").fetchone() == (10,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    Store(path).close()
    assert copies(path) == [copy]


def test_reading_brings_an_old_history_up_to_date(path: Path) -> None:
    """Who upgrades and only looks sees everything."""
    write_version_1(path, 2)
    with contextlib.closing(Store(path, changes=False)) as reader:
        assert reader.find("01C").turns == 2
    assert len(copies(path)) == 1


def test_a_new_history_goes_through_the_same_steps(path: Path, tmp_path: Path) -> None:
    """So that a new one and one that was brought up to date are the same; no copy is made."""
    old = tmp_path / "old" / "history.db"
    write_version_1(old, 0)
    schemas = []
    for place in (path, old):
        Store(place).close()
        with contextlib.closing(sqlite3.connect(place)) as db:
            schemas.append(db.execute("SELECT name, sql FROM sqlite_master ORDER BY 1").fetchall())
            assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert schemas[0] == schemas[1]
    assert copies(path) == []
    assert [one.version for one in MIGRATIONS] == list(range(1, VERSION + 1))


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    """A full disk on the way: the old history is as it was, and the next start does it."""
    write_version_1(path, 2000)
    before = path.read_bytes()
    command = 'ulimit -f 1200; exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", sys.executable, "-c", OPEN, str(path)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done
    assert path.read_bytes() == before
    with contextlib.closing(Store(path)) as store:
        assert len(store.conversations()) == 1000


def test_row_74_kill_during_a_migration(path: Path, tmp_path: Path) -> None:
    """However often it is killed, the next start completes it; there is one copy."""
    write_version_1(tmp_path / "measured" / "history.db", TURNS)
    begun = time.monotonic()
    Store(tmp_path / "measured" / "history.db").close()
    usual = time.monotonic() - begun
    rng, interrupted = random.Random(74), 0
    write_version_1(path, TURNS)
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", OPEN, str(path)], stdout=subprocess.PIPE)
        assert process.stdout
        assert process.stdout.readline() == b"go\n"
        time.sleep(rng.random() * usual)
        process.kill()
        process.communicate()
        with contextlib.closing(sqlite3.connect(path)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
        interrupted += version == 1
        if version == VERSION:
            all_there(path)
            shutil.rmtree(path.parent)
            write_version_1(path, TURNS)
    assert interrupted >= KILLS // 3
    all_there(path)


def all_there(path: Path) -> None:
    """The history is whole, of this version, with one copy beside it."""
    with contextlib.closing(Store(path)) as store:
        found = store.conversations()
        assert len(found) == TURNS // 2
        assert all(one.turns == 2 and one.head for one in found)
        assert len(store.search("answer", 0)) == TURNS
    assert check(path) == []
    assert [copy.suffix for copy in copies(path)] == [".bak"]


def test_many_that_find_an_old_history_at_once(path: Path) -> None:
    """One of them brings it up to date, the others wait for it."""
    write_version_1(path, 400)
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN, str(path)], stderr=subprocess.PIPE)
        for _ in range(10)
    ]
    errors = [process.communicate()[1] for process in processes]
    assert errors == [b""] * 10
    assert len(copies(path)) == 1
    with contextlib.closing(Store(path)) as store:
        assert len(store.conversations()) == 200


def test_the_command_over_an_old_history(llm: Llm) -> None:
    """An upgrade is nothing that a user notices."""
    from good_server import GoodServer

    write_version_1(llm.db, 2)
    with GoodServer() as server:
        write_card(llm, server.url)
        result = llm("-m", "fs/m", "hi")
    assert (result.code, result.text, result.err) == (0, "fine", "")
    assert [row["prompt"] for row in llm.turns()] == ["\nprompt 0", "\nprompt 1", "hi"]
    with contextlib.closing(Store(llm.db)) as store:
        store.close_turn(turn(1))
    assert check(llm.db) == []
