"""What a model has said so far in one turn, put together from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from llmcli.events import (
    Event,
    Finish,
    OpaqueData,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from llmcli.messages import Message, Opaque, Text, ToolCall
from llmcli.usage import Basis, Cost, Price, Usage, cost_of, exact_sum, total

T = TypeVar("T")


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    fragments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Part:
    """What one call gave; `text_from` is where its text begins in the whole."""

    provider: str
    model: str
    prices: tuple[Price, ...]
    free: Basis | None
    text_from: int
    sent: datetime
    calls: dict[str, _Call] = field(default_factory=dict)
    opaque: list[Opaque] = field(default_factory=list)
    usage: Usage | None = None
    finish: Finish | None = None

    @property
    def cost(self) -> Cost | None:
        if self.free:
            return Cost(Decimal(0), self.free)
        return self.usage and cost_of(self.usage, self.prices, self.sent)


class Answer:
    """The answer to one prompt. One that pauses takes several calls, whose usage adds up.

    `text` and `reasoning` are the pieces as they came.
    """

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self._parts: list[_Part] = []

    def call(self, provider: str, model: str, prices: tuple[Price, ...], *, free: bool) -> None:
        """A call begins: it goes on after a pause, else it replaces one that failed."""
        self._begin(provider, model, prices, "local" if free else None)

    def replay(self, provider: str, model: str) -> None:
        """A kept reply begins, as a call does."""
        self._begin(provider, model, (), "cache")

    def _begin(
        self, provider: str, model: str, prices: tuple[Price, ...], free: Basis | None
    ) -> None:
        if self._parts and not self.paused:
            self._parts.pop()
        now = datetime.now(UTC)
        self._parts.append(_Part(provider, model, prices, free, len(self.text), now))

    def hear(self, event: Event) -> None:
        """Take an event of the running call; whoever sees a TextDelta adds to `text` himself."""
        match event:
            case ReasoningDelta(text):
                self.reasoning.append(text)
            case ToolCallStart(key, call_id, name):
                self._parts[-1].calls[key] = _Call(call_id, name)
            case ToolCallDelta(key, fragment):
                self._parts[-1].calls[key].fragments.append(fragment)
            case UsageReport(usage):
                self._parts[-1].usage = usage
            case OpaqueData(data):
                part = self._parts[-1]
                part.opaque.append(Opaque(part.provider, part.model, data))
            case Finish():
                self._parts[-1].finish = event
            case _:
                pass

    @property
    def paused(self) -> bool:
        """Whether the last call ended in a pause that the provider lets us go on from."""
        if not self._parts:
            return False
        finish = self._parts[-1].finish
        return finish is not None and finish.reason == "pause" and bool(self._parts[-1].opaque)

    @property
    def last_message(self) -> Message:
        """What the last call said, as it is sent back after a pause."""
        part = self._parts[-1]
        text = "".join(self.text[part.text_from :])
        return Message("assistant", (*([Text(text)] if text else []), *part.opaque))

    @property
    def finish(self) -> Finish | None:
        """Why the last call ended."""
        return self._parts[-1].finish if self._parts else None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls so far, their arguments as far as they came."""
        calls = (call for part in self._parts for call in part.calls.values())
        return tuple(ToolCall(call.id, call.name, "".join(call.fragments)) for call in calls)

    @property
    def opaque(self) -> tuple[Opaque, ...]:
        """What the provider wants back with the next request."""
        return tuple(opaque for part in self._parts for opaque in part.opaque)

    @property
    def usage(self) -> Usage | None:
        """The tokens of all calls; None while none is known."""
        known = _all(part.usage for part in self._parts)
        return total(known) if known else None

    @property
    def last_cost(self) -> Cost | None:
        """What the last call cost; None when it is unknown."""
        return self._parts[-1].cost if self._parts else None

    @property
    def cost(self) -> Cost | None:
        """What all calls cost; None when any of it is unknown."""
        costs = _all(part.cost for part in self._parts)
        if not costs:
            return None
        return costs[-1]._replace(amount=exact_sum(cost.amount for cost in costs))


def _all(values: Iterable[T | None]) -> list[T]:
    """The values, or none at all where one of them is unknown."""
    found = list(values)
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else []
