"""`llm history list`: the conversations, the one used last first."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli.cli.history.lookup import AsJson, Limit, opened
from llmcli.cli.labels import fitted, label, shorts
from llmcli.moments import METAVAR, age, ago, utc
from llmcli.terminal import clean, is_tty, note, out_json, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmcli.turn import Conversation
    from llmcli.usage import Spent

EXAMPLES = """
llm history list
llm history list -n 5 -m groq          those with a turn of this provider
llm history list --since 7d --all
llm history list | cut -f1,2           in a pipe: tab-separated, no header
llm history list --json | jq -r '.[] | select(.turns > 10) | .id'
"""
HEADER = ("ID", "AGE", "TURNS", "COST", "MODEL", "CONVERSATION")
_LEAST = 24  # columns a title should have; a model's name makes room for it
_MODEL = 20

Everything = Annotated[bool, typer.Option("--all", help="All of them.")]
Model = Annotated[
    str,
    typer.Option("-m", "--model", metavar="SPEC", help="With a turn of this model, or provider."),
]
Since = Annotated[
    str, typer.Option("--since", metavar=METAVAR, help="Used since then: 12h, 30d, a date.")
]


def list_(
    limit: Limit = 20,
    everything: Everything = False,
    model: Model = "",
    since: Since = "",
    as_json: AsJson = False,
) -> None:
    """List conversations, the one used last first.

    The cost has a ≥ where a part of it is unknown. In a pipe the columns are id, name or title,
    turns, model, time of last use (UTC) and cost in USD.
    """
    moment = ago(since, "--since") if since else 0.0
    with opened() as store:
        found = store.conversations(0 if everything else limit, model=spelt(model))
        found = [one for one in found if one.updated >= moment]
        spent = store.spent([one.id for one in found])
    if as_json:
        out_json([_object(one, spent[one.id]) for one in found])
        return
    if not found:
        note("· no such conversation" if model or since else "· no conversation yet")
    show(found, spent)
    if len(found) == limit and not everything and is_tty(sys.stdout) and is_tty(sys.stderr):
        note("· there may be more: llm history list --all")


def spelt(model: str) -> str | None:
    """The model an alias stands for; anything else as it is."""
    if not model:
        return None
    from llmcli import config

    return str(config.load().table("aliases").get(model, model))


def show(found: Sequence[Conversation], spent: dict[str, Spent]) -> None:
    """A table of conversations; in a pipe exact and whole."""
    if is_tty(sys.stdout):
        _show_rows(found, spent)
        return
    table(
        (),
        [
            (one.id, label(one), str(one.turns), one.model, utc(one.updated), _usd(spent[one.id]))
            for one in found
        ],
    )


def _show_rows(found: Sequence[Conversation], spent: dict[str, Spent]) -> None:
    """A line of the terminal for each; what does not fit is cut, the model first."""
    short = shorts([one.id for one in found])
    facts = [
        [short[one.id], age(one.updated), f"{one.turns:,}", cost(spent[one.id]), clean(one.model)]
        for one in found
    ]
    columns = shutil.get_terminal_size().columns
    header: Sequence[str] = HEADER[:5]
    if _room(header, facts, columns) < _LEAST:
        facts = [[*row[:-1], fitted(row[-1], _MODEL)] for row in facts]
    if _room(header, facts, columns) < _LEAST:
        header, facts = header[:-1], [row[:-1] for row in facts]
    room = _room(header, facts, columns)
    if room < _LEAST // 3:
        room = columns - 4  # a line of its own
    rows = [[*row, fitted(label(one), room)] for row, one in zip(facts, found, strict=True)]
    table([*header, fitted(HEADER[-1], room)], rows)


def _room(header: Sequence[str], facts: Sequence[Sequence[str]], columns: int) -> int:
    """What the columns of facts leave for the title."""
    widths = (max(map(len, column)) for column in zip(header, *facts, strict=True))
    return columns - sum(width + 2 for width in widths)


def cost(spent: Spent) -> str:
    """`$0.0041`, with a ≥ where a part of it is unknown; a dash where all of it is."""
    from llmcli.wording import money

    if spent.exact:
        return money(spent.amount)
    return f"≥ {money(spent.amount)}" if spent.amount else "—"


def _usd(spent: Spent) -> str:
    """The cost for scripts: an amount without a sign, nothing where all of it is unknown."""
    if not spent.exact and not spent.amount:
        return ""
    return f"{'' if spent.exact else '≥'}{spent.amount:f}"


def _object(one: Conversation, spent: Spent) -> dict[str, Any]:
    """A conversation for scripts; times in seconds since 1970."""
    known = spent.exact or bool(spent.amount)
    return {
        "id": one.id,
        "name": one.name or None,
        "title": one.title,
        "turns": one.turns,
        "model": one.model or None,
        "created": one.created,
        "updated": one.updated,
        "cost": {"amount": f"{spent.amount:f}", "currency": "USD", "exact": spent.exact}
        if known
        else None,
    }
