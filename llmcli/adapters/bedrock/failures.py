"""What an exception of Bedrock means, named in a header, in a body or in a frame of the stream.

The names and their statuses are those of https://docs.aws.amazon.com/bedrock/latest/APIReference/
API_runtime_ConverseStream.html (2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmcli.adapters import failures
from llmcli.adapters.failures import Facts
from llmcli.errors import ContextTooLong, ProtocolError, ProviderError, ServerError

_STATUSES = {
    "accessdenied": 403,
    "expiredtoken": 401,
    "incompletesignature": 401,
    "internalserver": 500,
    "internalfailure": 500,
    "invalidclienttokenid": 401,
    "invalidsignature": 401,
    "missingauthenticationtoken": 401,
    "modelerror": 424,
    "modelnotready": 429,
    "modelstreamerror": 424,
    "modeltimeout": 408,
    "resourcenotfound": 404,
    "servicequotaexceeded": 429,
    "serviceunavailable": 503,
    "throttling": 429,
    "unrecognizedclient": 401,
    "validation": 400,
}
_TOO_LONG = ("too long", "too many input tokens", "maximum context", "input tokens exceed")
_PROFILE_HINT = (
    "This model answers only under an inference profile, such as us.MODEL or global.MODEL.\n"
    "llm providers models NAME lists them."
)


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error of an HTTP response that is not a success."""
    plain = failures.from_response(status, headers, body)
    if isinstance(plain, ProtocolError):
        return plain
    facts = failures.read_body(body, f"HTTP status {status}")
    error = _classified(headers.get("x-amzn-errortype", "") or _type(body), status, facts, body)
    error.retry_after, error.request_id = plain.retry_after, plain.request_id
    return error


def in_stream(name: str, data: str) -> ProviderError:
    """The error of an exception, by its name, inside a stream that had begun with status 200."""
    body = data.encode("utf-8", "replace")
    return _classified(name, None, failures.read_body(body, name), body)


def _classified(name: str, status: int | None, facts: Facts, body: bytes) -> ProviderError:
    """The error for what is named like `ThrottlingException:http://…`, else for the status."""
    code = name.partition(":")[0].rpartition("#")[2].strip()
    known = _STATUSES.get(code.lower().removesuffix("exception"))
    meant = known if status is None or (known == 401 and status in (400, 403)) else status
    facts = facts._replace(code=code or facts.code)
    error = failures.classify(meant or 500, facts)
    if meant == 400 and any(words in facts.message.lower() for words in _TOO_LONG):
        error = ContextTooLong(error.message, code=error.code)
    elif meant == 424:
        error = ServerError(error.message, code=error.code, retryable=_worth_retrying(body))
    elif meant == 429 and "per day" in facts.message:
        error.retryable = False
    elif "on-demand throughput" in facts.message:
        error.hint = _PROFILE_HINT
    error.http_status = known if status is None else status
    return error


def _worth_retrying(body: bytes) -> bool:
    """Whether the model failed by itself: it may also have refused the request."""
    original = _object(body).get("originalStatusCode")
    return not isinstance(original, int) or original >= 500 or original == 429


def _type(body: bytes) -> str:
    found = _object(body).get("__type")
    return found if isinstance(found, str) else ""


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
