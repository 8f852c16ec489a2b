"""What a line stands in: quotes and list items, told from the columns of their marks.

People and models indent by eye, so what is nested is told by the column of a mark, not by
CommonMark's exact counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmcli.render.marks import Mark
from llmcli.render.styles import DIM, PLAIN
from llmcli.render.wrap import Pieces, columns

_DEEPEST = 20
_NESTED = 2  # columns right of an item's mark where its content may begin
_BULLETS = "•◦▪"


@dataclass(frozen=True, slots=True)
class Container:
    """An open quote or list item; `first` and `rest` stand left of its lines on the screen."""

    quote: bool
    bullet: bool
    column: int
    content: int
    first: tuple[str, int]
    rest: tuple[str, int]


class Containers:
    """The open ones, how many of them the current line continues, and how many it entered."""

    def __init__(self, dumb: bool) -> None:
        self._dumb = dumb
        self._open: list[Container] = []
        self._matched = 0
        self._entered = 0

    @property
    def depth(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def entered(self) -> bool:
        """Whether this line entered one."""
        return self._entered > 0

    @property
    def entered_item(self) -> bool:
        """Whether this line began a list item."""
        return any(not c.quote for c in self._open[self._known :])

    @property
    def content(self) -> int:
        """The source column where the content of the innermost begins."""
        return self._open[-1].content if self._open else 0

    @property
    def quote_content(self) -> int:
        """The same for the innermost quote."""
        return max((c.content for c in self._open if c.quote), default=0)

    @property
    def _known(self) -> int:
        return len(self._open) - self._entered

    def begin_line(self) -> None:
        """A new line has to continue them all again."""
        self._matched = self._entered = 0

    def match(self, column: int, head: str, code: bool = False) -> bool | None:
        """Go on matching a line whose first visible character stands in `column`.

        True: the mark of a quote is to be consumed. False: a container is not continued. None:
        all are. In code the indent does not matter.
        """
        while self._matched < len(self._open):
            container = self._open[self._matched]
            if container.quote:
                matched = head.startswith(">")
                self._matched += matched
                return matched
            if not code and column < container.column + _NESTED:
                return False
            self._matched += 1
        return None

    def leave(self, lazy: bool) -> bool:
        """Close what the line does not continue; a lazy paragraph goes on in list items.

        Returns whether any was closed.
        """
        if self._matched == len(self._open):
            return False
        closed = not lazy or self._open[self._matched].quote
        if closed:
            del self._open[self._matched :]
        self._matched = len(self._open)
        return closed

    def leave_quotes(self) -> None:
        """An empty line: it ends a quote, but not a list."""
        for index in range(self._matched, len(self._open)):
            if self._open[index].quote:
                del self._open[index:]
                return

    def clear(self) -> None:
        """Close them all."""
        self._open.clear()

    def takes(self, mark: Mark) -> bool:
        """Whether this mark begins a container, and there is room for one more."""
        return mark.kind in ("quote", "bullet", "ordered") and len(self._open) < _DEEPEST

    def enter(self, mark: Mark, column: int) -> None:
        """Open one whose mark stands in this column."""
        content = column + mark.size + 1
        if mark.kind == "quote":
            bar = ("> " if self._dumb else "│ ", DIM)
            container = Container(True, False, column, content, bar, bar)
        else:
            bullet = mark.kind == "bullet"
            shown = (self._bullet() if bullet else mark.text) + " "
            blank = (" " * columns(shown), PLAIN)
            container = Container(False, bullet, column, content, (shown, PLAIN), blank)
        self._open.append(container)
        self._matched = len(self._open)
        self._entered += 1

    def _bullet(self) -> str:
        depth = sum(c.bullet for c in self._open)
        return "-" if self._dumb else _BULLETS[depth % len(_BULLETS)]

    def rest(self) -> Pieces:
        """What stands left of a line that goes on in all of them."""
        return [c.rest for c in self._open]

    def margin(self) -> tuple[Pieces, Pieces]:
        """What stands left of this line, and of those it is wrapped into."""
        known = self._known
        return [c.rest if i < known else c.first for i, c in enumerate(self._open)], self.rest()
