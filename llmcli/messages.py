"""What is said: messages, their parts, tools, and the request that carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Media:
    """An image, document or sound, with its bytes and media type such as `image/png`."""

    data: bytes
    media_type: str
    name: str = ""

    @property
    def kind(self) -> str:
        """`image`, `audio`, or `file` for anything else."""
        family = self.media_type.partition("/")[0]
        return family if family in ("image", "audio") else "file"


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The reasoning a model showed before its answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the model wants run; `arguments` is the JSON text exactly as it was sent."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned for the call with this id."""

    call_id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Opaque:
    """What a provider wants back unchanged with the next request (signatures, encrypted reasoning).

    It is only ever sent to the provider and model it came from.
    """

    provider: str
    model: str
    data: Mapping[str, object]


Part: TypeAlias = Text | Media | Reasoning | ToolCall | ToolResult | Opaque


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call; `parameters` is a JSON Schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Everything sent in one go, before an adapter renders it.

    `options` uses the neutral names of `llmcli.options`; `extra` is merged into the body last.
    """

    model: str
    messages: tuple[Message, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    stream: bool = True
