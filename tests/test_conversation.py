"""The chat core: what one attempt said is not counted for the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from llmcli.cards import Card, Model
from llmcli.conversation import Asking, Candidate, new_id
from llmcli.errors import ServerError
from llmcli.events import Attempt, Event, Finish, Retry, Start, TextDelta, UsageReport
from llmcli.messages import Message, Request, Text
from llmcli.turn import Turn
from llmcli.usage import Price, Usage

REQUEST = Request("m", (Message("user", (Text("hi"),)),))


class Script:
    """A provider that yields what it was given, and raises what it was given."""

    options = frozenset[str]()

    def __init__(self, *steps: Event | Exception) -> None:
        self.card = Card(id="p", name="P", adapter="script")
        self.steps = steps
        self.closed = 0

    def on_wait(self, call: Callable[[], None]) -> None:
        """It never waits."""

    def set_deadline(self, seconds: float, started: float) -> None:
        """It is never late."""

    def stream(self, request: Request) -> Iterator[Event]:
        """The script."""
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            yield step

    def preview(self, request: Request) -> str:
        """Nothing."""
        return ""

    def models(self) -> list[Model]:
        """None."""
        return []

    def close(self) -> None:
        """Count it."""
        self.closed += 1


def asking(*providers: Script, prices: Any = ()) -> Asking:
    """A turn over these providers in order."""
    candidates = [
        Candidate("p", "m", lambda provider=provider: provider, REQUEST, prices)  # type: ignore[misc]
        for provider in providers
    ]
    return Asking(candidates, Turn("", "", "", "", "hi"), time.monotonic())


def test_usage_of_a_failed_attempt_is_not_the_next_ones() -> None:
    """An answer without usage has no cost, whatever an attempt before it said."""
    error = ServerError("busy")
    script = Script(
        Attempt("p", "m", 1),
        Start(),
        UsageReport(Usage(777, 5)),
        Retry(error, 0, 2, 3),
        Attempt("p", "m", 2),
        Start(),
        TextDelta("fine"),
        Finish("stop"),
    )
    turn = asking(script, prices=(Price(Decimal(1), Decimal(1)),))
    list(turn.events())
    done = turn.turn()
    assert done.text == "fine"
    assert done.usage is None
    assert done.cost is None
    assert [entry.usage for entry in done.attempts] == [Usage(777, 5), None]
    assert [entry.status for entry in done.attempts] == ["failed", "complete"]


def test_every_opened_provider_is_closed() -> None:
    """Also one that failed before the next was asked, and one whose reader went away."""
    bad = Script(Attempt("p", "m", 1), ServerError("down"))
    good = Script(Attempt("p", "m", 1), TextDelta("a"), TextDelta("b"), Finish("stop"))
    events = asking(bad, good).events()
    while not isinstance(next(events), TextDelta):
        pass
    events.close()
    assert (bad.closed, good.closed) == (1, 1)


def test_no_fallback_after_the_first_content() -> None:
    """What broke off is not answered by another model."""
    broken = Script(Attempt("p", "m", 1), TextDelta("a"), ServerError("gone"))
    unused = Script(Attempt("p", "m", 1), TextDelta("b"), Finish("stop"))
    turn = asking(broken, unused)
    with pytest.raises(ServerError):
        list(turn.events())
    done = turn.turn()
    assert (done.text, done.status) == ("a", "incomplete")
    assert unused.closed == 0


def test_ids_sort_by_time() -> None:
    """Later ids are greater, and all are of one length and alphabet."""
    first = new_id()
    time.sleep(0.002)
    second = new_id()
    assert first < second
    assert len(first) == len(second) == 26
    assert not set(first + second) & set("ILOU")
