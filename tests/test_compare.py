"""`llm compare`: several models answer at once, whole, in their order; one that fails is one."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from chatting import ChatServer, until
from fault_server import FaultServer
from faults import OSC
from spoken import TEXT
from stored import check
from support import KEY, Llm, write_card

PRICES = {"m": {"cost": {"input": 1, "output": 2}}}
USAGE_COST = "0.000019"  # of the 9 and 5 tokens that the server tells


@pytest.fixture
def both(llm: Llm, faults: FaultServer) -> Llm:
    """The providers `a`, with prices, and `b`, without, which answer well."""
    write_card(llm, faults.url("ok"), "a", models=PRICES)
    write_card(llm, faults.url("ok"), "b")
    return llm


@pytest.fixture
def held(llm: Llm, faults: FaultServer) -> Iterator[ChatServer]:
    """The provider `slow`, whose second half waits for a gate, and `a`, which does not."""
    write_card(llm, faults.url("ok"), "a", models=PRICES)
    with ChatServer() as server:
        timeout = dict.fromkeys(("connect", "first_event", "silence", "stall"), 20.0)
        write_card(llm, server.base, "slow", timeout=timeout)
        yield server
        server.gate.set()


def kept(llm: Llm) -> list[dict[str, Any]]:
    """The turns in the history, none while it is being made."""
    with contextlib.suppress(sqlite3.OperationalError):
        return llm.turns()
    return []


def test_each_answer_whole_under_its_heading(both: Llm) -> None:
    """In a pipe: in the order of -m, nothing on stderr."""
    done = both("compare", "-m", "b/m", "-m", "a/m", "hi")
    assert (done.code, done.err) == (0, "")
    assert done.text == f"## b/m\n\n{TEXT}\n\n## a/m\n\n{TEXT}\n"


def test_the_order_is_that_of_the_models_whoever_is_first(llm: Llm, held: ChatServer) -> None:
    """What the first one says comes as it comes; the second waits for its place."""
    run = llm.start("compare", "-m", "slow/m", "-m", "a/m", "hold on")
    run.wait_for(b"One half")
    until(lambda: "complete" in {row["status"] for row in kept(llm)})
    assert run.out == b"## slow/m\n\nOne half"
    held.gate.set()
    done = run.finish()
    assert done.code == 0, done.err
    assert done.text == (f"## slow/m\n\nOne half, the other half of: hold on\n\n## a/m\n\n{TEXT}\n")


def test_they_are_asked_at_once(llm: Llm, held: ChatServer) -> None:
    """All are asked before the first has answered, and written down before they are asked."""
    run = llm.start("compare", "-m", "slow/m", "-m", "a/m", "hold on")
    run.wait_for(b"One half")
    until(lambda: "complete" in {row["status"] for row in kept(llm)})
    assert [row["status"] for row in llm.turns()] == ["running", "complete"]
    held.gate.set()
    assert run.finish().code == 0


def test_the_table(both: Llm) -> None:
    """On stderr, with a total that does not hide what is unknown."""
    done = both("compare", "-m", "a/m", "-m", "b/m", "-u", "hi")
    header, first, second, total = [line.split() for line in done.err.strip().splitlines()]
    assert header == [
        "MODEL",
        "FIRST",
        "TOKEN",
        "TIME",
        "INPUT",
        "OUTPUT",
        "TOKENS/S",
        "COST",
        "STATUS",
    ]
    assert first[0] == "a/m"
    assert (first[-4:-2], first[-2:]) == (["9", "5"], ["$0.000019", "complete"])
    assert (second[0], second[-3:]) == ("b/m", ["cost", "unknown", "complete"])
    assert total == ["TOTAL", "at", "least", "$0.000019"]
    assert both("compare", "-m", "a/m", "-m", "b/m", "-u", "-q", "hi").err == ""


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("ok", "http:503", 8),
        ("http:400", "ok", 8),
        ("http:401", "http:401", 4),
        ("http:401", "http:503", 8),
        ("http:503", "http:500", 7),
    ],
)
def test_one_that_fails_stops_no_other(
    llm: Llm, faults: FaultServer, first: str, second: str, code: int
) -> None:
    """The others are whole, the error is said with its model; the code says whether all failed."""
    for name, what in (("a", first), ("b", second)):
        write_card(llm, faults.url(what), name, retries=0)
    done = llm("compare", "-m", "a/m", "-m", "b/m", "hi")
    assert done.code == code
    assert done.text.count(TEXT) == (first, second).count("ok")
    assert done.text.index("## a/m") < done.text.index("## b/m")
    for name, what in (("a", first), ("b", second)):
        said = [line for line in done.err.splitlines() if line.startswith("llm: ")]
        assert any(name in line.split()[1] for line in said) == (what != "ok")
    statuses = {row["provider"]: row["status"] for row in llm.turns()}
    wanted = {
        name: "complete" if what == "ok" else "failed"
        for name, what in zip("ab", (first, second), strict=True)
    }
    assert statuses == wanted
    assert check(llm.db) == []


def test_json(both: Llm, faults: FaultServer) -> None:
    """One object with a result or an error for each, as `llm --json` has them."""
    write_card(both, faults.url("http:503"), "c", retries=0)
    done = both("compare", "-m", "a/m", "-m", "c/m", "--json", "hi")
    found = done.json
    assert (done.code, found["type"], found["exit_code"]) == (8, "compare", 8)
    result, error = found["results"]
    alone = both("-m", "a/m", "--json", "hi").json
    assert result.keys() == alone.keys()
    assert (result["text"], result["cost"]["amount"]) == (TEXT, USAGE_COST)
    assert (error["type"], error["provider"], error["model"]) == ("error", "c", "m")
    assert (error["http_status"], error["exit_code"], len(error["attempts"])) == (503, 7, 1)
    assert result["conversation"] == error["conversation"]


def test_one_that_cannot_be_asked(both: Llm, faults: FaultServer) -> None:
    """What is refused before it is sent is the failure of that model alone."""
    write_card(both, faults.url("ok"), "c", key_env=["NOWHERE"])
    found = both("compare", "-m", "a/m", "-m", "c/m", "--json", "hi").json
    result, error = found["results"]
    assert (result["text"], error["kind"], error["exit_code"]) == (TEXT, "credentials", 4)
    assert (error["provider"], error["model"]) == ("c", "m")
    write_card(both, faults.url("ok"), "d", models={"m": {"input": ["text"]}})
    image = both.root / "a.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n")
    done = both("compare", "-m", "a/m", "-m", "d/m", "-a", str(image), "what is it")
    assert (done.code, done.text) == (8, f"## a/m\n\n{TEXT}\n\n## d/m\n\n")
    assert "llm: d/m cannot take a.png" in done.err


def test_they_are_branches_of_one_conversation(both: Llm, faults: FaultServer) -> None:
    """`-c` goes on from the first one, in the order of -m, that answered whole."""
    write_card(both, faults.url("http:400"), "c")
    for order, head in ((("c", "b", "a"), "b"), (("a", "b", "c"), "a")):
        models = [word for name in order for word in ("-m", f"{name}/m")]
        script = f'"$@" compare {" ".join(models)} -q one; "$@" -qc two'
        script = f'({script}) >/dev/null; "$@" history show --tree'
        done = both(wrap=script)
        rows = [line.split("\t") for line in done.text.splitlines()]
        assert [row[4] for row in rows][:3] == [f"{name}/m" for name in order], done.text
        assert [row[1] for row in rows][:3] == ["", "", ""]
        assert rows[3][4] == f"{head}/m"
        assert rows[3][1] == next(row[0] for row in rows[:3] if row[4] == f"{head}/m")
    assert check(both.db) == []


def test_it_goes_on_with_a_conversation(both: Llm, faults: FaultServer) -> None:
    """Every model is told what was said before."""
    both("-m", "a/m", "one")
    which = both.turns()[0]["conversation"]
    done = both("compare", "--id", which, "-q", "-m", "a/m", "-m", "b/m", "two")
    assert done.code == 0, done.err
    for request in faults.requests()[-2:]:
        assert [one["content"] for one in request.json["messages"]] == ["one", TEXT, "two"]
    first, *others = both.turns()
    assert {row["parent"] for row in others} == {first["id"]}


def test_without_a_log(both: Llm) -> None:
    """No word is kept, both calls are counted, under the tags."""
    done = both("compare", "-m", "a/m", "-m", "b/m", "--no-log", "--tag", "run=7", "hi")
    assert done.code == 0, done.err
    assert both.turns() == []
    rows = both.attempts()
    assert sorted((row["provider"], row["tags"]) for row in rows) == [
        ("a", '{"run": "7"}'),
        ("b", '{"run": "7"}'),
    ]
    assert check(both.db) == []


def test_options_are_sent_to_all(both: Llm, faults: FaultServer) -> None:
    """System prompt, options, piped text; a cut answer fails with --strict."""
    done = both(
        "compare", "-m", "a/m", "-m", "b/m", "-s", "Be brief.", "-o", "temperature=0", "why?",
        input=b"context",
    )  # fmt: skip
    assert done.code == 0
    for request in faults.requests():
        system, user = request.json["messages"]
        assert (system["content"], user["content"]) == ("Be brief.", "context\n\nwhy?")
        assert request.json["temperature"] == 0
    write_card(both, faults.url("finish:length"), "c")
    asked = ("compare", "-m", "a/m", "-m", "c/m", "hi")
    assert (both(*asked).code, both(*asked, "--strict").code) == (0, 8)
    assert "llm: warning: c/m: the answer was cut" in both(*asked).err


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["hi"], 2, "2 to 20 models can be compared, not 0 models"),
        (["-m", "a/m", "hi"], 2, "2 to 20 models can be compared, not 1 model"),
        (["-m", "a/m", "-m", "a/m", "hi"], 2, "-m names a/m twice"),
        (["-m", "a/m", "-m", "nowhere/m", "hi"], 3, "nowhere"),
        (["-m", "a/m", "-m", "b/m"], 2, "the prompt is empty"),
        (["-m", "a/m", "-m", "b/m", "--deadline", "0", "hi"], 2, "--deadline"),
        (["-m", "a/m", "-m", "b/m", "--tag", "x", "hi"], 2, "is no tag"),
        (["-m", "a/m", "-m", "b/m", "-o", "x", "hi"], 2, "x"),
    ],
)
def test_bad_input(both: Llm, faults: FaultServer, words: list[str], code: int, line: str) -> None:
    """One clear line, nothing sent, nothing kept; the same as JSON."""
    done = both("compare", *words)
    assert (done.code, done.text) == (code, "")
    assert line in done.err.splitlines()[0]
    assert both("compare", "--json", *words).json["exit_code"] == code
    assert faults.requests() == []
    assert both.turns() == []


def test_nothing_from_a_server_reaches_the_terminal_raw(
    llm: Llm, faults: FaultServer, chats: ChatServer
) -> None:
    """Neither from an answer nor from an error, and no key."""
    write_card(llm, chats.base, "a")
    write_card(llm, faults.url("echo:400"), "b", retries=0)
    for options in ({}, {"TERM": "dumb"}):
        child = llm.spawn(
            "compare", "-m", "a/m", "-m", "b/m", OSC, env=options, dimensions=(24, 100)
        )
        import pexpect

        child.expect(pexpect.EOF)
        shown = child.before
        assert b"\x1b]52" not in shown
        assert b"\x9b" not in shown.decode().encode("latin-1", "ignore")
        assert b"[31mred" not in shown.replace(b"^[[31mred", b"")
        assert KEY.encode() not in shown


@pytest.mark.parametrize("how", ["pipe", "json"])
def test_ctrl_c_keeps_what_came(llm: Llm, held: ChatServer, how: str) -> None:
    """It dies of the signal; what had come is shown and kept, what was whole stays whole."""
    json_option = ["--json"] if how == "json" else []
    run = llm.start("compare", "-m", "slow/m", "-m", "a/m", *json_option, "hold on")
    until(lambda: "complete" in {row["status"] for row in kept(llm)})
    until(lambda: "One half" in {row["text"] for row in kept(llm)})
    run.signal(signal.SIGINT)
    done = run.finish()
    assert done.code == -signal.SIGINT
    rows = {row["provider"]: row for row in llm.turns()}
    assert (rows["slow"]["status"], rows["slow"]["text"]) == ("interrupted", "One half")
    assert (rows["slow"]["exit_code"], rows["a"]["status"]) == (130, "complete")
    assert {row["status"] for row in llm.attempts()} == {"interrupted", "complete"}
    if how == "json":
        partial, whole = done.json["results"]
        assert (partial["text"], partial["kind"], whole["text"]) == (
            "One half",
            "interrupted",
            TEXT,
        )
    else:
        assert "One half" in done.text
        assert TEXT in done.text
    assert check(llm.db) == []


@pytest.mark.parametrize("what", ["silent:before-head", "silent:after-head", "http:503"])
def test_ctrl_c_waits_for_nobody(
    llm: Llm, faults: FaultServer, held: ChatServer, what: str
) -> None:
    """Neither for a silent model nor for one that is asked again later; its attempts are kept."""
    clocks = dict.fromkeys(("connect", "first_event", "silence", "stall"), 20.0)
    write_card(llm, faults.url(what), "b", timeout=clocks, backoff=20.0, retries=5)
    run = llm.start("compare", "-m", "slow/m", "-m", "b/m", "hold on")
    until(lambda: "One half" in {row["text"] for row in kept(llm)})
    begun = time.monotonic()
    run.signal(signal.SIGINT)
    assert run.finish().code == -signal.SIGINT
    assert time.monotonic() - begun < 0.6  # 0.1 s alone on a machine; a second before
    assert {row["status"] for row in llm.turns()} == {"interrupted"}
    first = min(
        (row for row in llm.attempts() if row["provider"] == "b"), key=lambda r: r["number"]
    )
    assert first["status"] == ("failed" if what == "http:503" else "interrupted")
    assert check(llm.db) == []


def test_ctrl_c_while_the_history_is_busy(llm: Llm, held: ChatServer) -> None:
    """What is stopped has the time to be kept."""
    run = llm.start("compare", "-m", "slow/m", "-m", "a/m", "hold on")
    until(lambda: "One half" in {row["text"] for row in kept(llm)})
    with contextlib.closing(sqlite3.connect(llm.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run.signal(signal.SIGINT)
        time.sleep(0.8)
        other.execute("ROLLBACK")
    assert run.finish().code == -signal.SIGINT
    assert {row["status"] for row in llm.turns()} == {"interrupted", "complete"}


def test_a_reader_that_goes_away(llm: Llm, held: ChatServer) -> None:
    """It dies of SIGPIPE, and nothing is left running in the history."""
    held.gate.set()
    done = llm("compare", "-m", "slow/m", "-m", "a/m", "hold on", wrap='"$@" | head -c 3')
    assert done.text == "## "
    assert all(row["status"] != "running" for row in llm.turns())
    assert check(llm.db) == []


def test_max_cost_is_shared(both: Llm, tmp_path: Path) -> None:
    """Each may cost its part; a model without a price cannot be watched and is not asked."""
    done = both("compare", "-m", "a/m", "-m", "b/m", "--max-cost", "5", "--json", "hi")
    good, unpriced = done.json["results"]
    assert (good["text"], unpriced["exit_code"]) == (TEXT, 5)


def test_what_one_may_cost_two_may_not(both: Llm, faults: FaultServer) -> None:
    """A limit that one call keeps is too low for each half of it."""
    for name in "ab":
        write_card(
            both, faults.url("ok"), name, models={"m": {"cost": {"input": 9000, "output": 0}}}
        )
    (estimate,) = both("--estimate", "--json", "-m", "a/m", "hi").json
    limit = str(Decimal(estimate["cost"]["low"]["amount"]) * 3 / 2)
    assert both("-m", "a/m", "--max-cost", limit, "hi").code in (0, 5)
    sent = len(faults.requests())
    assert sent == 1
    assert both("compare", "-m", "a/m", "-m", "b/m", "--max-cost", limit, "hi").code == 5
    assert len(faults.requests()) == sent


def test_the_spending_is_that_of_both(both: Llm) -> None:
    """Each call is an entry, once, in the sums as well."""
    both("compare", "-m", "a/m", "-m", "b/m", "hi")
    with sqlite3.connect(f"file:{both.db}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT provider, requests, pico, unpriced FROM spending ORDER BY 1")
        assert rows.fetchall() == [("a", 1, 19_000_000, 0), ("b", 1, 0, 1)]
    db.close()


def test_help(llm: Llm) -> None:
    """It says what it does and shows examples."""
    done = llm("compare", "--help")
    assert "Examples:" in done.text
    assert "One that fails stops no other" in " ".join(done.text.split())
