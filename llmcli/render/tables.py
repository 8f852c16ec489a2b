"""Tables: the rows of one, drawn by rich when it is whole."""

from __future__ import annotations

import io
import re
from functools import cache
from typing import Literal, TypeAlias

from llmcli.render import styles
from llmcli.render.inline import Inline
from llmcli.render.wrap import columns

Cell: TypeAlias = list[tuple[str, str]]
Align: TypeAlias = Literal["left", "center", "right"]

_PIPE = re.compile(r"(?<!\\)\|")
_BREAK = re.compile(r"[ \t]*<br[ \t]*/?>[ \t]*", re.IGNORECASE)
_MARK = re.compile(r"[\\`*_~\[\]!<\t]")
_MOST_COLUMNS = 32
_WORD_COLUMNS = 14  # a longer word may be broken inside a cell
_NAMES = {
    styles.BOLD: "bold",
    styles.DIM: "dim",
    styles.ITALIC: "italic",
    styles.UNDERLINE: "underline",
    styles.STRIKE: "strike",
    styles.CODE: "cyan",
}


def split_row(line: str) -> list[str]:
    """The cells of a row; an escaped pipe is part of its cell."""
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.replace("\\|", "|").strip() for cell in _PIPE.split(inner)]


def draw(rows: list[str], width: int, *, color: bool, dumb: bool) -> list[str] | None:
    """The lines of the table in `width` columns, or None when that is too narrow.

    `rows` are header, delimiters, and the rest. Missing cells are empty, surplus ones are kept
    in the last column.
    """
    header = split_row(rows[0])
    count = len(header)
    if count > _MOST_COLUMNS:
        return None
    cells = [[_read(cell, color) for cell in _fit(split_row(row), count)] for row in rows[2:]]
    titles = [_read(cell, color) for cell in header]
    if sum(_least(column) + 3 for column in zip(titles, *cells, strict=True)) + 1 > width:
        return None
    return _draw(titles, cells, _aligns(rows[1], count), width, color=color, dumb=dumb)


def _draw(
    titles: list[Cell],
    rows: list[list[Cell]],
    aligns: list[Align],
    width: int,
    *,
    color: bool,
    dumb: bool,
) -> list[str]:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.MARKDOWN if dumb else box.ROUNDED, header_style="bold" if color else "")
    for title, align in zip(titles, aligns, strict=True):
        table.add_column(Text.assemble(*title), justify=align, overflow="fold")
    for row in rows:
        table.add_row(*(Text.assemble(*cell) for cell in row))
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        height=100,  # asked of the terminal otherwise
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=False,  # the environment was asked already
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    console.print(table)
    return [line.rstrip() for line in file.getvalue().split("\n") if line.strip()]


def _fit(cells: list[str], count: int) -> list[str]:
    if len(cells) > count:
        cells = [*cells[: count - 1], " | ".join(cells[count - 1 :])]
    return cells + [""] * (count - len(cells))


def _aligns(line: str, count: int) -> list[Align]:
    aligns: list[Align] = []
    for cell in _fit(split_row(line), count):
        ends = cell.startswith(":"), cell.endswith(":")
        aligns.append("center" if all(ends) else "right" if ends[1] else "left")
    return aligns


def _least(column: tuple[Cell, ...]) -> int:
    """The fewest columns in which the words of these cells are readable."""
    texts = ("".join(text for text, _ in cell) for cell in column)
    words = (columns(word) for text in texts for word in text.split())
    return min(max(words, default=1), _WORD_COLUMNS)


def _read(text: str, color: bool) -> Cell:
    """A cell with its inline marks; `<br>` starts a new line in it."""
    if not _MARK.search(text):
        return [(text, "")]
    cell: Cell = []
    inline = Inline(lambda piece, style: cell.append((piece, _name(style))), color)
    for number, line in enumerate(_BREAK.split(text.replace("\t", " "))):
        if number:
            cell.append(("\n", ""))
        inline.feed(line)
        inline.end(newline=False)
    return cell


@cache
def _name(style: int) -> str:
    """The style in rich's words."""
    return " ".join(name for flag, name in _NAMES.items() if style & flag)
