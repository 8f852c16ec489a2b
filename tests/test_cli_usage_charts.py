"""`llm usage --plot` and `--html`: what is drawn, in a terminal and on a page."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path

import ledgers
import pytest
from expect import failed
from ledgers import day, entry, usd
from support import Llm
from test_cli_usage import screen
from test_startup import loaded
from test_usage_report import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BARS = ("█", "▓", "░")


@pytest.fixture(autouse=True)
def _ledger(llm: Llm) -> None:
    ledgers.keep(
        llm,
        entry("shop/m", 9, cost=usd("3")),
        entry("shop/m", 0, cost=usd("9")),
        entry("lab/n", 0, cost=usd("6")),
        entry("lab/o", 4, cost=None),
    )


def test_bars_stand_on_each_other(llm: Llm) -> None:
    """The dearest provider below; a day without a cost has no bar; no colour where none is."""
    lines = screen(llm, "--plot", NO_COLOR="1")
    assert lines[0] == "USD by day, at least $18.0000 in all"
    chart = [line.partition("┤")[2] or line.partition("│")[2] for line in lines if "│" in line]
    middle, left, right = (slice(*span) for span in ((20, 50), (0, 9), (-12, -1)))
    assert not any(mark in row[middle] for row in chart for mark in BARS)
    assert "█" in chart[-1][left]
    assert "█" in chart[-1][right]
    heights = [sum(mark in row[right] for row in chart) for mark in BARS[:2]]
    assert heights[0] / heights[1] == pytest.approx(9 / 6, rel=0.35)
    assert "█ shop  ▓ lab" in lines
    assert "· not in it: 1 of unknown cost: llm usage --unpriced" in lines


def test_every_model_has_a_line(llm: Llm) -> None:
    lines = screen(llm, "--plot", NO_COLOR="1")
    (shop,) = [line for line in lines if line.startswith("shop/m")]
    assert shop.split() == ["shop/m", "$12", "▃········█"]
    ledgers.keep(llm, entry("shop/m", cost=None))
    found = [line.split("  ") for line in screen(llm, "--plot", NO_COLOR="1")]
    amounts = {line[0].strip(): line[-2].strip() for line in found if "/" in line[0]}
    assert amounts == {"shop/m": "≥ $12", "lab/n": "$6", "lab/o": "unknown"}


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_it_fits_the_terminal(llm: Llm, columns: int) -> None:
    lines = screen(llm, "--plot", columns=columns, NO_COLOR="1")
    assert max(len(line) for line in lines if not line.startswith("·")) <= columns
    assert len([line for line in lines if "│" in line or "┤" in line]) == 13


def test_colour_follows_the_variables(llm: Llm) -> None:
    assert "\x1b[" not in llm("usage", "--plot").text
    assert "\x1b[" in llm("usage", "--plot", env={"CLICOLOR_FORCE": "1"}).text


def test_only_a_plot_loads_what_draws_it(llm: Llm) -> None:
    page = llm.root / "a.html"
    assert "plotext" not in loaded(llm, "usage") | loaded(llm, "usage", "--html", str(page))
    assert page.exists()
    assert "plotext" in loaded(llm, "usage", "--plot")


def test_the_page_is_written_whole_and_private(llm: Llm) -> None:
    result = llm("usage", "--html", "a.html")
    assert (result.code, result.text) == (0, "")
    assert result.err == "· written to a.html\n"
    path = llm.root / "a.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = " ".join(Page(path.read_text()).words)
    for words in ("at least $18.0000", day(9), "shop", "lab/o", "cost unknown", "By month"):
        assert words in text, words
    failed(llm("usage", "--html", "a.html"), 2, "exists", "--force")
    assert llm("usage", "--html", "a.html", "--force", "--since", "2d").code == 0
    assert day(9) not in path.read_text()
    failed(llm("usage", "--html", "gone/a.html"), 10, "gone/a.html")


@pytest.mark.skipif(not CHROMIUM, reason="chromium is away")
def test_a_browser_draws_it_without_the_network(llm: Llm, tmp_path: Path) -> None:
    """No complaint of its policy, and every bar has a height."""
    assert llm("usage", "--html", "a.html").code == 0
    command = [CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'browser'}", "--enable-logging=stderr"]
    done = subprocess.run(
        [*command, (llm.root / "a.html").as_uri()], capture_output=True, text=True, check=True
    )
    assert "Content Security Policy" not in done.stderr
    heights = re.findall(r'<rect class="c\d"[^>]* height="([\d.]+)"><title>', done.stdout)
    assert len(heights) == 3
    assert all(float(height) > 10 for height in heights)
