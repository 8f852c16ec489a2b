"""Tokens, money and time in words; what is not known is said to be unknown, never shown as 0."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from llmcli.usage import Cost, Usage, exact_sum

_DECIMALS = 4
_MOST_DECIMALS = 12


def tokens(usage: Usage | None) -> list[str]:
    """`1,204 in (800 cached)` and `322 out`, or `usage unknown`."""
    if usage is None or (usage.input is None and usage.output is None):
        return ["usage unknown"]
    cached = f" ({usage.cache_read:,} cached)" if usage.cache_read else ""
    reasoning = f" ({usage.reasoning:,} reasoning)" if usage.reasoning else ""
    return [f"{_count(usage.input)} in{cached}", f"{_count(usage.output)} out{reasoning}"]


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def count(number: int, noun: str) -> str:
    """`1 turn`, `1,204 turns`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def short(number: int) -> str:
    """`812`, `12.4 k`, `200 k`, `1.05 M` or `9.83 G`."""
    if number < 1000:
        return str(number)
    if number >= 999_500_000:
        return f"{number / 1e9:,.2f} G"
    value, unit = (number / 1000, "k") if number < 999_500 else (number / 1_000_000, "M")
    return f"{value:.3g} {unit}"


def size(number: int) -> str:
    """`812 bytes`, `12.3 kB` or `4.5 MB`."""
    if number < 1000:
        return count(number, "byte")
    return f"{number / 1e3:,.1f} kB" if number < 999_950 else f"{number / 1e6:,.1f} MB"


def price(cost: Cost | None) -> str:
    """The cost in words: `$0.0041`, `free (local)`, `free (cache)` or `cost unknown`."""
    if cost is None:
        return "cost unknown"
    if cost.basis in ("local", "cache") and not cost.amount:
        return f"free ({cost.basis})"
    return money(cost.amount)


def money(amount: Decimal) -> str:
    """USD with four decimals, and with four significant digits below a cent."""
    if not amount:
        return "$0"
    decimals = min(max(_DECIMALS, _DECIMALS - 1 - amount.adjusted()), _MOST_DECIMALS)
    whole, _, fraction = f"{abs(amount):,.{decimals}f}".partition(".")
    if not (whole + fraction).strip("0"):
        return f"under ${whole}.{fraction[:-1]}1"
    fraction = fraction[:_DECIMALS] + fraction[_DECIMALS:].rstrip("0")
    return f"{'-' if amount < 0 else ''}${whole}.{fraction}"


def duration(seconds: float) -> str:
    """`40 ms`, `2.3 s` or `1 min 12 s`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def total_price(costs: Sequence[Cost | None]) -> str:
    """What several calls cost in all; "at least" where one of them is unknown."""
    known = [cost for cost in costs if cost is not None]
    amount = exact_sum(cost.amount for cost in known)
    if len(known) < len(costs):
        return f"at least {money(amount)}" if amount else "cost unknown"
    all_local = bool(known) and all(cost.basis == "local" for cost in known)
    return price(Cost(amount, "local" if all_local else "card"))
