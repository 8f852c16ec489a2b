"""`llm usage` for programs: one object of JSON, and CSV for a spreadsheet."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import Any

from llmcli.cli.usage.asked import Asked
from llmcli.moments import utc
from llmcli.report import figures, grouping
from llmcli.report.grouping import Row
from llmcli.spending import Group
from llmcli.terminal import clean, out_json

_FORMULA = tuple("=+-@\t\r\n")  # how a cell begins that a spreadsheet would run


def write(asked: Asked, rows: Sequence[Row], total: Group) -> None:
    """The report on stdout in the form asked for."""
    if "--csv" in asked.ways:
        _write_csv(asked.by, rows)
        return
    window = asked.window
    facts = {
        "by": asked.by,
        "since": window.since or utc(window.after) or None,
        "until": window.until or None,
        "rows": [{**_named(asked.by, row), **figures.facts(row.group)} for row in rows],
        "total": figures.facts(total),
    }
    out_json(facts)


def _named(by: str, row: Row) -> dict[str, Any]:
    """What the row is called; None for what has no day, tag or conversation."""
    if by == "model":
        provider, _, model = row.name.partition("/")
        return {"spec": row.name, "provider": provider, "model": model}
    nameless = row.name in (grouping.UNTAGGED, grouping.UNDATED, grouping.OUTSIDE)
    titled = {} if row.title is None else {"title": row.title}
    return {by: None if nameless else row.name, **titled}


def _write_csv(by: str, rows: Sequence[Row]) -> None:
    """One header whatever the rows are; a name that would be a formula gets a ' before it."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("by", "name", "title", *_flat(Group((), grouping.NOTHING))))
    for row in rows:
        names = (_harmless(text) for text in (by, row.name, row.title or ""))
        writer.writerow((*names, *_flat(row.group).values()))


def _flat(group: Group) -> dict[str, Any]:
    """The facts in one line; what is unknown is empty."""
    facts = figures.facts(group)
    cost, first, speed = (facts.pop(name) for name in ("cost", "first_token", "speed"))
    facts["exact"] = str(facts["exact"]).lower()
    return {
        "cost": cost and cost["amount"],
        **facts,
        **{f"first_token_{name}": value for name, value in first.items()},
        **{f"speed_{name}": value for name, value in speed.items()},
    }


def _harmless(text: str) -> str:
    shown = clean(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
