"""`llm usage` as a table, or tab-separated in a pipe."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmcli import wording
from llmcli.cli.history.lookup import opened
from llmcli.cli.labels import fitted, shorts
from llmcli.cli.usage.asked import CONVERSATION, Asked
from llmcli.report import figures, grouping
from llmcli.report.grouping import Row
from llmcli.spending import Group, Window
from llmcli.terminal import clean, is_tty, note, table, width

if TYPE_CHECKING:
    from llmcli.store import Store

_HEADER = ("CALLS", "INPUT (cached)", "OUTPUT (reasoning)", "COST")
_SHORT = ("CALLS", "IN", "OUT", "COST")
_MORE = ("FAILED", "RETRIED", "FIRST TOKEN", "P95", "TOKENS/S")
_PACED = 90  # columns below which nothing is said of how quick it was
_GAP = 2
_LEAST = 32  # columns for a name; the other columns make room for it


def show(asked: Asked) -> None:
    """Print the report in the form that was asked for."""
    wide = is_tty(sys.stdout) and shutil.get_terminal_size().columns >= _PACED
    paced = wide or not asked.ways.isdisjoint(("--json", "--csv"))
    with opened() as store:
        rows, whole, total = _looked_up(store, asked, paced=paced)
    if not asked.ways.isdisjoint(("--json", "--csv")):
        from llmcli.cli.usage import writing

        writing.write(asked, rows, total)
    elif not total.sums.requests:
        note("· nothing was used" + ("" if asked.window == Window() else " of that"))
    elif is_tty(sys.stdout):
        _print_table(asked, rows, total)
        _tell_rest(asked, total, whole=whole)
    else:
        table((), [_exact(row) for row in rows])


def _looked_up(store: Store, asked: Asked, *, paced: bool) -> tuple[list[Row], bool, Group]:
    """The rows, whether they are all there are, and the sums over all."""
    if asked.by != CONVERSATION:
        columns = grouping.columns(asked.by)
        groups = store.accounts.totals(asked.window, columns, paced=paced)
        rows = grouping.rows(groups, asked.by, asked.window.tag)
        return rows, True, grouping.together(groups)
    found = store.accounts.dear(asked.window, asked.limit, paced=paced)
    total = grouping.together(store.accounts.totals(asked.window, paced=paced))
    rows = [Row(group.key[0] or grouping.OUTSIDE, group, title) for group, title in found]
    return rows, sum(row.sums.requests for row in rows) == total.sums.requests, total


def _exact(row: Row) -> list[str]:
    """The cells of a row in a pipe."""
    sums = row.sums
    told = sums.input or sums.output or not sums.unsaid
    numbers = (sums.input, sums.cache_read, sums.output, sums.reasoning)
    tokens = [str(number) if told else "" for number in numbers]
    named = [row.name, *([row.title] if row.title is not None else [])]
    return [*named, str(sums.requests), *tokens, figures.usd(sums)]


def _print_table(asked: Asked, rows: Sequence[Row], total: Group) -> None:
    """Columns that stand under each other, and as many as fit."""
    groups = [*(row.group for row in rows), total]
    names = [*_labels(rows), "TOTAL"]
    columns = shutil.get_terminal_size().columns
    room = min(max(map(width, names)), _LEAST)
    header: Sequence[str] = (*_HEADER, *_MORE)
    facts = [_cells(group) for group in groups]
    while len(header) > len(_HEADER) and _width(header, facts) + room > columns:
        header, facts = header[:-1], [cells[:-1] for cells in facts]
    if _width(header, facts) + room > columns:
        header, facts = _SHORT, [_short(group) for group in groups]
    header, facts = _justified(header, facts)
    room = max(columns - _width(header, facts), _LEAST // 3)
    lines = [[fitted(name, room), *cells] for name, cells in zip(names, facts, strict=True)]
    table((fitted(asked.by.upper(), room), *header), lines)


def _labels(rows: Sequence[Row]) -> list[str]:
    """What rows are called; a conversation by the beginning of its id, and its title."""
    short = shorts([row.name for row in rows if row.title])
    names = [" ".join((short.get(row.name, row.name), *(row.title or "").split())) for row in rows]
    return list(map(clean, names))


def _width(header: Sequence[str], facts: Sequence[Sequence[str]]) -> int:
    columns = zip(header, *facts, strict=True)
    return sum(max(map(len, column)) + _GAP for column in columns)


def _justified(
    header: Sequence[str], facts: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Numbers to the right; the cost, which may be words, to the left."""
    left = header.index("COST")
    columns = list(zip(header, *facts, strict=True))
    for at, column in enumerate(columns):
        width = max(map(len, column))
        columns[at] = tuple(c.ljust(width) if at == left else c.rjust(width) for c in column)
    lines = [list(line) for line in zip(*columns, strict=True)]
    return lines[0], lines[1:]


def _cells(group: Group) -> list[str]:
    sums, pace = group.sums, figures.pace(group)
    first = [
        wording.duration(s) if s is not None else "—" for s in (pace.first_mean, pace.first_p95)
    ]
    speed = f"{pace.speed_mean:,.0f}" if pace.speed_mean is not None else "—"
    return [
        f"{sums.requests:,}",
        figures.read(sums),
        figures.written(sums),
        figures.cost(sums),
        f"{sums.failures:,}",
        f"{sums.retries:,}",
        *first,
        speed,
    ]


def _short(group: Group) -> list[str]:
    """The cells for a narrow terminal."""
    sums = group.sums
    unknown = sums.unsaid and not (sums.input or sums.output)
    tokens = ["?" if unknown else wording.short(number) for number in (sums.input, sums.output)]
    return [f"{sums.requests:,}", *tokens, figures.cost(sums)]


def _tell_rest(asked: Asked, total: Group, *, whole: bool) -> None:
    """What the table does not say, on stderr for who reads it there."""
    if not is_tty(sys.stderr):
        return
    if not whole:
        note(f"· only the {asked.limit} dearest: -n N shows more")
    if total.sums.unpriced:
        note(f"· {total.sums.unpriced:,} of unknown cost: llm usage --unpriced")
