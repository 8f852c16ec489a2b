"""A question that is about to be asked in a chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmcli.question import Question
from llmcli.registry import Choice
from llmcli.turn import Turn, after, context


class Plan(NamedTuple):
    """A question, the model that is to answer it and the turns it follows.

    A `fresh` one uses up what is attached.
    """

    choice: Choice
    question: Question
    turns: Sequence[Turn]
    fresh: bool = True

    @property
    def told(self) -> Sequence[Turn]:
        """The turns that the model is told of."""
        return after(self.turns, self.question.since)

    def without_oldest(self, count: int) -> Plan:
        """The same, telling nothing of so many turns; those that follow do not tell them either."""
        since = self.told[count - 1].id if count else self.question.since
        earlier = context(self.turns, since)
        return self._replace(question=self.question._replace(since=since, earlier=earlier))


def since_before(over: Sequence[Turn], since: str | None) -> str | None:
    """What `since` was before these turns: a summary among them stood for what it summed up."""
    return next((turn.since for turn in over if turn.told_from != turn.since), since)
