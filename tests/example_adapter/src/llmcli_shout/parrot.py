"""A whole provider that needs no network: it says what it hears."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llmcli.cards import Card, Model
from llmcli.events import Attempt, Event, Finish, Start, TextDelta, UsageReport
from llmcli.messages import Request
from llmcli.usage import Usage


class Parrot:
    """The provider `parrot`."""

    options = frozenset[str]()

    def __init__(self, card: Card) -> None:
        self.card = card

    def on_wait(self, call: Callable[[], None]) -> None:
        """It never waits."""

    def set_deadline(self, seconds: float, started: float) -> None:
        """It is never late."""

    def stream(self, request: Request) -> Iterator[Event]:
        """Say the prompt again, word by word."""
        words = request.messages[-1].text.split()
        yield Attempt(self.card.id, request.model, 1)
        yield Start(model=request.model)
        for number, word in enumerate(words):
            yield TextDelta(word if number == 0 else f" {word}")
        yield UsageReport(Usage(len(words), len(words)))
        yield Finish("stop")

    def preview(self, request: Request) -> str:
        """What it would say."""
        return request.messages[-1].text

    def models(self) -> list[Model]:
        """Its one model."""
        return [Model("polly")]

    def close(self) -> None:
        """Nothing to let go of."""
