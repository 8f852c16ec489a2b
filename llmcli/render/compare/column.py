"""Text wrapped into a column while it arrives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from llmcli.render.wrap import cells, columns, may_break

_TOKEN = re.compile(r" +|[^ ]+")
_TAB = "    "


class Line(NamedTuple):
    """A line, and what stood between it and the next one."""

    text: str
    glue: str = "\n"


class Column:
    """The lines of a text that arrives in pieces, each at most `width` columns wide.

    The text holds no control character but tab and newline.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._done: list[Line] = []
        self._open = ""

    def feed(self, text: str) -> None:
        """Take the next piece."""
        *whole, self._open = (self._open + text.replace("\t", _TAB)).split("\n")
        for paragraph in whole:
            *lines, last = wrapped(paragraph, self.width)
            self._done += [*lines, last._replace(glue="\n")]
        *lines, last = wrapped(self._open, self.width)
        self._done += lines
        self._open = last.text

    @property
    def count(self) -> int:
        """How many lines there are, an unfinished one included."""
        return len(self._done) + bool(self._open.strip(" "))

    def last(self, count: int) -> list[str]:
        """So many lines from the end; empty ones below where there are fewer."""
        lines = [*self._done, *([Line(self._open)] if self._open.strip(" ") else ())]
        found = [line.text.rstrip(" ") for line in lines[max(len(lines) - count, 0) :]]
        return [*found, *[""] * (count - len(found))]

    def wrap(self, width: int) -> None:
        """Make it so many columns wide."""
        if width == self.width:
            return
        whole = "".join(line.text + line.glue for line in self._done) + self._open
        self._done.clear()
        self.width, self._open = width, ""
        self.feed(whole)


def wrapped(paragraph: str, width: int) -> Iterator[Line]:
    """The lines of a paragraph; a word that is too long for one goes on in the next.

    Spaces at the end of a line may stand outside of it.
    """
    line, used = "", 0
    for token in _tokens(paragraph):
        size = columns(token)
        if used + size > width and token[0] != " ":
            if line.strip(" ") or used >= width:
                cut = line.rstrip(" ")
                yield Line(cut, line[len(cut) :])
                line, used = "", 0
            *pieces, rest = _pieces(token, max(width - used, 1), width)
            for piece in pieces:
                yield Line(line + piece, "")
                line, used = "", 0
            line, used = line + rest, used + columns(rest)
            continue
        line, used = line + token, used + size
    yield Line(line, "")


def _tokens(paragraph: str) -> Iterator[str]:
    """Words, spaces, and what may stand alone on a line without spaces around it."""
    for token in _TOKEN.findall(paragraph):
        if token.isascii():
            yield token
            continue
        begin = 0
        for at in range(1, len(token)):
            if may_break(token[at - 1], token[at]):
                yield token[begin:at]
                begin = at
        yield token[begin:]


def _pieces(word: str, first: int, width: int) -> Iterator[str]:
    """A word in pieces that fit; what decorates a character stays with it."""
    piece, size, room = "", 0, first
    for character in word:
        wide = cells(character)
        if size + wide > room and (piece or room < width):
            yield piece
            piece, size, room = "", 0, width
        piece += character
        size += wide
    yield piece
