"""Figures of a report: costs in words, shares, means and percentiles; unknown is never 0."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from llmcli.spending import Group, Sums
from llmcli.usage import Cost
from llmcli.wording import money, price

_PART = 0.95


class Pace(NamedTuple):
    """How quick answers were: seconds to the first token, output tokens a second; mean and p95.

    The mean speed is that of all tokens together. The p95 are within 1 %. None is unknown.
    """

    first_mean: float | None
    first_p95: float | None
    speed_mean: float | None
    speed_p95: float | None


def pace(group: Group) -> Pace:
    """How quick the answers of these entries were."""
    sums = group.sums
    return Pace(
        sums.first_seconds / sums.first_count if sums.first_count else None,
        percentile(group.first),
        sums.paced_output / sums.paced_seconds if sums.paced_seconds > 0 else None,
        percentile(group.speed),
    )


def percentile(counts: Mapping[float, int]) -> float | None:
    """The value that 95 % do not exceed, from how often each occurs."""
    total = sum(counts.values())
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= _PART * total and seen:
            return value
    return None


def known(sums: Sums) -> bool:
    """Whether anything is known of the cost: not where all that may have cost is unpriced."""
    return not sums.unpriced or bool(sums.cost)


def cost(sums: Sums) -> str:
    """`$0.0041`, `at least $0.0041`, `cost unknown` or `free (local)`."""
    if sums.unpriced:
        return f"at least {money(sums.cost)}" if sums.cost else "cost unknown"
    only_local = bool(sums.local) and sums.local + sums.failures >= sums.requests
    return price(Cost(sums.cost, "local" if only_local else "card"))


def usd(sums: Sums) -> str:
    """The cost for scripts, exact: an amount with a ≥ where a part is unknown, else nothing."""
    return f"{'≥' if sums.unpriced else ''}{_decimal(sums.cost)}" if known(sums) else ""


def _decimal(amount: Decimal) -> str:
    """Every digit that counts: `0.0034`, not `0.003400000000`."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def read(sums: Sums) -> str:
    """Input tokens and how much of them came from a cache: `1,204,311 (71 %)`."""
    share = 100 * sums.cache_read / sums.input if sums.input else 0.0
    words = "under 1 %" if 0 < share < 1 else f"{share:.0f} %"
    return _tokens(sums, sums.input, words if sums.cache_read else "")


def written(sums: Sums) -> str:
    """Output tokens and how many of them were reasoning: `88,120 (5,204)`."""
    return _tokens(sums, sums.output, f"{sums.reasoning:,}" if sums.reasoning else "")


def _tokens(sums: Sums, number: int, part: str) -> str:
    if sums.unsaid and not (sums.input or sums.output):
        return "unknown"
    return f"{'≥ ' if sums.unsaid else ''}{number:,}{f' ({part})' if part else ''}"


def facts(group: Group) -> dict[str, Any]:
    """All of it for scripts; money as text, exact; what is unknown is None."""
    sums, quick = group.sums, pace(group)
    names = Sums._fields[: Sums._fields.index("cost")]
    amount = _decimal(sums.cost)
    return {
        **{name: getattr(sums, name) for name in names},
        "cost": {"amount": amount, "currency": "USD"} if known(sums) else None,
        "exact": not sums.unpriced,
        "guess": _decimal(sums.guess) if sums.guess else None,
        "seconds": round(sums.seconds, 3),
        "first_token": {"mean_s": _short(quick.first_mean), "p95_s": _short(quick.first_p95)},
        "speed": {"mean": _short(quick.speed_mean), "p95": _short(quick.speed_p95)},
    }


def _short(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
