"""The ledger: every physical attempt is one entry, and the sums are those of the entries."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from chatting import ChatServer, until
from fault_server import Exchange, FaultServer, fault
from stored import BEGUN, WHOLE, check, running, turn, write_version_1, writer, wrong_sums
from support import Llm, write_card

from llmcli.ledger import Entry
from llmcli.recorder import spool
from llmcli.report.grouping import together
from llmcli.spending import Sums, Window
from llmcli.store import Store, ledger_schema
from llmcli.store.migrations import MIGRATIONS
from llmcli.turn import Conversation
from llmcli.usage import Usage

PRICES = {"m": {"cost": {"input": 1, "output": 2}}}
PAID = Decimal("0.000019")  # 9 tokens in, 5 out
ROUNDS = int(os.environ.get("LLM_KILLS", "8"))
Ask = Callable[..., Any]


@fault("paused-once")
def _paused_once(exchange: Exchange) -> None:
    """The first call of Anthropic's Messages pauses after a search, the second ends."""
    first = exchange.request.number == 1
    search = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
    words = {"type": "text", "text": "Looking" if first else ", found."}
    usage = dict.fromkeys(("input_tokens", "output_tokens"), 10 if first else 7)
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "1", "usage": usage}}
    ]
    for index, block in enumerate([words, search] if first else [words]):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    reason = {"stop_reason": "pause_turn" if first else "end_turn"}
    events.append({"type": "message_delta", "delta": reason, "usage": usage})
    events.append({"type": "message_stop"})
    told = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    exchange.stream("".join(told).encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a history is that no command writes."""
    return tmp_path / "data" / "history.db"


def sums(path: Path) -> Sums:
    """What the history says was spent in all; its sums must be those of its rows."""
    assert check(path) == []
    with contextlib.closing(Store(path, changes=False)) as store:
        return together(store.accounts.totals(Window())).sums


def entries(llm: Llm) -> list[tuple[Any, ...]]:
    """Number, status, why, tokens out and cost of each entry."""
    names = ("number", "status", "cause", "output", "cost")
    return [tuple(row[name] for name in names) for row in llm.attempts()]


def test_an_answer(llm: Llm, ask: Ask) -> None:
    """One entry with tokens, cost, when it began and how long its first token took."""
    before = time.time()
    assert ask("ok", models=PRICES).code == 0
    (row,) = llm.attempts()
    assert entries(llm) == [(1, "complete", "question", 5, str(PAID))]
    assert before <= row["started"] <= time.time()
    assert 0 < row["first_token_s"] <= row["seconds"]
    assert (row["kind"], row["tags"], row["conversation"]) == (
        "answer", "", llm.turns()[0]["conversation"],
    )  # fmt: skip
    assert row["day"] == time.strftime("%Y-%m-%d", time.localtime(row["started"]))
    found = sums(llm.db)
    assert found._replace(seconds=0.0, first_seconds=0.0) == Sums(
        requests=1, input=9, output=5, cost=PAID, first_count=1
    )


def test_a_failure_before_anything_came(llm: Llm, ask: Ask) -> None:
    """It is counted and cost nothing; no price is missing."""
    assert ask("http:400", models=PRICES).code == 9
    assert entries(llm) == [(1, "failed", "question", None, None)]
    found = sums(llm.db)
    assert (found.requests, found.failures, found.unpriced, found.unsaid) == (1, 1, 0, 0)


def test_retries(llm: Llm, ask: Ask) -> None:
    """Each try is an entry that says why it was made."""
    assert ask("flaky:503", models=PRICES).code == 0
    assert entries(llm) == [
        (1, "failed", "question", None, None),
        (2, "failed", "retry", None, None),
        (3, "complete", "retry", 5, str(PAID)),
    ]
    found = sums(llm.db)
    assert (found.requests, found.failures, found.retries, found.cost) == (3, 2, 2, PAID)


def test_a_fallback(llm: Llm, faults: FaultServer) -> None:
    """The other model's entry says that it was asked in place of one that failed."""
    write_card(llm, faults.url("http:503"), "a", models=PRICES)
    write_card(llm, faults.url("ok"), "b")
    assert llm("-m", "a/m", "--fallback", "b/m", "--retries", "1", "hi").code == 0
    rows = [(row["provider"], row["status"], row["cause"]) for row in llm.attempts()]
    assert rows == [
        ("a", "failed", "question"), ("a", "failed", "retry"), ("b", "complete", "fallback"),
    ]  # fmt: skip
    found = sums(llm.db)
    assert (found.requests, found.retries, found.fallbacks, found.unpriced) == (3, 1, 1, 1)


def test_a_cut_stream(llm: Llm, ask: Ask) -> None:
    """What was used is not known: one entry without a price, never one of $0."""
    assert ask("no-end", models=PRICES).code == 8
    ((number, status, cause, _, cost),) = entries(llm)
    assert (number, status, cause, cost) == (1, "incomplete", "question", None)
    found = sums(llm.db)
    assert (found.failures, found.unpriced, found.cost) == (1, 1, 0)


def test_an_interruption(llm: Llm, chats: ChatServer) -> None:
    """Ctrl-C: the entry is interrupted and its price unknown."""
    run = llm.start("hold on")
    run.wait_for(b"One half")
    run.signal(signal.SIGINT)
    assert run.finish().code == -signal.SIGINT
    assert entries(llm) == [(1, "interrupted", "question", None, None)]
    (row,) = llm.attempts()
    assert row["first_token_s"] is not None
    found = sums(llm.db)
    assert (found.requests, found.interrupted, found.unpriced, found.failures) == (1, 1, 1, 0)


def test_a_pause(llm: Llm, ask: Ask) -> None:
    """Each call of the one answer is an entry, with a first token of its own."""
    assert ask("paused-once", adapter="anthropic", models=PRICES).code == 0
    assert entries(llm) == [
        (1, "complete", "question", 10, "0.00003"), (2, "complete", "pause", 7, "0.000021"),
    ]  # fmt: skip
    assert all(row["first_token_s"] <= row["seconds"] for row in llm.attempts())
    (row,) = llm.turns()
    assert Decimal(row["cost"]) == sums(llm.db).cost == Decimal("0.000051")


@pytest.mark.parametrize("how", ["option", "config"])
def test_no_word_but_the_cost(llm: Llm, ask: Ask, how: str) -> None:
    """With --no-log and with a history that is off."""
    if how == "config":
        llm.config.parent.mkdir(parents=True)
        llm.config.write_text("[history]\nenabled = false\n")
    words = ["--no-log"] if how == "option" else []
    done = ask("flaky:503", *words, "a canary in the prompt", models=PRICES)
    assert (done.code, done.err) == (0, "")
    assert ask("http:400", *words, "a canary in the prompt", models=PRICES).code == 9
    assert [row[:3] for row in entries(llm)] == [
        (1, "failed", "question"), (2, "failed", "retry"), (3, "complete", "retry"),
        (1, "failed", "question"),
    ]  # fmt: skip
    assert {row["error_message"] for row in llm.attempts()} == {None}
    assert llm.turns() == []
    assert (sums(llm.db).requests, sums(llm.db).cost) == (4, PAID)
    for file in llm.files():
        assert b"canary in" not in file.read_bytes(), file


def test_ctrl_c_without_a_log(llm: Llm, chats: ChatServer) -> None:
    """The same as with one."""
    run = llm.start("--no-log", "hold on")
    run.wait_for(b"One half")
    run.signal(signal.SIGINT)
    assert run.finish().code == -signal.SIGINT
    assert entries(llm) == [(1, "interrupted", "question", None, None)]
    assert sums(llm.db).interrupted == 1


def test_what_never_was_asked_is_no_entry(llm: Llm, faults: FaultServer) -> None:
    """Without a key nothing is sent; without a log not even a file is made."""
    write_card(llm, faults.url("ok"), key_env=["NOWHERE"])
    assert llm("-m", "fs/m", "--no-log", "hi").code == 4
    assert not llm.db.exists()
    assert llm("-m", "fs/m", "hi").code == 4
    assert (entries(llm), sums(llm.db)) == ([], Sums())


def test_tags(llm: Llm, ask: Ask) -> None:
    """Those of --tag over those of LLM_TAGS, in the order of their keys, on every attempt."""
    llm.env["LLM_TAGS"] = "project=search, run=1"
    assert ask("flaky:503", "--tag", "run=2", "--tag", "a=ü b", "hi").code == 0
    wanted = '{"a": "ü b", "project": "search", "run": "2"}'
    assert [row["tags"] for row in llm.attempts()] == [wanted] * 3
    with contextlib.closing(Store(llm.db, changes=False)) as store:
        (spent,) = store.accounts.totals(Window(tag="run"), ("tags",))
        assert spent.key == (wanted,)
        assert store.accounts.totals(Window(tag="run=1"), ("tags",)) == []
    assert sums(llm.db).requests == 3


@pytest.mark.parametrize("tag", ["x", "=x", "x=", "a b=c", "-x=1", "x=a\x1b[31m"])
def test_what_is_no_tag(llm: Llm, ask: Ask, tag: str) -> None:
    """One line, nothing sent."""
    done = ask("ok", "--tag", tag, "hi")
    assert done.code == 2
    assert "is no tag" in done.err.splitlines()[0]
    assert "\x1b" not in done.err
    assert entries(llm) == []


def test_a_turn_that_waited(llm: Llm, ask: Ask, faults: FaultServer) -> None:
    """The database could not take it: its entries come in with it, once."""
    assert ask("ok", models=PRICES).code == 0
    with contextlib.closing(sqlite3.connect(llm.db)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("PRAGMA user_version = 99")
        assert ask("flaky:503", "--tag", "run=7", "hi", models=PRICES).code == 0
        db.execute(f"PRAGMA user_version = {version}")
    assert len(entries(llm)) == 1
    assert ask("ok", models=PRICES).code == 0
    assert ask("ok", models=PRICES).code == 0
    found = sums(llm.db)
    assert (found.requests, found.retries, found.cost) == (6, 2, PAID * 4)
    assert len([row for row in llm.attempts() if row["tags"] == '{"run": "7"}']) == 3
    assert min(row["started"] for row in llm.attempts()) > time.time() - 600


def test_a_turn_that_waited_when_its_process_was_killed(llm: Llm, ask: Ask) -> None:
    """Its running attempt ends with it, and is counted."""
    assert ask("ok").code == 0
    (attempt,) = (Entry(1, "fs", "m", "running", started=BEGUN, seconds=0.5),)
    path = spool.write(running(turn(1))._replace(attempts=(attempt,)), "")
    assert path
    path.rename(path.with_name(f"T1.{2**22 + 1}.running"))
    assert ask("ok").code == 0
    assert [row["status"] for row in llm.attempts() if row["turn"] == "T1"] == ["incomplete"]
    assert sums(llm.db).requests == 3


@pytest.mark.parametrize("moment", ["at once", "later"])
def test_a_process_that_was_killed(llm: Llm, chats: ChatServer, moment: str) -> None:
    """Its call was made, and may have cost something: one entry, as far as it is known."""
    run = llm.start("hold on")
    run.wait_for(b"One half")
    if moment == "later":
        until(lambda: llm.attempts())
    run.kill()
    for _ in range(2):
        Store(llm.db).close()
    assert entries(llm) == [(1, "incomplete", "question", None, None)]
    (row,) = llm.attempts()
    assert (row["provider"], row["model"]) == ("fs", "m")
    assert row["conversation"] == llm.turns()[0]["conversation"]
    found = sums(llm.db)
    assert (found.requests, found.failures, found.unpriced) == (1, 1, 1)


def test_the_end_of_a_turn_that_was_given_up(path: Path) -> None:
    """What was presumed gives way to what comes later, also where nothing was sent after all."""
    for number, attempts in ((1, turn(1).attempts), (2, ())):
        with contextlib.closing(Store(path)) as store:
            store.begin(running(turn(number)))
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE turns SET pid = ? WHERE id = ?", (2**22 + 1, f"T{number}"))
        with contextlib.closing(Store(path)) as store:
            found = store.turn(f"T{number}")
            assert found
            assert [one.status for one in found.attempts] == ["incomplete"]
            late = turn(number, attempts=attempts, status="complete" if attempts else "failed")
            store.merge(Conversation("C"), [late])
            found = store.turn(f"T{number}")
            assert found
            assert found.attempts == attempts
    assert (sums(path).requests, sums(path).cost) == (1, 1)


def test_rm_and_import(llm: Llm, ask: Ask) -> None:
    """Words go, what was spent stays; the same turn coming back is not counted again."""
    ask("flaky:503", "--tag", "run=7", "hi", models=PRICES)
    before = sums(llm.db)
    document = llm("history", "export").text
    assert llm("history", "rm", "--yes", llm.turns()[0]["conversation"]).code == 0
    assert (llm.turns(), sums(llm.db)) == ([], before)
    for _ in range(2):
        assert llm("history", "import", "-", input=document.encode()).code == 0
        assert len(llm.turns()) == 1
        assert sums(llm.db)._replace(seconds=0, first_seconds=0) == before._replace(
            seconds=0, first_seconds=0
        )


def test_a_document_of_an_older_llm(llm: Llm, ask: Ask) -> None:
    """Its attempts do not say when they were made, nor why: they count on the day of their turn."""
    ask("ok", models=PRICES)
    document = llm("history", "export").json
    fresh = ("started", "first_token_s", "kind", "cause", "tags", "batch", "guess")
    (attempt,) = document["turns"][0]["attempts"]
    document["turns"][0]["attempts"] = [{k: v for k, v in attempt.items() if k not in fresh}]
    llm.db.unlink()
    assert llm("history", "import", "-", input=json.dumps(document).encode()).code == 0
    (row,) = llm.attempts()
    assert (row["started"], row["tags"]) == (llm.turns()[0]["started"], "")
    assert row["day"] == time.strftime("%Y-%m-%d", time.localtime(row["started"]))
    assert sums(llm.db).cost == PAID


def test_a_document_that_lies(llm: Llm, ask: Ask) -> None:
    """Amounts and counts beyond all sense are kept, and harm neither history nor sums."""
    ask("ok", models=PRICES)
    document = llm("history", "export").json
    (entry,) = document["turns"][0]["attempts"]
    usage = dict.fromkeys(entry["usage"], 2**63 - 1) | {"cost": None}
    odd = {"usage": usage, "guess": "9" * 20 + "E99", "cost": {"amount": "1E-30", "basis": "card"}}
    document["turns"][0]["attempts"] = [entry | odd | {"number": n} for n in range(1, 12)]
    llm.db.unlink()
    done = llm("history", "import", "-", input=json.dumps(document).encode())
    assert done.code == 0, done.err
    found = sums(llm.db)
    assert (found.requests, found.input) == (11, 11 * 10**12)
    assert found.cost == 11 * Decimal("1E-30")
    assert wrong_sums(llm.db) == []


def test_redact_masks_tags(llm: Llm, ask: Ask) -> None:
    """A text that is masked stands in no tag any more, nor in the sums."""
    ask("ok", "--tag", "client=canary7", "hi", models=PRICES)
    assert llm("history", "redact", "--yes", input=b"canary7\n").code == 0
    for file in llm.db.parent.iterdir():
        assert b"canary7" not in file.read_bytes(), file
    assert sums(llm.db).cost == PAID


def test_every_fact_comes_back(path: Path) -> None:
    """An entry is read as it was written, but for what is smaller than a trillionth of a guess."""
    with contextlib.closing(Store(path)) as store:
        whole = WHOLE._replace(parent=None)
        store.close_turn(whole)
        store.close_turn(whole)
        found = store.turn(WHOLE.id)
        assert found
        assert found.attempts == WHOLE.attempts
    assert sums(path).requests == 2


def test_what_has_no_speed(path: Path) -> None:
    """An answer that came in one piece tells nothing of how fast it was written."""
    used = Usage(10, 100)
    kept = [
        Entry(1, "p", "m", "complete", usage=used, seconds=2.0, first_token_s=1.0),
        Entry(2, "p", "m", "complete", usage=used, seconds=2.0, first_token_s=1.999),
        Entry(3, "p", "m", "complete", usage=used, seconds=2.0),
        Entry(4, "p", "m", "running", usage=used, seconds=2.0, first_token_s=1.0),
    ]
    with contextlib.closing(Store(path)) as store:
        store.accounts.keep("call", kept)
        store.accounts.keep("call", kept)
    found = sums(path)
    assert (found.requests, found.first_count, found.paced_output) == (3, 2, 100)
    assert round(found.paced_seconds, 6) == 1.0


def version_2(path: Path, odd: str = "") -> None:
    """A history as the second version of llm left it, with three conversations."""
    write_version_1(path, 6)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")
        MIGRATIONS[1].apply(db)
        db.execute("PRAGMA user_version = 2")
        db.execute("INSERT INTO attempts (turn, number, started, provider, model, status, seconds)"
                   " VALUES ('gone', 1, 1e9, 'fs', 'm', 'failed', 0.5)")  # fmt: skip
        if odd:
            db.execute(odd)
        db.execute("COMMIT")


def test_a_history_of_version_2(path: Path) -> None:
    """Its attempts become entries with day, conversation and sums."""
    version_2(path)
    found = sums_after_migration(path)
    assert (found.requests, found.failures, found.unpriced) == (7, 1, 0)
    assert (found.cost, found.input, found.output) == (Decimal("0.0123") * 6, 60, 120)
    with contextlib.closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT turn, conversation, day FROM attempts ORDER BY turn").fetchall()
    assert rows[0] == ("01T000000", "01C000000", time.strftime("%Y-%m-%d", time.localtime(BEGUN)))
    assert rows[-1][:2] == ("gone", None)


@pytest.mark.parametrize(
    "odd",
    [
        "UPDATE attempts SET cost = 'much'",
        "UPDATE attempts SET cost = 'NaN', currency = NULL",
        "UPDATE attempts SET started = 'yesterday'",
        "UPDATE attempts SET started = 9e999",
        "UPDATE attempts SET input = 9223372036854775807, output = 9223372036854775807",
        "UPDATE attempts SET seconds = 1e300",
        "UPDATE attempts SET cost = '0.000000000000000000000000000001'",
    ],
)
def test_no_row_of_version_2_stops_it(path: Path, odd: str) -> None:
    """Also none that an llm would never have written."""
    version_2(path, odd)
    Store(path).close()
    assert check(path) == []
    with contextlib.closing(Store(path)) as store:
        assert len(store.conversations()) == 3
        (whole,) = store.accounts.totals(Window(), paced=True)
        assert whole.sums.cost.is_finite()
        store.close_turn(turn(1, "D"))
    assert check(path) == []


def sums_after_migration(path: Path) -> Sums:
    """Bring it up to date and look."""
    Store(path).close()
    return sums(path)


def test_kill_at_any_moment(llm: Llm) -> None:
    """Processes that write are killed: the sums are those of what is there."""
    for number in range(ROUNDS):
        process = subprocess.Popen(writer(100_000), env=llm.env, stdout=subprocess.PIPE)
        assert process.stdout
        for _ in range(5 + number):
            process.stdout.readline()
        process.kill()
        process.stdout.close()
        process.wait()
        assert wrong_sums(llm.db) == []
    Store(llm.db).close()
    assert sums(llm.db).requests == len(llm.attempts()) == len(llm.turns())


_CROWD = """
import sys
from llmcli.ledger import Entry
from llmcli.store import Store, default_path
from llmcli.usage import Cost
from decimal import Decimal
store = Store(default_path())
for number in range(int(sys.argv[2])):
    cost = Cost(Decimal("0.000000000001"), "card")
    store.accounts.keep(f"{sys.argv[1]}-{number}", [Entry(1, "p", "m", "complete", cost=cost)])
"""


def test_a_crowd(llm: Llm) -> None:
    """Ten processes write at once: not one entry is lost, not one counted twice."""
    command = [sys.executable, "-c", _CROWD]
    crowd = [subprocess.Popen([*command, str(n), "10"], env=llm.env) for n in range(10)]
    assert [process.wait() for process in crowd] == [0] * 10
    found = sums(llm.db)
    assert (found.requests, found.cost) == (100, Decimal("1E-10"))


def test_sums_that_are_wrong_are_found(path: Path) -> None:
    """The check that all these tests rest on sees one entry too many, and a trillionth."""
    with contextlib.closing(Store(path)) as store:
        store.close_turn(turn(1))
    assert wrong_sums(path) == []
    wrong = ("requests = requests + 1", "pico = pico + 1", "day = '2000-01-01'")
    for change in wrong:
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(f"UPDATE spending SET {change}")
            db.commit()
            assert wrong_sums(path) != []
            ledger_schema.sum_up(db)
            db.commit()
        assert wrong_sums(path) == []
