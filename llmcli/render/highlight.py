"""Colours for code, line by line, from the terminal's own sixteen."""

from __future__ import annotations

from functools import cache
from typing import Any

from llmcli.languages import Code, Kind, lexer
from llmcli.render.styles import BOLD, CYAN, DIM, GREEN, ITALIC, MAGENTA, PLAIN, RED

_STYLES = {
    ("Comment",): DIM,
    ("Comment", "Preproc"): MAGENTA,
    ("Keyword",): MAGENTA,
    ("Operator", "Word"): MAGENTA,
    ("Name", "Tag"): MAGENTA,
    ("Name", "Decorator"): MAGENTA,
    ("Literal",): GREEN,
    ("Literal", "Number"): CYAN,
    ("Name", "Attribute"): CYAN,
    ("Name", "Variable"): CYAN,
    ("Name", "Builtin"): CYAN,
    ("Name", "Constant"): CYAN,
    ("Name", "Function"): BOLD,
    ("Name", "Class"): BOLD,
    ("Name", "Exception"): BOLD,
    ("Generic", "Heading"): BOLD,
    ("Generic", "Subheading"): BOLD,
    ("Generic", "Strong"): BOLD,
    ("Generic", "Emph"): ITALIC,
    ("Generic", "Deleted"): RED,
    ("Generic", "Inserted"): GREEN,
}


@cache
def _style(kind: Kind) -> int:
    names = tuple(kind)
    while names and names not in _STYLES:
        names = names[:-1]
    return _STYLES.get(names, PLAIN)


class Highlighter:
    """Colours the lines of one block in order."""

    def __init__(self, lexer: Any) -> None:
        self._code = Code(lexer)

    def line(self, text: str) -> list[tuple[str, int]]:
        """The line, without its newline, in styled pieces that are together the line itself."""
        return [(piece, _style(kind)) for piece, kind in self._code.line(text)]


def find(language: str) -> Highlighter | None:
    """The highlighter of a language by any of its names, or None."""
    found = lexer(language)
    return None if found is None else Highlighter(found)
