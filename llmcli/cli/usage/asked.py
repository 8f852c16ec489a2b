"""What `llm usage` was asked for: its options, checked, as a window on the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, NamedTuple

import typer

from llmcli.errors import UsageError
from llmcli.moments import METAVAR, ago
from llmcli.report.grouping import CONVERSATION, WAYS
from llmcli.spending import Window

By = Annotated[
    str,
    typer.Option("--by", metavar="WAY", help=f"{', '.join(WAYS)}; else model."),
]
Since = Annotated[
    str,
    typer.Option(
        "--since", metavar=METAVAR, help="From then on: 12h, a date, or 7d, today being one."
    ),
]
Until = Annotated[
    str, typer.Option("--until", metavar="DATE", help="To the end of that day: 2026-11-30.")
]
Provider = Annotated[
    str, typer.Option("--provider", metavar="NAME", help="Only calls of this provider.")
]
Model = Annotated[
    str, typer.Option("-m", "--model", metavar="SPEC", help="Only calls of this model.")
]
Tag = Annotated[
    str, typer.Option("--tag", metavar="TAG", help="Only calls tagged KEY=VALUE, or with KEY.")
]
Limit = Annotated[
    int, typer.Option("-n", "--limit", metavar="N", help="So many conversations.", min=1)
]
AsJson = Annotated[bool, typer.Option("--json", help="One object with all facts.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="All facts for a spreadsheet, with a header.")]
Plot = Annotated[bool, typer.Option("--plot", help="Draw it in the terminal: bars by day.")]
Html = Annotated[
    str, typer.Option("--html", metavar="FILE", help="Write a page with charts; needs no network.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")]
UnpricedOnly = Annotated[
    bool, typer.Option("--unpriced", help="What has no known cost, and the line to add.")
]

_FORMS = ("--json", "--csv", "--plot", "--html")
_ALONE = ("--plot", "--html", "--unpriced")  # these have rows of their own


class Asked(NamedTuple):
    """A report: its rows, how many of them for conversations, the calls in it and its forms."""

    by: str
    limit: int
    window: Window
    ways: frozenset[str]


def read(
    by: str,
    since: str,
    until: str,
    provider: str,
    model: str,
    tag: str,
    limit: int,
    ways: Mapping[str, bool],
) -> Asked:
    """The options checked. Raises UsageError."""
    given = frozenset(name for name, wanted in ways.items() if wanted)
    forms = [name for name in _FORMS if name in given]
    if len(forms) > 1:
        raise UsageError(f"{' and '.join(forms)} cannot be had at once")
    if "--unpriced" in given and not given <= {"--unpriced", "--json"}:
        raise UsageError(f"--unpriced is a list, which {forms[0]} cannot show")
    if by and by not in WAYS:
        raise UsageError(f"--by {by[:40]}: it is one of {', '.join(WAYS)}")
    if by and not given.isdisjoint(_ALONE):
        raise UsageError(f"--by does not go with {next(w for w in _ALONE if w in given)}")
    return Asked(by or "model", limit, window(since, until, provider, model, tag), given)


def refuse_before(context: typer.Context) -> None:
    """Let no option stand before the command, which would not see it. Raises UsageError."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    if any(source and source.name == "COMMANDLINE" for source in sources.values()):
        command = context.invoked_subcommand
        raise UsageError(
            f"an option before {command} does not count for it",
            hint=f"Write it behind: llm usage {command} --since 7d",
        )


def window(since: str, until: str, provider: str = "", model: str = "", tag: str = "") -> Window:
    """The calls that are meant. Raises UsageError, and ConfigError for a config that is wrong."""
    first, after = begin(since)
    last = _day(until)
    if last and first > last:
        raise UsageError(f"--until {until} is before --since {since}")
    return Window(first, last, provider, _spelt(model), tag, after)


def begin(since: str) -> tuple[str, float]:
    """The first local day, or the first moment in seconds since 1970 for an age in hours.

    `7d` is today and the six days before it. Raises UsageError.
    """
    if not since:
        return "", 0.0
    moment = ago(since, "--since")
    span = re.fullmatch(r"([0-9]{1,9})([mhdw])", since)
    if span is None:
        return since, 0.0
    if span[2] in "mh":
        return "", moment or 1.0
    days = int(span[1]) * (7 if span[2] == "w" else 1)
    try:
        return (date.today() - timedelta(max(days - 1, 0))).isoformat(), 0.0
    except OverflowError:
        return "", 0.0


def _day(until: str) -> str:
    try:
        if until and date.fromisoformat(until).isoformat() != until:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--until {until[:40]!r} is no day", hint="Write a date such as 2026-11-30."
        ) from None
    return until


def _spelt(model: str) -> str:
    """The model an alias stands for; anything else as it is."""
    if not model:
        return ""
    from llmcli import config

    return str(config.load().table("aliases").get(model, model))


__all__ = ["CONVERSATION", "Asked", "begin", "read", "window"]
