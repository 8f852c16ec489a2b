"""What a provider's error means: one extractor for every body, one table for the status."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from llmcli.errors import (
    AuthError,
    BadRequest,
    BillingError,
    ContentFiltered,
    ContextTooLong,
    NotFound,
    PermissionDenied,
    ProtocolError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmcli.retry import STATUSES, retry_after
from llmcli.sanitize import one_line

_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "cf-ray")
_NO_CREDIT = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "enforced_spend_limit_reached",
        "billing_error",
        "insufficient_balance",
    }
)
_TOO_LONG = frozenset(
    {
        "context_length_exceeded",
        "exceed_context_size_error",
        "too_many_tokens",
        "string_above_max_length",
    }
)
_FILTERED = frozenset(
    {
        *("content_filter", "content_policy_violation", "image_content_policy_violation"),
        *("misalignment_policy_violation", "bio_policy"),
    }
)
_BAD_KEY = frozenset({"invalid_api_key", "authentication_error", "api_key_invalid"})
_BY_WORD = (
    ("rate_limit", 429),
    ("overloaded", 503),
    ("server_error", 500),
    ("invalid_", 400),
    ("unsupported_", 400),
    ("image", 400),
    ("policy", 400),
    ("not_found", 404),
)


class Facts(NamedTuple):
    """What an error body says: the message, and its codes in lower case."""

    message: str
    code: str = ""
    words: frozenset[str] = frozenset()
    status: int | None = None
    numbers: Mapping[str, int] | None = None


def read_body(body: bytes, reason: str = "") -> Facts:
    """The facts of an error body of any vendor's shape; HTML is told by its title."""
    text = body.decode("utf-8", "replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Facts(_plain(text) or reason)
    facts = read_value(value)
    return facts if facts.message else Facts(reason, facts.code, facts.words, facts.status)


def _plain(text: str) -> str:
    if text.startswith("<"):
        title = re.search(r"<title[^>]*>(.*?)</title>", text[:20_000], re.IGNORECASE | re.DOTALL)
        return f"an HTML page: {one_line(title[1], 100)}" if title else "an HTML page"
    return one_line(text, 200)


def read_value(value: Any) -> Facts:
    """The facts of an error that is already JSON."""
    while isinstance(value, list):
        value = value[0] if value else ""
    if not isinstance(value, dict):
        return Facts(one_line(str(value), 200))
    inner = value.get("error")
    if isinstance(inner, dict):
        outer = {k: v for k, v in value.items() if k != "error"}
        return _facts({**outer, **inner})
    if isinstance(inner, str):
        return _facts({**value, "message": inner})
    return _facts(value)


def _facts(value: Mapping[str, Any]) -> Facts:
    codes = [value.get(key) for key in ("code", "type", "error_type", "status")]
    codes += [item.get("reason") for item in _dicts(value.get("details"))]
    inner = value.get("details")
    if isinstance(inner, dict):
        codes.append(inner.get("error_code"))
    words = [str(code).lower() for code in codes if isinstance(code, str) and code]
    numbers = [
        code
        for code in (value.get("code"), value.get("status_code"), value.get("status"))
        if isinstance(code, int) and not isinstance(code, bool)
    ]
    code = value.get("code") if isinstance(value.get("code"), str) else None
    return Facts(
        _message(value),
        code or next(iter(words), ""),
        frozenset(words),
        next((n for n in numbers if 300 <= n <= 599), None),
        {k: v for k in ("n_prompt_tokens", "n_ctx") if isinstance(v := value.get(k), int)},
    )


def _message(value: Mapping[str, Any]) -> str:
    """The words of an error; a router's own come before those of the provider behind it."""
    words, metadata = _own_words(value), value.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return ": ".join(str(part) for part in (words, raw) if part)


def _own_words(value: Mapping[str, Any]) -> str:
    for key in ("message", "Message", "detail", "errors", "title"):
        found = value.get(key)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, list) and found:
            return "; ".join(_detail(item) for item in found[:3])
    return ""


def _detail(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    parts = item.get("loc")
    place = ".".join(str(part) for part in parts) if isinstance(parts, list) else ""
    words = str(item.get("msg") or item.get("message") or "")
    return f"{place}: {words}" if place else words


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of an HTTP response that is not a success."""
    if 300 <= status < 400:
        target = one_line(headers.get("location", ""), 100)
        return ProtocolError(
            f"the server redirects to {target or 'nowhere'}, which is never followed",
            hint="If that is the right address, set it as base_url.",
            http_status=status,
        )
    error = classify(status, read_body(body, f"HTTP status {status}"))
    error.retry_after = retry_after(headers)
    error.request_id = request_id(headers)
    wish = headers.get("x-should-retry", "").lower()
    if wish in ("true", "false"):
        error.retryable = wish == "true"
    return error


def in_stream(value: Any) -> ProviderError:
    """The error that a server sent inside a stream that had begun with status 200."""
    facts = read_value(value)
    status = facts.status
    if status is None:
        named = (s for word, s in _BY_WORD if any(word in name for name in facts.words))
        status = next(named, 500)
    return classify(status, facts)


def no_answer(body: Mapping[str, Any]) -> ProviderError:
    """The error of a whole body with status 200 that is no answer: what it says, if anything."""
    if read_value(body).message:
        return in_stream(body)
    return ProtocolError("the server answered with JSON that holds no answer")


def classify(status: int, facts: Facts) -> ProviderError:
    """The error class for a status, refined by the body's codes."""
    kind, retryable = _class(status, facts)
    message = one_line(facts.message) or f"HTTP status {status}"
    if kind is ContextTooLong and facts.numbers and str(facts.numbers.get("n_ctx")) not in message:
        message += " ({n_prompt_tokens} tokens, context {n_ctx})".format_map(
            {"n_prompt_tokens": "?", "n_ctx": "?", **facts.numbers}
        )
    code = one_line(facts.code, 60) or None
    return kind(message, http_status=status, code=code, retryable=retryable)


def _class(status: int, facts: Facts) -> tuple[type[ProviderError], bool]:
    words = facts.words
    if words & _NO_CREDIT or status == 402:
        return BillingError, False
    if words & _TOO_LONG or _too_long(facts):
        return ContextTooLong, False
    if words & _FILTERED and status < 500:
        return ContentFiltered, False
    if status == 401 or (status == 400 and _bad_key(facts)):
        return AuthError, False
    if status in (429, 498):
        return RateLimitError, True
    if status in (408, 409) or status >= 500:
        return ServerError, status in STATUSES
    by_status = {403: PermissionDenied, 404: NotFound}
    return by_status.get(status, BadRequest), False


def _too_long(facts: Facts) -> bool:
    """Whether a prompt is longer than the context: Anthropic says so only in its message."""
    return facts.message.lower().startswith("prompt is too long")


def _bad_key(facts: Facts) -> bool:
    """Whether a 400 means a bad key: Gemini says so by a reason, xAI only in its message."""
    return bool(facts.words & _BAD_KEY) or "incorrect api key" in facts.message.lower()


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's own id of the request, for its support."""
    found = (headers[name] for name in _REQUEST_IDS if headers.get(name))
    value = next(found, None)
    return one_line(value, 100) if value else None
