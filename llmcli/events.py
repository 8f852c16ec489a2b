"""What the core hears while an answer arrives: a closed union of events.

An adapter or engine yields `Start`, deltas, tool calls, `UsageReport`, `OpaqueData`, `Notice` and
exactly one `Finish`, or raises a `ProviderError`. Providers and the conversation add `Attempt`,
`Retry` and `Fallback`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from llmcli.errors import ProviderError
from llmcli.usage import Usage

FinishReason = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "pause", "other"
]


@dataclass(frozen=True, slots=True)
class Start:
    """The provider began to answer; `model` is the name it gives itself."""

    id: str = ""
    model: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStart:
    """A tool call begins; `key` ties its fragments together within one answer."""

    key: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of the JSON text of a tool call's arguments."""

    key: str
    fragment: str


@dataclass(frozen=True, slots=True)
class ToolCallEnd:
    """The tool call with this key is whole."""

    key: str


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Tokens used so far; a later report replaces an earlier one."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class OpaqueData:
    """Something the provider wants back unchanged with the next request."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning for the user that does not end the answer."""

    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer is whole; `raw` is the provider's own word for the reason."""

    reason: FinishReason
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A physical call is about to be made."""

    provider: str
    model: str
    number: int


@dataclass(frozen=True, slots=True)
class Retry:
    """The last attempt failed with `error`; the same model is asked again in `delay` seconds."""

    error: ProviderError
    delay: float
    number: int
    limit: int


@dataclass(frozen=True, slots=True)
class Fallback:
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
Event: TypeAlias = AnswerEvent | Attempt | Retry | Fallback
CONTENT_EVENTS = (TextDelta, ReasoningDelta, ToolCallStart, ToolCallDelta)
