"""Lines of the terminal: words wrapped at its width, indents, and styles that end with the line.

Nothing shown is ever changed. A word waits for its end only where it might not fit any more; a
word wider than the line is left to the terminal, so that a long URL stays one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

from rich.cells import get_character_cell_size

from llmcli.render.styles import PLAIN, RESET, WHOLE, sgr

Pieces: TypeAlias = Sequence[tuple[str, int]]

ROOM = 30  # columns left on a line from which a word is shown before its end is known
_TOKEN = re.compile(r"[ \t]+|[^ \t]+")
_TAB = "    "
_CLOSING = frozenset(
    ",.!?:;)]}%'\"、。，．：；！？）］｝〉》」』】〕〗’”…—ー々〜～ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
)
_OPENING = frozenset("([{'\"（［｛〈《「『【〔〖‘“")


@lru_cache(maxsize=8192)
def cells(character: str) -> int:
    """Columns of one character; those that join or decorate others are counted generously."""
    if character == "\ufe0f":
        return 1
    return get_character_cell_size(character)


def columns(text: str) -> int:
    """Columns of a text, as counted for wrapping."""
    return len(text) if text.isascii() else sum(map(cells, text))


def _is_ideograph(character: str) -> bool:
    """Whether a line may break around this character; Korean breaks at its spaces."""
    return cells(character) == 2 and not "\uac00" <= character <= "\ud7a3"


def may_break(before: str, after: str) -> bool:
    """Whether a line may break between these two characters where no space is."""
    if not before or (before.isascii() and after.isascii()):
        return False
    if after in _CLOSING or before in _OPENING or "\u200d" in (before, after):
        return False
    if cells(after) == 0 or "\ufe00" <= after <= "\ufe0f" or "\U0001f3fb" <= after <= "\U0001f3ff":
        return False
    if "\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff":
        return False
    return _is_ideograph(before) or _is_ideograph(after)


class Lines:
    """Takes styled text and keeps what is ready to be written; `measure` tells the width."""

    def __init__(self, measure: Callable[[], int], color: bool) -> None:
        self.started = False  # whether anything stands on the current line
        self._measure = measure
        self._color = color
        self._ready: list[str] = []
        self._first: Pieces = ()
        self._rest: Pieces = ()
        self._width = 80
        self._column = 0
        self._style = PLAIN
        self._fresh = True  # no word on this line yet
        self._space = 0
        self._space_style = PLAIN
        self._held: list[tuple[str, int]] = []
        self._held_columns = 0
        self._flowing = False
        self._before = ""

    @property
    def width(self) -> int:
        """Columns of the terminal now."""
        return max(self._measure(), 1)

    def take(self) -> str:
        """What became ready since the last time."""
        text = "".join(self._ready)
        self._ready.clear()
        return text

    def margin(self, first: Pieces, rest: Pieces) -> None:
        """What stands left of the next line, and left of those after it."""
        self._first, self._rest = first, rest

    def text(self, text: str, style: int) -> None:
        """Words that flow; the text holds no newline."""
        whole = style & WHOLE
        style -= whole
        for token in _TOKEN.findall(text):
            if token[0] in " \t":
                self._add_space(token, style)
            elif token.isascii():
                if self._before and may_break(self._before, token[0]):
                    self._end_word()
                self._add(token, len(token), style, whole)
                self._before = token[-1]
            else:
                self._add_wide(token, style)

    def raw(self, text: str, style: int) -> None:
        """Text that is not wrapped and not changed."""
        if text:
            self._begin_line()
            self._emit(text, style)

    def end_line(self) -> None:
        """End the line if anything stands on it or should stand left of it."""
        self._end_word()
        if not self.started and any(text.strip() for text, _ in self._first):
            self._begin_line(blank=True)
        if self.started:
            self._newline()
        self._space = 0
        self._before = ""

    def blank(self) -> None:
        """An empty line; only what is visible of its margin is shown."""
        self._begin_line(blank=True)
        self._newline()

    def _add_space(self, token: str, style: int) -> None:
        self._end_word()
        self._before = ""
        if not self._fresh:
            self._space += len(token.replace("\t", _TAB))
            self._space_style = style

    def _add_wide(self, token: str, style: int) -> None:
        begin = size = 0
        before = self._before
        for index, character in enumerate(token):
            if before and may_break(before, character):
                if index > begin:
                    self._add(token[begin:index], size, style)
                self._end_word()
                begin, size = index, 0
            size += cells(character)
            before = character
        self._before = before
        self._add(token[begin:], size, style)

    def _add(self, piece: str, size: int, style: int, whole: int = 0) -> None:
        """A piece of the current word."""
        if not self._flowing and not self._held:
            self._begin_word(size if whole else 0)
        if self._flowing:
            self._flow(piece, size, style)
            return
        self._held.append((piece, style))
        self._held_columns += size
        if self._column + self._space + self._held_columns > self._width:
            self._newline()
            self._begin_line()
            self._release()
            self._flowing = True

    def _begin_word(self, known: int) -> None:
        if not self.started:
            self._begin_line()
        room = self._width - self._column - self._space
        self._flowing = self._fresh or (room >= ROOM and known < room)
        if self._flowing:
            self._put_space()

    def _end_word(self) -> None:
        if self._held:
            self._put_space()
            self._release()
        self._flowing = False

    def _release(self) -> None:
        held, self._held = self._held, []
        for piece, style in held:
            self._emit(piece, style)
        self._column += self._held_columns
        self._held_columns = 0
        self._fresh = False
        self._fold()

    def _flow(self, piece: str, size: int, style: int) -> None:
        self._emit(piece, style)
        self._column += size
        self._fresh = False
        self._fold()

    def _fold(self) -> None:
        """The terminal has begun another row by itself."""
        if self._column > self._width:
            self._column = (self._column - 1) % self._width + 1

    def _put_space(self) -> None:
        if self._space:
            self._emit(" " * self._space, self._space_style)
            self._column += self._space
            self._space = 0

    def _begin_line(self, blank: bool = False) -> None:
        if self.started:
            return
        self._width = self.width
        self.started = True
        pieces = list(self._first)
        self._first = self._rest
        while len(pieces) > 1 and sum(columns(text) for text, _ in pieces) > self._width // 2:
            pieces.pop(0)
        if blank:
            while pieces and not pieces[-1][0].strip():
                pieces.pop()
            pieces[-1:] = [(text.rstrip(), style) for text, style in pieces[-1:]]
        for text, style in pieces:
            self._emit(text, style)
            self._column += columns(text)

    def _emit(self, text: str, style: int) -> None:
        if self._color and style != self._style:
            if self._style:
                self._ready.append(RESET)
            self._ready.append(sgr(style))
            self._style = style
        self._ready.append(text)

    def _newline(self) -> None:
        self._ready.append(RESET + "\n" if self._style else "\n")
        self._style = PLAIN
        self._column = 0
        self._space = 0
        self._fresh = True
        self.started = False
