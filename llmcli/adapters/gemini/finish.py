"""What each finish reason means, and what is said when an answer stays away.

Reasons: https://ai.google.dev/api/generate-content#FinishReason (2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from llmcli.errors import BadRequest, ContentFiltered, PermissionDenied, ProviderError, ServerError
from llmcli.events import AnswerEvent, Finish, FinishReason, Notice
from llmcli.redaction import redact
from llmcli.sanitize import one_line

_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "CONTINUATION": "pause",
}


class _Failure(NamedTuple):
    """A reason that is an error: whether asking again may help, and the words for it."""

    error: type[ProviderError]
    retryable: bool
    words: str


_FAILURES = {
    "MALFORMED_FUNCTION_CALL": _Failure(
        ServerError, True, "the model wrote a tool call that cannot be read"
    ),
    "MALFORMED_RESPONSE": _Failure(ServerError, True, "the model's answer cannot be read"),
    "UNEXPECTED_TOOL_CALL": _Failure(ServerError, True, "the model called a tool it does not have"),
    "TOO_MANY_TOOL_CALLS": _Failure(ServerError, False, "the model called tools too many times"),
    "MISSING_THOUGHT_SIGNATURE": _Failure(
        BadRequest, False, "an earlier tool call was sent back without its signature"
    ),
    "LANGUAGE": _Failure(BadRequest, False, "the answer's language is not supported"),
    "NO_IMAGE": _Failure(ServerError, False, "the model made no image"),
    "OTHER": _Failure(ServerError, True, "the provider stopped the answer without saying why"),
    "PUP_LIMITED_DISABLED": _Failure(
        PermissionDenied, False, "the account is limited under the prohibited use policy"
    ),
}


def is_blocked(reason: Any) -> bool:
    """Whether a `blockReason` says that the prompt was blocked."""
    return isinstance(reason, str) and bool(reason) and not reason.endswith("_UNSPECIFIED")


class Ending(NamedTuple):
    """Why an answer ended, in the server's own words, and what had come by then."""

    raw: str
    words: str = ""
    prompt_blocked: bool = False
    called: bool = False
    answered: bool = False
    thought: bool = False

    @property
    def reason(self) -> FinishReason:
        """The neutral reason; one that is not known is `other`."""
        if self.prompt_blocked or self.raw.startswith("IMAGE_"):
            return "content_filter"
        found = _REASONS.get(self.raw, "other")
        return "tool_calls" if self.called and found in ("stop", "other") else found


def last_events(ending: Ending) -> Iterator[AnswerEvent]:
    """What is left to say at the end. Raises ProviderError for a reason that is an error."""
    words = redact(one_line(ending.words, 200))
    failure = None if ending.prompt_blocked else _FAILURES.get(ending.raw)
    if failure is not None:
        message = f"{failure.words} ({ending.raw})" + (f": {words}" if words else "")
        raise failure.error(message, code=ending.raw, retryable=failure.retryable)
    if ending.reason == "content_filter" and not ending.answered and not ending.thought:
        raise _filtered(ending, words)
    if ending.reason == "length" and not ending.answered:
        yield Notice(
            "the limit of tokens was used up before any text came: thinking counts against"
            " max_output_tokens, so raise it or lower reasoning_effort"
        )
    elif words and ending.reason != "stop":
        yield Notice(f"the provider says: {words}")
    yield Finish(ending.reason, ending.raw)


def _filtered(ending: Ending, words: str) -> ContentFiltered:
    what = "the prompt was blocked" if ending.prompt_blocked else "the answer was withheld"
    raw = one_line(ending.raw, 60)
    return ContentFiltered(f"{what} ({raw})" + (f": {words}" if words else ""), code=raw)
