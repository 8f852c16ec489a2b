"""Points in time as they are typed and shown: `30d`, `2026-11-01`; `12 min`, `3 d`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from llmcli.errors import UsageError

METAVAR = "AGE"
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNITS = ((60, "s"), (3600, "min"), (86_400, "h"), (30 * 86_400, "d"))


def ago(text: str, option: str) -> float:
    """The moment an option names, in seconds since 1970: so long ago, or the start of a day here.

    Raises UsageError.
    """
    now = time.time()
    span = re.fullmatch(r"([0-9]{1,9})([mhdw])", text)
    if span:
        return max(now - int(span[1]) * _SECONDS[span[2]], 0.0)
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError
        moment = datetime.strptime(text, "%Y-%m-%d").astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {text[:40]!r} is no time",
            hint="Write 30m, 12h, 30d, 2w, or a date such as 2026-11-01.",
        ) from None
    if moment > now:
        raise UsageError(f"{option} {text} is yet to come")
    return max(moment, 0.0)


def span(text: str) -> float | None:
    """The seconds of `90s`, `30m`, `12h`, `7d` or `2w`; None for anything else."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text)
    return float(found[1]) * {"s": 1, **_SECONDS}[found[2]] if found else None


def age(moment: float, now: float | None = None) -> str:
    """How long ago that was: `now`, `12 min`, `3 h`, `5 d`; the date when it was over a month."""
    if not moment:
        return "—"
    seconds = (time.time() if now is None else now) - moment
    if seconds < 10:
        return "now"
    size = 1
    for limit, unit in _UNITS:
        if seconds < limit:
            return f"{seconds // size:.0f} {unit}"
        size = limit
    return utc(moment)[:10]


def utc(moment: float) -> str:
    """`2026-11-21T14:02:11Z`, for scripts; nothing for a time nobody knows."""
    if not moment:
        return ""
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return ""
