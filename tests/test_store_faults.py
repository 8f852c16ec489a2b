"""Rows 60, 64, 67 to 70 of the fault table: whatever the history's state, the answer arrives."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from good_server import GoodServer
from running import Result
from stored import check, turn, writer
from support import COMMAND, Llm, write_card

from llmcli.errors import LocalIOError
from llmcli.store import Store, troubles
from llmcli.turn import Conversation

CROWDS = int(os.environ.get("LLM_CROWD", "2"))
PROCESSES = 20
TURNS = 20
BLOCKS = 70  # of 512 bytes: room for SQLite's shared memory, not for a turn in its journal
MANY = 60  # turns of the history that gets damaged


@pytest.fixture
def server(llm: Llm) -> Iterator[GoodServer]:
    """The provider `fs`."""
    with GoodServer() as running:
        write_card(llm, running.url)
        yield running


@pytest.fixture
def ask(llm: Llm, server: GoodServer) -> Callable[..., Result]:
    """Ask, and see that the whole answer comes whatever becomes of the history."""

    def run(prompt: str = "hi", **how: str) -> Result:
        result = llm("-m", "fs/m", prompt, **how)
        assert (result.code, result.text) == (0, "fine"), result
        return result

    return run


def require(llm: Llm) -> None:
    """Let the config ask for the history."""
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text("[history]\nrequired = true\n")


def warning(result: Result, *words: str) -> None:
    """Stderr is one warning with these words."""
    (line,) = result.err.splitlines()
    assert line.startswith("llm: warning: history: "), line
    for word in words:
        assert word in line, line


def waiting(llm: Llm, folder: str = "data") -> list[Path]:
    """The files of turns that wait, each private."""
    found = sorted((llm.home / folder / "spool").glob("*"))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in found)
    return found


def prompts(llm: Llm) -> list[str]:
    """What was asked, by the history."""
    return [row["prompt"] for row in llm.turns()]


def asides(llm: Llm) -> list[Path]:
    """The histories that were moved aside."""
    found = llm.db.parent.glob("history.db.corrupt-*")
    return [path for path in found if not path.name.endswith(("-wal", "-shm"))]


def fill(llm: Llm) -> None:
    """Make a history of some size."""
    turns = [turn(number, text=f"answer {number} " * 50) for number in range(1, MANY + 1)]
    with contextlib.closing(Store(llm.db)) as store:
        store.merge(Conversation("C", title="question 1", head=turns[-1].id), turns)


@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
def test_row_60_full_disk(llm: Llm, ask: Callable[..., Result], there: bool) -> None:
    """The turn waits in a small file, and is taken in when there is room."""
    if there:
        fill(llm)
    before = prompts(llm)
    result = ask("full", wrap=f'ulimit -f {BLOCKS}; exec "$@"')
    (path,) = waiting(llm)
    assert path.suffix == ".json"
    warning(result, f"the turn waits in {path.parent}")
    with contextlib.closing(Store(llm.db, changes=False)) as reader:
        assert [one.prompt for one in reader.tree("C")] == before
    assert ask("room").err == ""
    assert prompts(llm)[-2:] == ["full", "room"]
    assert [row["status"] for row in llm.turns()[-2:]] == ["complete"] * 2
    assert waiting(llm) == []
    assert check(llm.db) == []


def test_row_60_full_disk_where_the_history_is_required(llm: Llm, server: GoodServer) -> None:
    """Exit 10 before anything is sent."""
    require(llm)
    result = llm("-m", "fs/m", "hi", wrap=f'ulimit -f {BLOCKS}; exec "$@"')
    assert (result.code, result.out) == (10, b"")
    assert "history" in result.err
    assert server.requests == []


def test_row_64_no_data_folder(llm: Llm, ask: Callable[..., Result]) -> None:
    """The turn waits in the cache folder; once the folder can be made it is taken in."""
    (llm.home / "data").write_text("")
    warning(ask("one"), str(llm.home / "cache"))
    assert len(waiting(llm, "cache")) == 1
    (llm.home / "data").unlink()
    assert ask("two").err == ""
    assert prompts(llm) == ["one", "two"]
    assert waiting(llm, "cache") == []


def test_row_64_nothing_can_be_written(llm: Llm, ask: Callable[..., Result]) -> None:
    """One warning says that the answer is not kept."""
    for name in ("data", "cache"):
        (llm.home / name).write_text("")
    warning(ask(), "this answer is not kept")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_row_64_read_only_home(llm: Llm, server: GoodServer) -> None:
    """Somebody who may read everything and write nothing."""
    fill(llm)
    nobody = 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    with tempfile.TemporaryDirectory() as open_to_all:
        home = shutil.copytree(llm.home, Path(open_to_all) / "llm")
        for place in (home.parent, home, *home.rglob("*")):
            place.chmod(0o755 if place.is_dir() else 0o644)
        how = {"wrap": nobody, "env": {"LLMCLI_HOME": str(home)}, "cwd": home}
        if llm("--version", **how).code:
            pytest.skip("this Python is not for everybody")
        result = llm("-m", "fs/m", "hi", **how)
    assert (result.code, result.text) == (0, "fine"), result
    warning(result, "this answer is not kept")


def header(path: Path) -> None:
    path.write_bytes(b"not a database, " * 1000)


def truncated(path: Path) -> None:
    os.truncate(path, 4096 * 3 + 100)


def zapped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 12] = random.Random(67).randbytes(4096 * 11)
    path.write_bytes(data)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "precious").write_text("")


@pytest.mark.parametrize("damage", [header, truncated, zapped, folder])
def test_row_67_damaged_history(
    llm: Llm, ask: Callable[..., Result], damage: Callable[[Path], None]
) -> None:
    """It is moved aside as it is, one warning says where, and a new one begins."""
    fill(llm)
    damage(llm.db)
    before = llm.db.is_file() and llm.db.read_bytes()
    result = ask("after")
    (aside,) = asides(llm)
    warning(result, f"moved to {aside}")
    assert (aside.is_file() and aside.read_bytes()) == before
    assert before or (aside / "precious").exists()
    assert prompts(llm) == ["after"]
    assert troubles(llm.db) == []
    assert str(aside) in check(llm.db)[0]
    assert ask("again").err == ""
    assert prompts(llm) == ["after", "again"]


def test_row_67_empty_file(llm: Llm, ask: Callable[..., Result]) -> None:
    """Of no length is new."""
    llm.db.parent.mkdir(parents=True, mode=0o700)
    llm.db.touch()
    assert ask().err == ""
    assert prompts(llm) == ["hi"]


def test_row_67_damage_that_required_history_can_stand(llm: Llm, server: GoodServer) -> None:
    """A new one can be written, so nothing is missing."""
    fill(llm)
    header(llm.db)
    require(llm)
    assert llm("-m", "fs/m", "hi").code == 0


def test_row_67_who_reads_does_not_move_it(llm: Llm) -> None:
    """It says what is wrong, and how to learn more."""
    fill(llm)
    header(llm.db)
    with pytest.raises(LocalIOError, match="not a database"):
        Store(llm.db, changes=False).last_turn()
    with pytest.raises(LocalIOError, match="not a database"):
        check(llm.db)
    assert [path.name for path in llm.db.parent.glob("history.db*")] == ["history.db"]


@pytest.mark.parametrize("block", ["zeroblob(10)", "x'0000000009ff'"])
def test_row_67_only_the_index_is_damaged(llm: Llm, ask: Callable[..., Result], block: str) -> None:
    """It is made again from the texts; nothing is moved."""
    fill(llm)
    with contextlib.closing(sqlite3.connect(llm.db)) as db, db:
        db.execute(f"UPDATE search_data SET block = {block} WHERE id = 10")
    assert ask("again").err == ""
    assert len(prompts(llm)) == MANY + 1
    assert check(llm.db) == []
    with contextlib.closing(Store(llm.db)) as store:
        assert len(store.search("answer", 0)) == MANY


def test_row_67_a_crowd_finds_it_damaged(llm: Llm, server: GoodServer) -> None:
    """One of them moves it; all write into the new one."""
    fill(llm)
    header(llm.db)
    results = together([[*COMMAND, "-m", "fs/m", f"n{number}"] for number in range(10)], llm)
    assert [code for code, _, _ in results] == [0] * 10, results
    assert len([err for _, _, err in results if err]) == 1, results
    assert len(asides(llm)) == 1
    assert sorted(prompts(llm)) == [f"n{number}" for number in range(10)]


def test_row_68_newer_history(llm: Llm, ask: Callable[..., Result]) -> None:
    """It is read and not written to; the turn waits for the newer llm."""
    fill(llm)
    with contextlib.closing(sqlite3.connect(llm.db)) as db, db:
        db.execute("PRAGMA user_version = 99")
        db.execute("ALTER TABLE turns ADD COLUMN news")
    with contextlib.closing(sqlite3.connect(llm.db)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = llm.db.read_bytes()
    warning(ask(), "newer", "version 99", "waits in")
    assert len(waiting(llm)) == 1
    assert llm.db.read_bytes() == before
    with contextlib.closing(Store(llm.db)) as store:
        assert len(store.path(f"T{MANY}")) == MANY
        with pytest.raises(LocalIOError, match="newer"):
            store.rename("C", "x")
    assert "newer" in troubles(llm.db)[0]
    require(llm)
    assert llm("-m", "fs/m", "hi").code == 10


def test_row_69_locked_history(llm: Llm, ask: Callable[..., Result]) -> None:
    """It waits ten seconds at most; the turn is taken in once the lock is gone."""
    fill(llm)
    with contextlib.closing(sqlite3.connect(llm.db, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        result = ask("locked")
        db.execute("ROLLBACK")
    warning(result, "locked", "waits in")
    assert 2 < result.seconds < 13
    assert len(waiting(llm)) == 1
    assert ask("free").err == ""
    assert prompts(llm)[-2:] == ["locked", "free"]
    assert waiting(llm) == []


def together(commands: list[list[str]], llm: Llm) -> list[tuple[int, str, str]]:
    """Run them at once: code, stdout and stderr of each."""
    started = [
        subprocess.Popen(
            command, env=llm.env, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for command in commands
    ]  # fmt: skip
    ended = [process.communicate() for process in started]
    return [(process.returncode, *told) for process, told in zip(started, ended, strict=True)]


def test_row_70_twenty_commands_on_a_fresh_home(llm: Llm, server: GoodServer) -> None:
    """Each answers and has its row; the file is whole."""
    commands = [[*COMMAND, "-m", "fs/echo", f"n{number}"] for number in range(PROCESSES)]
    results = together(commands, llm)
    assert [code for code, _, _ in results] == [0] * PROCESSES, results
    assert all(not err for _, _, err in results), results
    assert sorted(row["text"] for row in llm.turns()) == sorted(out for _, out, _ in results)
    assert {row["status"] for row in llm.turns()} == {"complete"}
    assert len(llm.attempts()) == PROCESSES
    assert check(llm.db) == []


@pytest.mark.parametrize("crowd", range(CROWDS))
def test_row_70_twenty_processes_with_twenty_turns_each(llm: Llm, crowd: int) -> None:
    """On a fresh store: 400 of 400, each time."""
    results = together([writer(TURNS)] * PROCESSES, llm)
    assert [code for code, _, _ in results] == [0] * PROCESSES, results
    told = sorted(key for _, out, _ in results for key in out.split())
    assert len(told) == PROCESSES * TURNS
    assert sorted(row["id"] for row in llm.turns() if row["status"] == "complete") == told
    assert len(llm.attempts()) == len(told)
    assert check(llm.db) == []
    with contextlib.closing(Store(llm.db)) as store:
        assert len(store.search("answer", 0)) == len(told)
        assert all(one.turns == TURNS and one.head for one in store.conversations())
