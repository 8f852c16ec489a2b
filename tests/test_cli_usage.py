"""`llm usage`: its tables, its forms for scripts, and what counts, run as the installed command."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import ledgers
import past
import pytest
from chatting import ESCAPES
from expect import failed
from fault_server import FaultServer
from good_server import GoodServer
from ledgers import FAILED, day, entry, usd
from pexpect import EOF
from support import Llm, write_card

from llmcli.cli.shells.rules import RULES
from llmcli.report.grouping import WAYS
from llmcli.usage import Usage

HOSTILE = "title\x1b]0;x\x07\x1b[2J\u202eevil\r\x9b31m"
PRICED = {"m": {"cost": {"input": 1, "output": 2}}}


def rows(llm: Llm, *args: str) -> list[list[str]]:
    """What it prints in a pipe, cell by cell."""
    result = llm("usage", *args)
    assert result.code == 0, result.err
    return [line.split("\t") for line in result.text.splitlines()]


def by_name(llm: Llm, *args: str) -> dict[str, dict[str, Any]]:
    """The rows of --json by what they are called; the sums of all under TOTAL."""
    found = llm("usage", "--json", *args).json
    key = "spec" if found["by"] == "model" else found["by"]
    return {**{row[key]: row for row in found["rows"]}, "TOTAL": found["total"]}


def screen(llm: Llm, *args: str, columns: int = 80, **env: str) -> list[str]:
    """The lines it writes to a terminal, without styles."""
    child = llm.spawn("usage", *args, dimensions=(40, columns), encoding="utf-8", env=env)
    child.expect_exact(EOF)
    child.close()
    assert child.exitstatus == 0, child.before
    return [line.rstrip() for line in ESCAPES.sub("", str(child.before)).splitlines()]


def wide(text: str) -> int:
    """The columns it takes; nothing in these tests is wide but CJK."""
    return sum(2 if "\u3000" < one < "\ua000" else 1 for one in text if one != "\u0301")


def cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return re.split(r" {2,}", line.strip())


def test_the_table_says_at_least_where_a_price_is_unknown(llm: Llm) -> None:
    """The dearest first, what is unknown never as zero, what is free as such."""
    claude = entry("anthropic/claude", usage=Usage(1000, 200, 710), cost=usd("3.1184"))
    ledgers.keep(llm, claude, entry("groq/llama", usage=Usage(500, 50), cost=usd("0.2157")))
    ledgers.keep(llm, entry("lab/qwen", cost=None), entry("lab/qwen", cost=None, usage=None))
    ledgers.keep(llm, entry("local/smol", cost=usd("0", "local"), usage=Usage(10, 5, reasoning=2)))
    assert [cells(line) for line in screen(llm)] == [
        ["MODEL", "CALLS", "INPUT (cached)", "OUTPUT (reasoning)", "COST"],
        ["anthropic/claude", "1", "1,000 (71 %)", "200", "$3.1184"],
        ["groq/llama", "1", "500", "50", "$0.2157"],
        ["lab/qwen", "2", "≥ 1,000", "≥ 200", "cost unknown"],
        ["local/smol", "1", "10", "5 (2)", "free (local)"],
        ["TOTAL", "5", "≥ 2,510 (28 %)", "≥ 455 (2)", "at least $3.3341"],
        ["· 2 of unknown cost: llm usage --unpriced"],
    ]


def test_a_wide_terminal_shows_more_and_a_narrow_one_less(llm: Llm) -> None:
    quick = entry(cause="retry", first_token_s=0.5, seconds=2.5)
    ledgers.keep(llm, entry(**FAILED), quick)
    header, line, total = map(cells, screen(llm, columns=120))
    assert header[4:] == ["COST", "FAILED", "RETRIED", "FIRST TOKEN", "P95", "TOKENS/S"]
    assert line[4:] == total[4:] == ["$0.0100", "1", "1", "0.5 s", "0.5 s", "100"]
    assert all(len(line) <= 44 for line in screen(llm, columns=44))
    assert cells(screen(llm, columns=44)[1])[1:] == ["2", "1 k", "200", "$0.0100"]


def test_a_pipe_gets_exact_cells_and_no_total(llm: Llm) -> None:
    ledgers.keep(llm, entry("a/m", cost=usd("0.0100000000000000000000000001")))
    ledgers.keep(llm, entry("b/m"), entry("b/m", cost=None), entry("c/m", cost=None, usage=None))
    assert rows(llm) == [
        ["a/m", "1", "1000", "0", "200", "0", "0.0100000000000000000000000001"],
        ["b/m", "2", "2000", "0", "400", "0", "≥0.01"],
        ["c/m", "1", "", "", "", "", ""],
    ]


def test_json_has_every_fact(llm: Llm) -> None:
    used = Usage(1000, 200, 400, 50, 120, None, 7)
    ledgers.keep(llm, entry(usage=used, first_token_s=0.5, cause="fallback"))
    cut = entry(status="interrupted", cost=None, usage=None, guess=Decimal("0.5"), cause="retry")
    ledgers.keep(llm, entry(**FAILED), cut, entry(cost=usd("0", "local")))
    (row,) = llm("usage", "--json").json["rows"]
    quick = {"first_token": row.pop("first_token"), "speed": row.pop("speed")}
    assert row == {
        "spec": "lab/m", "provider": "lab", "model": "m", "requests": 4, "failures": 1,
        "interrupted": 1, "retries": 1, "fallbacks": 1, "input": 2000, "output": 400,
        "cache_read": 400, "cache_write": 50, "reasoning": 120, "audio": 7, "unsaid": 1,
        "unpriced": 1, "local": 1, "cost": {"amount": "0.01", "currency": "USD"}, "exact": False,
        "guess": "0.5", "seconds": 8.0,
    }  # fmt: skip
    assert quick["first_token"]["mean_s"] == 0.5
    assert quick["speed"]["mean"] == pytest.approx(200 / 1.5, abs=0.001)
    assert quick["first_token"]["p95_s"] == pytest.approx(0.5, rel=0.011)
    assert quick["speed"]["p95"] == pytest.approx(200 / 1.5, rel=0.011)


def test_a_call_that_failed_free_is_a_call_of_known_cost(llm: Llm) -> None:
    ledgers.keep(llm, entry(**FAILED), entry(cause="retry"))
    (row,) = llm("usage", "--json").json["rows"]
    assert (row["requests"], row["failures"], row["exact"]) == (2, 1, True)
    ledgers.keep(llm, entry("fs/m", **FAILED))
    assert by_name(llm)["fs/m"]["cost"] == {"amount": "0", "currency": "USD"}


def test_real_calls_are_in_it(llm: Llm, faults: FaultServer, provider: Callable[..., Path]) -> None:
    """An answer after a failed attempt, a call refused, with tags from everywhere."""
    provider(faults.url("retry-after:garbage"), models=PRICED)
    assert llm("-m", "fs/m", "--tag", "project=a", "hi", env={"LLM_TAGS": "team=web"}).code == 0
    provider(faults.url("http:400"), models=PRICED)
    assert llm("-m", "fs/m", "hi").code == 9
    found = by_name(llm, "--by", "tag")
    names = ("requests", "failures", "retries")
    assert [found["project=a"][name] for name in names] == [2, 1, 1]
    assert found["project=a"] == {**found["team=web"], "tag": "project=a"}
    assert found[None]["requests"] == 1
    assert found["TOTAL"]["requests"] == 3
    assert found["TOTAL"]["first_token"]["mean_s"] > 0


def test_real_costs_are_exact(llm: Llm) -> None:
    with GoodServer() as server:
        write_card(llm, server.url, models=PRICED)
        for _ in range(3):
            assert llm("-m", "fs/m", "hi").code == 0
        assert rows(llm) == [["fs/m", "3", "3000", "1200", "600", "0", "0.0042"]]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("provider", ["shop", "lab"]),
        ("model", ["shop/m", "lab/n", "lab/m"]),
        ("kind", ["answer", "embed"]),
        ("day", [day(400), day(8), day(0)]),
        ("month", sorted({day(400)[:7], day(8)[:7], day(0)[:7]})),
    ],
)
def test_ways_to_group(llm: Llm, by: str, names: list[str]) -> None:
    """Times in their order, anything else the dearest first."""
    ledgers.keep(llm, entry("shop/m", 8, cost=usd("5")), entry("lab/m"))
    ledgers.keep(llm, entry("lab/n", 400, cost=usd("0.5"), kind="embed"))
    assert [row[0] for row in rows(llm, "--by", by)] == names


def test_weeks_are_iso_weeks(llm: Llm) -> None:
    ledgers.keep(llm, *(entry(days=days) for days in range(15)))
    found = by_name(llm, "--by", "week")
    year, week, _ = date.today().isocalendar()
    assert list(found)[-2] == f"{year}-W{week:02}"
    assert sum(found[name]["requests"] for name in found) == 30
    assert 7 in [found[name]["requests"] for name in found]


def test_a_call_with_two_tags_counts_once_in_the_total(llm: Llm) -> None:
    ledgers.keep(llm, entry(tags=(("project", "a"), ("team", "web"))), entry())
    found = by_name(llm, "--by", "tag")
    assert {name: row["requests"] for name, row in found.items()} == {
        "project=a": 1, "team=web": 1, None: 1, "TOTAL": 2,
    }  # fmt: skip
    assert cells(screen(llm, "--by", "tag")[1])[0] == "(none)"
    assert list(by_name(llm, "--by", "tag", "--tag", "project")) == ["project=a", "TOTAL"]
    assert len(rows(llm, "--by", "tag", "--tag", "project=a")) == 2


def test_conversations_have_titles_and_only_the_dearest_are_shown(llm: Llm) -> None:
    talks = [past.talk(llm.db, f"talk {n}", cost=usd(f"0.{n}")) for n in range(1, 5)]
    ledgers.keep(llm, entry(kind="embed", cost=usd("9")))
    listed = rows(llm, "--by", "conversation", "-n", "3")
    assert [(row[0], row[1], row[-1]) for row in listed] == [
        ("(no conversation)", "", "9"),
        (talks[3][0].conversation, "talk 4", "0.4"),
        (talks[2][0].conversation, "talk 3", "0.3"),
    ]
    found = by_name(llm, "--by", "conversation", "-n", "1")
    assert (found[None]["title"], found["TOTAL"]["requests"]) == ("", 5)
    assert screen(llm, "--by", "conversation", "-n", "2")[-1].startswith("· only the 2 dearest")
    assert len(rows(llm, "--by", "conversation", "-n", "9" * 30)) == 5


def test_names_that_are_wide_stand_in_columns(llm: Llm) -> None:
    """A letter of two columns takes two."""
    ledgers.keep(
        llm, entry("日本/モデル", cost=usd("2")), entry("lab/e\u0301"), entry("lab/long-name")
    )
    table, plot = screen(llm)[:4], screen(llm, "--plot", NO_COLOR="1")[-3:]
    ends = [wide(line[: line.index("$")]) for line in table[1:]]
    assert ends == [wide(table[0][: table[0].index("COST")])] * 3
    assert len({wide(line.rpartition("  ")[0]) for line in plot}) == 1


def test_windows(llm: Llm) -> None:
    """`7d` is today and six days before; hours go by the start of each call."""
    ledgers.keep(llm, *(entry(f"lab/{days}", days) for days in (0, 1, 6, 7, 40)))
    now = entry("lab/now", started=past.turn("x").started)
    ledgers.keep(llm, now, now._replace(model="before", started=now.started - 3 * 3600))

    def names(*args: str) -> set[str]:
        return {row[0].partition("/")[2] for row in rows(llm, *args)} - {"now", "before", "0"}

    assert (
        names("--since", "7d") == names("--since", "1w") == names("--since", day(6)) == {"1", "6"}
    )
    assert names("--since", "1d") == set()
    assert names("--until", day(6)) == {"6", "7", "40"}
    assert names("--since", day(7), "--until", day(1)) == {"1", "6", "7"}
    recent = {row[0] for row in rows(llm, "--since", "2h")}
    assert recent - {"lab/0"} == {"lab/now"}
    assert "lab/before" in {row[0] for row in rows(llm, "--since", "300m")}


def test_filters(llm: Llm) -> None:
    tagged = entry("groq/org/m", tags=(("project", "a=b"),))
    ledgers.keep(llm, entry("lab/m"), entry("lab/n"), entry("shop/m"), tagged)
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text('[aliases]\nfast = "groq/org/m"\n')
    for args, names in (
        (("-m", "lab/m"), ["lab/m"]),
        (("-m", "m"), ["lab/m", "shop/m"]),
        (("-m", "lab"), ["lab/m", "lab/n"]),
        (("-m", "fast"), ["groq/org/m"]),
        (("--provider", "lab", "-m", "m"), ["lab/m"]),
        (("--tag", "project"), ["groq/org/m"]),
        (("--tag", "project=a=b"), ["groq/org/m"]),
        (("--tag", "project=a"), []),
        (("--tag", "project=' OR 1 --"), []),
    ):
        assert [row[0] for row in rows(llm, *args)] == names, args
        assert [row[0] for row in rows(llm, "--since", "999h", *args)] == names, args


def test_csv_has_one_header_and_no_formula(llm: Llm) -> None:
    ledgers.keep(llm, entry("=cmd|' /C calc'!A0/@m", first_token_s=0.5), entry('lab/,"m'))
    read = list(csv.reader(io.StringIO(llm("usage", "--csv").text)))
    assert read[0][:6] == ["by", "name", "title", "cost", "requests", "failures"]
    assert read[0][-4:] == ["first_token_mean_s", "first_token_p95_s", "speed_mean", "speed_p95"]
    assert [line[:5] for line in read[1:]] == [
        ["model", "'=cmd|' /C calc'!A0/@m", "", "0.01", "1"],
        ["model", 'lab/,"m', "", "0.01", "1"],
    ]
    assert read[1][-4] == "0.5"
    assert read[2][-4:] == [""] * 4
    (header, *_) = csv.reader(io.StringIO(llm("usage", "--csv", "--by", "day").text))
    assert header == read[0]


def test_names_of_strangers_are_harmless(llm: Llm) -> None:
    past.talk(llm.db, HOSTILE, model=HOSTILE)
    for args in ((), ("--by", "conversation"), ("--csv",), ("--json",), ("--unpriced",)):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", llm("usage", *args).text)
    for args in (("--by", "conversation"), ("--plot",)):
        shown = screen(llm, *args, columns=100, NO_COLOR="1")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", "".join(shown)), shown


def test_nothing_yet(llm: Llm) -> None:
    result = llm("usage")
    assert (result.code, result.text) == (0, "")
    assert result.err == "· nothing was used\n"
    assert llm("usage", "--json").json["rows"] == []
    for args in (("--plot",), ("--unpriced",), ("--csv",), ("reprice", "--dry-run")):
        assert llm("usage", *args).code == 0, args


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--by", "colour"), "--by colour: it is one of day"),
        (("--since", "soon"), "is no time"),
        (("--since", "2999-01-01"), "yet to come"),
        (("--until", "7d"), "is no day"),
        (("--until", "2026-02-30"), "is no day"),
        (("--since", "2026-02-02", "--until", "2026-02-01"), "is before"),
        (("--json", "--csv"), "cannot be had at once"),
        (("--unpriced", "--plot"), "is a list"),
        (("--plot", "--by", "tag"), "--by does not go with --plot"),
        (("--html", "."), "exists"),
    ],
)
def test_bad_input_is_told_in_a_line(llm: Llm, args: tuple[str, ...], words: str) -> None:
    failed(llm("usage", *args), 2, words)


def test_errors_are_json_where_json_was_asked_for(llm: Llm) -> None:
    result = llm("usage", "--json", "--by", "colour")
    assert (result.code, result.json["kind"], result.json["exit_code"]) == (2, "usage", 2)


def test_help_has_examples_that_run(llm: Llm) -> None:
    ledgers.keep(llm, entry())
    text = llm("usage", "--help").text.partition("Examples:")[2]
    for line in text.strip().splitlines():
        command = re.split(r"\s{2,}|\s\|", line.strip())[0].split()
        assert llm(*command[1:]).code == 0, line


def test_shells_offer_every_way_to_group() -> None:
    assert RULES["usage WAY"].words == WAYS
