"""The rows of a report: sums by day, week, month, provider, model, tag or kind, and of all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from typing import NamedTuple

from llmcli.spending import Group, Sums

UNTAGGED = "(none)"
UNDATED = "(no day)"
OUTSIDE = "(no conversation)"
NOTHING = Sums()


class Row(NamedTuple):
    """A line of the report: what it is called, and its sums; conversations have a title."""

    name: str
    group: Group
    title: str | None = None

    @property
    def sums(self) -> Sums:
        """Its sums."""
        return self.group.sums


class _By(NamedTuple):
    columns: tuple[str, ...]
    names: Callable[[tuple[str, ...]], Sequence[str]]
    by_time: bool = False


def week(day: str) -> str:
    """The ISO week of a day: `2026-W47`."""
    year, number, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{number:02}"


def _dated(name: Callable[[str], str]) -> Callable[[tuple[str, ...]], Sequence[str]]:
    return lambda key: (name(key[0]) if key[0] else UNDATED,)


def _tags(key: tuple[str, ...]) -> Sequence[str]:
    tags = json.loads(key[0]) if key[0] else {}
    return [f"{name}={value}" for name, value in tags.items()] or (UNTAGGED,)


_BY = {
    "day": _By(("day",), _dated(str), by_time=True),
    "week": _By(("day",), _dated(week), by_time=True),
    "month": _By(("month",), _dated(str), by_time=True),
    "provider": _By(("provider",), lambda key: key),
    "model": _By(("provider", "model"), lambda key: ("/".join(key),)),
    "tag": _By(("tags",), _tags),
    "kind": _By(("kind",), lambda key: key),
}
CONVERSATION = "conversation"
WAYS = ("day", "week", "month", "provider", "model", CONVERSATION, "tag", "kind")


def columns(by: str) -> tuple[str, ...]:
    """The columns of the ledger that rows of this kind are made from."""
    return _BY[by].columns


def rows(groups: Iterable[Group], by: str, tag: str = "") -> list[Row]:
    """A row for each name; times in their order, anything else the dearest first.

    An entry with two tags is in the rows of both; a `tag` without a value leaves only its rows.
    """
    way = _BY[by]
    only = f"{tag}=" if by == "tag" and tag and "=" not in tag else ""
    found: dict[str, list[Group]] = {}
    for group in groups:
        for name in way.names(group.key):
            if name.startswith(only):
                found.setdefault(name, []).append(group)
    made = [Row(name, together(some)) for name, some in found.items()]
    if way.by_time:
        return sorted(made, key=lambda row: row.name)
    return sorted(made, key=lambda row: (-row.sums.cost, -row.sums.requests, row.name))


def together(groups: Sequence[Group]) -> Group:
    """The sums over all of these groups; the key is that of the first."""
    if len(groups) == 1:
        return groups[0]
    sums = reduce(Sums.plus, (group.sums for group in groups), NOTHING)
    first = _counted(group.first for group in groups)
    speed = _counted(group.speed for group in groups)
    return Group(groups[0].key if groups else (), sums, first, speed)


def _counted(counts: Iterable[Mapping[float, int]]) -> Mapping[float, int]:
    found: Counter[float] = Counter()
    for some in counts:
        found.update(some)
    return found
