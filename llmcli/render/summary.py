"""The usage line: who answered, how many tokens, for how much, how fast."""

from __future__ import annotations

from decimal import Decimal

from llmcli.conversation import Turn
from llmcli.sanitize import one_line
from llmcli.usage import Cost, Usage

_DECIMALS = 4
_MOST_DECIMALS = 12


def usage_line(turn: Turn) -> str:
    """`groq/llama-3.3 · 1,204 in (800 cached) · 322 out · $0.0041 · 2.3 s`.

    What is not known is said to be unknown, never shown as 0.
    """
    name = one_line(f"{turn.provider}/{turn.model}", 120)
    return " · ".join([name, *_tokens(turn.usage), price(turn.cost), duration(turn.total_s)])


def _tokens(usage: Usage | None) -> list[str]:
    if usage is None or (usage.input is None and usage.output is None):
        return ["usage unknown"]
    cached = f" ({usage.cache_read:,} cached)" if usage.cache_read else ""
    reasoning = f" ({usage.reasoning:,} reasoning)" if usage.reasoning else ""
    return [f"{_count(usage.input)} in{cached}", f"{_count(usage.output)} out{reasoning}"]


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"


def price(cost: Cost | None) -> str:
    """The cost in words: `$0.0041`, `free (local)` or `cost unknown`."""
    if cost is None:
        return "cost unknown"
    if cost.basis == "local" and not cost.amount:
        return "free (local)"
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
