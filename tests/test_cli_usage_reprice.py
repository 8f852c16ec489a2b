"""`llm usage --unpriced` and `llm usage reprice`: what a price costs that was missing or wrong."""

from __future__ import annotations

import shlex
from decimal import Decimal
from typing import Any

import ledgers
import past
import pytest
from expect import failed
from ledgers import FAILED, entry, usd
from pexpect import EOF
from support import Llm, write_card
from test_cli_usage import by_name, rows, screen

from llmcli.ledger import Entry
from llmcli.usage import Usage

SPEC = 'fs/org/"m" two'
TOLD = Usage(1_000_000, 100_000)


@pytest.fixture(autouse=True)
def _card(llm: Llm) -> None:
    write_card(llm, "http://127.0.0.1:9/v1")


def unknown(spec: str = "fs/m", **facts: Any) -> Entry:
    return entry(spec, **{"cost": None, "usage": TOLD, **facts})


def price(llm: Llm, spec: str = "fs/m", amounts: str = "{ input = 2, output = 3 }") -> None:
    """Set a price in the config."""
    key = spec.replace("\\", "\\\\").replace('"', '\\"')
    assert llm("config", "set", f'models."{key}".cost', amounts).code == 0


def costs(llm: Llm) -> list[str | None]:
    return [row["cost"] for row in llm.attempts()]


def test_the_line_to_type_works(llm: Llm) -> None:
    """With two numbers filled in, the next call is priced, and reprice does the rest."""
    ledgers.keep(llm, unknown(SPEC), unknown(SPEC, usage=None), unknown("local/x", cost=usd("0")))
    shown = screen(llm, "--unpriced", columns=120)
    assert [cell.strip() for cell in shown[1].split("  ") if cell] == [
        SPEC, "2", "1", "1,000,000", "100,000",
    ]  # fmt: skip
    (line,) = [line for line in shown if line.startswith("  llm config set")]
    assert "1 did not tell their tokens: their cost stays unknown." in shown
    words = shlex.split(line.replace("…", "1.5"))
    assert llm(*words[1:]).code == 0
    assert llm("usage", "reprice", "--yes").err == "· 1 call counted anew\n"
    assert by_name(llm)[SPEC]["cost"]["amount"] == "1.65"
    (left,) = llm("usage", "--unpriced", "--json").json
    assert (left["calls"], left["untold"], left["line"]) == (1, 1, None)


def test_a_price_that_came_since_needs_no_line(llm: Llm) -> None:
    ledgers.keep(llm, unknown())
    price(llm)
    assert screen(llm, "--unpriced")[-1] == "There are prices for some by now: llm usage reprice"
    (one,) = llm("usage", "--unpriced", "--json").json
    assert one["line"] == "llm usage reprice"


def test_a_batch_needs_a_price_of_its_own(llm: Llm) -> None:
    ledgers.keep(llm, unknown(batch=True), unknown())
    price(llm)
    assert rows(llm, "--unpriced") == [
        ["fs/m", "1", "0", "1000000", "100000"],
        ["fs/m (batch)", "1", "0", "1000000", "100000"],
    ]
    (line,) = [line for line in screen(llm, "--unpriced", columns=120) if "config set" in line]
    assert llm(*shlex.split(line.replace("…", "2"))[1:]).code == 0
    assert llm("usage", "reprice", "--yes").code == 0
    assert costs(llm) == ["1.1", "2.2"]


def test_what_is_said_elsewhere_stays(llm: Llm) -> None:
    """Only costs from cards, and unknown ones of told usage, are counted anew."""
    said = usd("9", "reported")
    kept = [
        entry("fs/m", cost=said, usage=TOLD._replace(cost=Decimal(9))),
        entry("fs/m", cost=usd("0", "local"), usage=TOLD),
        entry("fs/m", cost=usd("0", "cache"), usage=TOLD),
        entry("fs/m", **FAILED),
        entry("fs/m", cost=usd("5"), usage=TOLD),
        entry("gone/m", cost=usd("5"), usage=TOLD),
        unknown("fs/other"),
    ]
    ledgers.keep(llm, *kept)
    price(llm)
    assert llm("usage", "reprice", "--yes").code == 0
    assert costs(llm) == ["9", "0", "0", None, "2.3", "5", None]
    assert llm("usage", "reprice", "--yes").err == "· every cost is as the prices say\n"


def test_the_price_is_that_of_the_time_of_the_call(llm: Llm) -> None:
    path = llm.home / "config" / "providers" / "fs.toml"
    dated = f"[[models.m.prices]]\nfrom = {ledgers.day(5)}\ninput = 7\noutput = 0\n"
    path.write_text(path.read_text() + f"cost = {{ input = 1, output = 0 }}\n{dated}")
    ledgers.keep(llm, unknown(days=9), unknown(days=1))
    assert llm("usage", "reprice", "--yes").code == 0
    assert costs(llm) == ["1", "7"]


def test_the_difference_is_shown_and_asked_for(llm: Llm) -> None:
    """Nothing changes before the yes; then sums, rows and the turn's own cost do."""
    (turn,) = past.talk(llm.db, "hi", provider="fs", model="m", usage=TOLD, cost=usd("1"))
    ledgers.keep(llm, unknown(), unknown("fs/n"))
    price(llm)
    price(llm, "fs/n", "{ input = 0.5, output = 0 }")

    def typed(answer: str) -> str:
        child = llm.spawn("usage", "reprice", encoding="utf-8", dimensions=(24, 100))
        child.expect_exact("[y/N] ")
        shown = str(child.before)
        child.sendline(answer)
        child.expect(EOF)
        return shown

    shown = typed("n")
    for words in ("at least $1.0000  $4.6000  +$3.6000", "cost unknown      $0.5000", "+$4.1000"):
        assert words in shown, shown
    assert sorted(map(str, costs(llm))) == ["1", "None", "None"]
    typed("y")
    assert sorted(map(str, costs(llm))) == ["0.5", "2.3", "2.3"]
    assert llm.turns()[0]["cost"] == "2.3"
    assert by_name(llm)["TOTAL"]["cost"]["amount"] == "5.1"
    assert by_name(llm)["TOTAL"]["exact"]
    assert llm("history", "list").text.split("\t")[5].strip() == "2.3"
    assert turn.id == llm.turns()[0]["id"]


def test_scripts_must_say_yes(llm: Llm) -> None:
    ledgers.keep(llm, unknown())
    price(llm)
    failed(llm("usage", "reprice", "-m", "fs", "--since", "9d"), 2, "needs a yes")
    assert (
        "llm usage reprice --since 9d -m fs --yes"
        in llm("usage", "reprice", "-m", "fs", "--since", "9d").err
    )
    assert llm("usage", "reprice", "--dry-run").text == "fs/m\t1\t1\t0\t2.3\n"
    assert costs(llm) == [None]
    told = llm("usage", "reprice", "--json", "--yes").json
    assert told["changed"]
    assert told["rows"] == [
        {"spec": "fs/m", "calls": 1, "unknown_before": 1, "before": "0", "after": "2.3"}
    ]
    assert costs(llm) == ["2.3"]


def test_options_before_the_command_are_not_dropped(llm: Llm) -> None:
    """`--since 7d reprice` would else count everything anew."""
    ledgers.keep(llm, unknown(days=20))
    price(llm)
    for args in (("--since", "7d"), ("-m", "groq"), ("--json",)):
        failed(llm("usage", *args, "reprice", "--yes"), 2, "before reprice", "behind")
    assert costs(llm) == [None]


def test_only_what_is_asked_for(llm: Llm) -> None:
    ledgers.keep(llm, unknown(days=20), unknown(), unknown("fs/n"))
    price(llm)
    price(llm, "fs/n")
    assert llm("usage", "reprice", "--since", "7d", "-m", "fs/m", "--yes").code == 0
    assert costs(llm) == [None, "2.3", None]


def test_a_turn_costs_what_its_last_attempt_and_its_pauses_cost(llm: Llm) -> None:
    """What was tried before and failed is in the ledger, not in the turn."""
    attempts = [
        entry("fs/m", status="failed", cost=None, usage=TOLD),
        entry("fs/m", cause="retry", cost=None, usage=TOLD),
        entry("fs/m", cause="pause", cost=None, usage=Usage(0, 1_000_000)),
    ]
    whole = past.turn("hi", provider="fs", model="m", cost=None)
    past.write(
        llm.db,
        [
            whole._replace(
                attempts=tuple(one._replace(number=n) for n, one in enumerate(attempts, 1))
            )
        ],
    )
    price(llm)
    assert llm("usage", "reprice", "--yes").code == 0
    assert costs(llm) == ["2.3", "2.3", "3"]
    assert llm.turns()[0]["cost"] == "5.3"


def test_a_long_ledger_takes_no_more_memory(llm: Llm) -> None:
    """It is counted in blocks: ten times the entries, nearly the same peak."""
    price(llm)
    peaks = []
    for count in (4_000, 36_000):
        ledgers.fill(llm, (unknown() for _ in range(count)))
        peaks.append(llm("usage", "reprice", "--yes", timeout=60).rss_kb)
    assert by_name(llm)["fs/m"]["cost"]["amount"] == "92000"
    assert peaks[1] < peaks[0] + 12_000
