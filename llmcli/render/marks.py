"""What the beginning of a line means: heading, list item, quote, fence, rule, table or text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "heading", "bullet", "ordered", "quote", "fence", "rule", "table", "formula"]

_LONGEST = 1000  # characters a line may be held back for what it might become
_LONGEST_ROW = 8000  # the same for the row of a table
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_NUMBER = re.compile(r"\d{1,9}(?:[.)]|$)")
_ORDERED = re.compile(r"(\d{1,9}[.)])(?:[ \t]|$)")
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*(.*)")
_DELIMITERS = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")


@dataclass(frozen=True, slots=True)
class Mark:
    """How a line begins; `size` characters make the mark.

    `text` is the list marker, the fence, or what ends a formula; `info` is a fence's info string;
    `level` a heading's.
    """

    kind: Kind
    size: int = 0
    text: str = ""
    info: str = ""
    level: int = 0


TEXT = Mark("text")
RULE = Mark("rule")
QUOTE = Mark("quote", 1)
TABLE = Mark("table")


def classify(line: str, whole: bool) -> Mark | None:
    """What this line is, by its text from the first visible character on.

    None: more of it is needed. `whole`: the line ends here. The text is never empty.
    """
    reader = _READERS.get(line[0])
    if reader is None:
        return TEXT
    limit = _LONGEST_ROW if line[0] == "|" else _LONGEST
    if len(line) > limit:
        return reader(line[: limit + 1], False) or TEXT
    return reader(line, whole)


def is_delimiter_row(line: str) -> bool:
    """Whether this is the line under the header of a table."""
    return "|" in line and _DELIMITERS.fullmatch(line) is not None


def _read_heading(line: str, whole: bool) -> Mark | None:
    match = _HEADING.match(line)
    if not match:
        return TEXT
    if match.end() == len(line) and not whole:
        return None
    return Mark("heading", match.end(), level=len(match[1]))


def _read_quote(line: str, whole: bool) -> Mark:  # noqa: ARG001
    return QUOTE


def _read_line_or_bullet(line: str, whole: bool) -> Mark | None:
    """`-`, `*`, `_` and `+`: a rule needs the whole line, a bullet what follows its space."""
    mark = line[0]
    if not line.strip(f"{mark} \t"):
        if not whole:
            return None
        if mark != "+" and line.count(mark) >= 3:
            return RULE
    bullet = mark != "_" and (len(line) == 1 or line[1] in " \t")
    return Mark("bullet", 1, mark) if bullet else TEXT


def _read_number(line: str, whole: bool) -> Mark | None:
    match = _NUMBER.match(line)
    if match and match.end() == len(line) and not whole:
        return None
    item = _ORDERED.match(line)
    return Mark("ordered", item.end(1), item[1]) if item else TEXT


def _read_fence(line: str, whole: bool) -> Mark | None:
    if not line.strip(line[0]) and len(line) < 3:
        return TEXT if whole else None
    match = _FENCE.match(line)
    if not match or (line[0] == "`" and "`" in match[2]):
        return TEXT
    return Mark("fence", len(line), match[1], match[2].strip()) if whole else None


def _read_table(line: str, whole: bool) -> Mark | None:  # noqa: ARG001
    return TABLE if whole else None


def _read_formula(line: str, whole: bool) -> Mark | None:
    if len(line) == 1:
        return TEXT if whole else None
    if line.startswith("$$"):
        return Mark("formula", 2, "$$")
    return Mark("formula", 2, "\\]") if line.startswith("\\[") else TEXT


_READERS = {
    "#": _read_heading,
    ">": _read_quote,
    **dict.fromkeys("-*_+", _read_line_or_bullet),
    **dict.fromkeys("0123456789", _read_number),
    **dict.fromkeys("`~", _read_fence),
    "|": _read_table,
    **dict.fromkeys("$\\", _read_formula),
}
