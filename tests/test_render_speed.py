"""Rows 90 and 91: time grows with the text and no faster, whatever the text is.

Times are CPU times of this thread, compared with each other: twice the text, three times the time
at most, where four times would be quadratic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rendering import Streams, markdown

from llmcli.events import TextDelta
from llmcli.languages import LANGUAGES, LONGEST
from llmcli.render import highlight

REALISTIC = (Path(__file__).parent / "data" / "realistic.md").read_text(encoding="utf-8")
SIZE = 200_000

HOSTILE: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "[" * n,
    "closed brackets": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "stars": lambda n: "*a" * (n // 2),
    "strong": lambda n: "**a " * (n // 4),
    "underscores": lambda n: "_a " * (n // 3),
    "one run": lambda n: "*" * n,
    "backticks": lambda n: "`a``b```c" * (n // 9),
    "odd backticks": lambda n: "`a" + "``b" * (n // 3),
    "broken links": lambda n: "[a](" * (n // 4),
    "images": lambda n: "![" * (n // 2),
    "angles": lambda n: "<http://" * (n // 8),
    "escapes": lambda n: "\\" * n,
    "one word": lambda n: "x" * n,
    "one line": lambda n: "word " * (n // 5),
    "spaces": lambda n: " " * n + "x",
    "wide word": lambda n: "中" * n,
    "quotes": lambda n: ">" * n,
    "quoted lines": lambda n: "> a\n" * (n // 4),
    "deep lists": lambda n: "".join(" " * i + "- x\n" for i in range(int((2 * n) ** 0.5))),
    "bullets on a line": lambda n: "- " * (n // 2),
    "pipes": lambda n: "|" * n,
    "table": lambda n: "|a|b|\n|-|-|\n" + "|x|y|\n" * (n // 6),
    "wide table": lambda n: "|a" * 30 + "|\n" + "|-" * 30 + "|\n" + ("|x" * 30 + "|\n") * (n // 62),
    "first rows": lambda n: "|a|\n" * (n // 4),
    "code": lambda n: "```python\n" + "x = [1, 'a']  # b\n" * (n // 18),
    "line of code": lambda n: "```python\n" + "x=1;" * (n // 4),
    "open string": lambda n: '```python\n"""\n' + "a b c\n" * (n // 6),
    "fences": lambda n: "```\n" * (n // 4),
    "backticks in code": lambda n: "~~~\n" + "```\n" * (n // 4),
    "empty lines": lambda n: "\n" * n,
    "formula": lambda n: "$$\n" + "x_1 \\\\ \n" * (n // 8),
    "numbers": lambda n: "1. " * (n // 3),
    "escape sequences": lambda n: "\x1b[31m" * (n // 5),
}


def _pieces(text: str) -> list[str]:
    return [text[at : at + 16] for at in range(0, len(text), 16)]


def _seconds(text: str) -> float:
    """CPU time of the quickest of three runs, in 16-character pieces through the renderer."""
    best = float("inf")
    for _ in range(3):
        renderer = Streams().renderer("markdown", stdout_tty=True, color_out=True)
        begun = time.thread_time()
        for piece in _pieces(text):
            renderer.show(TextDelta(piece))
            renderer.flush()
        best = min(best, time.thread_time() - begun)
    return best


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    markdown(REALISTIC, color=True)  # what is imported late is imported now


def _check(text: Callable[[int], str], size: int) -> None:
    """Twice the text takes less than three times as long; noise gets a second chance."""
    for _ in range(3):
        half, whole = _seconds(text(size // 2)), _seconds(text(size))
        if whole < 3 * half + 0.005:
            return
    raise AssertionError(f"{half:.3f} s for half of it, {whole:.3f} s for all")


def test_200_kb_of_an_answer_in_linear_time() -> None:
    _check(lambda n: (REALISTIC * (n // len(REALISTIC) + 1))[:n], SIZE)


@pytest.mark.parametrize("kind", HOSTILE)
def test_row_91_hostile_markdown_in_linear_time(kind: str) -> None:
    _check(HOSTILE[kind], 40_000)


@pytest.mark.parametrize("kind", HOSTILE)
def test_row_91_hostile_markdown_costs_no_more_than_its_size(kind: str) -> None:
    """At most 8 times what prose of that size costs, or 40 for rich's tables of tiny cells."""
    words = ("An ordinary sentence with `code` and **bold** words in it. " * 500)[:20_000]
    limit = 40 if "table" in kind else 8
    # The best of three: the first loads what it draws with, and other processes run beside.
    prose, hostile = (
        min(_seconds(text) for _ in range(3)) for text in (words, HOSTILE[kind](20_000))
    )
    assert hostile < limit * prose + 0.02


NASTY = [
    *"\"'\\(a</[{`1_#$=-\t,@:%&|é!",
    "/*",
    "<!--",
    "{{",
    "{%",
    "${",
    '"""',
    "\"'\\",
    "a.",
    "a ",
    "a=",
]


def test_row_91_no_lexer_is_caught_by_a_nasty_line() -> None:
    """None needs 100 times what an ordinary line of code takes."""

    def seconds(language: str, line: str) -> float:
        painter = highlight.find(language)
        assert painter
        painter.line("x")
        begun = time.thread_time()
        painter.line(line[:LONGEST])
        return time.thread_time() - begun

    usual = max(seconds("python", "x = [1, 'a'] " * 100) for _ in range(5))
    slow = {
        (language, text): took
        for language in LANGUAGES
        for text in NASTY
        if (took := seconds(language, text * LONGEST)) > 100 * usual
    }
    assert not slow


def test_row_91_a_line_of_a_megabyte() -> None:
    """All of it is shown, folded or not."""
    shown = markdown(_pieces("word " * 200_000))
    assert shown.count("word") == 200_000
    assert max(map(len, shown.splitlines())) <= 80
    assert markdown(_pieces("x" * 1_000_000)) == "x" * 1_000_000 + "\n"
