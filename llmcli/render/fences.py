"""A fenced code block: its lines as they were sent, in colour where the language is known."""

from __future__ import annotations

from llmcli.languages import LONGEST
from llmcli.render import highlight
from llmcli.render.marks import Mark
from llmcli.render.styles import DIM, PLAIN
from llmcli.render.wrap import Lines

_TAB = 4
_LONGEST_CLOSING = 1000
_PLAIN_LANGUAGES = frozenset(("", "text", "txt", "plain", "plaintext", "output", "none"))


def advance(column: int, space: str) -> int:
    """The column after this white space, with a tab stop every four columns."""
    if "\t" not in space:
        return column + len(space)
    for character in space:
        column += _TAB - column % _TAB if character == "\t" else 1
    return column


def dedent(space: str, size: int) -> str:
    """The white space without its first `size` columns."""
    column = 0
    for index, character in enumerate(space):
        if column >= size:
            return " " * (column - size) + space[index:]
        column = advance(column, character)
    return " " * max(column - size, 0)


class Fence:
    """An open block that began in `column` of its quote, or of the text where it is in none."""

    def __init__(self, lines: Lines, mark: Mark, column: int, color: bool) -> None:
        self._lines = lines
        self._fence = mark.text
        self._column = column
        self._parts: list[str] = []
        self._size = 0
        self._painter = None
        language = mark.info.partition(" ")[0].strip("{}.").partition(",")[0].lower()
        if color and language not in _PLAIN_LANGUAGES:
            self._painter = highlight.find(language)
        self.show_fence(mark.text + mark.info)

    def show_fence(self, text: str) -> None:
        """A line that is not code."""
        self._lines.raw(text, DIM)
        self._lines.end_line()

    def may_close(self, head: str) -> bool:
        """Whether a line that begins like this may turn out to close the block."""
        return len(head) <= _LONGEST_CLOSING and not head.rstrip(" \t").strip(self._fence[0])

    def closes(self, head: str) -> bool:
        """Whether this whole line, from its first visible character on, closes the block."""
        return self.may_close(head) and len(head.rstrip(" \t")) >= len(self._fence)

    def begin_line(self, space: str, head: str) -> None:
        """A line of code: the white space it begins with, and what is known of the rest."""
        self.feed(dedent(space, self._column) + head)

    def feed(self, text: str) -> None:
        """More of the line."""
        if self._painter is None or self._size > LONGEST:
            self._lines.raw(text, PLAIN)
            return
        self._parts.append(text)
        self._size += len(text)
        if self._size > LONGEST:
            self._lines.raw("".join(self._parts), PLAIN)
            self._parts.clear()

    def end_line(self) -> None:
        """The line of code is over."""
        if self._painter and self._size <= LONGEST:
            for piece, style in self._painter.line("".join(self._parts)):
                self._lines.raw(piece, style)
        self._parts.clear()
        self._size = 0
        if self._lines.started:
            self._lines.end_line()
        else:
            self._lines.blank()
