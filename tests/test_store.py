"""The history: a row before anything is sent, kept through kills, crowds and locked files."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_server import FaultServer
from good_server import GoodServer
from support import COMMAND, Llm, write_card

PROCESSES = 12


def rows(llm: Llm, query: str) -> list[tuple[object, ...]]:
    """What the database says."""
    with sqlite3.connect(llm.db) as db:
        found = db.execute(query).fetchall()
    db.close()
    return found


def test_processes_that_start_at_once(llm: Llm) -> None:
    """Twelve on a fresh home: each answers, each has its row, the file is whole."""
    with GoodServer() as server:
        write_card(llm, server.url)
        running = [
            subprocess.Popen(
                [*COMMAND, "-m", "fs/echo", f"n{number}"],
                env=llm.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for number in range(PROCESSES)
        ]
        results = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES, results
    assert all(not err for _, err in results), results
    assert rows(llm, "SELECT count(*) FROM turns WHERE status = 'complete'") == [(PROCESSES,)]
    assert rows(llm, "SELECT count(*) FROM attempts") == [(PROCESSES,)]
    assert rows(llm, "PRAGMA integrity_check") == [("ok",)]


def test_files_are_private(llm: Llm) -> None:
    """Database, its journal files and folders are 0600 and 0700 whatever the umask."""
    with GoodServer() as server:
        write_card(llm, server.url)
        assert llm("-m", "fs/m", "hi", wrap='umask 0; exec "$@"').code == 0
    for path in (llm.home / "data").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (llm.home / "data").stat().st_mode & 0o077 == 0


def test_row_before_the_answer_and_text_after_a_kill(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    """SIGKILL in the middle: the row was there before, and what was checkpointed stays."""
    provider(faults.url("lines"), timeout={"silence": 20, "stall": 20})
    process = subprocess.Popen(
        [*COMMAND, "-m", "fs/m", "hi"],
        env=llm.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    seen = b""
    while not rows_with_text(llm):
        seen += os.read(process.stdout.fileno(), 65536)
        assert len(seen) < 50_000_000
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait()
    ((status, text),) = rows(llm, "SELECT status, text FROM turns")
    assert status == "running"
    assert text
    assert rows(llm, "PRAGMA integrity_check") == [("ok",)]


def rows_with_text(llm: Llm) -> bool:
    """Whether a checkpoint has been written."""
    return llm.db.exists() and bool(
        rows(llm, "SELECT 1 FROM sqlite_master WHERE name = 'turns'")
        and rows(llm, "SELECT 1 FROM turns WHERE text != ''")
    )


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"not a database" * 100), "not a database"),
        (lambda path: path.mkdir(), "history"),
    ],
)
def test_broken_history_does_not_stop_the_answer(
    llm: Llm, damage: Callable[[Path], object], words: str
) -> None:
    """The answer is whole, one warning, exit 0; with history.required it is exit 10."""
    llm.db.parent.mkdir(parents=True)
    damage(llm.db)
    with GoodServer() as server:
        write_card(llm, server.url)
        result = llm("-m", "fs/m", "hi")
        assert (result.code, result.text) == (0, "fine")
        assert result.err.count("llm: warning:") == 1
        assert words in result.err
        llm.config.parent.mkdir(parents=True, exist_ok=True)
        llm.config.write_text("[history]\nrequired = true\n")
        assert llm("-m", "fs/m", "hi").code == 10
        assert len(server.requests) == 1


def test_newer_history_is_left_alone(llm: Llm) -> None:
    """A database of a newer llm is not written to."""
    llm.db.parent.mkdir(parents=True)
    with sqlite3.connect(llm.db) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with GoodServer() as server:
        write_card(llm, server.url)
        result = llm("-m", "fs/m", "hi")
    assert (result.code, result.text) == (0, "fine")
    assert "newer" in result.err


def test_history_that_cannot_be_written(llm: Llm) -> None:
    """A home that is no folder: the answer comes, history is off with one warning."""
    with GoodServer() as server:
        write_card(llm, server.url)
        (llm.home / "data").write_text("")
        result = llm("-m", "fs/m", "hi")
    assert (result.code, result.text) == (0, "fine")
    assert result.err.count("warning") == 1
