"""Text that waits: everything after a mark that may turn out to open a span."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from llmcli.render.styles import PLAIN

Emit: TypeAlias = Callable[[str, int], None]

LIMIT = 240  # characters an opening mark waits for its closing one
_DEEPEST = 32


class _Node:
    __slots__ = ("style", "text")

    def __init__(self, text: str, style: int) -> None:
        self.text = text
        self.style = style


class Opener:
    """An opening mark: `*`, `_`, `~` or `[`, how many of it, and where in the line it stands."""

    __slots__ = ("at", "count", "index", "mark", "node")

    def __init__(self, mark: str, count: int, at: int, index: int, node: _Node) -> None:
        self.mark = mark
        self.count = count
        self.at = at
        self.index = index
        self.node = node


class Spans:
    """Hands text on at once while no mark is open; else keeps it until the oldest is decided."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._nodes: list[_Node] = []
        self._gone = 0  # nodes handed on since the line began
        self._openers: list[Opener] = []

    def text(self, text: str, style: int = PLAIN) -> None:
        """The next piece of text."""
        if self._openers:
            self._nodes.append(_Node(text, style))
        else:
            self._emit(text, style)

    def open(self, mark: str, count: int, text: str, at: int) -> None:
        """A mark that may open a span; it is shown as `text` if it does not."""
        node = _Node(text, PLAIN)
        self._openers.append(Opener(mark, count, at, self._gone + len(self._nodes), node))
        self._nodes.append(node)
        if len(self._openers) > _DEEPEST:
            self._openers.pop(0)
            self._release()

    def find(self, mark: str, counts: tuple[int, ...] = (1,)) -> Opener | None:
        """The nearest open mark of this kind, with one of these counts."""
        for opener in reversed(self._openers):
            if opener.mark == mark and opener.count in counts:
                return opener
        return None

    def inside(self, opener: Opener) -> str:
        """The text since this mark."""
        return "".join(node.text for node in self._nodes[opener.index + 1 - self._gone :])

    def match(self, opener: Opener, count: int, style: int, shown: str = "") -> None:
        """So many of this mark have found their closing ones: style what is between.

        `shown` stands in the place of the mark.
        """
        for node in self._nodes[opener.index + 1 - self._gone :]:
            node.style |= style
        place = self._openers.index(opener)
        opener.count -= count
        opener.node.text = shown + opener.mark * opener.count
        del self._openers[place + (1 if opener.count else 0) :]
        if not self._openers:
            self._release()

    def discard(self, opener: Opener) -> None:
        """This mark is only text."""
        self._openers.remove(opener)
        self._release()

    def expire(self, at: int) -> None:
        """Give up the marks that have waited too long."""
        if self._openers and self._openers[0].at < at - LIMIT:
            self._openers = [opener for opener in self._openers if opener.at >= at - LIMIT]
            self._release()

    def settle(self) -> None:
        """The line is over: what is still open is only text."""
        self._openers.clear()
        self._release()
        self._gone = 0

    def _release(self) -> None:
        """Hand on what stands before the oldest open mark."""
        ready = self._openers[0].index - self._gone if self._openers else len(self._nodes)
        for node in self._nodes[:ready]:
            if node.text:
                self._emit(node.text, node.style)
        del self._nodes[:ready]
        self._gone += ready
