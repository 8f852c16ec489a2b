"""`llm budget`: what is spent and left of each limit; set and remove limits."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli.cli.root import epilog, group
from llmcli.errors import ConfigError, UsageError
from llmcli.terminal import clean, note

if TYPE_CHECKING:
    from llmcli.budgets import Limit

HELP = """Show what is left of each budget; set and remove budgets.

A budget is a limit in USD: for a day, week or month, for a call, for a conversation, or for all
that has a tag. Before a call its probable cost is held, and a call that would pass the limit is
refused with exit code 5; one that passes it while it answers is stopped, and what arrived is kept.
Days, weeks from Monday on and months are those of this machine's clock. per_tag.KEY holds for each
value of KEY. The limits stand in the table [budget] of the config.
"""
EXAMPLES = """
llm budget                                what is spent, held and left
llm budget --json | jq '.[] | {budget, left}'
llm budget set day 5                      refuse what would cost more in a day
llm budget set month --warn 40 --refuse 50
llm budget set per_call 0.20
llm budget set per_tag.project=search 25
llm budget set per_tag.run 2              each value of the tag run
llm budget rm day
"""
_SET_EXAMPLES = """
llm budget set day 5
llm budget set week --warn 20
llm budget set month --warn 40 --refuse 50
llm budget set per_conversation 1
llm budget set per_tag.project=search 25
"""
_RM_EXAMPLES = """
llm budget rm day
llm budget rm per_tag.project=search
"""
_NAMES = "day, week, month, per_call, per_conversation, per_tag.KEY or per_tag.KEY=VALUE"

Name = Annotated[str, typer.Argument(metavar="BUDGET", help=f"{_NAMES}.")]
Amount = Annotated[str | None, typer.Argument(metavar="[USD]", help="Refuse from here on.")]
Warn = Annotated[str | None, typer.Option("--warn", metavar="USD", help="Warn from here on.")]
Refuse = Annotated[str | None, typer.Option("--refuse", metavar="USD", help="The same as USD.")]
Json = Annotated[bool, typer.Option("--json", help="A list of objects.")]


def register(program: typer.Typer) -> None:
    """Add the group."""
    commands = group(HELP, EXAMPLES)
    commands.command("set", epilog=epilog(_SET_EXAMPLES))(_set)
    commands.command("rm", epilog=epilog(_RM_EXAMPLES))(_rm)
    commands.callback(help=HELP, invoke_without_command=True, no_args_is_help=False)(_show)
    program.add_typer(commands, name="budget")


def _show(context: typer.Context, as_json: Json = False) -> None:
    if context.invoked_subcommand is not None:
        return
    from llmcli.cli import budget_rows

    budget_rows.show(as_json)


def _set(name: Name, amount: Amount = None, warn: Warn = None, refuse: Refuse = None) -> None:
    """Set a limit, or one part of it; the config keeps its comments and order."""
    from llmcli import budgets, config
    from llmcli.cli import settings

    key = _key(name)
    if len(key) > 2:
        _check_tag(key[-1])
    if amount is not None and refuse is not None:
        raise UsageError("choose one of USD and --refuse: they are the same")
    if amount is None and refuse is None and warn is None:
        raise UsageError("say how much, in USD", hint="For example: llm budget set day 5")
    limit = next((one for one in budgets.read(config.load()) if one.name == name), None)
    limit = limit or budgets.Limit(name)
    refused = amount if refuse is None else refuse
    if refused is not None:
        limit = limit._replace(refuse=budgets.usd(refused, f"the limit of {name}"))
    if warn is not None:
        limit = limit._replace(warn=budgets.usd(warn, "--warn"))
    if None not in (limit.warn, limit.refuse) and limit.warn > limit.refuse:  # type: ignore[operator]
        raise UsageError(
            f"{name} warns at {budgets.dollars(limit.warn)}, above {budgets.dollars(limit.refuse)}"  # type: ignore[arg-type]
            " where it refuses",
            hint="Give both: --warn USD --refuse USD",
        )
    settings.assign(key, _value(limit))
    note(f"· {clean(name)}: {_words(limit)}")


def _words(limit: Limit) -> str:
    from llmcli.budgets import dollars

    warn = [f"warns at {dollars(limit.warn)}"] if limit.warn is not None else []
    refuse = [f"refuses at {dollars(limit.refuse)}"] if limit.refuse is not None else []
    return ", ".join(warn + refuse)


def _rm(name: Name) -> None:
    """Remove a limit."""
    from llmcli.budgets import PER_TAG
    from llmcli.cli import settings
    from llmcli.config import load

    key = _key(name)
    if settings.delete(key):
        if key[1] == PER_TAG and not load().table("budget").get(PER_TAG, True):
            settings.delete(key[:2])  # that was the last one
    else:
        raise ConfigError(f"there is no {clean(name)} budget", hint="Those there are: llm budget")


def _key(name: str) -> tuple[str, ...]:
    """Where the limit stands in the config. Raises UsageError."""
    from llmcli.budgets import NAMES, PER_TAG
    from llmcli.options import nearest
    from llmcli.sanitize import one_line

    table, dot, tag = name.partition(".")
    if table == PER_TAG and dot:
        return "budget", PER_TAG, tag
    if name in NAMES:
        return "budget", name
    if name == PER_TAG:
        raise UsageError("which tag?", hint="For example: llm budget set per_tag.project=search 5")
    raise UsageError(
        f'no budget is called "{one_line(name, 80)}".{nearest(name, (*NAMES, PER_TAG))}',
        hint=f"There are {_NAMES}.",
    )


def _check_tag(tag: str) -> None:
    """Raises UsageError for what can be no tag."""
    from llmcli import schema
    from llmcli.budgets import PER_TAG
    from llmcli.config import SCHEMA
    from llmcli.sanitize import one_line

    if schema.problems({"budget": {PER_TAG: {tag: 0}}}, SCHEMA):
        raise UsageError(
            f'"{one_line(tag, 80)}" is no tag',
            hint="Write per_tag.KEY or per_tag.KEY=VALUE; a key has letters, digits, . _ -",
        )


def _value(limit: Limit) -> Any:
    """The limit as the config has it: a number, or a table on one line."""
    import tomlkit

    parts: dict[str, Decimal | None] = {"warn": limit.warn, "refuse": limit.refuse}
    told = {name: tomlkit.value(f"{one:f}") for name, one in parts.items() if one is not None}
    if limit.warn is None:
        return told["refuse"]
    table = tomlkit.inline_table()
    table.update(told)
    return table
