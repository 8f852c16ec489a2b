"""`llm history check`, `backup`, `path`, and what `llm doctor` says of the history."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import past
import pytest
from expect import failed
from support import Llm
from test_startup import HEAVY, loaded

MANY = 100_000


def change(llm: Llm, *statements: str) -> None:
    """Spoil the database by hand."""
    with sqlite3.connect(llm.db) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def test_path_is_printed_even_before_there_is_one(llm: Llm) -> None:
    result = llm("history", "path")
    assert (result.code, result.text) == (0, f"{llm.db}\n")
    assert not llm.db.exists()


def test_check_of_a_whole_history(llm: Llm) -> None:
    assert "not there yet" in llm("history", "check").text
    past.talk(llm.db, "hello")
    result = llm("history", "check")
    assert (result.code, result.err) == (0, "")
    assert result.text.startswith(f"✓ {llm.db}: whole, ")


def test_check_finds_a_turn_that_follows_none(llm: Llm) -> None:
    past.talk(llm.db, "hello")
    change(llm, "UPDATE turns SET parent = 'gone'", "UPDATE conversations SET head = 'gone'")
    result = llm("history", "check")
    assert result.code == 10
    assert result.text.count("✗") == 2
    assert "that is not there" in result.text
    assert "llm history import FILE" in result.text


def test_check_finds_an_index_that_does_not_match_and_makes_it_anew(llm: Llm) -> None:
    past.talk(llm.db, "hello")
    change(llm, "UPDATE parts SET body = 'goodbye' WHERE kind = 'prompt'")
    result = llm("history", "check")
    assert result.code == 10
    assert "llm history check --reindex" in result.text
    assert llm("history", "check", "--reindex").code == 0
    assert llm("history", "search", "goodbye").text
    assert llm("history", "check").code == 0


def test_check_says_how_to_save_what_can_be_read(llm: Llm) -> None:
    past.talk(llm.db, "hello " * 20_000)
    data = bytearray(llm.db.read_bytes())
    data[-40_000:-20_000] = b"\xa5" * 20_000
    llm.db.write_bytes(data)
    result = llm("history", "check")
    assert result.code == 10
    assert "llm history export --all -o saved.jsonl" in result.text
    assert f"mv {llm.db} {llm.db}.old" in result.text
    assert llm.db.read_bytes() == data


@pytest.mark.parametrize("content", [b"no database " * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_check_of_no_database(llm: Llm, content: bytes) -> None:
    llm.db.parent.mkdir(parents=True)
    llm.db.write_bytes(content)
    result = llm("history", "check")
    assert result.code == 10
    assert "✗" in result.text
    assert llm.db.read_bytes() == content
    assert "Traceback" not in result.err


@pytest.mark.parametrize("args", [("list",), ("show",), ("search", "x"), ("last",), ("export",)])
def test_a_damaged_history_sends_to_the_check(llm: Llm, args: tuple[str, ...]) -> None:
    llm.db.parent.mkdir(parents=True)
    llm.db.write_bytes(b"no database " * 500)
    failed(llm("history", *args), 10, "llm history check")
    assert llm.db.exists()


def test_what_changes_a_damaged_history_says_where_it_went(llm: Llm) -> None:
    llm.db.parent.mkdir(parents=True)
    llm.db.write_bytes(b"no database " * 500)
    result = llm("history", "rename", "a", "b")
    assert result.code == 3
    [aside] = llm.db.parent.glob("history.db.corrupt-*")
    assert str(aside) in result.err
    assert aside.read_bytes().startswith(b"no database")


def test_check_tells_of_a_newer_one(llm: Llm) -> None:
    past.talk(llm.db, "hello")
    change(llm, "PRAGMA user_version = 99")
    result = llm("history", "check")
    assert result.code == 10
    assert "Use that llm" in result.text


def test_check_tells_of_what_waits_and_what_was_moved(llm: Llm) -> None:
    """That is nothing wrong with the history itself."""
    past.talk(llm.db, "hello")
    spool = llm.home / "data" / "spool"
    spool.mkdir()
    (spool / "1.json").write_text("{}")
    (llm.home / "data" / "history.db.corrupt-20260101-000000").touch()
    result = llm("history", "check")
    assert result.code == 0
    assert str(spool) in result.text
    assert "corrupt-20260101" in result.text


def test_backup_is_a_database_of_its_own(llm: Llm, tmp_path: Path) -> None:
    failed(llm("history", "backup", str(tmp_path / "early.db")), 2, "no history yet")
    past.talk(llm.db, "hello", "there")
    copy = tmp_path / "copy.db"
    result = llm("history", "backup", "copy.db")
    assert (result.code, result.out) == (0, b"")
    assert copy.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(copy) as db:
        assert db.execute("SELECT count(*) FROM turns").fetchone() == (2,)
    db.close()
    failed(llm("history", "backup", str(copy)), 2, "exists")
    failed(llm("history", "backup", "/dev/null/x"), 10, "history")
    failed(llm("history", "backup"), 2, "FILE")


@pytest.mark.parametrize("args", [("path", "x"), ("check", "x"), ("check", "--mend")])
def test_odd_arguments_are_refused(llm: Llm, args: tuple[str, ...]) -> None:
    failed(llm("history", *args), 2)


def test_doctor_sends_to_the_check(llm: Llm) -> None:
    past.talk(llm.db, "hello")
    change(llm, "UPDATE turns SET parent = 'gone'")
    result = llm("doctor")
    assert result.code == 10
    assert "llm history check" in result.text + result.err


@pytest.mark.parametrize(
    "args", [(), ("list",), ("search", "hello"), ("show",), ("export",), ("check",), ("path",)]
)
def test_in_a_pipe_nothing_heavy_is_loaded(llm: Llm, args: tuple[str, ...]) -> None:
    past.talk(llm.db, "hello")
    assert not HEAVY & loaded(llm, "history", *args)


def seconds(llm: Llm, *args: str) -> float:
    """The CPU time of the fastest of three runs."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True,"
        " stdout=subprocess.DEVNULL); u = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(u.ru_utime + u.ru_stime)"
    )
    command = [sys.executable, "-m", "llmcli", "history", *args]
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, *command], env=llm.env, capture_output=True, check=True
        )
        for _ in range(3)
    ]
    return min(float(run.stdout) for run in runs)


def test_speed_with_many_turns(llm: Llm) -> None:
    """In CPU seconds over a command that opens nothing."""
    past.talk(llm.db, "needle in the first one")
    past.fill(llm.db, MANY)
    least = seconds(llm, "path")
    limits = {
        ("list",): 0.05,
        ("list", "--json", "-n", "50"): 0.06,
        ("search", "needle"): 0.05,
        ("search", "common", "answer"): 0.15,
        ("show", "0FILL000000000000000000001"): 0.05,
    }
    took = {args: seconds(llm, *args) - least for args in limits}
    assert all(took[args] <= limit for args, limit in limits.items()), took
