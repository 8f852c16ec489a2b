"""Rows of a menu as text that fits: what is foreign in them cannot style or move anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.utils import get_cwidth

from llmcli.errors import LlmError
from llmcli.redaction import redact
from llmcli.sanitize import sanitize


class Row(NamedTuple):
    """A line of a menu: what it is called and what it is."""

    name: str
    about: str = ""


def shown(text: str) -> str:
    """Foreign text as one line that is safe to show."""
    return sanitize(redact(text)).replace("\n", " ").replace("\t", " ").strip()


def told(error: Exception) -> str:
    """What went wrong; what is no LlmError is a bug of ours."""
    if isinstance(error, LlmError):
        return error.message
    return f"internal error: {type(error).__name__}: {error}; this is a bug in llm"


def fitted(text: str, width: int) -> str:
    """The text cut to so many columns, with a mark where it was."""
    if sum(map(get_cwidth, text)) <= width:
        return text
    room = width - 1
    kept = ""
    for char in text:
        room -= get_cwidth(char)
        if room < 0:
            break
        kept += char
    return kept + "…" if width > 0 else ""


def menu(rows: Sequence[Row], current: int | None, height: int, width: int) -> StyleAndTextTuples:
    """The part of the rows around the current one, in two columns, `height` lines at most."""
    first = _first(len(rows), current or 0, height)
    seen = [Row(shown(row.name), shown(row.about)) for row in rows[first : first + height]]
    name_width = min(max((_width(row.name) for row in seen), default=0), max(width - 3, 1))
    lines: StyleAndTextTuples = []
    for number, row in enumerate(seen, first):
        name = fitted(row.name, name_width)
        about = fitted(row.about, width - name_width - 4) if width - name_width > 12 else ""
        gap = " " * (name_width - _width(name) + 2) if about else ""
        style = "class:choice.current" if number == current else "class:choice"
        lines += [(style, fitted(f" {name}{gap}", width)), (f"{style} class:choice.about", about)]
        lines.append(("", "\n"))
    return lines[:-1]


def _first(count: int, current: int, height: int) -> int:
    """The first row to show, so that the current one is in view."""
    return max(0, min(current - height // 2, count - height))


def _width(text: str) -> int:
    return sum(map(get_cwidth, text))
