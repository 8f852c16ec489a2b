"""How commands talk to a person: results on stdout; notes and questions on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import IO, Any

from llmcli.errors import UsageError
from llmcli.redaction import redact
from llmcli.sanitize import sanitize

_STYLES = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33"}
_LEAST = 18  # columns in which a cell can be read
_color = "auto"


def set_color(mode: str) -> None:
    """Choose `auto`, `always` or `never` for the rest of the run."""
    global _color
    _color = mode


def is_tty(stream: IO[str]) -> bool:
    """Whether a person looks at this stream."""
    try:
        return stream.isatty()
    except (ValueError, AttributeError):
        return False


def has_color(stream: IO[str]) -> bool:
    """Whether to colour what goes to this stream: the option, then the usual variables."""
    if _color != "auto":
        return _color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return is_tty(stream) and os.environ.get("TERM", "dumb") != "dumb"


def style(text: str, name: str, stream: IO[str] | None = None) -> str:
    """The text in a style (`dim`, `bold`, `red`, `green`, `yellow`) where the stream has colour."""
    return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if has_color(stream or sys.stdout) else text


def clean(text: str) -> str:
    """Foreign text made fit to be shown: no control characters, no keys."""
    return redact(sanitize(text))


def out(text: str = "") -> None:
    """A line of the command's result on stdout. The caller cleans foreign text."""
    sys.stdout.write(text + "\n")


def out_json(value: Any) -> None:
    """A value as one line of JSON on stdout: ASCII only, so nothing in it can reach a terminal."""
    out(redact(json.dumps(value)))


def note(text: str) -> None:
    """A dim line on stderr. The caller cleans foreign text."""
    sys.stderr.write(style(text, "dim", sys.stderr) + "\n")
    sys.stderr.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows in aligned columns on a terminal, tab-separated without a header in a pipe.

    A last column that is too wide for the terminal goes on in the next line.
    """
    cells = [[clean(cell).replace("\n", " ").replace("\t", " ") for cell in row] for row in rows]
    if not is_tty(sys.stdout):
        for row in cells:
            out("\t".join(row))
        return
    lines = [list(header), *cells]
    widths = [max(width(line[i]) for line in lines) for i in range(len(header))]
    for number, line in enumerate(lines):
        for text in _folded(line, widths):
            out(style(text, "bold") if number == 0 else text)


def _folded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of a row: its last cell in as many as it needs, under itself or indented."""
    *cells, last = line
    head = "".join(padded(cell, wide + 2) for cell, wide in zip(cells, widths, strict=False))
    columns = shutil.get_terminal_size().columns
    if width(head + last) <= columns:
        return [(head + last).rstrip()]
    beside = columns - width(head) >= _LEAST
    indent = width(head) if beside else 4
    pieces = textwrap.wrap(last, max(columns - indent, _LEAST), break_long_words=False)
    lines = [" " * indent + piece for piece in pieces]
    return [head + pieces[0], *lines[1:]] if beside else [head.rstrip(), *lines]


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    marks = sum(map(bool, map(combining, text)))
    return len(text) - marks + sum(east_asian_width(character) in "WF" for character in text)


def padded(text: str, columns: int) -> str:
    """The text with spaces behind it, up to so many columns."""
    return text + " " * (columns - width(text))


def identity() -> str:
    """What tells this terminal from every other; the same for all that runs in it.

    The session that the system gives each terminal, and when it began, for numbers are used again.
    """
    if not hasattr(os, "getsid"):
        return os.environ.get("WT_SESSION", "")
    leader = os.getsid(0)
    try:
        with open(f"/proc/{leader}/stat", encoding="ascii", errors="replace") as file:
            begun = file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        begun = ""
    return f"{leader}-{begun}".rstrip("-")


def can_ask() -> bool:
    """Whether a person is there to answer a question."""
    return is_tty(sys.stdin) and is_tty(sys.stderr)


def ask(question: str, default: str = "") -> str:
    """A line typed by the user. Raises UsageError when nobody is there."""
    if not can_ask():
        raise UsageError(f"cannot ask without a terminal: {question}")
    sys.stderr.write(f"{question}{f' [{default}]' if default else ''} ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        sys.stderr.write("\n")
        raise UsageError("nothing was answered")
    return line.strip() or default


def confirm(question: str, default: bool = True) -> bool:
    """Yes or no, typed by the user. Raises UsageError when nobody is there."""
    answer = ask(f"{question} {'[Y/n]' if default else '[y/N]'}").lower()
    return default if not answer else answer in ("y", "yes")


def agreed(act: str, command: str, how: str = "") -> bool:
    """Whether the user wants this done, asked on a terminal: `Remove 3 turns for good?`.

    Raises UsageError, with what to type for it, where nobody can be asked.
    """
    if not can_ask():
        raise UsageError(f"to {act} needs a yes", hint=f"To do it: {command} --yes")
    if confirm(f"{act[0].upper()}{act[1:]}{how}?", default=False):
        return True
    note("· nothing was changed")
    return False


def ask_hidden(question: str) -> str:
    """A line typed without echo. Raises UsageError when nobody is there."""
    if not can_ask():
        raise UsageError(f"cannot ask without a terminal: {question}")
    import getpass

    try:
        return getpass.getpass(f"{question} ", stream=sys.stderr)
    except EOFError:
        sys.stderr.write("\n")
        raise UsageError("nothing was answered") from None
