"""A turn: one prompt, what went along with it, and all that answered it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from llmcli.ledger import Entry, Status
from llmcli.messages import (
    EMPTY,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from llmcli.usage import Cached, Cost, Usage

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SHORT_ID = 10  # letters of an id that tell conversations apart unless both began in one millisecond
_CUT = ("length", "content_filter", "refusal", "pause")  # reasons for which no answer is whole
NOT_RUN = "This tool was not run."
SUMMARISE = (
    "Summarise our conversation so far, so that it can go on from your summary alone: what was"
    " asked and why, what was found and decided, every name, number and piece of code that is"
    " still needed, and what is open. Write only the summary."
)


def new_id() -> str:
    """A new id: 26 letters and digits that sort by time."""
    value = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -5, -5))


class Turn(NamedTuple):
    """One prompt and its answer; what is not known is None.

    `parent` is the turn before it, None at the beginning of a conversation; the model was told of
    those that came after `since`, of all of them where that is None. `started` is in seconds
    since 1970; `exit_code` and the error tell how it ended, once it has. `cached` is None where no
    kept reply was wanted; one that was replayed used no tokens.
    """

    id: str
    conversation: str
    provider: str
    model: str
    prompt: str
    parent: str | None = None
    since: str | None = None
    attachments: tuple[Media, ...] = ()
    system: str = ""
    options: Mapping[str, Any] = EMPTY
    extra: Mapping[str, Any] = EMPTY
    tools: tuple[Tool, ...] = ()
    started: float = 0.0
    status: Status = "running"
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    finish_reason: str | None = None
    raw_finish: str = ""
    usage: Usage | None = None
    cost: Cost | None = None
    first_token_s: float | None = None
    total_s: float = 0.0
    attempts: tuple[Entry, ...] = ()
    exit_code: int | None = None
    error_kind: str | None = None
    error_message: str | None = None
    cached: Cached | None = None

    @property
    def spec(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"

    @property
    def replayed(self) -> bool:
        """Whether a kept reply answered it, so that nothing was used and nothing spent."""
        return self.cached is not None and self.cached.stored is not None

    @property
    def counted(self) -> Usage | None:
        """The tokens that the provider counted, be it when the kept reply came."""
        return self.cached.usage if self.cached and self.replayed else self.usage

    @property
    def answered(self) -> bool:
        """Whether something came that a conversation can go on from."""
        said = bool(self.text) and not self.text.isspace()
        return said or (self.whole and bool(self.tool_calls))

    @property
    def whole(self) -> bool:
        """Whether the model came to its own end; a limit, a filter or a pause cuts an answer."""
        return self.status == "complete" and self.finish_reason not in _CUT

    @property
    def charged(self) -> bool:
        """Whether it may have cost something: not where it failed before anything came."""
        return self.status != "failed" or self.usage is not None or self.cost is not None

    @property
    def told_from(self) -> str | None:
        """The `since` of the turn that follows: a summary stands for all that came before it."""
        summed = self.prompt == SUMMARISE and self.whole and bool(self.text.strip())
        return self.parent if summed else self.since

    @property
    def messages(self) -> tuple[Message, ...]:
        """What the next turn is told of this one; nothing where nothing was answered.

        Of a cut answer only the text is told: what else came may be torn. A call that no tool
        answered gets an error as its result, for vendors refuse a history that lacks one.
        """
        if not self.answered:
            return ()
        asked = message_of(self.prompt, self.attachments)
        if not self.whole:
            return asked, Message("assistant", (Text(self.text),))
        parts: list[Part] = [Reasoning(self.reasoning)] if self.reasoning else []
        parts += [Text(self.text)] if self.text else []
        said = Message("assistant", (*parts, *self.tool_calls, *self.opaque))
        if not self.tool_calls:
            return asked, said
        results = (ToolResult(call.id, NOT_RUN, is_error=True) for call in self.tool_calls)
        return asked, said, Message("tool", tuple(results))


def message_of(prompt: str, attachments: Iterable[Media]) -> Message:
    """The user's message: what is attached, then the prompt.

    A text file goes as text under its name, which every model can read.
    """
    parts: list[Part] = [_as_part(media) for media in attachments]
    if prompt:
        parts.append(Text(prompt))
    return Message("user", tuple(parts))


def _as_part(media: Media) -> Part:
    if not media.media_type.startswith("text/"):
        return media
    return Text(f"File {media.name}:\n\n{media.data.decode('utf-8', 'replace')}")


def context(turns: Sequence[Turn], since: str | None = None) -> tuple[Message, ...]:
    """The messages of these turns, oldest first; of those behind `since` if that is among them."""
    return tuple(message for turn in after(turns, since) for message in turn.messages)


def after(turns: Sequence[Turn], since: str | None) -> Sequence[Turn]:
    """The turns behind the one with this id; all of them where it is not among them."""
    behind = next((n for n, turn in enumerate(turns, 1) if turn.id == since), 0)
    return turns[behind:]


class Conversation(NamedTuple):
    """A place in the tree of turns that has an id and perhaps a name; times since 1970.

    `head` is the turn it goes on from, None before the first answer. `title` is the first line of
    its first prompt, `model` the spec of its newest turn, `terminal` where it was last used,
    `turns` how many were ever asked in it.
    """

    id: str
    created: float = 0.0
    updated: float = 0.0
    name: str = ""
    title: str = ""
    head: str | None = None
    terminal: str = ""
    turns: int = 0
    model: str = ""
