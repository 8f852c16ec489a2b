"""A reply as it is kept: its events, and what it used and cost; as bytes, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from llmcli.events import (
    CONTENT_EVENTS,
    AnswerEvent,
    Finish,
    Notice,
    OpaqueData,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.usage import Cost, Usage

_KINDS: dict[str, type[AnswerEvent]] = {
    "start": Start,
    "text": TextDelta,
    "reasoning": ReasoningDelta,
    "call": ToolCallStart,
    "fragment": ToolCallDelta,
    "called": ToolCallEnd,
    "opaque": OpaqueData,
    "notice": Notice,
    "finish": Finish,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_PIECE = 4096  # characters
_WHOLE = ("stop", "tool_calls")


class Reply(NamedTuple):
    """A whole answer: its events, neighbouring deltas joined, and what it used and cost."""

    events: tuple[AnswerEvent, ...]
    usage: Usage | None = None
    cost: Cost | None = None

    @property
    def text(self) -> str:
        """What it says."""
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def tools(self) -> list[str]:
        """The names of the tools it calls."""
        return [event.name for event in self.events if isinstance(event, ToolCallStart)]

    @property
    def mark(self) -> bytes:
        """The hash of what it says."""
        thoughts = (event.text for event in self.events if isinstance(event, ReasoningDelta))
        return mark(self.text, "".join(thoughts), self.tools)

    @property
    def whole(self) -> bool:
        """Whether something came, and the model came to its own end."""
        last = self.events[-1] if self.events else None
        came = any(isinstance(event, CONTENT_EVENTS) and event[-1] for event in self.events)
        return came and isinstance(last, Finish) and last.reason in _WHOLE

    def pieces(self) -> Iterator[AnswerEvent]:
        """The events as they are given again: a long text in pieces."""
        for event in self.events:
            if isinstance(event, TextDelta) and len(event.text) > _PIECE:
                for at in range(0, len(event.text), _PIECE):
                    yield TextDelta(event.text[at : at + _PIECE])
            else:
                yield event


def gathered(events: Iterable[AnswerEvent]) -> tuple[AnswerEvent, ...]:
    """The events of an answer as they are kept: joined, without what told of the connection."""
    found: list[AnswerEvent] = []
    for kind, some in _runs(events):
        if kind in (TextDelta, ReasoningDelta):
            found.append(kind("".join(event[0] for event in some)))
        elif kind is ToolCallDelta:
            found.append(ToolCallDelta(some[0][0], "".join(event[1] for event in some)))
        elif kind is Start:
            found.append(Start(*some[-1][:2]))
        elif kind is not UsageReport:
            found += some
    return tuple(found)


def _runs(events: Iterable[AnswerEvent]) -> Iterator[tuple[Any, list[Any]]]:
    """Events of one kind that follow each other; fragments only those of one call."""
    some: list[Any] = []
    for event in events:
        if some and not _alike(some[-1], event):
            yield type(some[0]), some
            some = []
        some.append(event)
    if some:
        yield type(some[0]), some


def _alike(one: AnswerEvent, other: AnswerEvent) -> bool:
    if type(one) is not type(other):
        return False
    return not isinstance(one, ToolCallDelta) or one.key == other[0]


def pack(reply: Reply) -> bytes:
    """The reply as ASCII."""
    usage, cost = reply.usage, reply.cost
    document = {
        "events": [[_NAMES[type(event)], *event] for event in reply.events],
        "usage": usage and [*usage._replace(cost=None)],
        "cost": cost and [format(cost.amount, "f"), cost.basis, cost.currency],
    }
    return json.dumps(document, default=dict, separators=(",", ":")).encode("ascii")


def unpack(data: bytes) -> Reply:
    """The same back. Raises ValueError for anything else."""
    try:
        document = json.loads(data)
        events = tuple(_KINDS[name](*fields) for name, *fields in document["events"])
        usage, cost = document["usage"], document["cost"]
        return Reply(
            events,
            usage and Usage(*usage),
            cost and Cost(Decimal(cost[0]), cost[1], cost[2]),
        )
    except (LookupError, TypeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"no reply: {error}") from error


def mark(text: str, reasoning: str, tools: Iterable[str]) -> bytes:
    """The hash of what an answer says, which is the same wherever it is kept."""
    return hashlib.sha256(json.dumps([text, reasoning, *tools]).encode("ascii")).digest()


def says(data: bytes, marks: Collection[bytes]) -> bool:
    """Whether a packed reply says what one of these stands for; one that cannot be read may."""
    try:
        return unpack(data).mark in marks
    except ValueError:
        return True


def mentions(data: bytes, text: str) -> bool:
    """Whether the text stands anywhere in a packed reply, be it inside JSON, as in arguments.

    In one that cannot be read it may.
    """
    forms = {
        text,
        *(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)),
    }
    try:
        return any(form in words for words in _texts(json.loads(data)) for form in forms)
    except (ValueError, RecursionError):
        return True


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
