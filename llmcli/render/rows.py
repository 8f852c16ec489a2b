"""A table while it arrives: its rows wait until it is whole, because its columns do."""

from __future__ import annotations

from llmcli.render import tables
from llmcli.render.inline import Inline
from llmcli.render.marks import is_delimiter_row
from llmcli.render.styles import BOLD, PLAIN
from llmcli.render.wrap import Lines, Pieces, columns

_MOST_CELLS = 6000  # held back; a longer table goes on as lines of text


class Rows:
    """The rows of at most one table; a first row that no delimiters follow was only text."""

    def __init__(self, lines: Lines, *, color: bool, dumb: bool) -> None:
        self._lines = lines
        self._color = color
        self._dumb = dumb
        self._inline = Inline(self._emit, color)
        self._style = PLAIN
        self._rows: list[str] = []
        self._cells = 0
        self._margin: tuple[Pieces, Pieces] = ((), ())

    def __bool__(self) -> bool:
        return bool(self._rows)

    def extends(self, line: str) -> bool:
        """Take the line if it continues the table."""
        if not self._rows or (len(self._rows) == 1 and not is_delimiter_row(line)):
            return False
        self._rows.append(line)
        self._cells += line.count("|")
        if self._cells > _MOST_CELLS:
            self.finish()
        return True

    def begin(self, line: str, margin: tuple[Pieces, Pieces]) -> None:
        """Take the line as what may be the header of a new table."""
        self._rows, self._margin, self._cells = [line], margin, 0

    def finish(self) -> None:
        """Show what was kept."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        self._lines.margin(*self._margin)
        if len(rows) == 1:
            self._show(rows[0])
            self._lines.end_line()
            return
        room = self._lines.width - sum(columns(text) for text, _ in self._margin[1])
        drawn = tables.draw(rows, room, color=self._color, dumb=self._dumb)
        if drawn is None:
            self._show_records([tables.split_row(row) for row in rows])
            return
        for line in drawn:
            self._lines.raw(line, PLAIN)
            self._lines.end_line()

    def _show_records(self, rows: list[list[str]]) -> None:
        """The table as lines `title: cell`, an empty one between two rows."""
        titles = rows[0]
        for number, row in enumerate(rows[2:]):
            if number:
                self._lines.blank()
            for title, cell in zip(titles + [""] * len(row), row, strict=False):
                if title:
                    self._show(f"{title}: ", BOLD)
                self._show(cell)
                self._lines.end_line()

    def _show(self, text: str, style: int = PLAIN) -> None:
        self._style = style
        self._inline.feed(text)
        self._inline.end(newline=False)

    def _emit(self, text: str, style: int) -> None:
        self._lines.text(text, style | self._style)
