"""`llm budget`: what it shows, and how limits are set and removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from money_server import PIECES, MoneyServer
from support import Llm

CONFIG = """# mine
[budget] # money
day = 2 # a day
per_tag = { run = 3 }

[display]
usage = true
"""


@pytest.fixture
def server(llm: Llm) -> Iterator[MoneyServer]:
    """The command's default provider."""
    with MoneyServer() as found:
        found.provide(llm)
        yield found


def write(llm: Llm, text: str = CONFIG) -> None:
    """Write the config."""
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text(text)


def test_nothing_is_limited(llm: Llm) -> None:
    """It says how to begin."""
    done = llm("budget")
    assert (done.code, done.out) == (0, b"")
    assert done.err == "· there is no budget: llm budget set day 5\n"
    assert llm("budget", "--json").json == []


def test_what_is_spent_and_left(llm: Llm, server: MoneyServer) -> None:
    """Of each limit a line with exact amounts; of a tag's name each value."""
    write(llm, "[budget]\nday = { warn = 1, refuse = 2 }\nper_call = 1\nper_tag = { run = 3 }\n")
    words = ("-o", f"max_output_tokens={PIECES}")
    assert [llm("hi", *words, "--tag", f"run={n}").code for n in (7, 8)] == [0, 0]
    done = llm("budget")
    assert done.text == (
        "day\t0.10002\t0\t1.89998\t1\t2\n"
        "per_call\t\t\t\t\t1\n"
        "per_tag.run=7\t0.05001\t0\t2.94999\t\t3\n"
        "per_tag.run=8\t0.05001\t0\t2.94999\t\t3\n"
    )
    day, call, *_ = llm("budget", "--json").json
    assert day.pop("since")
    assert day == {
        "budget": "day",
        "conversation": None,
        "spent": "0.10002",
        "guessed": "0",
        "held": "0",
        "left": "1.89998",
        "unpriced": 0,
        "warn": "1",
        "refuse": "2",
    }
    assert (call["spent"], call["left"], call["refuse"]) == (None, None, "1")


def test_unknown_costs_are_told(llm: Llm, server: MoneyServer) -> None:
    """They are no part of what is shown as spent, or only as a guess."""
    server.provide(llm, odd={})
    write(llm, "[budget]\nday = 2\n")
    assert llm("hi", "-m", "fs/odd").code == 0
    assert llm("budget").err.startswith("· with no known cost: 1 call, ")


@pytest.mark.parametrize(("width", "bar"), [(120, True), (50, False)])
def test_a_bar_on_a_terminal(llm: Llm, server: MoneyServer, width: int, bar: bool) -> None:
    """Where there is room; without colour where none is wanted."""
    write(llm, "[budget]\nday = 0.10\n")
    assert llm("hi", "-o", f"max_output_tokens={PIECES}").code == 0
    child = llm.spawn("budget", dimensions=(24, width), env={"NO_COLOR": "1"})
    child.expect_exact("REFUSES AT")
    shown = child.read().decode()
    assert ("██████████░░░░░░░░░░ 50 %" in shown) is bar
    assert "$0.05001" in shown
    assert "\x1b" not in shown


def test_setting_keeps_the_file(llm: Llm) -> None:
    """Comments and order stay, and a limit that has two parts keeps the other."""
    write(llm)
    told = [
        llm("budget", "set", *words.split()).err
        for words in (
            "day 5",
            "day --warn 4",
            "week --warn 1.50 --refuse 20",
            "month 1e3",
            "per_tag.project=search 5",
            "per_conversation .5",
        )
    ]
    assert told == [
        "· day: refuses at $5.00\n",
        "· day: warns at $4.00, refuses at $5.00\n",
        "· week: warns at $1.50, refuses at $20.00\n",
        "· month: refuses at $1,000.00\n",
        "· per_tag.project=search: refuses at $5.00\n",
        "· per_conversation: refuses at $0.50\n",
    ]
    text = llm.config.read_text()
    assert text.startswith("# mine\n[budget] # money\nday = {warn = 4, refuse = 5} # a day\n")
    assert "week = {warn = 1.50, refuse = 20}\n" in text
    assert "month = 1000\n" in text
    assert '"project=search" = 5' in text
    assert text.endswith("[display]\nusage = true\n")
    assert llm("config", "check").code == 0


def test_removing(llm: Llm) -> None:
    """The last tag takes its table along."""
    write(llm)
    assert llm("budget", "rm", "per_tag.run").code == 0
    assert llm("budget", "rm", "day").code == 0
    assert "[budget] # money\n\n[display]" in llm.config.read_text()
    done = llm("budget", "rm", "day")
    assert (done.code, done.err.splitlines()[0]) == (3, "llm: there is no day budget")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("dya 3", 'no budget is called "dya". Did you mean "day"?'),
        ("per_tag 3", "which tag?"),
        ("per_tag.run= 3", '"run=" is no tag'),
        ("per_tag.-run 3", '"-run" is no tag'),
        ("day x", "the limit of day takes an amount in USD such as 0.50"),
        ("day nan", "the limit of day takes an amount in USD such as 0.50"),
        ("day", "say how much, in USD"),
        ("day 5 --refuse 4", "choose one of USD and --refuse: they are the same"),
        ("day 1 --warn 2", "day warns at $2.00, above $1.00 where it refuses"),
    ],
)
def test_mistakes(llm: Llm, words: str, line: str) -> None:
    """One clear line each, and the config stays as it is."""
    write(llm)
    done = llm("budget", "set", *words.split())
    assert (done.code, done.err.splitlines()[0]) == (2, f"llm: {line}")
    assert llm.config.read_text() == CONFIG


def test_mistakes_in_the_file(llm: Llm) -> None:
    """All at once, with line and key."""
    write(
        llm,
        '[budget]\ncall = 2\nday = "x"\nweek = { warn = 5, refuse = 2 }\nmonth = { refus = 3 }\n'
        '[budget.per_tag]\n"a b" = 3\nok = -1\nempty = {}\n',
    )
    done = llm("hi")
    told = [line.partition("config.toml:")[2] for line in done.err.splitlines()]
    assert done.code == 3
    assert told == [
        '2: budget.call: unknown key. Did you mean "per_call"?',
        "3: budget.day: must be a number, 0 or more",
        "4: budget.week: warn is above refuse, so it would never be heard",
        '5: budget.month: refus unknown key. Did you mean "refuse"?',
        "7: budget.per_tag.a b: must be a tag: KEY or KEY=VALUE",
        "8: budget.per_tag.ok: must be a number, 0 or more",
        "9: budget.per_tag.empty: must be a number, or say warn, refuse or both",
    ]


@pytest.mark.parametrize("words", [("hi",), ("chat",)])
def test_an_amount_that_is_none(llm: Llm, words: tuple[str, ...]) -> None:
    """`--max-cost` of ask and chat."""
    for amount in ("x", "-1", "inf"):
        done = llm(*words, f"--max-cost={amount}")
        assert done.code == 2
        if words == ("hi",):
            assert done.err == "llm: --max-cost takes an amount in USD such as 0.50\n"
