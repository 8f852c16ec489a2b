"""Parts of a usage that servers get wrong, and the cost that some of them report."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

_TICKS = Decimal(10) ** 10
_MOST = Decimal(10) ** 6  # USD; no call costs that


def within(part: int | None, whole: int | None) -> int | None:
    """A part is never more than the whole: Azure-hosted Grok was seen to say so."""
    return part if part is None or whole is None else min(part, whole)


def reported(amount: Any, *, ticks: bool = False) -> Decimal | None:
    """A cost in USD as a server reports it, or in ticks of 1e-10 USD; None for what is none."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        return None
    try:
        money = Decimal(str(amount))
    except (InvalidOperation, ValueError):  # ValueError: more digits than Python writes
        return None
    if not money.is_finite():
        return None
    money = money / _TICKS if ticks else money
    return money if 0 <= money <= _MOST else None
