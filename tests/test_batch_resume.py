"""A batch that is killed, interrupted or cut short goes on: nothing asked twice, nothing lost.

`LLM_BATCH=10000x20` makes the crash test as large as the promise is: prompts × kills.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer
from running import SECONDS, Running
from support import Llm

PROMPTS, KILLS = (int(number) for number in os.environ.get("LLM_BATCH", "300x5").split("x"))
WORKERS = 16 if PROMPTS < 1000 else 64


@pytest.fixture
def server(llm: Llm) -> Iterator[BatchServer]:
    """The default model; an answer takes 20 ms."""
    with BatchServer(latency=0.02 if PROMPTS < 1000 else 0.05) as started:
        started.provide(llm)
        yield started


def write_prompts(llm: Llm, count: int) -> None:
    """Prompts with ids that are not in order."""
    lines = [json.dumps({"id": f"id-{n * 7919 % count}", "prompt": f"p {n}"}) for n in range(count)]
    (llm.root / "in.jsonl").write_text("\n".join(lines))


def rows(llm: Llm) -> list[dict[str, Any]]:
    """The lines of the output."""
    return [json.loads(line) for line in (llm.root / "out.jsonl").read_text().splitlines()]


def begin(llm: Llm, *arguments: str) -> Running:
    """Start it."""
    return llm.start("batch", "in.jsonl", "-o", "out.jsonl", "-j", str(WORKERS), *arguments)


def lines_of(path: Path) -> int:
    """How many whole lines a file has."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(running: Running, path: Path, count: int) -> None:
    """Until the output has so many lines, or the run is over."""
    end = time.monotonic() + SECONDS
    while lines_of(path) < count and running.process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)


def wait_for_requests(server: BatchServer, count: int) -> None:
    """Until the server has seen so many."""
    end = time.monotonic() + SECONDS
    while server.stats()["requests"] < count:
        assert time.monotonic() < end


def test_kill_nine_at_random_moments(llm: Llm, server: BatchServer) -> None:
    """Every prompt has one answer; no more calls than prompts and those that were under way."""
    write_prompts(llm, PROMPTS)
    out = llm.root / "out.jsonl"
    for _ in range(KILLS):
        running = begin(llm)
        most = max(PROMPTS - lines_of(out) - WORKERS, 1)
        share = random.randrange(1, 2 * PROMPTS // (KILLS + 1))
        wait_for_lines(running, out, lines_of(out) + min(share, most))
        running.kill()
    done = begin(llm).finish(timeout=120)
    assert done.code == 0, done.err
    found = rows(llm)
    assert [row["text"] for row in found] == [f"re: p {n}" for n in range(PROMPTS)]
    assert len({row["id"] for row in found}) == PROMPTS
    stats = server.stats()
    assert stats["distinct"] == PROMPTS
    assert PROMPTS <= stats["requests"] <= PROMPTS + KILLS * WORKERS
    assert stats["high"] <= WORKERS
    entries = llm.query("SELECT turn, status FROM attempts")
    answered = {entry["turn"] for entry in entries if entry["status"] == "complete"}
    assert answered >= {row["call"] for row in found}
    assert stats["requests"] <= len(entries) <= stats["requests"] + KILLS * WORKERS
    assert {entry["status"] for entry in entries} <= {"complete", "interrupted"}
    assert [path.name for path in llm.root.iterdir() if path.name.startswith(".")] == []


def test_a_torn_last_line(llm: Llm, server: BatchServer) -> None:
    """What a crash left of a line is cut off and asked again; what a loss of power left, too."""
    write_prompts(llm, 3)
    assert begin(llm).finish().code == 0
    out = llm.root / "out.jsonl"
    whole = out.read_bytes()
    for torn in (whole[:-20], whole[: whole.rindex(b"{") - 400] or whole[:3], whole + b"\0" * 9):
        out.write_bytes(torn)
        assert begin(llm).finish().code == 0
        assert len(rows(llm)) == 3


def test_a_line_that_is_whole_but_has_no_end(llm: Llm, server: BatchServer) -> None:
    """It is an answer all the same: it gets its end, and lines after it."""
    write_prompts(llm, 3)
    begin(llm, "--limit", "2").finish()
    out = llm.root / "out.jsonl"
    out.write_bytes(out.read_bytes()[:-1])
    assert begin(llm).finish().code == 0
    assert [row["text"] for row in rows(llm)] == ["re: p 0", "re: p 1", "re: p 2"]
    assert server.stats()["requests"] == 3


def test_a_file_of_other_lines_is_left_alone(llm: Llm, server: BatchServer) -> None:
    """Though its only line has no end and begins as one of a batch does."""
    write_prompts(llm, 1)
    (llm.root / "out.jsonl").write_text('{"id": 1, "prompt": "precious"}')
    done = begin(llm).finish()
    assert (done.code, server.stats()["requests"]) == (2, 0)
    assert "out.jsonl, line 1 is no line of a batch" in done.err
    assert (llm.root / "out.jsonl").read_text() == '{"id": 1, "prompt": "precious"}'


def test_ctrl_c(llm: Llm, server: BatchServer) -> None:
    """Calls under way are waited for, the process dies of SIGINT, and no call is made twice."""
    write_prompts(llm, 200)
    running = begin(llm)
    wait_for_lines(running, llm.root / "out.jsonl", 30)
    running.signal(signal.SIGINT)
    stopped = running.finish()
    assert stopped.code == -signal.SIGINT
    assert "to go on, run the same command again" in stopped.err
    assert server.stats()["requests"] == len(rows(llm)) < 200
    assert len(llm.attempts()) == len(rows(llm))
    assert begin(llm).finish().code == 0
    assert server.stats()["requests"] == 200
    assert [row["text"] for row in rows(llm)] == [f"re: p {n}" for n in range(200)]


def test_ctrl_c_twice(llm: Llm, server: BatchServer) -> None:
    """The second one waits for nothing; what was under way is in the ledger at the next run."""
    server.set(latency=60)
    write_prompts(llm, 50)
    running = begin(llm)
    wait_for_requests(server, WORKERS)
    running.signal(signal.SIGINT)
    running.wait_for(b"Ctrl-C again stops at once", where="err")
    running.signal(signal.SIGINT)
    assert running.finish().code == -signal.SIGINT
    server.set(latency=0)
    assert begin(llm).finish().code == 0
    kinds = [entry["status"] for entry in llm.attempts()]
    assert (kinds.count("complete"), kinds.count("interrupted")) == (50, WORKERS)
    lost = next(entry for entry in llm.attempts() if entry["status"] == "interrupted")
    assert (lost["cost"], lost["provider"], lost["model"]) == (None, "fs", "m")


def test_two_at_once(llm: Llm, server: BatchServer) -> None:
    """A second batch into the same file is refused while the first one writes."""
    write_prompts(llm, 20)
    server.set(latency=60)
    running = begin(llm)
    wait_for_requests(server, WORKERS)
    second = llm("batch", "in.jsonl", "-o", "out.jsonl")
    assert second.code == 2
    assert "another batch writes out.jsonl" in second.err
    assert server.stats()["requests"] == WORKERS
    running.kill()


def test_a_ledger_that_cannot_be_written(llm: Llm, server: BatchServer) -> None:
    """The answers are there, the trouble is told, and the next run brings the ledger up to date."""
    write_prompts(llm, 20)
    llm.db.parent.parent.mkdir(parents=True, exist_ok=True)
    llm.db.parent.touch()
    done = begin(llm).finish(timeout=60)
    assert done.code == 0
    assert "20 calls are not in the ledger" in done.err
    assert len(rows(llm)) == 20
    llm.db.parent.unlink()
    assert begin(llm).finish().code == 0
    assert server.stats()["requests"] == 20
    entries = llm.attempts()
    assert {entry["turn"] for entry in entries} == {row["call"] for row in rows(llm)}
    for name in ("input", "output", "cost", "status", "seconds", "first_token_s"):
        assert all(entry[name] is not None for entry in entries), name


def test_a_full_disk(llm: Llm, server: BatchServer) -> None:
    """No torn line is left behind; exit 10; it goes on when there is room."""
    write_prompts(llm, 60)
    done = llm("batch", "in.jsonl", "-o", "out.jsonl", "-j", "2", wrap='ulimit -f 16; exec "$@"')
    assert done.code == 10
    assert "out.jsonl cannot be written" in done.err
    assert 0 < len(rows(llm)) < 60
    assert begin(llm).finish().code == 0
    assert [row["text"] for row in rows(llm)] == [f"re: p {n}" for n in range(60)]


def test_as_completed_keeps_what_comes(llm: Llm, server: BatchServer) -> None:
    """The file is only added to."""
    write_prompts(llm, 40)
    assert begin(llm, "--as-completed").finish().code == 0
    assert {row["text"] for row in rows(llm)} == {f"re: p {n}" for n in range(40)}
    inode = (llm.root / "out.jsonl").stat().st_ino
    assert begin(llm, "--as-completed").finish().code == 0
    assert (llm.root / "out.jsonl").stat().st_ino == inode


def test_a_file_that_is_a_link(llm: Llm, server: BatchServer) -> None:
    """It stays one, and its target keeps its mode."""
    write_prompts(llm, 30)
    (llm.root / "real.jsonl").touch(mode=0o644)
    (llm.root / "real.jsonl").chmod(0o644)
    (llm.root / "out.jsonl").symlink_to("real.jsonl")
    assert begin(llm).finish().code == 0
    assert (llm.root / "out.jsonl").is_symlink()
    assert (llm.root / "real.jsonl").stat().st_mode & 0o777 == 0o644
    assert [row["text"] for row in rows(llm)] == [f"re: p {n}" for n in range(30)]
