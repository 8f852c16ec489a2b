"""What servers say of their rate limits in the headers of each answer.

OpenAI, Groq, xAI and others: https://platform.openai.com/docs/guides/rate-limits (2026-11-21);
Anthropic: https://platform.claude.com/docs/en/api/rate-limits (2026-11-21).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple

Kind = Literal["requests", "tokens"]
_OPENAI = "x-ratelimit-remaining-"
_ANTHROPIC = "anthropic-ratelimit-"
_SPAN = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class Limit(NamedTuple):
    """How many requests or tokens `remain` of `limit`; all are there again in `reset` seconds.

    `limit` is 0 where it is not told.
    """

    kind: Kind
    limit: float
    remaining: float
    reset: float


def read(headers: Mapping[str, str]) -> list[Limit]:
    """The limits that an answer tells; what makes no sense is left out."""
    return [limit for names in _names(headers) if (limit := _limit(headers, *names))]


def _names(headers: Mapping[str, str]) -> Iterator[tuple[Kind, str, str, str]]:
    """For each limit its kind and the headers with its size, the rest of it, and its reset."""
    for name in headers:
        if name.startswith(_OPENAI):
            what = name[len(_OPENAI) :]
            size, reset = f"x-ratelimit-limit-{what}", f"x-ratelimit-reset-{what}"
        elif name.startswith(_ANTHROPIC) and name.endswith("-remaining"):
            what = name[len(_ANTHROPIC) : -len("-remaining")]
            size, reset = f"{_ANTHROPIC}{what}-limit", f"{_ANTHROPIC}{what}-reset"
        else:
            continue
        yield "tokens" if "tokens" in what else "requests", size, name, reset


def _limit(
    headers: Mapping[str, str], kind: Kind, size: str, rest: str, reset: str
) -> Limit | None:
    remaining, seconds = _number(headers[rest]), _seconds(headers.get(reset, ""))
    if remaining is None or seconds is None:
        return None
    return Limit(kind, _number(headers.get(size, "")) or 0, remaining, seconds)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) else None


def _seconds(text: str) -> float | None:
    """`6m0s`, `20ms`, `1.5`, or a time such as `2026-11-21T14:00:00Z`; None for anything else."""
    text = text.strip()
    if (plain := _number(text)) is not None:
        return plain
    pieces = _SPAN.findall(text)
    try:
        if pieces and "".join(number + unit for number, unit in pieces) == text:
            return sum(float(number) * _UNITS[unit] for number, unit in pieces)
        then = datetime.fromisoformat(text)
        seconds = (then.astimezone(UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None
    return max(seconds, 0.0)
