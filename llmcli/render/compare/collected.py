"""Several answers as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence

from llmcli.events import Event
from llmcli.outcome import Outcome, code_of
from llmcli.render.compare.asides import Asides
from llmcli.render.display import Display
from llmcli.render.objects import Object, dump, error_object, result_object
from llmcli.render.output import Output


class Collected:
    """One JSON object when all is over."""

    def __init__(self, display: Display, specs: Sequence[str]) -> None:
        self._output = Output(display.stdout)
        self._asides = Asides(display, specs)

    def hear(self, number: int, events: Sequence[Event]) -> None:
        """The turns have the answers; the rest goes to stderr."""
        for event in events:
            self._asides.hear(number, event)

    def end(self, number: int, outcome: Outcome) -> None:
        """The object has to wait."""

    def refresh(self) -> None:
        """The same."""

    def close(self, outcomes: Sequence[Outcome]) -> None:
        """Write the object, then the table."""
        self._asides.notes.end()
        results = [_object(outcome) for outcome in outcomes]
        code = code_of(outcomes)
        self._output.write(dump({"type": "compare", "results": results, "exit_code": code}))
        self._asides.table(outcomes)


def _object(outcome: Outcome) -> Object:
    if outcome.error is None:
        assert outcome.turn
        return result_object(outcome.turn, outcome.exit_code)
    provider, _, model = outcome.spec.partition("/")
    found = error_object(outcome.error, outcome.turn)
    found["provider"], found["model"] = found["provider"] or provider, found["model"] or model
    return found
