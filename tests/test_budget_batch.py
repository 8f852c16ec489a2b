"""`llm batch` with a budget: used up to the last call, killed, and stopped while others wait."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from decimal import Decimal

import pytest
from batch_server import BatchServer
from running import Result, Running
from support import Llm

ANSWER = Decimal("0.000008")
PROMPTS = 120
WORDS = ("batch", "in.txt", "-o", "out.jsonl", "-j", "8", "-O", "max_output_tokens=3")


@pytest.fixture
def server(llm: Llm) -> Iterator[BatchServer]:
    """The default model, and a file of prompts for it."""
    with BatchServer(latency=0.02) as started:
        started.provide(llm)
        lines = "".join(f"word {number}\n" for number in range(PROMPTS))
        (llm.root / "in.txt").write_text(lines)
        yield started


def limit(llm: Llm, answers: str) -> None:
    """Let a day pay for so many answers."""
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text(f"[budget]\nday = {ANSWER * Decimal(answers):f}\n")


def lines(llm: Llm) -> int:
    """How many prompts have their line."""
    path = llm.root / "out.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def spent(llm: Llm) -> Decimal:
    """All that the ledger says, after which nothing is held."""
    assert llm.query("SELECT * FROM holds") == []
    return sum((Decimal(row["cost"]) for row in llm.attempts() if row["cost"]), Decimal(0))


def ends(done: Result) -> None:
    """It says that the day is used up, and how to go on."""
    assert (done.code, "day budget of $" in done.err) == (5, True), done.err
    assert "run the same command again with more to spend" in done.err


def test_a_day_is_used_up_to_the_last_answer(llm: Llm, server: BatchServer) -> None:
    """Then it stops, and with more to spend goes on; no prompt is asked twice."""
    limit(llm, "100.5")
    ends(llm(*WORDS))
    assert (lines(llm), spent(llm)) == (100, ANSWER * 100)
    limit(llm, "200")
    assert llm(*WORDS).code == 0
    assert (lines(llm), spent(llm)) == (PROMPTS, ANSWER * PROMPTS)
    assert server.stats()["most_often"] == 1


def killed(llm: Llm, server: BatchServer, answers: int) -> None:
    """Run it until so many more requests came, then kill it."""
    wanted = server.stats()["requests"] + answers
    run: Running = llm.start(*WORDS)
    while server.stats()["requests"] < wanted:
        assert run.process.poll() is None
    run.signal(signal.SIGKILL)
    run.finish()


def test_one_that_is_killed_holds_nothing(llm: Llm, server: BatchServer) -> None:
    """Another goes on with all the money, up to the limit."""
    limit(llm, "60.5")
    for _ in range(2):
        killed(llm, server, 12)
    assert llm("budget", "--json").json[0]["held"] == "0"
    ends(llm(*WORDS))
    assert ANSWER * 58 < spent(llm) <= ANSWER * 60
    assert lines(llm) >= 58


def test_one_that_fails_leaves_no_worker_waiting(llm: Llm, server: BatchServer) -> None:
    """The others wait for the money of a call that will not be made."""
    limit(llm, "1.5")
    (llm.root / ".out.jsonl.asked").mkdir()
    done = llm(*WORDS)
    assert (done.code, "cannot be written" in done.err) == (10, True), done.err
