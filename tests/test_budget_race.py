"""A crowd that spends from one budget: never too much, and never stuck."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from money_server import PIECES, MoneyServer
from running import Result
from support import Llm

PROCESSES, CALLS = (20, 20) if os.environ.get("LLM_CROWD") else (6, 4)
ANSWER = Decimal("0.05001")  # what one costs; a bit more is held for it
AGAIN = (
    f'for n in $(seq {CALLS}); do "$@"; code=$?; test $code = 0 || test $code = 5 || exit 9; done'
)


@pytest.fixture
def server(llm: Llm) -> Iterator[MoneyServer]:
    """The command's default provider."""
    with MoneyServer() as found:
        found.provide(llm)
        yield found


def together(llm: Llm, *arguments: str) -> list[Result]:
    """A crowd of processes that each ask several times."""
    found: list[Result] = []

    def ask() -> None:
        found.append(llm(*arguments, "-q", wrap=AGAIN, timeout=240))

    threads = [threading.Thread(target=ask) for _ in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def spent(llm: Llm) -> Decimal:
    """All that the ledger says."""
    return sum((Decimal(row["cost"]) for row in llm.attempts()), Decimal(0))


@pytest.mark.parametrize("logged", [True, False])
def test_a_crowd_never_passes_the_day(llm: Llm, server: MoneyServer, logged: bool) -> None:
    """Half of the calls fit: those are made, to the last, and every other one is refused."""
    fitting = PROCESSES * CALLS // 2
    day = ANSWER * fitting + ANSWER / 2
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text(f"[budget]\nday = {day}\n")
    words = ("hi", "-o", f"max_output_tokens={PIECES}", *([] if logged else ["--no-log"]))
    results = together(llm, *words)
    assert [one.code for one in results if one.code not in (0, 5)] == []
    assert spent(llm) <= day
    assert spent(llm) == ANSWER * server.arrived
    assert llm.query("SELECT * FROM holds") == []
    # A call is refused while others hold what they give back; none holds more than one answer.
    assert server.arrived > fitting - PROCESSES
    while server.arrived < fitting:
        assert llm(*words).code == 0
    assert llm(*words).code == 5
    assert spent(llm) <= day


def test_calls_that_cost_more_than_was_held(llm: Llm, server: MoneyServer) -> None:
    """Then it is too much by those that were under way, and by no other."""
    day = ANSWER * 5
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text(f"[budget]\nday = {day}\n")
    together(llm, "silent", "-o", "max_output_tokens=1")
    (row,) = llm.query("SELECT sum(coalesce(pico, guess)) AS pico FROM attempts")
    assert Decimal(row["pico"]).scaleb(-12) <= day + PROCESSES * ANSWER * 2
    assert llm.query("SELECT * FROM holds") == []


def test_killed_calls_hold_nothing(llm: Llm, server: MoneyServer) -> None:
    """Some of a crowd die with kill -9 while they wait; all the money is there for the next."""
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text(f"[budget]\nday = {ANSWER * 4}\n")
    words = ("-o", f"max_output_tokens={PIECES}")
    waiting = [llm.start("wait", *words) for _ in range(3)]
    server.wait_for(3)
    for one in waiting:
        one.signal(signal.SIGKILL)
        one.finish()
    server.gate.set()
    assert [llm("hi", *words).code for _ in range(4)] == [0, 0, 0, 5]
