"""What Ollama's errors mean: its bodies hold one sentence and no code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmcli.adapters import failures
from llmcli.errors import BadRequest, ContextTooLong, NotFound, ProviderError, ServerError

_TOO_LONG = re.compile(r"(?:exceeds|longer than|larger than).{1,40}context (?:length|size|window)")
_MODEL = re.compile(r"model ['\"]?([\w./:-]+)['\"]? not found")
_HINTS = (
    ("does not support thinking", "Leave reasoning_effort out for this model."),
    ("does not support tools", "`ollama show MODEL` tells what a model can do."),
    ("more system memory", "Take a smaller model, or a smaller num_ctx."),
)


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of an HTTP response that is not a success."""
    return _refined(failures.from_response(status, headers, body))


def in_stream(value: Any) -> ProviderError:
    """The error of a line in an answer that had begun with status 200."""
    return _refined(failures.in_stream(value))


def _refined(error: ProviderError) -> ProviderError:
    """The same error, its class and hint taken from the sentence where that says more."""
    if isinstance(error, BadRequest | ServerError) and _TOO_LONG.search(error.message):
        return ContextTooLong(
            error.message,
            hint="Make room for it with -o num_ctx=N, at the price of memory.",
            http_status=error.http_status,
            request_id=error.request_id,
        )
    if isinstance(error, NotFound):
        model = _MODEL.search(error.message)
        if model:
            error.hint = f"If it is to run on your own machine: ollama pull {model[1]}"
    for words, hint in _HINTS:
        if words in error.message:
            error.hint = hint
            error.retryable = False
    return error
