"""Messages typed on odd terminals: tiny, resized, colourless, piped, dumb, gone."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from running import SECONDS
from typing_support import ALT_ENTER, ENTER, PROMPTING, Open, ctrl

COLORS = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


def test_toolbar_fits_and_is_harmless(terminal: Open) -> None:
    """It is cut to the width, wide characters and all, and its sequences are shown."""
    typist = terminal("toolbar=\x1b[31m日本日本日本日本 the end", size=(24, 20), ready="日本")
    typist.see("…")
    assert "the end" not in typist.written
    assert "\x1b[31m" not in typist.written


def test_what_a_small_terminal_shows(terminal: Open) -> None:
    """No toolbar on five lines, no prompt in seven columns."""
    typist = terminal(size=(5, 20), ready=PROMPTING)
    for rows, columns, toolbar, prompt in (
        (5, 20, False, True),
        (6, 20, True, True),
        (24, 8, True, True),
        (24, 7, True, False),
    ):
        typist.child.setwinsize(rows, columns)
        before = len(typist.written)
        assert typist.got("hello", ENTER) == "hello"
        assert typist.got("again", ENTER) == "again"  # by now the size is known
        typist.got(ctrl("u"), "x", ENTER)
        shown = typist.written[before:].rpartition("got 'again'")[2]
        assert ("the" in shown) is toolbar, (rows, columns)
        assert ("1m> " in shown) is prompt, (rows, columns)


def test_any_size(terminal: Open) -> None:
    """Nothing crashes, and all that is typed is read."""
    typist = terminal(size=(1, 1), ready=PROMPTING)
    for size in ((1, 1), (1, 20), (2, 2), (5, 20), (300, 4)):
        typist.child.setwinsize(*size)
        typist.type("/mo", ctrl("u"), "a long line of words", ALT_ENTER, "more", ctrl("c"))
        assert typist.got("hello", ALT_ENTER, "you", ENTER) == "hello\nyou"
    typist.leave()


def test_resize(terminal: Open) -> None:
    """What stands in the line survives any size."""
    typist = terminal("toolbar=bar " + "x" * 100, ready="bar ")
    typist.type("some words")
    for rows, columns in ((5, 20), (1, 1), (40, 30)):
        typist.child.setwinsize(rows, columns)
    typist.see("bar " + "x" * 25)
    assert typist.got(" more", ENTER) == "some words more"


@pytest.mark.parametrize("options", [[], ["nocolor"]])
def test_attributes_only(terminal: Open, options: list[str]) -> None:
    """No colours, so it is readable on light and dark terminals.

    Nor a query whose answer could be typed into the next program, nor a complaint about none.
    """
    typist = terminal(*options)
    typist.type("/m")
    typist.see("swap Enter")
    typist.got(ctrl("u"), "tell", ENTER)
    typist.type("te", ctrl("r"), "tel", ctrl("g"), ctrl("u"), ctrl("c"))
    typist.see("Ctrl-D leaves")
    typist.leave()
    assert not COLORS.search(typist.written)
    assert "\x1b[6n" not in typist.written
    assert "CPR" not in typist.written


def test_keys_of_the_terminal_when_stdin_is_a_pipe(terminal: Open) -> None:
    typist = terminal("keyboard", shell="echo context | COMMAND; stty -a")
    assert "'context\\n'" in typist.written
    assert typist.got("hello", ALT_ENTER, "you", ENTER) == "hello\nyou"
    typist.type(ctrl("d"))
    typist.see("left")
    settings = typist.see(" echo ") + typist.child.readline()
    assert "-icanon" not in settings


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_with_the_terminal_restored(terminal: Open, signum: int) -> None:
    """It dies of the signal; echo and lines are back, bracketed paste is off."""
    typist = terminal(shell='sh -c "echo \\$\\$ >pid; exec COMMAND"; echo "status $?"; stty -a')
    typist.type("half a line")
    typist.see("half a line")
    os.kill(int((Path(typist.env["HOME"]).parent / "pid").read_text()), signum)
    typist.see(f"status {128 + signum}")
    settings = typist.see(" echo ") + typist.child.readline()
    assert "-icanon" not in settings
    assert typist.written.rindex("\x1b[?2004l") > typist.written.rindex("\x1b[?2004h")
    assert "Traceback" not in typist.written


def test_the_terminal_goes_away(terminal: Open) -> None:
    """Though SIGHUP is ignored, as under nohup, it ends by itself instead of spinning."""
    typist = terminal(ignore_sighup=True)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), typist.child.child_fd)
    end = time.monotonic() + SECONDS
    while typist.child.isalive():
        assert time.monotonic() < end, "still running"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("term", "answer", "chosen"), [("dumb", "2\n", "'pear'"), (None, ctrl("c"), "None")]
)
def test_dumb_terminal(terminal: Open, term: str | None, answer: str, chosen: str) -> None:
    """Lines, a notice, and not one escape sequence; Ctrl-C drops the line that is begun."""
    typist = terminal("choose", env={"TERM": term}, ready="Which? [1-4] ")
    typist.type(answer)
    typist.see(f"chosen {chosen}")
    typist.see("Ctrl-D leaves")
    typist.type("hello\n")
    typist.see("got 'hello'")
    typist.type("half")
    typist.see("half")
    typist.type(ctrl("c"))
    typist.see("> ")
    typist.type("again\n")
    typist.see("got 'again'")
    typist.see("[Enter: again] > ")
    typist.type("\n")
    typist.see("got 'again'")
    typist.leave()
    assert "\x1b" not in typist.written
    assert typist.written.count("cannot move its cursor") == 1


def test_dumb_terminal_multiline(terminal: Open) -> None:
    """An empty line ends the message."""
    typist = terminal("multiline", env={"TERM": "dumb"}, ready="> ")
    typist.type("one\ntwo\n\n")
    typist.see(r"got 'one\ntwo'")
