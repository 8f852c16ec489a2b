"""Answers on a real terminal: hostile text, odd sizes, no colour, long answers (rows 88 to 91)."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from escape_corpus import CONTEXTS, SEQUENCES
from rendering import SHOW, bare, markdown, on_terminal
from support import environment

from llmcli.sanitize import sanitize

OURS = re.compile(r"\x1b\[(?:0|(?:1|2|3|4|9|36|1;4|1;36|(?:3[1235]))(?:;(?:2|3|4|9|36))*)m")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
BAR = "=====8<====="

Commands = list[list[str]]


def _answers(texts: Iterator[list[str]]) -> Commands:
    """Each text, in its pieces, as an answer of its own, a bar after it."""
    commands: Commands = []
    for pieces in texts:
        commands += [["text", piece] for piece in pieces]
        commands += [["end"], ["text", f"{BAR}\n"], ["end"]]
    return commands


def _every_cut() -> Iterator[list[str]]:
    for sequence in SEQUENCES:
        text = f"a {sequence} b"
        yield from ([text[:cut], text[cut:]] for cut in range(2, len(sequence) + 3))


def test_corpus_is_large() -> None:
    assert len(set(SEQUENCES)) >= 300


def test_s1_no_sequence_of_a_model_gets_through_plain(tmp_path: Path) -> None:
    """Every sequence, cut everywhere: the terminal gets not one control character."""
    written = on_terminal(tmp_path, "plain", _answers(_every_cut()))
    assert not CONTROL.search(written)
    assert written.count(BAR) == sum(1 for _ in _every_cut())


def test_s1_no_sequence_of_a_model_gets_through_markdown(tmp_path: Path) -> None:
    """The same; there is no styled text in it, so there is no sequence of ours either."""
    written = on_terminal(tmp_path, "markdown", _answers(_every_cut()))
    assert not CONTROL.search(written)
    assert written.count(BAR) == sum(1 for _ in _every_cut())


@pytest.mark.parametrize("context", CONTEXTS)
def test_s1_in_every_kind_of_markdown(tmp_path: Path, context: str) -> None:
    """What is written is what the sanitised text would give: our own colours, nothing else."""
    texts = [CONTEXTS[context].format(sequence) for sequence in SEQUENCES]
    written = on_terminal(tmp_path, "markdown", _answers([text] for text in texts))
    assert not CONTROL.search(OURS.sub("", written))
    shown = written.split(f"{BAR}\n")
    for text, found in zip(texts, shown, strict=False):
        safe = sanitize(text.replace("\r\n", "\n"))
        assert found == markdown(safe, color=True), ascii(text)


def test_s2_no_sequence_gets_through_on_stderr(tmp_path: Path) -> None:
    """Reasoning, tool calls, warnings and retries come from strangers too."""
    commands: Commands = []
    for sequence in SEQUENCES:
        commands += [["reasoning", f"a {sequence} b"], ["notice", sequence], ["retry", sequence]]
        commands += [["tool", sequence, sequence], ["text", "x"], ["fail"]]
    for mode in ("plain", "markdown", "json", "jsonl", "code"):
        written = on_terminal(tmp_path, mode, commands)
        assert not CONTROL.search(re.sub("\x1b\\[(0|2|33)m|\r", "", written)), mode


def test_s2_a_carriage_return_is_ours_alone(tmp_path: Path) -> None:
    """Only the spinner goes back to the start of a line, and only over what it drew itself."""
    commands = [["reasoning", "a\rb"], ["notice", "c\rd"], ["text", "e\rf"], ["end"]]
    for mode in ("plain", "markdown"):
        assert "\r" not in on_terminal(tmp_path, mode, commands)


def test_s3_s4_links_and_markup_are_text(tmp_path: Path) -> None:
    """The address of a link is seen, and the markup of our own library means nothing."""
    text = "[bank](http://evil.example) [/foo] [link=http://x]y[/link] [red]z[/red]\n"
    written = on_terminal(tmp_path, "markdown", [["text", text], ["end"]])
    assert "\x1b]8" not in written
    assert bare(written) == (
        "bank (http://evil.example) [/foo] [link=http://x]y[/link] [red]z[/red]\n"
    )


def test_s35_a_broken_answer_leaves_the_terminal_clean(tmp_path: Path) -> None:
    """Ended at any character, the line is ended and no colour is left on."""
    text = "# a **b `c`\n- **d e** *f\n```python\nx = 'y'\n```\n| a |\n|--|\n| b"
    commands = []
    for end in range(1, len(text)):
        commands += [["text", text[:end]], ["fail"], ["text", f"{BAR}\n"], ["end"]]
    for piece in on_terminal(tmp_path, "markdown", commands).split(f"{BAR}\n")[:-1]:
        assert piece == "" or piece.endswith("\n")
        assert not re.search(r"\x1b\[(?!0m)[0-9;]*m[^\x1b]*\Z", piece)


DOCUMENT = """# Title

Some **bold**, *italic*, `code` and ~~gone~~ words with a [link](http://x.example/a).

- one
  - two
1. three

> quote

| a | b |
|---|---|
| 1 | 2 |

```python
def f():
    return "x"
```

---
end
"""


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": None}, {"NO_COLOR": "1"}], ids=str)
@pytest.mark.parametrize("mode", ["markdown", "plain", "code", "json", "jsonl"])
def test_row_89_not_one_escape_byte(tmp_path: Path, mode: str, env: dict[str, str | None]) -> None:
    commands = [
        ["attempt", "fs", "m"],
        ["retry", "overloaded"],
        ["reasoning", "hm"],
        ["text", DOCUMENT],
        ["tool", "get", "{}"],
        ["notice", "odd"],
        ["end"],
    ]
    written = on_terminal(tmp_path, mode, commands, env={"SHOW_USAGE": "1", **env})
    assert "\x1b" not in written
    assert "hm" in written
    assert "fs/m" in written


def test_row_89_a_dumb_terminal_gets_no_box_drawing(tmp_path: Path) -> None:
    written = on_terminal(tmp_path, "markdown", [["text", DOCUMENT], ["end"]], env={"TERM": "dumb"})
    assert written.isascii()
    assert "| a | b |" in written


def test_row_89_colour_changes_no_layout_of_lists_and_tables(tmp_path: Path) -> None:
    """Without colour the same lines come, with the marks that only colour could replace."""
    commands = [["text", "- a **b**\n\n| a |\n|---|\n| 1 |\n"], ["end"]]
    colored = on_terminal(tmp_path, "markdown", commands)
    plain = on_terminal(tmp_path, "markdown", commands, env={"NO_COLOR": "1"})
    assert "\x1b" in colored
    assert bare(colored) == plain


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 10), (10, 3), (2, 5), (24, 80), (500, 400)])
@pytest.mark.parametrize("mode", ["markdown", "plain"])
def test_row_88_no_size_loses_a_letter(tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
    """A size is (rows, columns)."""
    commands = [["text", DOCUMENT[at : at + 7]] for at in range(0, len(DOCUMENT), 7)]
    written = bare(on_terminal(tmp_path, mode, [*commands, ["end"]], size=size))
    expected = re.findall(r"[a-zA-Z]", DOCUMENT)
    assert re.findall(r"[a-zA-Z]", written) == expected


def test_row_88_lines_after_a_resize_have_the_new_width(tmp_path: Path) -> None:
    """Each line takes the width the terminal has when it begins."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ours, theirs = os.openpty()
    _resize(theirs, 24, 60)
    env = {**environment(tmp_path), "TERM": "xterm"}
    command = [sys.executable, str(SHOW), "markdown", str(pipe)]
    with (
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=env
        ) as process,
        pipe.open("w", encoding="utf-8") as commands,
    ):
        _send(commands.write, ["text", "first " * 30 + "\n\nmark\n\n"])
        commands.flush()
        written = _read_until(ours, b"mark\r\n")
        _resize(theirs, 24, 30)
        _send(commands.write, ["text", "second " * 30 + "\n"], ["end"], ["text", "\n over"])
        commands.flush()
        written += _read_until(ours, b"over")
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 0
    lines = written.decode().replace("\r\n", "\n").splitlines()
    widths = {word: max(len(x) for x in lines if word in x) for word in ("first", "second")}
    assert 50 < widths["first"] <= 60
    assert 20 < widths["second"] <= 30
    assert [written.count(word) for word in (b"first", b"second")] == [30, 30]


def _resize(terminal: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _send(write: Callable[[str], object], *commands: list[str]) -> None:
    for command in commands:
        write(json.dumps(command) + "\n")


def _read_until(terminal: int, end: bytes) -> bytes:
    written = b""
    while end not in written:
        written += os.read(terminal, 4096)
    return written
