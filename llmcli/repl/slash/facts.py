"""Slash commands that tell: help, usage, cost."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from llmcli import wording
from llmcli.errors import UsageError
from llmcli.options import close_names
from llmcli.repl import slash
from llmcli.repl.commands import Command, Suggestion
from llmcli.repl.slash import filling
from llmcli.sanitize import one_line
from llmcli.terminal import out, style, table
from llmcli.usage import Bill, Usage, exact_sum

if TYPE_CHECKING:
    from llmcli.repl.chat import Chat

_KEYS = (
    ("Enter", "send; with /multiline it adds a line"),
    ("Alt-Enter, Ctrl-J", "add a line; with /multiline they send"),
    ("Tab", "complete commands, models, paths"),
    ("Ctrl-R", "search what was typed before"),
    ("Ctrl-X Ctrl-E", "edit the text in $EDITOR"),
    ("Ctrl-C", "stop an answer, or clear the line"),
    ("Ctrl-D", "leave"),
)
_LEAST = 20  # columns in which words can be read
_COUNTED = ("input", "cache_read", "output", "reasoning")


def _help(chat: Chat, arguments: str) -> None:
    if arguments:
        _explain(chat, arguments.removeprefix("/").lower())
        return
    now = {
        title: [(_typed(c), c.help) for c in commands if c.available(chat)]
        for title, commands in slash.GROUPS.items()
    }
    groups = {**now, "Keys": list(_KEYS)}
    width = max(len(name) for rows in groups.values() for name, _ in rows)
    for title, rows in groups.items():
        if rows:
            out(style(title, "bold"))
        for name, words in rows:
            first, *more = _folded(words, width + 4)
            out(f"  {name:<{width}}  {style(first, 'dim')}")
            for line in more:
                out(style(" " * (width + 4) + line, "dim"))


def _folded(words: str, indent: int) -> list[str]:
    """The words in lines that fit beside what stands before them."""
    return wrap(words, max(shutil.get_terminal_size().columns - indent, _LEAST))


def _explain(chat: Chat, name: str) -> None:
    found = next((c for c in slash.COMMANDS if c.name == name), None)
    if found is None:
        close = close_names(name, [c.name for c in slash.COMMANDS])
        nearest = f" Did you mean /{close[0]}?" if close else ""
        raise UsageError(f'"/{one_line(name, 40)}" is not a command.{nearest}', hint="All: /help")
    out(f"{style(_typed(found), 'bold')}  {found.help}")
    if not found.available(chat):
        chat.say("it makes no sense yet")


def _typed(command: Command) -> str:
    return f"/{command.name} {command.arguments}".rstrip()


def _usage(chat: Chat, _arguments: str) -> None:
    groups = _by_model(chat.session.bills)
    rows = [(spec, str(len(bills)), *_counts(bills)) for spec, bills in groups]
    if len(groups) > 1:
        every = chat.session.bills
        rows.append(("TOTAL", str(len(every)), *_counts(every)))
    table(("MODEL", "TURNS", "INPUT", "CACHED", "OUTPUT", "REASONING"), rows)


def _counts(bills: Sequence[Bill]) -> Iterable[str]:
    """Each sum; with a ≥ where a part of it was not told, a ? where nothing was."""
    usages = [bill.usage or Usage() for bill in bills]
    for name in _COUNTED:
        told = [getattr(usage, name) for usage in usages]
        known = [count for count in told if count is not None]
        mark = "≥ " if len(known) < len(told) else ""
        yield f"{mark}{sum(known):,}" if known else "?"


def _cost(chat: Chat, _arguments: str) -> None:
    bills = chat.session.bills
    groups = _by_model(bills)
    rows = [(spec, str(len(some)), _price(some)) for spec, some in groups]
    if len(groups) > 1:
        rows.append(("TOTAL", str(len(bills)), _price(bills)))
    table(("MODEL", "TURNS", "COST"), rows)
    chat.say(f"the last turn: {wording.price(bills[-1].cost)}")


def _price(bills: Sequence[Bill]) -> str:
    return wording.total_price([bill.cost for bill in bills])


def _by_model(bills: Sequence[Bill]) -> list[tuple[str, list[Bill]]]:
    """The bills of each model, the dearest first."""
    ordered = sorted(bills, key=lambda bill: bill.spec)
    groups = [(spec, list(some)) for spec, some in groupby(ordered, lambda bill: bill.spec)]
    return sorted(groups, key=lambda group: _amount(group[1]), reverse=True)


def _amount(bills: Sequence[Bill]) -> Decimal:
    return exact_sum(bill.cost.amount for bill in bills if bill.cost)


def _was_paid(chat: Chat) -> bool:
    return bool(chat.session.bills)


def _names(chat: Chat, _text: str) -> Iterable[Suggestion]:
    return [Suggestion(c.name, c.help) for c in slash.COMMANDS if c.available(chat)]


HELP = (Command("help", "[COMMAND]", "what can be typed here", _help, suggest=_names),)
COMMANDS = (
    Command("usage", "", "the tokens of this chat, by model", _usage, _was_paid),
    Command("cost", "", "what this chat cost, by model", _cost, _was_paid),
    *filling.COMMANDS,
)
