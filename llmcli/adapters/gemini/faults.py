"""What Gemini's errors mean, from an HTTP answer or inside a stream.

Written after https://google.aip.dev/193 and https://ai.google.dev/gemini-api/docs/troubleshooting
(2026-11-21): `error.details` tells how long to wait and which quota is used up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from llmcli.adapters import failures
from llmcli.errors import BadRequest, ContextTooLong, ProviderError, RateLimitError

_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of an HTTP response that is not a success."""
    error = failures.from_response(status, headers, body)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return error
    return _refined(error, value)


def in_stream(value: Any) -> ProviderError:
    """The error inside an answer that had begun with status 200."""
    return _refined(failures.in_stream(value), value)


def _refined(error: ProviderError, value: Any) -> ProviderError:
    details = _details(value)
    if error.retry_after is None:
        error.retry_after = _delay(details)
    if isinstance(error, RateLimitError) and _is_daily(details):
        error.retryable = False
    if type(error) is BadRequest and "exceeds the maximum number of tokens" in error.message:
        return ContextTooLong(
            error.message,
            http_status=error.http_status,
            code=error.code,
            request_id=error.request_id,
        )
    return error


def _details(value: Any) -> list[dict[str, Any]]:
    while isinstance(value, list):
        value = value[0] if value else None
    error = value.get("error") if isinstance(value, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    return [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []


def _delay(details: list[dict[str, Any]]) -> float | None:
    """Seconds to wait by `RetryInfo.retryDelay`, such as "48s"; there is no header for it."""
    for item in details:
        found = item.get("retryDelay")
        match = _SECONDS.fullmatch(found) if isinstance(found, str) else None
        if match:
            return float(match[1]) or None
    return None


def _is_daily(details: list[dict[str, Any]]) -> bool:
    """Whether a quota of the day is used up, which no wait of ours refills."""
    for item in details:
        violations = item.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId")):
                return True
    return False
