"""What Cohere's errors mean: `{"id", "message"}`, and two statuses of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcli.adapters import failures
from llmcli.errors import AuthError, BadRequest, ContextTooLong, ProviderError, ServerError

# https://docs.cohere.com/reference/errors (2026-11-21); with Groq 498 means something else.
_OWN: Mapping[int, type[ProviderError]] = {498: AuthError, 499: ServerError}
_TOO_LONG = "too many tokens"


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of an HTTP response that is not a success."""
    error = failures.from_response(status, headers, body)
    own = _OWN.get(status)
    return _as(own, error) if own else _refined(error)


def in_stream(value: Any) -> ProviderError:
    """The error of an answer that had begun with status 200."""
    return _refined(failures.in_stream(value))


def _refined(error: ProviderError) -> ProviderError:
    too_long = isinstance(error, BadRequest | ServerError) and _TOO_LONG in error.message.lower()
    return _as(ContextTooLong, error) if too_long else error


def _as(kind: type[ProviderError], error: ProviderError) -> ProviderError:
    """The same error in another class; sending it again does not help."""
    return kind(
        error.message,
        http_status=error.http_status,
        code=error.code,
        request_id=error.request_id,
        retryable=False,
    )
