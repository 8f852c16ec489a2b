"""When to ask again, and how long to wait before."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from llmcli.errors import ProviderError

STATUSES = frozenset({408, 409, 429, 498, 500, 502, 503, 504, *range(520, 525), 529})
WAIT_LIMIT = 60.0
_BACKOFF_CAP = 8.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait; None when it does not say, or says nonsense.

    A date is counted from the response's own Date header, so a wrong local clock does no harm.
    Zero means "look further": Azure sends `retry-after-ms: 0` beside a `retry-after` that counts.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _positive(headers.get(name, ""), scale)
        if seconds is not None:
            return seconds
    return _until(headers.get("retry-after", ""), headers.get("date", ""))


def clock_offset(headers: Mapping[str, str]) -> float | None:
    """Seconds by which the server's clock is ahead of ours, to the second; None when unsaid."""
    try:
        return round((parsedate_to_datetime(headers["date"]) - datetime.now(UTC)).total_seconds())
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _positive(text: str, scale: float) -> float | None:
    try:
        value = float(text) * scale
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def _until(text: str, now: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        start = parsedate_to_datetime(now) if now else datetime.now(UTC)
        seconds = (then - start).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def delay(error: ProviderError, number: int, backoff: float) -> float | None:
    """Seconds to wait after failed attempt `number` (from 1), or None not to ask again.

    The server's word is honoured up to WAIT_LIMIT; else full jitter over `backoff` doubling up to
    8 s.
    """
    if not error.retryable:
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= WAIT_LIMIT else None
    return random.uniform(0, min(backoff * 2 ** (number - 1), _BACKOFF_CAP))  # noqa: S311


class Retries:
    """How often one call is made again, and how long in all; one is made for each call."""

    def __init__(
        self, limit: int, backoff: float, deadline: tuple[float, float] | None = None
    ) -> None:
        self.limit = limit
        self.number = 0
        self._backoff = backoff
        self._deadline = deadline
        self._waited = 0.0

    def wait(self, error: ProviderError) -> float | None:
        """Seconds to wait after this failure of attempt `number`, or None not to ask again."""
        if self.number > self.limit:
            return None
        seconds = delay(error, self.number, self._backoff)
        if seconds is None or self._waited + seconds > WAIT_LIMIT:
            return None
        if self._deadline and time.monotonic() + seconds >= sum(self._deadline):
            return None
        self._waited += seconds
        return seconds
