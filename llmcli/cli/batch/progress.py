"""How far a batch is: a bar on a terminal, and a line at its end."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from llmcli.terminal import has_color, is_tty
from llmcli.wording import duration, money, price

if TYPE_CHECKING:
    from rich.progress import Progress

    from llmcli.batch.governor import Governor
    from llmcli.batch.tally import Tally

_WIDTH = 24


class Bar:
    """The bar, on stderr and only on a terminal; it is gone at the end of its `with` block."""

    def __init__(self, tally: Tally, governor: Governor, *, quiet: bool) -> None:
        self.tally = tally
        self._governor = governor
        self.shown = is_tty(sys.stderr) and not quiet
        self._progress = _progress() if self.shown else None
        if self._progress:
            self._task = self._progress.add_task("", total=tally.total, words="")

    def update(self) -> None:
        """Show how far it is now."""
        if self._progress:
            words = _words(self.tally, self._governor)
            self._progress.update(self._task, completed=self.tally.over, words=words)

    def stop(self) -> None:
        """Take it away; harmless when repeated."""
        if self._progress:
            self._progress.stop()

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(file=sys.stderr, no_color=not has_color(sys.stderr), highlight=False)
    return Progress(
        BarColumn(_WIDTH), TextColumn("{task.fields[words]}", markup=False),
        console=console, transient=True, refresh_per_second=5,
    )  # fmt: skip


def _words(tally: Tally, governor: Governor) -> str:
    """`1,204/10,000 · 3 failed · 12.5/s · $0.0412 · 11 min left`."""
    facts = [f"{tally.over:,}/{tally.total:,}"]
    if failed := tally.failed + tally.left:
        facts.append(f"{failed:,} failed")
    speed = tally.speed
    facts.append(f"{speed:.1f}/s")
    facts.append(spent(tally))
    if governor.pause > 1:
        facts.append(f"paused for {duration(governor.pause)}: the server has enough")
    elif speed:
        facts.append(f"{duration((tally.total - tally.over) / speed)} left")
    return " · ".join(facts)


def spent(tally: Tally) -> str:
    """What it cost so far; "at least" where a part of it is unknown."""
    if tally.cost is not None:
        return price(tally.cost)
    return f"at least {money(tally.amount)}" if tally.amount else "cost unknown"


def summary(tally: Tally) -> str:
    """`10,000 done, 3 failed · $1.2345 · 12 min 4 s`."""
    failed = tally.failed + tally.left
    ends = f"{tally.before + tally.done:,} done"
    if tally.before:
        ends += f" ({tally.before:,} before)"
    if failed:
        ends += f", {failed:,} failed"
    if missing := tally.total - tally.over:
        ends += f", {missing:,} not asked"
    return " · ".join((ends, spent(tally), duration(tally.seconds)))
