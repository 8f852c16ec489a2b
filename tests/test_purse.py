"""A purse that many threads and processes spend from at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from support import Llm

from llmcli.config import load
from llmcli.errors import BudgetReached, LocalIOError
from llmcli.ledger import Entry
from llmcli.purse import Purse
from llmcli.store import Store, default_path
from llmcli.store.processes import younger
from llmcli.turn import new_id
from llmcli.usage import Cost

CALL = Decimal("0.01")
THREADS = 12


def limit(llm: Llm, text: str) -> None:
    """Write the config."""
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text(text)


def open_purse(
    max_cost: Decimal | None = None, warn: Callable[[str], None] = print, tag: str = ""
) -> Purse:
    """A purse by the config of this test's home."""
    return Purse(load(), (("run", tag),) if tag else (), max_cost, warn)


def spend(purse: Purse, store: Store, lock: threading.Lock, cost: Decimal = CALL) -> int:
    """Call until the purse refuses, writing an entry each; how many calls it was."""
    made = 0
    while True:
        try:
            purse.take(CALL)
        except BudgetReached:
            return made
        entry = Entry(1, "fs", "m", "complete", cost=Cost(cost, "card"), started=time.time())
        with lock:
            store.accounts.keep(new_id(), [entry])
        purse.give(CALL, Cost(cost, "card"))
        made += 1


def crowd(purses: list[Purse], cost: Decimal = CALL) -> int:
    """Let threads spend from these purses; how many calls they made in all."""
    made: list[int] = []
    lock = threading.Lock()
    with closing(Store(default_path())) as store:
        threads = [
            threading.Thread(
                target=lambda purse=purse: made.append(spend(purse, store, lock, cost))  # type: ignore[misc]
            )
            for number in range(THREADS)
            for purse in [purses[number % len(purses)]]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(made)


def held() -> list[Decimal]:
    """What is held in the database."""
    with closing(sqlite3.connect(default_path())) as db:
        rows = db.execute("SELECT amount FROM holds").fetchall()
        return [Decimal(amount).scaleb(-12) for (amount,) in rows]


def test_max_cost_is_for_all(llm: Llm) -> None:
    """To the last cent, and no database is needed for it."""
    purse = open_purse(CALL * 100)
    taken: list[int] = []

    def take() -> None:
        made = 0
        try:
            while True:
                purse.take(CALL)
                purse.give(CALL, Cost(CALL, "card"))
                made += 1
        except BudgetReached:
            taken.append(made)

    threads = [threading.Thread(target=take) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    purse.close()
    assert sum(taken) == 100
    assert not default_path().exists()


@pytest.mark.parametrize("purses", [1, 3])
def test_a_day_is_used_up_to_the_last_call(llm: Llm, purses: int) -> None:
    """By several purses, as several commands would have them: as many calls as fit, none more."""
    limit(llm, f"[budget]\nday = {CALL * 150}\n")
    opened = [open_purse() for _ in range(purses)]
    made = crowd(opened)
    for purse in opened:
        purse.close()
    last = open_purse()
    with closing(Store(default_path())) as store:
        made += spend(last, store, threading.Lock())
    last.close()
    assert made == 150
    assert held() == []


def test_it_holds_for_more_than_one_call(llm: Llm) -> None:
    """One write for many calls; with `close` nothing is held."""
    limit(llm, "[budget]\nday = 100\n")
    purse = open_purse()
    for _ in range(5):
        purse.take(CALL)
        purse.give(CALL, Cost(CALL, "card"))
    (amount,) = held()
    assert amount >= CALL * 5
    purse.close()
    assert held() == []


def test_calls_that_cost_more_than_was_taken(llm: Llm) -> None:
    """Over by what was under way at the end, no more."""
    limit(llm, f"[budget]\nday = {CALL * 100}\n")
    made = crowd([purse := open_purse()], CALL * 2)
    purse.close()
    assert 40 <= made <= 50 + THREADS


def test_warnings_and_unknown_prices(llm: Llm) -> None:
    """Each is told once; `max_cost` cannot count what has no price."""
    limit(llm, "[budget]\nday = { warn = 0.005 }\nper_call = { warn = 0.005, refuse = 1 }\n")
    told: list[str] = []
    purse = open_purse(warn=told.append)
    for amount in (CALL, CALL, None, None):
        purse.take(amount, "fs/m")
    assert told == [
        "per_call budget: over $0.0050 (this call ≈ $0.01; $1.00 is refused)",
        "day budget: over $0.0050 ($0.00 spent, this call ≈ $0.01)",
        "fs/m has no known price, so [budget] does not count it",
    ]
    with pytest.raises(BudgetReached, match="per_call budget") as caught:
        purse.take(Decimal(2))
    assert caught.value.limit == "per_call"
    purse.close()
    with pytest.raises(BudgetReached, match="no known price"):
        open_purse(CALL).take(None, "fs/m")


def test_tags_and_the_inactive(llm: Llm) -> None:
    """A limit of a tag holds for purses that have it."""
    limit(llm, f"[budget]\nper_tag = {{ run = {CALL * 2} }}\n")
    tagged = open_purse(tag="7")
    tagged.take(CALL)
    tagged.take(CALL)
    with pytest.raises(BudgetReached, match="run=7"):
        tagged.take(CALL)
    other = open_purse(tag="8")
    other.take(CALL)
    for purse in (tagged, other):
        purse.close()
    llm.config.unlink()
    assert not open_purse().active


def test_what_is_free_is_always_granted(llm: Llm) -> None:
    """Where more is spent already than may be."""
    purse = open_purse(CALL)
    purse.take(CALL)
    purse.give(CALL, Cost(CALL * 2, "card"))
    purse.take(Decimal(0))
    with pytest.raises(BudgetReached):
        purse.take(CALL)


def test_calls_under_way_are_no_part_of_this_one(llm: Llm) -> None:
    """Neither in a refusal nor in a warning."""
    limit(llm, f"[budget]\nday = {{ warn = {CALL * 2}, refuse = {CALL * 3} }}\n")
    told: list[str] = []
    purse = open_purse(warn=told.append)
    for _ in range(3):
        purse.take(CALL)
    held = "($0.00 spent, ≈ $0.02 held by other calls, this call ≈ $0.01; $0.03 is refused)"
    assert told == [f"day budget: over $0.02 {held}"]
    with pytest.raises(BudgetReached, match=r"0.00 spent, ≈ \$0.03 held by .*, this call ≈ \$0.01"):
        purse.take(CALL)
    purse.close()


def test_what_is_in_the_ledger_is_held_no_more(llm: Llm) -> None:
    """To the last cent, one after another, with no wait near the limit."""
    limit(llm, f"[budget]\nday = {CALL * 20}\n")
    purse, begun = open_purse(), time.monotonic()
    with closing(Store(default_path())) as store:
        assert spend(purse, store, threading.Lock()) == 20
    purse.close()
    assert time.monotonic() - begun < 2


def hold(pid: int, made: float) -> None:
    """What a process holds since then."""
    with closing(sqlite3.connect(default_path())) as db:
        row = (str(pid), pid, made, "9999-01-01", int(CALL.scaleb(12)))
        db.execute("INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?, NULL, '')", row)
        db.commit()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began")
def test_the_number_of_a_killed_process_is_taken(llm: Llm) -> None:
    """Who has it now is younger than what is held."""
    limit(llm, f"[budget]\nday = {CALL}\n")
    with closing(Store(default_path())):
        pass
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:  # it ends with the block
        assert younger(child.pid, 60)
        assert not younger(child.pid, 0)
        hold(child.pid, time.time() - 1)
        with pytest.raises(BudgetReached, match="held by other calls"):
            open_purse().take(CALL)
        hold(child.pid, time.time() - 7200)
        open_purse().take(CALL)


@pytest.mark.skipif(younger(1, 7300), reason="no process here is two hours old")
def test_who_lives_holds_on(llm: Llm) -> None:
    """However long it takes."""
    limit(llm, f"[budget]\nday = {CALL}\n")
    with closing(Store(default_path())):
        pass
    hold(1, time.time() - 7200)
    with pytest.raises(BudgetReached, match="held by other calls"):
        open_purse().take(CALL)


def test_a_database_that_cannot_be_used(llm: Llm, tmp_path: Path) -> None:
    """Where a limit refuses, no call may be made."""
    limit(llm, "[budget]\nday = 1\n")
    with closing(Store(default_path())):
        pass
    with closing(sqlite3.connect(default_path())) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LocalIOError, match="the budget cannot be checked"):
        open_purse().take(CALL)
