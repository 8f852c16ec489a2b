"""`llm compare` on a terminal: side by side while they come, and nothing shown is ever lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pexpect
import pytest
import wire
from chatting import ChatServer
from fault_server import Exchange, FaultServer, fault
from hypothesis import given
from hypothesis import strategies as st
from screens import Terminal
from support import COMMAND, Llm, write_card

from llmcli.outcome import Outcome
from llmcli.render.compare.column import Column
from llmcli.render.compare.table import table
from llmcli.render.wrap import columns
from llmcli.turn import Turn
from llmcli.usage import Cost, Usage

pytestmark = pytest.mark.tmux
CLOCKS = dict.fromkeys(("connect", "first_event", "silence", "stall"), 20.0)
PRICES = {"m": {"cost": {"input": 1, "output": 2}}}


@fault("words")
def _words(exchange: Exchange) -> None:
    """So many numbered words, each in a piece of its own."""
    count = int(exchange.argument or 1)
    exchange.stream(wire.answer([f"w{number} " for number in range(count)]))


Shown = Callable[..., Terminal]


@pytest.fixture
def shown(llm: Llm, tmp_path: Path) -> Iterator[Shown]:
    """Run the command in a terminal of this size."""
    opened: list[Terminal] = []

    def start(*words: str, rows: int = 24, columns: int = 80, **env: str) -> Terminal:
        command = [*COMMAND, "compare", *words]
        opened.append(Terminal(tmp_path, command, {**llm.env, **env}, rows, columns))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.fixture
def slow(llm: Llm) -> Iterator[ChatServer]:
    """The provider `slow`, whose second half waits for a gate."""
    with ChatServer() as server:
        write_card(llm, server.base, "slow", timeout=CLOCKS)
        yield server
        server.gate.set()


def column(screen: str, number: int) -> str:
    """The text in one of the columns."""
    cells = [line.split("│") for line in screen.splitlines() if "│" in line]
    return " ".join(row[number].strip() for row in cells)


def test_side_by_side_while_they_come(
    llm: Llm, faults: FaultServer, slow: ChatServer, shown: Shown
) -> None:
    """The second is seen while the first still waits; then the table."""
    write_card(llm, faults.url("words:5"), "b", models=PRICES)
    terminal = shown("-m", "slow/m", "-m", "b/m", "hold on")
    screen = terminal.until(r"One half .*│ w0 w1 w2 w3 w4$")
    assert re.search(r"^slow/m +│ b/m$", screen, re.MULTILINE)
    terminal.until(r"writing \d s +│ complete$")
    slow.gate.set()
    terminal.until(r"^TOTAL +at least \$0\.000019$")
    screen = terminal.screen(all_lines=True)
    assert column(screen, 0).startswith("slow/m One half, the other half of: hold on")
    assert re.search(r"^b/m .* 9 +5 .*\$0\.000019  complete$", screen, re.MULTILINE)
    assert "writing" not in screen


@pytest.mark.parametrize(("columns_", "rows"), [(100, 10), (70, 10), (40, 12)])
def test_long_answers_are_whole_in_what_was_scrolled_away(
    llm: Llm, faults: FaultServer, shown: Shown, columns_: int, rows: int
) -> None:
    """Each word once and in order, in as many columns as have room; none is lost, none doubled."""
    for name, count in (("a", 300), ("b", 120), ("c", 7)):
        write_card(llm, faults.url(f"words:{count}"), name)
    models = [word for name in "abc" for word in ("-m", f"{name}/m")]
    terminal = shown(*models, "hi", rows=rows, columns=columns_)
    terminal.until(r"^TOTAL")
    screen = terminal.screen(all_lines=True)
    per_band = max((columns_ + 2) // 33, 1)
    bands = -(-3 // per_band)
    per_band = -(-3 // bands)
    heads = [line for line in screen.splitlines() if re.match(r"[abc]/m( +│ [abc]/m)*$", line)]
    assert len(heads) == bands, screen
    starts = [screen.index(head) for head in heads] + [screen.index("\nMODEL")]
    counts = dict(zip("abc", (300, 120, 7), strict=True))
    for number, name in enumerate("abc"):
        band, place = divmod(number, per_band)
        part = screen[starts[band] : starts[band + 1]]
        cells = [line.split("│") for line in part.splitlines() if "─" not in line]
        text = " ".join(row[place].strip() if place < len(row) else "" for row in cells)
        assert re.findall(r"w\d+", text) == [f"w{n}" for n in range(counts[name])]


def test_an_answer_that_is_slower_than_its_neighbour(
    llm: Llm, faults: FaultServer, slow: ChatServer, shown: Shown
) -> None:
    """The end of each is seen while they come; then both stand side by side."""
    write_card(llm, faults.url("words:300"), "b")
    terminal = shown("-m", "slow/m", "-m", "b/m", "hold on", rows=12)
    screen = terminal.until(r"writing \d s +│ complete$")
    assert len(screen.splitlines()) <= 12
    assert "w0 " not in screen
    assert "w299" in screen
    assert "w0 " not in terminal.screen(all_lines=True)
    slow.gate.set()
    terminal.until(r"^TOTAL")
    screen = terminal.screen(all_lines=True)
    assert re.search(r"^One half, the other half of: hold on +│ w0 w1 ", screen, re.MULTILINE)
    assert screen.count("slow/m") == 2  # above its answer and in the table


def test_a_terminal_that_changes_its_size(
    llm: Llm, faults: FaultServer, slow: ChatServer, shown: Shown
) -> None:
    """What is still on the screen is wrapped anew; the rest of the answers follows."""
    write_card(llm, faults.url("words:30"), "b")
    terminal = shown("-m", "slow/m", "-m", "b/m", "hold on")
    terminal.until(r"w29")
    terminal.resize(24, 120)
    screen = terminal.until(r"^One half {40,}│ w0 .* w13")
    assert re.findall(r"w\d+", column(screen, 1)) == [f"w{n}" for n in range(30)]
    terminal.resize(24, 66)
    terminal.until(r"^One half {20,26}│ w0 ")
    slow.gate.set()
    terminal.until(r"^TOTAL")
    screen = terminal.screen(all_lines=True)
    assert "One half, the other half of:" in column(screen, 0)
    assert re.findall(r"w\d+", column(screen, 1))[-30:] == [f"w{n}" for n in range(30)]


def test_failures_and_warnings(llm: Llm, faults: FaultServer, shown: Shown) -> None:
    """In the column in short, below it with what to type next."""
    write_card(llm, faults.url("http:401"), "a", retries=0)
    write_card(llm, faults.url("finish:length"), "b")
    terminal = shown("-m", "a/m", "-m", "b/m", "hi", columns=100)
    screen = terminal.until(r"^TOTAL", all_lines=True)
    assert "✗ Incorrect API key" in column(screen, 0)
    assert re.search(r"^llm: warning: b/m: the answer was cut", screen, re.MULTILINE)
    assert re.search(r"^llm: a/m: a refused the key", screen, re.MULTILINE)
    assert re.search(r"^a/m .* failed$", screen, re.MULTILINE)
    assert re.search(r"^b/m .* cut \(length\)$", screen, re.MULTILINE)


def test_ctrl_c(llm: Llm, faults: FaultServer, slow: ChatServer, shown: Shown) -> None:
    """What came stays on the screen and in the history."""
    write_card(llm, faults.url("words:5"), "b")
    terminal = shown("-m", "slow/m", "-m", "b/m", "hold on")
    terminal.until(r"One half .*│ w0 w1 w2 w3 w4$")
    terminal.press("C-c")
    screen = terminal.until(r"^b/m .* complete$", all_lines=True)
    assert re.search(r"^slow/m .* interrupted$", screen, re.MULTILINE)
    assert column(screen, 0).rstrip() == "slow/m One half ✗ interrupted"
    assert {row["provider"]: row["status"] for row in llm.turns()} == {
        "slow": "interrupted",
        "b": "complete",
    }


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_table_fits_the_terminal(width: int) -> None:
    """What has no room is left out, the longest name cut last."""
    turn = Turn("1", "c", "p", "m", "", status="complete", first_token_s=0.25, total_s=12.5,
                usage=Usage(1234, 56789), cost=Cost(Decimal("0.0123"), "card"))  # fmt: skip
    long = Outcome(f"p/a-model/{'with-a-long-name-' * 5}", turn, 0)
    lines = table([long, Outcome("p/m", turn, 0)], width)
    assert len(lines) == 4
    assert max(map(len, lines)) <= width
    assert all("$0.0123" in line and "complete" in line for line in lines[1:3])
    assert ("FIRST TOKEN" in lines[0]) == (width >= 120)


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_no_escape_that_is_not_needed(llm: Llm, faults: FaultServer, env: dict[str, str]) -> None:
    """A dumb terminal gets text alone, one without colour no colours."""
    for name in "ab":
        write_card(llm, faults.url("words:40"), name)
    child = llm.spawn("compare", "-m", "a/m", "-m", "b/m", "hi", env=env)
    child.expect(pexpect.EOF)
    assert (b"\x1b" in child.before) == ("NO_COLOR" in env)
    assert not re.search(rb"\x1b\[[0-9;]*m", child.before)
    child.wait()
    assert child.exitstatus == 0


TEXTS = st.text(st.sampled_from("ab,. \n\t日本。é🌍(\u0301"), max_size=60)


@given(st.lists(TEXTS, max_size=8), st.integers(2, 25), st.integers(2, 25))
def test_a_column(pieces: list[str], width: int, other: int) -> None:
    """The same lines however the text arrived; none too wide, no character lost."""
    text = "".join(pieces)
    whole, parts, wide = Column(width), Column(width), Column(other)
    whole.feed(text)
    wide.feed(text)
    for piece in pieces:
        parts.feed(piece)
    lines = whole.last(whole.count)
    assert parts.last(parts.count) == lines
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    wide.wrap(width)
    assert wide.last(wide.count) == lines
    assert whole.last(whole.count + 1) == [*lines, ""]
    assert whole.last(1) == (lines[-1:] or [""])
