"""`llm usage --unpriced`: the calls of unknown cost, and the line that gives them a price."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from llmcli.cli.history.lookup import opened
from llmcli.cli.usage.asked import Asked
from llmcli.cli.usage.prices import Prices, current
from llmcli.spending import Unpriced
from llmcli.terminal import clean, is_tty, note, out, out_json, table
from llmcli.usage import Usage, cost_of

_HEADER = ("MODEL", "CALLS", "TOKENS UNKNOWN", "INPUT", "OUTPUT")
REPRICE = "llm usage reprice"


def show(asked: Asked) -> None:
    """List them by model; below, on a terminal too, what to type for each."""
    with opened() as store:
        found = store.accounts.unpriced(asked.window)
    prices = current()
    if "--json" in asked.ways:
        out_json([_object(one, prices) for one in found])
        return
    if not found:
        note("· every cost is known")
        return
    table(_HEADER, [_cells(one) for one in found])
    if is_tty(sys.stdout):
        _tell_ways(found, prices)


def _cells(one: Unpriced) -> list[str]:
    numbers = (one.calls, one.untold, one.input, one.output)
    plain = not is_tty(sys.stdout)
    return [_called(one), *(str(number) if plain else f"{number:,}" for number in numbers)]


def _called(one: Unpriced) -> str:
    return f"{one.provider}/{one.model}{' (batch)' if one.batch else ''}"


def _tell_ways(found: Sequence[Unpriced], prices: Prices) -> None:
    lines = dict.fromkeys(_line(one, prices) for one in found if one.calls > one.untold)
    typed = [line for line in lines if line != REPRICE]
    if typed:
        out("\nTo add a price, in USD per million tokens:")
        for line in typed:
            out(f"  {clean(line)}")
    if lines:
        what = "Then count what is past anew" if typed else "There are prices for some by now"
        out(f"{what}: {REPRICE}")
    untold = sum(one.untold for one in found)
    if untold:
        out(f"{untold:,} did not tell their tokens: their cost stays unknown.")


def _line(one: Unpriced, prices: Prices) -> str:
    """The line to type: a price in the config, unless there is one by now."""
    if _priced(one, prices):
        return REPRICE
    spec = json.dumps(f"{one.provider}/{one.model}", ensure_ascii=False)
    part = ", batch = 0.5" if one.batch else ""
    return shlex.join(
        ("llm", "config", "set", f"models.{spec}.cost", f"{{ input = …, output = …{part} }}")
    )


def _priced(one: Unpriced, prices: Prices) -> bool:
    known = prices(one.provider, one.model)
    usage = Usage(1, 1 if one.output else 0)
    return cost_of(usage, known, datetime.now(UTC), batch=one.batch) is not None


def _object(one: Unpriced, prices: Prices) -> dict[str, Any]:
    line = _line(one, prices) if one.calls > one.untold else None
    return {"spec": f"{one.provider}/{one.model}", **one._asdict(), "line": line}
