"""A table of what several answers to one question took: time, tokens, cost."""

from __future__ import annotations

from collections.abc import Sequence

from llmcli.outcome import Outcome
from llmcli.sanitize import one_line
from llmcli.turn import Turn
from llmcli.wording import duration, price, total_price

_HEADER = ("MODEL", "FIRST TOKEN", "TIME", "INPUT", "OUTPUT", "TOKENS/S", "COST", "STATUS")
_LEFT = ("MODEL", "STATUS")
_DROPPED = ("TOKENS/S", "FIRST TOKEN", "INPUT", "OUTPUT", "TIME")  # in a narrow terminal, in order
_LEAST_SECONDS = 0.05  # what came in a shorter time tells nothing of how fast it was written
_WIDEST = 40  # columns of the name of a model; where it has no room, so many at least:
_NARROWEST = 8


def table(outcomes: Sequence[Outcome], width: int) -> list[str]:
    """Its lines, a total last; columns that do not fit are left out."""
    turns = [one.turn for one in outcomes if one.turn and one.turn.charged]
    total = {"MODEL": "TOTAL", "COST": total_price([turn.cost for turn in turns])}
    rows = [dict(zip(_HEADER, _HEADER, strict=True)), *map(_row, outcomes)]
    if turns:
        rows.append({name: total.get(name, "") for name in _HEADER})
    names = list(_HEADER)
    for name in (None, *_DROPPED):
        names = [one for one in names if one != name]
        widths = {one: max(len(row[one]) for row in rows) for one in names}
        over = sum(widths.values()) + 2 * (len(names) - 1) - width
        if over <= 0:
            break
    else:
        widths["MODEL"] = max(widths["MODEL"] - over, _NARROWEST)
        rows = [{**row, "MODEL": one_line(row["MODEL"], widths["MODEL"])} for row in rows]
    return ["  ".join(_cell(row, name, widths[name]) for name in names).rstrip() for row in rows]


def _cell(row: dict[str, str], name: str, width: int) -> str:
    return row[name].ljust(width) if name in _LEFT else row[name].rjust(width)


def _row(outcome: Outcome) -> dict[str, str]:
    turn = outcome.turn
    facts = _facts(turn) if turn else ("",) * 6
    values = (one_line(outcome.spec, _WIDEST), *facts, outcome.status)
    return dict(zip(_HEADER, values, strict=True))


def _facts(turn: Turn) -> tuple[str, ...]:
    tokens = turn.usage.output if turn.usage else None
    first, paid = turn.first_token_s, turn.charged
    written = turn.total_s - first if first is not None else 0.0
    speed = f"{tokens / written:,.0f}" if tokens and written >= _LEAST_SECONDS else ""
    return (
        "" if first is None else duration(first),
        duration(turn.total_s),
        *((_count(turn.usage.input if turn.usage else None), _count(tokens)) if paid else ("", "")),
        speed,
        price(turn.cost) if paid else "",
    )


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
