"""Budgets around a single call: what is held, refused, warned of and stopped."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from chatting import Talk
from loopback import Loopback
from money_server import COST, PIECES, MoneyServer
from support import Llm, write_card
from wire import body

BRIEF = ("-o", f"max_output_tokens={PIECES}")  # then what is held is what it costs


@pytest.fixture
def server(llm: Llm) -> Iterator[MoneyServer]:
    """The command's default provider."""
    with MoneyServer() as found:
        found.provide(llm, free={"cost": {"input": 0, "output": 0}}, odd={})
        yield found


def limit(llm: Llm, *lines: str) -> None:
    """Write the table [budget]."""
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text("\n".join(("[budget]", *lines, "")))


def left(llm: Llm, name: str = "day") -> dict[str, Any]:
    """What `llm budget` says of a limit."""
    return next(one for one in llm("budget", "--json").json if one["budget"] == name)


def test_a_day_that_is_used_up(llm: Llm, server: MoneyServer) -> None:
    """The words of the refusal; nothing is sent, nothing is in the history."""
    limit(llm, "day = 0.12")
    assert [llm("hi", *BRIEF).code for _ in range(2)] == [0, 0]
    done = llm("hi", *BRIEF)
    assert (done.code, done.out) == (5, b"")
    assert done.err == (
        "llm: day budget of $0.12 reached ($0.1000 spent, this call ≈ $0.05)\n"
        "     llm budget set day 0.2, or --max-cost 0.019.\n"
    )
    assert (server.arrived, len(llm.turns())) == (2, 2)


def test_the_ways_out_that_are_named_are_ways_out(llm: Llm, server: MoneyServer) -> None:
    """Both what raises the limit and what makes the call cheaper."""
    limit(llm, "day = 0.12")
    assert [llm("hi", *BRIEF).code for _ in range(2)] == [0, 0]
    cheap = llm("hi", *BRIEF, "--max-cost", "0.019")
    assert (cheap.code, len(cheap.text.split()) > 5) == (5, True)
    assert "--max-cost of $0.0190 reached" in cheap.err
    assert llm("budget", "set", "day", "0.2").code == 0
    assert llm("hi", *BRIEF).code == 0


@pytest.mark.parametrize("way", ["--no-log", "off"])
def test_without_a_history_it_counts_the_same(llm: Llm, server: MoneyServer, way: str) -> None:
    """No word is kept, and the money is."""
    limit(llm, "day = 0.12", *(["[history]", "enabled = false"] if way == "off" else []))
    words = ["hi", *BRIEF, *([way] if way == "--no-log" else [])]
    assert [llm(*words).code for _ in range(3)] == [0, 0, 5]
    assert llm.turns() == []
    assert llm.query("SELECT * FROM holds") == []


def test_what_others_hold_counts_until_they_are_killed(llm: Llm, server: MoneyServer) -> None:
    """Three calls that wait hold the day's money; when they are gone it is free again."""
    limit(llm, "day = 0.16")
    waiting = [llm.start("wait", *BRIEF) for _ in range(3)]
    server.wait_for(3)
    held = left(llm)
    assert Decimal(held["held"]) > Decimal("0.15")
    assert held["spent"] == "0"
    refused = llm("hi", *BRIEF)
    assert refused.code == 5
    assert "($0.00 spent, ≈ $0.15 held by other calls, this call ≈ $0.05)" in refused.err
    for one in waiting:
        one.signal(signal.SIGKILL)
        one.finish()
    assert llm("hi", *BRIEF).code == 0
    assert llm.query("SELECT * FROM holds") == []


def test_an_interrupted_call_lets_go(llm: Llm, server: MoneyServer) -> None:
    """Ctrl-C: its hold goes, and what it has probably cost stays."""
    limit(llm, "day = 0.16")
    running = llm.start("stay", *BRIEF)
    running.wait_for(b"word " * PIECES)
    running.signal(signal.SIGINT)
    assert running.finish().code == -signal.SIGINT
    assert llm.query("SELECT * FROM holds") == []
    found = left(llm)
    assert found["unpriced"] == 1
    assert Decimal("0.02") < Decimal(found["guessed"]) < Decimal("0.08")
    assert found["spent"] == found["guessed"]


@pytest.mark.parametrize("option", ["--max-cost", "per_call"])
def test_an_answer_that_passes_its_limit_is_stopped(
    llm: Llm, server: MoneyServer, option: str
) -> None:
    """The server has more to say and waits: it is left at once, what came is shown and kept."""
    words = ["stay", "--max-cost", "0.02"] if option == "--max-cost" else ["stay"]
    if option == "per_call":
        limit(llm, "per_call = 0.02")
    done = llm(*words)
    name = option if option == "--max-cost" else "per_call budget"
    assert done.code == 5
    assert f"{name} of $0.02 reached (this call ≈ $0.0" in done.err
    assert ": stopped)\n     What arrived is kept: llm history last\n" in done.err
    assert 5 <= len(done.text.split()) <= PIECES // 2
    (turn,) = llm.turns()
    assert (turn["status"], turn["error_kind"], turn["exit_code"]) == ("incomplete", "budget", 5)
    assert turn["text"].strip() == done.text.strip()
    (attempt,) = llm.attempts()
    assert (attempt["status"], attempt["cost"]) == ("incomplete", None)
    assert 5 * 10**9 < attempt["guess"] < 50 * 10**9


def test_a_day_that_ends_while_it_streams(llm: Llm, server: MoneyServer) -> None:
    """What is left of the day stops an answer that is longer than anyone could expect."""
    limit(llm, "day = 0.08")
    assert llm("hi", *BRIEF).code == 0
    done = llm("stay", "-o", "max_output_tokens=1")
    assert done.code == 5
    words = "day budget of $0.08 reached ($0.05001 spent before, this call ≈ $0.03"
    assert words in done.err
    assert done.err.endswith(
        "What arrived is kept: llm history last\n     llm budget set day 0.1\n"
    )
    assert 5 <= len(done.text.split()) < PIECES


def test_json_of_a_stopped_answer(llm: Llm, server: MoneyServer) -> None:
    """Kind, exit code and that a part is there."""
    error = llm("stay", "--max-cost", "0.02", "--json").json
    assert (error["kind"], error["exit_code"], error["partial"]) == ("budget", 5, True)
    assert error["text"].startswith("word word ")
    assert (error["attempts"][0]["status"], error["retryable"]) == ("incomplete", False)


def test_a_whole_answer_is_never_called_stopped(llm: Llm, server: MoneyServer) -> None:
    """What its last words cost, or its usage says, cannot be saved any more."""
    assert llm("hi", "--max-cost", "0.1").code == 0


def test_an_answer_in_one_piece_is_whole(llm: Llm) -> None:
    """There is nothing left to be stopped, and its usage tells what it did cost."""
    usage = {"prompt_tokens": 1, "completion_tokens": PIECES}
    with Loopback(lambda _: (200, body("word " * PIECES, usage=usage))) as server:
        write_card(llm, server.url, models={"m": {"cost": COST}})
        done = llm("hi", "-m", "fs/m", "--no-stream", "--max-cost", "0.02")
    assert (done.code, len(done.text.split())) == (0, PIECES)
    assert done.err.startswith("llm: warning: --max-cost of $0.02 passed (this call ≈ $0.05")
    (attempt,) = llm.attempts()
    assert (attempt["status"], attempt["cost"]) == ("complete", "0.05001")


def test_the_prompt_alone_is_too_dear(llm: Llm, server: MoneyServer) -> None:
    """Nothing is sent."""
    done = llm("hi " * 3000, "--max-cost", "0.01")
    assert (done.code, server.arrived) == (5, 0)
    assert "--max-cost of $0.01 reached (the input alone ≈ $0.0" in done.err


def test_warnings_once_each(llm: Llm, server: MoneyServer) -> None:
    """The call goes on; a limit that only warns never refuses."""
    limit(llm, "day = { warn = 0.01 }", "month = { warn = 0.02, refuse = 5 }", "week = 9")
    done = llm("hi", *BRIEF)
    assert done.code == 0
    assert done.err.splitlines() == [
        "llm: warning: day budget: over $0.01 ($0.00 spent, this call ≈ $0.05)",
        "llm: warning: month budget: over $0.02 ($0.00 spent, this call ≈ $0.05; $5.00 is refused)",
    ]


def test_a_price_that_nobody_knows(llm: Llm, server: MoneyServer) -> None:
    """`--max-cost` cannot hold it, and says the line to add; [budget] goes on with a warning."""
    done = llm("hi", "-m", "fs/odd", "--max-cost", "1")
    assert (done.code, server.arrived) == (5, 0)
    key = "'models.\"fs/odd\".cost'"
    assert done.err == (
        "llm: fs/odd has no known price, so --max-cost cannot hold it\n"
        "     Its price in USD per million tokens:"
        f" llm config set {key} '{{ input = …, output = … }}'\n"
    )
    limit(llm, "day = 0.00001")
    done = llm("hi", "-m", "fs/odd")
    assert done.code == 0
    assert done.err == "llm: warning: fs/odd has no known price: [budget] does not count it\n"
    llm.config.unlink()
    added = llm("config", "set", key.strip("'"), "{ input = 1, output = 2 }")
    assert (added.code, added.err) == (0, "")
    assert llm("hi", "-m", "fs/odd", "--max-cost", "1").code == 0


def test_limits_of_tags(llm: Llm, server: MoneyServer) -> None:
    """KEY=VALUE counts that alone, KEY each of its values; others are free."""
    limit(llm, 'per_tag = { "project=a" = 0.06, run = 0.06 }')
    tagged = ("--tag", "project=a", "--tag", "x=project=a")
    assert [llm("hi", *BRIEF, *tagged).code for _ in range(2)] == [0, 5]
    assert llm("hi", *BRIEF, "--tag", "x=project=a").code == 0
    assert [llm("hi", *BRIEF, "--tag", "run=1").code for _ in range(2)] == [0, 5]
    done = llm("hi", *BRIEF, "--tag", "run=1")
    assert "per_tag.run=1 budget of $0.06 reached" in done.err
    assert llm("hi", *BRIEF, env={"LLM_TAGS": 'run="1'}).code == 0


def test_limit_of_a_conversation(llm: Llm, server: MoneyServer) -> None:
    """Another one is free."""
    limit(llm, "per_conversation = 0.06")
    first = llm("hi", *BRIEF, "--json").json["conversation"]
    assert [llm("hi", *BRIEF, *more).code for more in (("--id", first), ())] == [5, 0]


@pytest.mark.parametrize("model", ["fs/m", "fs/odd"])
def test_a_kept_reply_costs_nothing(llm: Llm, server: MoneyServer, model: str) -> None:
    """It is given however little may be spent, whatever its model costs; a new one is not."""
    ask = ("-m", model, "--cache", *BRIEF)
    assert llm("hi", *ask).code == 0
    limit(llm, "day = 0.00001", "per_call = 0.00001")
    for more in ((), ("--max-cost", "0")):
        done = llm("hi", *ask, *more)
        assert (done.code, done.err) == (0, "")
    assert llm("others", *ask, "--max-cost", "0").code == 5
    assert server.arrived == 1


@pytest.mark.parametrize("refuses", [True, False])
def test_a_ledger_that_cannot_be_read(llm: Llm, server: MoneyServer, refuses: bool) -> None:
    """Where a limit refuses nothing is sent; one that warns only warns."""
    assert llm("hi").code == 0
    with sqlite3.connect(llm.db) as db:
        db.execute("PRAGMA user_version = 99")
    limit(llm, "day = 5" if refuses else "day = { warn = 5 }")
    for words in (("hi",), ("hi", "--no-log")):
        done = llm(*words)
        assert done.code == (10 if refuses else 0)
        assert "the budget cannot be checked: history: written by a newer llm" in done.err
    assert server.arrived == (1 if refuses else 3)


def test_a_chat_with_a_limit_goes_on(llm: Llm, server: MoneyServer) -> None:
    """What does not fit any more is said, and stands in the editor again."""
    talk = Talk(llm, "--max-cost", "0.08", *BRIEF).begin()
    talk.say("hi")
    talk.send("hi")
    stopped = talk.wait()
    assert "--max-cost of $0.08 reached ($0.05001 spent before, this call" in stopped
    talk.send("once more")
    refused = talk.wait()
    assert "--max-cost of $0.08 reached" in refused
    assert "the input alone" in refused
    talk.leave()
    assert server.arrived == 2


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_what_was_spent_before_it_began(llm: Llm, server: MoneyServer, period: str) -> None:
    """The first day of a period is a part of it, the one before is not."""
    assert llm("hi").code == 0
    limit(llm, f"{period} = 0.06")
    first = date.fromisoformat(left(llm, period)["since"])
    codes = []
    for day in (first, first - timedelta(days=1)):
        with sqlite3.connect(llm.db) as db:
            db.execute("UPDATE attempts SET day = ?", (day.isoformat(),))
        codes.append(llm("hi", *BRIEF).code)
    assert codes == [5, 0]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_days_are_those_of_this_machine(llm: Llm, server: MoneyServer, zone: str) -> None:
    """Both where the day is ahead of UTC and where it is behind."""
    llm.env["TZ"] = zone
    limit(llm, "day = 0.06", "week = 1", "month = 1")
    assert [llm("hi", *BRIEF).code for _ in range(2)] == [0, 5]
    days = {row["day"] for row in llm.attempts()}
    assert days == {left(llm)["since"]}
