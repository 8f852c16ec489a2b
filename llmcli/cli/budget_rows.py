"""The rows of `llm budget`: each limit with what is spent, held and left."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from llmcli import budgets
from llmcli.budgets import PER_CONVERSATION, Account, Limit, Standing, dollars
from llmcli.config import load
from llmcli.spending import Window
from llmcli.store import Store, default_path
from llmcli.terminal import clean, identity, is_tty, note, out, out_json, style, table
from llmcli.wording import count

_HEADER = ("BUDGET", "SPENT", "HELD", "LEFT", "WARNS AT", "REFUSES AT")
_BAR = 20
_MOST = 10  # values of a tag
_NONE = "—"


def show(as_json: bool) -> None:
    """Print the limits of the config and how they stand. Raises ConfigError, LocalIOError."""
    limits = budgets.read(load())
    found = _look(limits) if limits else []
    if as_json:
        out_json([_object(one) for one in found])
        return
    if not limits:
        note("· there is no budget: llm budget set day 5")
    elif is_tty(sys.stdout):
        _draw(found)
    else:
        table(_HEADER, [_row(one, _exact) for one in found])
    if unpriced := max((one.unpriced for one in found), default=0):
        note(
            f"· with no known cost: {count(unpriced, 'call')}, counted at what is probable where"
            " that can be told. More: llm usage --unpriced"
        )


def _look(limits: Sequence[Limit]) -> list[Standing]:
    store = Store(default_path(), changes=False)
    try:
        accounts = [one for limit in limits for one in _accounts(limit, store)]
        return store.accounts.standings(accounts)
    finally:
        store.close()


def _accounts(limit: Limit, store: Store) -> Iterator[Account]:
    """The accounts of a limit that can be told: of a tag's values the dearest."""
    if limit.name == PER_CONVERSATION:
        last = store.last_here(identity())
        yield Account(limit, conversation=last.id if last else None)
    elif limit.tag:
        yield from _of_tag(limit, store)
    else:
        found = budgets.accounts((limit,), date.today(), None, ())
        yield from found or (Account(limit),)


def _of_tag(limit: Limit, store: Store) -> Iterator[Account]:
    key, sign, value = limit.tag.partition("=")
    if sign:
        yield Account(limit, tag=(key, value))
        return
    spent: dict[str, Decimal] = {}
    for group in store.accounts.totals(Window(tag=key), ("tags",)):
        name = json.loads(group.key[0])[key]
        spent[name] = spent.get(name, Decimal(0)) + group.sums.cost + group.sums.guess
    for name in sorted(spent, key=spent.__getitem__, reverse=True)[:_MOST]:
        yield Account(limit._replace(name=f"{limit.name}={name}"), tag=(key, name))
    if not spent:
        yield Account(limit)


def _object(one: Standing) -> dict[str, Any]:
    account, limit = one.account, one.account.limit
    amounts = {"spent": one.spent, "guessed": one.guessed, "held": one.held, "left": one.left}
    told = {name: _exact(amount) if account.counts else None for name, amount in amounts.items()}
    return {
        "budget": limit.name,
        "since": account.since or None,
        "conversation": account.conversation,
        **told,
        "unpriced": one.unpriced if account.counts else None,
        "warn": _exact(limit.warn),
        "refuse": _exact(limit.refuse),
    }


def _exact(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _row(one: Standing, told: Callable[[Decimal], str | None]) -> list[str]:
    limit, counts = one.account.limit, one.account.counts
    counted = [amount if counts else None for amount in (one.spent, one.held, one.left)]
    amounts = (*counted, limit.warn, limit.refuse)
    return [limit.name, *("" if one is None else told(one) or "" for one in amounts)]


def _shown(amount: Decimal) -> str:
    return f"-{dollars(-amount)}" if amount < 0 else dollars(amount)


def _draw(found: Sequence[Standing]) -> None:
    """Columns, and a bar behind them where the terminal is wide enough."""
    rows = [[clean(cell) or _NONE for cell in _row(one, _shown)] for one in found]
    for row, one in zip(rows, found, strict=True):
        if one.guessed:
            row[1] = f"≈ {row[1]}"
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)]
    wide = sum(widths) + 2 * len(widths) + _BAR + 6 <= shutil.get_terminal_size().columns
    out(style(_line(_HEADER, widths).rstrip(), "bold"))
    for row, one in zip(rows, found, strict=True):
        bar = _bar(one) if wide else ""
        out(f"{_line(row, widths)}  {bar}".rstrip())


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    name, width = first
    return "  ".join((f"{name:<{width}}", *(f"{cell:>{size}}" for cell, size in rest)))


def _bar(one: Standing) -> str:
    """How much of the limit is spent, and held: `██████▒▒░░░░ 50 %`."""
    limit = one.account.limit
    whole = limit.refuse if limit.refuse is not None else limit.warn
    if whole is None or not one.account.counts:
        return ""
    part = one.spent / whole if whole else Decimal(1)
    both = (one.spent + one.held) / whole if whole else Decimal(1)
    full = min(int(part * _BAR), _BAR)
    held = min(int(both * _BAR), _BAR) - full
    color = "green"
    if limit.warn is not None and one.spent + one.held > limit.warn:
        color = "yellow"
    if limit.refuse is not None and both >= 1:
        color = "red"
    drawn = style("█" * full, color) + style("▒" * held, color) + "░" * (_BAR - full - held)
    return f"{drawn} {min(part * 100, Decimal(999)):.0f} %"
