"""What the core hears while an answer arrives: a closed union of events.

An adapter or engine yields `Start`, deltas, tool calls, `UsageReport`, `OpaqueData`, `Notice` and
exactly one `Finish`, or raises a `ProviderError`. Providers and the conversation add `Attempt`,
`Retry` and `Fallback`; a kept reply begins with `Replay` where others have an `Attempt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from llmcli.errors import ProviderError
from llmcli.usage import Cached, Usage

FinishReason = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "pause", "other"
]


class Start(NamedTuple):
    """The provider began to answer; `model` is the name it gives itself.

    Status and request id of an HTTP answer are filled in by the provider.
    """

    id: str = ""
    model: str = ""
    request_id: str | None = None
    http_status: int | None = None


class TextDelta(NamedTuple):
    """A piece of the answer."""

    text: str


class ReasoningDelta(NamedTuple):
    """A piece of the reasoning."""

    text: str


class ToolCallStart(NamedTuple):
    """A tool call begins; `key` ties its fragments together within one answer."""

    key: str
    id: str
    name: str


class ToolCallDelta(NamedTuple):
    """A fragment of the JSON text of a tool call's arguments."""

    key: str
    fragment: str


class ToolCallEnd(NamedTuple):
    """The tool call with this key is whole."""

    key: str


class UsageReport(NamedTuple):
    """Tokens used so far; a later report replaces an earlier one."""

    usage: Usage


class OpaqueData(NamedTuple):
    """Something the provider wants back unchanged with the next request."""

    data: Mapping[str, object]


class Notice(NamedTuple):
    """A warning for the user that does not end the answer."""

    message: str


class Finish(NamedTuple):
    """The answer is whole; `raw` is the provider's own word for the reason."""

    reason: FinishReason
    raw: str = ""


class Attempt(NamedTuple):
    """A physical call is about to be made."""

    provider: str
    model: str
    number: int


class Replay(NamedTuple):
    """No call is made: a kept reply follows."""

    cached: Cached


class Retry(NamedTuple):
    """The last attempt failed with `error`; the same model is asked again in `delay` seconds."""

    error: ProviderError
    delay: float
    number: int
    limit: int


class Fallback(NamedTuple):
    """The last model failed with `error`; the next one is asked."""

    error: ProviderError
    provider: str
    model: str


AnswerEvent: TypeAlias = (
    Start
    | TextDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | UsageReport
    | OpaqueData
    | Notice
    | Finish
)
Event: TypeAlias = AnswerEvent | Attempt | Replay | Retry | Fallback
CONTENT_EVENTS = (TextDelta, ReasoningDelta, ToolCallStart, ToolCallDelta)
