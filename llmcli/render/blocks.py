"""The blocks of a Markdown text, read as it arrives: paragraphs, lists, quotes, code, tables.

A line is held back only while its first characters may still become several things. A newline in
a paragraph stays a newline: in an answer it is rarely an accident.
"""

from __future__ import annotations

from collections.abc import Callable

from llmcli.render.containers import Containers
from llmcli.render.fences import Fence, advance
from llmcli.render.inline import Inline
from llmcli.render.marks import TEXT, Mark, classify
from llmcli.render.rows import Rows
from llmcli.render.styles import BOLD, DIM, PLAIN, UNDERLINE
from llmcli.render.wrap import Lines

_CODE_INDENT = 4
_RULE_COLUMNS = 40


class Blocks:
    """Reads the text and writes lines. What is shown never depends on how the text was cut."""

    def __init__(self, lines: Lines, *, color: bool, dumb: bool) -> None:
        self._lines = lines
        self._color = color
        self._dumb = dumb
        self._inline = Inline(self._emit, color)
        self._rows = Rows(lines, color=color, dumb=dumb)
        self._inside = Containers(dumb)
        self._fence: Fence | None = None
        self._style = PLAIN
        self._printed = False
        self._paragraph = False
        self._blanks = 0
        self._begin_line()

    @property
    def pending(self) -> bool:
        """Whether a line or a table has begun and not ended."""
        return bool(self._body or self._head or self._lead or self._rows)

    def feed(self, text: str) -> None:
        """The next piece of the text, already safe for the terminal."""
        for number, piece in enumerate(text.split("\n")):
            if number:
                self._end_line(newline=True)
            if piece:
                self._piece(piece)

    def end(self) -> None:
        """The text is over: show what waits, end the line, forget what was open."""
        if self._body or self._head or self._lead:
            self._end_line(newline=False)
        self._rows.finish()
        self._inline.end_formula()
        self._fence = None
        self._inside.clear()
        self._blanks = 1
        self._paragraph = False

    def _emit(self, text: str, style: int) -> None:
        self._lines.text(text, style | self._style)

    # A line: its beginning is collected until it tells what it is; then `_body` takes the rest.

    def _begin_line(self) -> None:
        self._body: Callable[[str], None] | None = None
        self._head = ""
        self._lead: list[str] = []
        self._indent = 0
        self._inside.begin_line()

    def _piece(self, piece: str) -> None:
        if self._body:
            self._body(piece)
            return
        if not self._head:
            rest = piece.lstrip(" \t")
            self._skip(piece[: len(piece) - len(rest)])
            piece = rest
        self._head += piece
        self._decide(whole=False)

    def _skip(self, space: str) -> None:
        if space:
            self._lead.append(space)
            self._indent = advance(self._indent, space)

    def _consume(self, size: int) -> None:
        """Go past a mark and the white space after it."""
        rest = self._head[size:].lstrip(" \t")
        space = self._head[size : len(self._head) - len(rest)]
        self._head, self._lead = rest, []
        self._indent += size
        self._skip(space)

    def _end_line(self, newline: bool) -> None:
        if not self._body:
            self._decide(whole=True)
        if self._body is None:
            self._end_bare_line()
        elif self._body == self._inline.feed:
            self._inline.end(newline)
            self._lines.end_line()
        elif self._fence and self._body == self._fence.feed:
            self._fence.end_line()
        elif self._body == self._raw:
            self._lines.end_line()
        self._begin_line()

    def _end_bare_line(self) -> None:
        """A line with nothing on it, or nothing but the marks of containers."""
        if self._inside.entered_item:
            self._lines.margin(*self._inside.margin())
            self._lines.end_line()
        elif not self._inside.entered:
            self._rows.finish()
            self._inline.end_formula()
            self._inside.leave_quotes()
            self._blanks += 1
            self._paragraph = False

    def _decide(self, whole: bool) -> None:
        """Find out what the line is, as far as its beginning tells."""
        while not self._body:
            if self._fence:
                if not self._read_code(self._fence, whole):
                    return
                continue
            if not self._head:
                return
            if self._inside.match(self._indent, self._head):
                self._consume(1)
                continue
            mark = TEXT if self._inline.formula else classify(self._head, whole)
            if mark is None:
                return
            self._take(mark)

    def _take(self, mark: Mark) -> None:
        """Leave the containers that ended, enter one, or begin a block."""
        if mark.kind != "table":
            self._rows.finish()
        if self._inside.leave(lazy=self._paragraph and mark.kind == "text"):
            self._paragraph = False
        if self._is_indented_code(mark):
            self._begin_indented_code()
        elif self._inside.takes(mark):
            self._rows.finish()
            self._gap()
            self._inside.enter(mark, self._indent)
            self._paragraph = False
            self._consume(mark.size)
        else:
            _BEGINNERS.get(mark.kind, Blocks._begin_text)(self, mark)

    def _gap(self, most: int = 1) -> None:
        """Show the empty lines that came before what follows."""
        rest = self._inside.rest()
        for _ in range(min(self._blanks, most) if self._printed else 0):
            self._lines.margin(rest, rest)
            self._lines.blank()
        self._blanks = 0
        self._printed = True

    def _begin_block(self) -> str:
        """Get ready for a block; returns the beginning of its first line."""
        self._gap()
        self._lines.margin(*self._inside.margin())
        head, self._head = self._head, ""
        return head

    # Blocks of flowing text.

    def _begin_text(self, mark: Mark) -> None:  # noqa: ARG002
        indented = self._paragraph and not self._inside.depth
        head = self._begin_block()
        if indented and self._indent:
            self._lines.margin([(" " * min(self._indent, self._lines.width // 2), PLAIN)], ())
        self._paragraph = True
        self._flow(head)

    def _flow(self, head: str, style: int = PLAIN) -> None:
        self._style = style
        self._body = self._inline.feed
        self._inline.feed(head)

    def _begin_heading(self, mark: Mark) -> None:
        if not self._inside.depth:
            self._blanks = max(self._blanks, 1)
        self._consume(mark.size)
        head = self._begin_block()
        if not self._color:
            self._lines.text("#" * mark.level + " ", PLAIN)
        self._paragraph = False
        self._flow(head, BOLD | UNDERLINE if mark.level == 1 else BOLD)

    def _begin_formula(self, mark: Mark) -> None:
        head = self._begin_block()
        self._paragraph = True
        self._style = PLAIN
        self._inline.begin_formula(head[: mark.size], mark.text)
        self._flow(head[mark.size :])

    # Blocks of lines that are not wrapped.

    def _begin_rule(self, mark: Mark) -> None:  # noqa: ARG002
        self._begin_block()
        size = min(_RULE_COLUMNS, self._lines.width)
        self._lines.raw(("-" if self._dumb else "─") * size, DIM)
        self._lines.end_line()
        self._paragraph = False
        self._body = self._ignore

    def _begin_row(self, mark: Mark) -> None:  # noqa: ARG002
        line = self._head
        if self._inside.entered or not self._rows.extends(line):
            self._rows.finish()
            self._begin_block()
            self._rows.begin(line, self._inside.margin())
        self._body = self._ignore
        self._head = ""

    def _is_indented_code(self, mark: Mark) -> bool:
        if self._paragraph or self._inside.entered or self._inline.formula:
            return False
        listed = self._inside.depth and mark.kind in ("bullet", "ordered")
        return self._indent - self._inside.content >= _CODE_INDENT and not listed

    def _begin_indented_code(self) -> None:
        self._gap(most=self._blanks)
        head = self._begin_block()
        self._lines.raw(" " * (self._indent - self._inside.content) + head, PLAIN)
        self._body = self._raw

    def _begin_fence(self, mark: Mark) -> None:
        self._begin_block()
        column = self._indent - self._inside.quote_content
        self._fence = Fence(self._lines, mark, column, self._color)
        self._paragraph = False
        self._body = self._ignore

    def _read_code(self, fence: Fence, whole: bool) -> bool:
        """Begin a line of code or end the block; True when the line is to be read as usual."""
        while self._head or whole:
            matched = self._inside.match(self._indent, self._head, code=True)
            if matched is False:
                self._fence = None
                return True
            if matched is None:
                break
            self._consume(1)
        if not self._head and not whole:
            return False
        if self._head and fence.may_close(self._head) and not whole:
            return False
        if self._head and fence.closes(self._head):
            fence.show_fence(self._head.rstrip())
            self._fence = None
            self._body = self._ignore
        else:
            space = "".join(self._lead)
            fence.begin_line(space[1:] if self._inside.quote_content else space, self._head)
            self._body = fence.feed
        self._head = ""
        return False

    def _raw(self, piece: str) -> None:
        self._lines.raw(piece, PLAIN)

    def _ignore(self, piece: str) -> None:
        """The rest of a line that has been dealt with."""


_BEGINNERS: dict[str, Callable[[Blocks, Mark], None]] = {
    "heading": Blocks._begin_heading,  # noqa: SLF001
    "formula": Blocks._begin_formula,  # noqa: SLF001
    "rule": Blocks._begin_rule,  # noqa: SLF001
    "table": Blocks._begin_row,  # noqa: SLF001
    "fence": Blocks._begin_fence,  # noqa: SLF001
}
