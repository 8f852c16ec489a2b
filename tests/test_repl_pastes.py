"""Pastes, the editor, the picker and the file of prompts, on a real terminal."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typing_support import (
    ALT_ENTER,
    BACKSPACE,
    DOWN,
    ENTER,
    ESC,
    HOME,
    LEFT,
    PROMPTING,
    UP,
    Open,
    ctrl,
    pasted,
    script,
)

from llmcli.repl import prompt_history

LINES = "\n".join(f"line {number}" for number in range(240))
EDIT = ctrl("x") + ctrl("e")


def digest(text: str) -> str:
    """What the runner prints of a long message."""
    return f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()}"


def as_sent(text: str) -> str:
    """A paste as most terminals send it: a carriage return for every newline."""
    return pasted(text.replace("\n", "\r"))


def test_short_paste_as_it_is(terminal: Open) -> None:
    """Kept character by character; no control or direction mark reaches the terminal."""
    typist = terminal()
    for text in (
        "two\nlines",
        "tab\there",
        "a\x1b[31mb\x00c\x07d\x9be",
        "rtl \u202e mark",
        "日本語",
        "no\r\nchange",
    ):
        sent = pasted(text) if "\r\n" in text else as_sent(text)
        before = len(typist.written)
        assert typist.got("<", sent, ">", ENTER) == f"<{text}>"
        line = typist.written[before:].partition("got ")[0]
        assert "\x1b[31m" not in line
        assert not set(line) & set("\x00\x07\x9b\u202e")


def test_a_byte_that_is_no_utf_8_is_marked(terminal: Open) -> None:
    """Typed or pasted: no message can carry it."""
    typist = terminal()
    os.write(typist.child.child_fd, b"a\xffb")
    assert typist.got(ENTER) == "a\ufffdb"
    os.write(typist.child.child_fd, pasted("a@b").encode().replace(b"@", b"\xff"))
    assert typist.got(ENTER) == "a\ufffdb"


def test_long_paste_is_a_chip(terminal: Open) -> None:
    """It is shown by its size, deleted as one character, and sent whole."""
    typist = terminal()
    typist.type("see ", as_sent(LINES))
    typist.see("[paste 1: 240 lines]")
    assert typist.got(" and", ENTER) == digest(f"see {LINES} and")
    assert "line 100" not in typist.written
    assert typist.got("a", as_sent(LINES), "b", LEFT, BACKSPACE, ENTER) == "ab"
    assert typist.got(as_sent(LINES), "c", HOME, ctrl("d"), ENTER) == "c"


def test_several_pastes(terminal: Open) -> None:
    other = LINES.replace("line", "row")
    typist = terminal()
    got = typist.got(as_sent(LINES), " or ", as_sent(other), "?", ENTER)
    assert got == digest(f"{LINES} or {other}?")
    assert "[paste 2: 240 lines]" in typist.written


def test_kill_and_yank_and_history_of_a_chip(terminal: Open) -> None:
    """A chip is cut, put back twice and found again in the history, here and in the next run."""
    typist = terminal()
    typist.type(as_sent(LINES), ctrl("u"), ctrl("y"), " ", ctrl("y"))
    assert typist.got(ENTER) == digest(f"{LINES} {LINES}")
    assert typist.got(UP, ENTER) == digest(f"{LINES} {LINES}")
    typist.leave()
    assert terminal().got(UP, ENTER) == digest(f"{LINES} {LINES}")


def test_chip_comes_back_with_a_default(terminal: Open) -> None:
    """What failed to be sent stands in the line again as it was typed."""
    typist = terminal()
    assert typist.got(as_sent(LINES), " again", ENTER) == digest(f"{LINES} again")
    typist.see("[paste 1: 240 lines]")
    assert typist.got("!", ENTER) == digest(f"{LINES} again!")
    assert "line 100" not in typist.written


def test_one_megabyte_byte_for_byte(terminal: Open) -> None:
    """All there is in a megabyte: controls, marks, wide characters; in lines or in one."""
    typist = terminal()
    for newline in ("", "\n"):
        piece = "0123 ñ 日本 \x1b[31m \x00 \x1b[200~ \t \u202e" + newline
        text = piece * (1_048_576 // len(piece.encode()))
        typist.type(as_sent(text))
        typist.see("[paste ")
        assert typist.got(ENTER) == digest(text)


def test_paste_in_pieces(terminal: Open) -> None:
    """Its end may arrive in two reads, and what only begins like an end is text."""
    typist = terminal()
    typist.type("x", "\x1b[200~a\x1b[2zb\x1b[20")
    typist.see("x")  # so all of this was read
    typist.type("1~", "y")
    assert typist.got("!", ENTER) == "xa\x1b[2zby!"


def test_paste_over_the_limit_is_refused(terminal: Open) -> None:
    """One line says so and what to use; what stood in the line stays."""
    typist = terminal()
    typist.type("before ", pasted("x" * 2_500_000))
    typist.see("over 1 MB")
    typist.see("/file")
    assert typist.got("after", ENTER) == "before after"


def test_ctrl_x_ctrl_e_edits_the_line(terminal: Open, tmp_path: Path) -> None:
    """The file is private and gone afterwards; the result waits to be sent."""
    editor = script(tmp_path, "ed", f'ls -l "$1" >{tmp_path}/mode; printf "%s" more >>"$1"')
    typist = terminal(env={"VISUAL": str(editor), "EDITOR": "false", "TMPDIR": str(tmp_path)})
    typist.type("text ", EDIT)
    typist.see("more")
    assert typist.got("!", ENTER) == "text more!"
    assert (tmp_path / "mode").read_text().startswith("-rw-------")
    assert not list(tmp_path.glob("llm-*"))


def test_paste_in_the_editor(terminal: Open, tmp_path: Path) -> None:
    """A chip is expanded for the editor, and a chip again when it came back whole."""
    editor = script(tmp_path, "ed", f'cp "$1" {tmp_path}/seen; echo end >>"$1"')
    typist = terminal(env={"EDITOR": str(editor)})
    typist.type(as_sent(LINES), EDIT)
    typist.see("end")
    assert typist.got(ENTER) == digest(f"{LINES}end")
    assert (tmp_path / "seen").read_text() == LINES
    assert "line 239" not in typist.written


@pytest.mark.parametrize(
    ("editor", "said"),
    [("false", ""), ("true", ""), ("/no/such/editor", "not found"), ("'", "is no command")],
)
def test_editor_that_does_nothing(terminal: Open, editor: str, said: str) -> None:
    """One that fails, changes nothing or is missing leaves the line as it was."""
    typist = terminal(env={"EDITOR": editor, "VISUAL": None})
    typist.type("text", EDIT)
    typist.see(said or "the toolbar")  # the prompt is back
    assert typist.got("!", ENTER) == "text!"


def test_edit_outside_the_prompt(terminal: Open, tmp_path: Path) -> None:
    """For /editor and /edit; Ctrl-C belongs to the editor while it runs."""
    body = f'trap \'echo caught >>"$1"\' INT; echo ready; kill -INT 0; sleep 0; cp "$1" {tmp_path}'
    editor = script(tmp_path, "ed", body)
    typist = terminal("edit=old ", env={"EDITOR": str(editor)}, ready="edited")
    assert typist.child.readline().strip() == "'old caught'"
    typist.see(PROMPTING)
    assert typist.got("hello", ENTER) == "hello"


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ([ENTER], "'apple'"),
        ([DOWN, ENTER], "'pear'"),
        ([DOWN, DOWN, UP, ENTER], "'pear'"),
        (["land", ENTER], ascii("日本")),
        (["fruit", DOWN, ENTER], "'rock'"),
        (["none of them", ENTER, ESC], "None"),
        ([ESC], "None"),
        ([ctrl("c")], "None"),
        ([ctrl("d")], "None"),
    ],
)
def test_choose(terminal: Open, keys: list[str], chosen: str) -> None:
    """Arrows, typing to filter, Enter, Esc; the prompt works afterwards."""
    typist = terminal("choose", ready="日本")
    typist.type(*keys)
    typist.see(f"chosen {chosen}")
    typist.see("the toolbar")
    assert typist.got("hello", ENTER) == "hello"
    assert "\x1b[31m" not in typist.written


@pytest.mark.parametrize("size", [(24, 80), (5, 20), (1, 1)])
def test_choose_from_many(terminal: Open, size: tuple[int, int]) -> None:
    """A window of a few lines over thousands, on any terminal."""
    typist = terminal("choose=5000", size=size, ready="\x1b[?2004h")
    typist.type("row4999", ENTER)
    typist.see("chosen 'row4999'")


def test_file_of_prompts_becomes_private(tmp_path: Path) -> None:
    file = tmp_path / "prompts"
    file.touch(mode=0o644)
    prompt_history.PromptHistory(file).append_string("hello")
    assert file.stat().st_mode & 0o777 == 0o600


def test_terminals_do_not_tear_the_file(tmp_path: Path) -> None:
    """Twelve processes append at once, and every entry is whole."""
    code = (
        "import sys; from pathlib import Path; from llmcli.repl.prompt_history import *\n"
        "history = PromptHistory(Path(sys.argv[1]))\n"
        "for n in range(20): history.append_string(f'{sys.argv[2]} {n}\\n' + 'x ' * 3000)"
    )
    file = tmp_path / "prompts"
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(file), str(number)])
        for number in range(12)
    ]
    assert [process.wait(60) for process in running] == [0] * 12
    entries = list(prompt_history.PromptHistory(file).load_history_strings())
    wanted = {f"{number} {n}\n" + "x " * 3000 for number in range(12) for n in range(20)}
    assert len(entries) == 240
    assert set(entries) == wanted


def test_file_of_prompts_is_bounded(tmp_path: Path) -> None:
    """The newest are kept, and the file is written anew when it has too many."""
    file = tmp_path / "prompts"
    count = prompt_history.KEPT * 2
    file.write_text("".join(f"\n# t\n+prompt {number}\n" for number in range(count)))
    history = prompt_history.PromptHistory(file)
    history._loading.join()
    entries = list(prompt_history.PromptHistory(file).load_history_strings())
    assert len(entries) == prompt_history.KEPT
    assert entries[0] == f"prompt {count - 1}"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe+\n+a\n", b"no format", b"+cut", b"\n# t\n+ok\n" + b"\0" * 100]
)
def test_damaged_file_of_prompts(terminal: Open, tmp_path: Path, content: bytes) -> None:
    """Whatever it holds, the prompt works and goes on from there."""
    file = tmp_path / "llm" / "data" / "prompts"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    typist = terminal()
    assert typist.got("hello", ALT_ENTER, "you", ENTER) == "hello\nyou"
    assert typist.got(UP, ENTER) == "hello\nyou"
