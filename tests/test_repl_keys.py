"""Messages typed on a real terminal: every key, the history of prompts, completion."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from typing_support import (
    ALT_ENTER,
    BACKSPACE,
    DOWN,
    END,
    ENTER,
    ESC,
    HOME,
    LEFT,
    RIGHT,
    TAB,
    UP,
    Open,
    ctrl,
)

KEYS = (
    (["hello", ENTER], "hello"),
    (["a", ALT_ENTER, "b", ENTER], "a\nb"),
    (["a", ctrl("j"), "b", ENTER], "a\nb"),
    (["a\\", ENTER], "a\\"),
    (["bc", ctrl("a"), "a", ctrl("e"), "d", ENTER], "abcd"),
    (["bc", HOME, "a", END, "d", ENTER], "abcd"),
    (["abx", LEFT, ctrl("d"), ENTER], "ab"),
    (["one two", ctrl("w"), "2", ENTER], "one 2"),
    (["one", ctrl("u"), "two", ctrl("y"), ENTER], "twoone"),
    (["one", ctrl("c"), "two", ENTER], "two"),
    (["one", ctrl("c"), ctrl("_"), ENTER], "one"),
    (["日本", BACKSPACE, "x", ENTER], "日x"),
    (["one two", f"{ESC}b", "big ", ENTER], "one big two"),
)
UNASKED = (  # what terminals answer or report when asked, mistyped and malformed
    *("\x1b[31m", "\x1b[;m", "\x1b[<;;M", "\x1b[1;2;3;4M", "\x1b[Mzzz", "\x1b[\u0661m"),
    *("\x1b[<0;1;1M", "\x1b[<64;500;500M", "\x1b[5;9R", "\x1b[0;0R"),
)


def test_keys(terminal: Open) -> None:
    """Emacs keys and ours."""
    typist = terminal()
    for typed, message in KEYS:
        assert typist.got(*typed) == message


def test_reports_that_nobody_asked_for(terminal: Open) -> None:
    """They are no text and no mistake: neither of a mouse nor of where the cursor is."""
    typist = terminal()
    for report in UNASKED:
        assert typist.got("a", report, "b", ENTER) == "ab", ascii(report)
    assert "Exception" not in typist.written


def test_enter_and_alt_enter_swapped(terminal: Open) -> None:
    """With `multiline` Enter adds a line; Alt-Enter and Ctrl-J send."""
    typist = terminal("multiline")
    assert typist.got("a", ENTER, "b", ALT_ENTER) == "a\nb"
    assert typist.got("a", ENTER, "b", ctrl("j")) == "a\nb"


def test_vi_keys(terminal: Open) -> None:
    """Esc leaves the insert mode, which the prompt shows; Enter sends from both modes."""
    typist = terminal("vi")
    typist.type("one two", ESC)
    typist.see(":")
    assert typist.got("0dw", ENTER) == "two"
    assert typist.got("next", ALT_ENTER, "line", ENTER) == "next\nline"
    typist.type(ctrl("r"), "tw")
    typist.see("search: ")
    typist.see("tw")
    assert typist.got(ENTER, ENTER) == "two"


def test_esc_is_a_key_at_once_in_vi(terminal: Open) -> None:
    """It does not wait for the key that could make another one of it; the best of many."""
    typist = terminal("vi")
    times = []
    for _ in range(5):
        begun = time.monotonic()
        typist.type(ESC)
        typist.see(":")
        times.append(time.monotonic() - begun)
        typist.type("i")
        typist.see(">")
    assert min(times) < 0.3, times


def test_ctrl_c_never_leaves(terminal: Open) -> None:
    """On an empty line it says how to leave, once or ten times."""
    typist = terminal()
    for _ in range(10):
        typist.type(ctrl("c"))
    typist.see("Ctrl-D leaves")
    typist.child.kill(signal.SIGINT)
    assert typist.got("still here", ENTER) == "still here"
    typist.leave()


def test_ctrl_d_leaves_only_an_empty_line(terminal: Open) -> None:
    """In one it deletes; Ctrl-L clears the screen and nothing else."""
    typist = terminal()
    assert typist.got("ab", ctrl("d"), LEFT, ctrl("d"), ENTER) == "a"
    typist.type("ab", ctrl("l"))
    typist.see("\x1b[2J")
    assert typist.got("c", ENTER) == "abc"
    typist.leave()


def test_ctrl_z_suspends_under_a_shell(terminal: Open) -> None:
    """Job control: the shell gets the terminal, `fg` brings the line back."""
    typist = terminal(shell='set -m; COMMAND; echo "status $?"; fg')
    typist.type("half", ctrl("z"))
    typist.see("status 148")
    typist.see("half")
    assert typist.got(" a line", ENTER) == "half a line"
    typist.leave()


def test_default_stands_in_the_line(terminal: Open) -> None:
    assert terminal("default=one\ntwo").got("!", ENTER) == "one\ntwo!"


def test_history_is_kept_for_the_next_run(terminal: Open, tmp_path: Path) -> None:
    """Up and Down walk it, by what was typed first; the file is private."""
    typist = terminal()
    for text in ("alpha one", "beta", "alpha two"):
        typist.got(text, ENTER)
    assert typist.got("one", ALT_ENTER, "two", ENTER) == "one\ntwo"
    typist.leave()
    file = tmp_path / "llm" / "data" / "prompts"
    assert file.stat().st_mode & 0o777 == 0o600
    typist = terminal()
    assert typist.got(UP, ENTER) == "one\ntwo"
    assert typist.got("alpha", UP, UP, ENTER) == "alpha one"
    assert typist.got("alpha", UP, UP, ENTER) == "alpha two"
    assert typist.got("alpha", UP, UP, DOWN, ENTER) == "alpha two"
    assert typist.got("draft", UP, DOWN, "!", ENTER) == "draft!"


def test_history_search(terminal: Open) -> None:
    """Ctrl-R finds in the middle of older prompts; Ctrl-C ends the search, not the chat."""
    typist = terminal()
    for text in ("the quick fox", "the lazy dog"):
        typist.got(text, ENTER)
    typist.type(ctrl("r"), "QUICK")
    typist.see("search: ")
    typist.see("QUICK")
    assert typist.got(ENTER, ENTER) == "the quick fox"
    typist.type(ctrl("r"), "\u202elazy")
    typist.see("<U+202E>")
    typist.see("lazy")
    assert typist.got(ctrl("c"), "mine", ENTER) == "mine"
    assert "\u202e" not in typist.written


def test_suggestion_from_history(terminal: Open) -> None:
    """The newest prompt that begins so is offered; only the right arrow takes it."""
    typist = terminal()
    typist.got("tell me a story", ENTER)
    typist.type("tell")
    typist.see("me a story")
    assert typist.got(RIGHT, "!", ENTER) == "tell me a story!"
    typist.type("tell")
    typist.see("me a story")
    assert typist.got(ENTER) == "tell"


def test_private_prompts_are_not_kept(terminal: Open, tmp_path: Path) -> None:
    """What starts with a space and what has a key in it is in no history."""
    typist = terminal()
    for text in (
        "kept",
        " private",
        "use sk-proj-0123456789abcdef here",
        "use api_key = 0123456789abcdef here",
    ):
        assert typist.got(text, ENTER) == text
    assert typist.got(UP, ENTER) == "kept"
    typist.leave()
    written = (tmp_path / "llm" / "data" / "prompts").read_text()
    assert "kept" in written
    assert "private" not in written
    assert "0123456789" not in written


def test_nothing_is_kept_when_asked_so(terminal: Open, tmp_path: Path) -> None:
    typist = terminal("forget")
    typist.got("hello", ENTER)
    assert typist.got(UP, ENTER) == "hello"
    typist.leave()
    assert not (tmp_path / "llm").exists()


def test_completion(terminal: Open) -> None:
    """The menu comes for commands only, says what they do, and shows no foreign sequence."""
    typist = terminal()
    typist.got("say /m", ENTER)
    assert "switch" not in typist.written
    typist.type("/")
    assert "/model" in typist.see("switch the model")
    typist.see("^[[31mstep back")
    assert "\x1b[31m" not in typist.written
    assert typist.got("undo", ENTER) == "/undo"
    typist.type("/m")
    typist.see("swap Enter")
    assert typist.got(TAB, TAB, ENTER, " x", ENTER) == "/multiline x"  # the first Enter takes it


def test_mistakes_of_ours_are_told(terminal: Open) -> None:
    """In the toolbar's place, or below the line; what stands there can be sent."""
    typist = terminal("broken", ready="ValueError: no ^[[31mtoolbar; this is a bug in llm")
    typist.type("/m")
    typist.see("ValueError: no ^[[31mcompletion; this is a bug in llm")
    assert typist.got("odel", ENTER) == "/model"
    typist.leave()
    assert "Traceback" not in typist.written
    assert "\x1b[31m" not in typist.written


def test_keys_are_shown_at_once(terminal: Open, tmp_path: Path) -> None:
    """A key is on the screen in 16 ms, with 10,000 prompts in the history; the best of many."""
    file = tmp_path / "llm" / "data" / "prompts"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"\n# t\n+prompt {n} {'x' * 60}\n+more\n" for n in range(10_000)))
    typist = terminal()
    typist.type("p")
    typist.see("rompt 9999")  # the history is there
    times = []
    for key in "qwertzuiopasdfghjkl":
        begun = time.monotonic()
        typist.type(key)
        typist.see(key)
        times.append(time.monotonic() - begun)
    assert min(times) <= 0.016, times
    typist.type(ctrl("c"), "p")
    typist.see("rompt 9999")
    assert typist.got(UP, ENTER).startswith("prompt 9999")
