"""Turns that happen: rows before answers, text while it comes, files when the database cannot."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_server import FaultServer
from good_server import GoodServer
from stored import WHOLE, check, running, turn, writer
from support import COMMAND, Llm, write_card

from llmcli.config import load
from llmcli.errors import LocalIOError
from llmcli.recorder import Recorder
from llmcli.spending import Window
from llmcli.store import Store, default_path, spools, waiting

KILLS = int(os.environ.get("LLM_KILLS", "20"))
AT_ONCE = 5
LOST_SECONDS = 1.0
SLACK_SECONDS = 0.7  # for a machine that does much at once


class Taped(Recorder):
    """A recorder whose warnings are kept."""

    def __init__(self, **how: object) -> None:
        self.told: list[str] = []
        super().__init__(load(), self.told.append, **how)  # type: ignore[arg-type]


@pytest.fixture
def recorder() -> Iterator[Taped]:
    """The recorder of the private home."""
    made = Taped(terminal="tty")
    yield made
    made.end()


@contextlib.contextmanager
def unusable() -> Iterator[None]:
    """The history cannot be written: a newer llm has been here."""
    with contextlib.closing(sqlite3.connect(default_path())) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("PRAGMA user_version = 99")
        yield
        db.execute(f"PRAGMA user_version = {version}")


def stored() -> Store:
    """The history, to be looked at."""
    return Store(default_path(), changes=False)


def test_a_chat_of_turns(recorder: Taped) -> None:
    """One store serves them all, and knows the terminal."""
    for number in (1, 2):
        recorder.begin(running(turn(number)))
        recorder.close(turn(number))
    store = recorder.store()
    assert store
    found = store.last_here("tty")
    assert found
    assert (found.id, found.head, found.turns) == ("C", "T2", 2)
    recorder.end()
    recorder.begin(running(turn(3)))
    recorder.close(turn(3))
    recorder.close(turn(3))
    assert recorder.told == []
    with contextlib.closing(stored()) as reader:
        assert [one.id for one in reader.path("T3")] == ["T1", "T2", "T3"]


@pytest.mark.parametrize("how", ["argument", "config"])
def test_a_history_that_is_off(how: str) -> None:
    """No word is written, nothing is said; what was spent is known all the same."""
    home = Path(os.environ["LLMCLI_HOME"])
    if how == "config":
        (home / "config").mkdir(parents=True)
        (home / "config" / "config.toml").write_text("[history]\nenabled = false\n")
    recorder = Taped(enabled=how == "config")
    recorder.begin(running(turn(1)))
    recorder.close(turn(1, attempts=()))
    assert recorder.store() is None
    assert (recorder.told, (home / "data").exists()) == ([], False)
    told = turn(1).attempts[0]._replace(error_message="secret words", request_id="r")
    recorder.close(turn(1, attempts=(told,)))
    recorder.close(turn(1, attempts=(told,)))
    recorder.end()
    with contextlib.closing(stored()) as reader:
        assert (reader.turn("T1"), reader.conversations()) == (None, [])
        (spent,) = reader.accounts.totals(Window())
    assert (spent.sums.requests, spent.sums.cost) == (1, 1)
    for file in (home / "data").iterdir():
        assert not any(
            word in file.read_bytes() for word in (b"question 1", b"answer 1", b"secret")
        )


def test_what_cannot_be_stored_waits_and_is_taken_in_equal(recorder: Taped) -> None:
    """Every field, the terminal, and the place of the turn in its conversation."""
    recorder.begin(running(turn(1, WHOLE.conversation)))
    recorder.close(turn(1, WHOLE.conversation))
    recorder.end()
    whole = WHOLE._replace(parent="T1")
    with unusable():
        recorder.begin(running(whole))
        (file,) = waiting()
        assert file.name == f"{whole.id}.{os.getpid()}.running"
        recorder.close(whole)
    (file,) = waiting()
    assert file == spools()[0] / f"{whole.id}.json"
    assert file.stat().st_mode & 0o777 == 0o600
    (warning,) = recorder.told
    assert "newer" in warning
    assert str(file.parent) in warning
    recorder.end()
    recorder.begin(running(turn(9, "D")))
    assert waiting() == []
    with contextlib.closing(stored()) as reader:
        assert reader.turn(whole.id) == whole
        found = reader.find(whole.conversation)
        assert (found.head, found.terminal, found.turns) == (whole.id, "tty", 2)
    assert len(recorder.told) == 1


def test_several_that_wait_come_in_as_they_were_asked(recorder: Taped) -> None:
    """So that the conversation goes on from the last of them."""
    recorder.begin(running(turn(1)))
    recorder.close(turn(1))
    with unusable():
        for number in (2, 3, 4):
            recorder.end()
            recorder.begin(running(turn(number)))
            recorder.close(turn(number, text="" if number == 4 else "x"))
    assert len(waiting()) == 3
    assert len(recorder.told) == 1
    recorder.end()
    recorder.begin(running(turn(9, "D")))
    with contextlib.closing(stored()) as reader:
        assert reader.find("C").head == "T3"
        assert [one.id for one in reader.tree("C")] == ["T1", "T2", "T3", "T4"]


def test_a_database_that_is_free_again_at_the_end(recorder: Taped) -> None:
    """Nothing waits then; the warning said no more than was true."""
    recorder.begin(running(turn(1)))
    recorder.close(turn(1))
    recorder.end()
    with unusable():
        recorder.begin(running(turn(2)))
        assert len(waiting()) == 1
    recorder.end()
    recorder.close(turn(2))
    assert waiting() == []
    with contextlib.closing(stored()) as reader:
        assert reader.turn("T2") == turn(2)


def test_the_terminal_is_known_though_only_the_end_could_be_written(recorder: Taped) -> None:
    """So that the conversation is gone on with here."""
    Store(default_path()).close()
    with unusable():
        recorder.begin(running(turn(1)))
    recorder.close(turn(1))
    with contextlib.closing(stored()) as reader:
        assert reader.last_here("tty") == reader.find("C")


def test_the_end_waits_though_the_beginning_was_stored(recorder: Taped) -> None:
    """A later start takes it over what it presumed."""
    recorder.begin(running(turn(1)))
    with unusable():
        recorder.close(turn(1))
    assert len(waiting()) == 1
    with contextlib.closing(sqlite3.connect(default_path())) as db, db:
        db.execute("UPDATE turns SET pid = ?", (2**22 + 1,))
    recorder.end()
    recorder.begin(running(turn(9, "D")))
    with contextlib.closing(stored()) as reader:
        assert reader.turn("T1") == turn(1)
        assert reader.find("C").head == "T1"


def test_what_a_living_process_writes_is_left_to_it(recorder: Taped) -> None:
    """What a dead one left is taken in as incomplete."""
    recorder.begin(running(turn(1)))
    recorder.close(turn(1))
    recorder.end()
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    with unusable():
        recorder.begin(running(turn(2)))
        (mine,) = waiting()
    data = mine.read_bytes().replace(b'"text":""', b'"text":"half"').replace(b'"T2"', b'"T3"')
    assert b"half" in data or b'"text": ""' in data
    left = mine.with_name(f"T3.{child.stdout.strip()}.running")
    left.write_bytes(data.replace(b'"text": ""', b'"text": "half"'))
    other = Taped()
    other.begin(running(turn(9, "D")))
    other.end()
    assert waiting() == [mine]
    with contextlib.closing(stored()) as reader:
        found = reader.turn("T3")
        assert found
        assert (found.status, found.text) == ("incomplete", "half")
        assert reader.turn("T2") is None


def test_a_file_that_cannot_be_read_is_put_aside(recorder: Taped) -> None:
    """It is said once, kept, and does not stop the others."""
    folder = spools()[0]
    folder.mkdir(parents=True)
    for name, data in (("A", b"{"), ("B", b"[]"), ("C", b"\xff"), ("D", b"[" * 100_000)):
        (folder / f"{name}.json").write_bytes(data)
    recorder.begin(running(turn(1)))
    recorder.close(turn(1))
    assert len(recorder.told) == 4
    assert waiting() == []
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{name}.json.unreadable" for name in "ABCD"]
    assert len(check(default_path())) == 4
    recorder.begin(running(turn(2)))
    assert len(recorder.told) == 4


def test_a_history_that_is_required(recorder: Taped) -> None:
    """The error is raised, and the turn is safe all the same."""
    home = Path(os.environ["LLMCLI_HOME"])
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("[history]\nrequired = true\n")
    required = Taped()
    required.begin(running(turn(1)))
    with unusable():
        with pytest.raises(LocalIOError, match="newer"):
            required.close(turn(1))
        required.end()
        with pytest.raises(LocalIOError, match="newer"):
            required.begin(running(turn(2)))
    required.end()
    recorder.begin(running(turn(9, "D")))
    with contextlib.closing(stored()) as reader:
        assert reader.turn("T1") == turn(1)


def test_row_before_the_answer_and_text_after_a_kill(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    """SIGKILL in the middle: the row was there before; the next start calls it incomplete."""
    provider(faults.url("lines"), timeout={"silence": 20, "stall": 20})
    process = subprocess.Popen(
        [*COMMAND, "-m", "fs/m", "hi"],
        env=llm.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    os.read(process.stdout.fileno(), 1)
    assert [row["status"] for row in llm.turns()] == ["running"]
    while not llm.turns()[0]["text"]:
        os.read(process.stdout.fileno(), 65536)
    process.kill()
    process.stdout.close()
    process.wait()
    with GoodServer() as server:
        write_card(llm, server.url)
        assert llm("-m", "fs/m", "hi").err == ""
    assert [row["status"] for row in llm.turns()] == ["incomplete", "complete"]
    assert check(llm.db) == []


class Watched:
    """A command whose output is read as it comes, with the time of each piece."""

    def __init__(self, llm: Llm, prompt: str) -> None:
        self.pieces: list[tuple[float, int]] = []
        self.text = b""
        self.process = subprocess.Popen(
            [*COMMAND, "-m", "fs/m", prompt],
            env=llm.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.begun = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        while piece := os.read(self.process.stdout.fileno(), 65536):
            self.text += piece
            self.pieces.append((time.monotonic(), len(self.text)))
            self.begun.set()
        self.process.stdout.close()

    def kill(self) -> float:
        """End it with SIGKILL; when that was."""
        moment = time.monotonic()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()
        return moment

    def by(self, moment: float) -> int:
        """How many bytes had come by then."""
        return max((size for at, size in self.pieces if at <= moment), default=0)


def test_row_73_kill_at_any_moment_of_an_answer(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    """All the text up to a second before it is in the history."""
    provider(faults.url("lines"), timeout={"silence": 20, "stall": 20})
    rng = random.Random(73)
    for first in range(0, KILLS, AT_ONCE):
        watched = {f"n{first + n}": Watched(llm, f"n{first + n}") for n in range(AT_ONCE)}
        for one in watched.values():
            assert one.begun.wait(20)
        ends = sorted((rng.uniform(0, 2.5), prompt) for prompt in watched)
        since = time.monotonic()
        killed = {}
        for delay, prompt in ends:
            time.sleep(max(since + delay - time.monotonic(), 0))
            killed[prompt] = watched[prompt].kill()
        rows = {row["prompt"]: row["text"].encode() for row in llm.turns()}
        for prompt, one in watched.items():
            kept = rows[prompt]
            assert one.text.startswith(kept) or kept.startswith(one.text)
            assert len(kept) >= one.by(killed[prompt] - LOST_SECONDS - SLACK_SECONDS), prompt
    Store(llm.db).close()
    assert {row["status"] for row in llm.turns()} == {"incomplete"}
    assert check(llm.db) == []


def test_row_73_nothing_that_was_acknowledged_is_lost(llm: Llm) -> None:
    """Processes that write are killed at any moment; what they said is kept is there."""
    rng = random.Random(7)
    told: set[str] = set()
    for _ in range(KILLS):
        process = subprocess.Popen(writer(100_000), env=llm.env, stdout=subprocess.PIPE)
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(rng.randint(1, 60))]
        process.kill()
        lines += process.stdout.readlines()
        process.stdout.close()
        process.wait()
        told |= {line.decode().strip() for line in lines if line.endswith(b"\n")}
    rows = {row["id"]: row for row in llm.turns()}
    assert told <= {key for key, row in rows.items() if row["status"] == "complete"}
    assert len(rows) <= len(told) + 2 * KILLS
    assert check(llm.db) == []
    with contextlib.closing(Store(llm.db)) as store:
        assert {one.turn for one in store.search("answer", 0)} >= told
