"""Colours for code, line by line, from the terminal's own sixteen."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from llmcli.render.styles import BOLD, CYAN, DIM, GREEN, ITALIC, MAGENTA, PLAIN, RED

Token: TypeAlias = Any  # pygments has no types of its own; its tokens are tuples of names

LONGEST = 1000  # characters in a line worth colouring
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
def _style(token: Token) -> int:
    names = tuple(token)
    while names and names not in _STYLES:
        names = names[:-1]
    return _STYLES.get(names, PLAIN)


def _goes_on(token: Token) -> bool:
    """Whether a token of this kind that takes in the end of the line goes on in the next one."""
    return token[:2] in (("Literal", "String"), ("Comment", "Multiline"))


class Highlighter:
    """Colours the lines of one block in order.

    A lexer keeps no state between calls, so the line that opened a string or comment is lexed
    again before each line inside it.
    """

    def __init__(self, lexer: Any) -> None:
        self._lexer = lexer
        self._opening = ""
        self._in_comment = False

    def line(self, text: str) -> list[tuple[str, int]]:
        """The line, without its newline, in styled pieces that are together the line itself."""
        if self._in_comment or text.lstrip().startswith("/*"):
            self._in_comment = "*/" not in text
            return [(text, DIM)]
        begun = len(self._opening)
        source = self._opening + text + "\n"
        pieces: list[tuple[str, int]] = []
        last: Token = None
        for start, token, value in self._lexer.get_tokens_unprocessed(source):
            if start + len(value) > begun:
                pieces.append((value[max(begun - start, 0) :], _style(token)))
                last = token if value.endswith("\n") else None
        if "".join(piece for piece, _ in pieces) != text + "\n":
            return [(text, PLAIN)]
        self._remember(text, last)
        pieces[-1] = pieces[-1][0][:-1], pieces[-1][1]
        return pieces

    def _remember(self, text: str, last: Token) -> None:
        if last is None or not _goes_on(last):
            self._opening = ""
        elif not self._opening:
            self._opening = text + "\n"


def find(language: str) -> Highlighter | None:
    """The highlighter of a language by any name pygments knows, or None."""
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        return Highlighter(get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False))
    except ClassNotFound:
        return None
