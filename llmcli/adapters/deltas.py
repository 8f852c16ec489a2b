"""Text and reasoning as they come, whatever pieces a server cuts them into."""

from __future__ import annotations

from dataclasses import dataclass

from llmcli.adapters.base import mend_surrogates
from llmcli.events import AnswerEvent, ReasoningDelta, TextDelta


@dataclass(slots=True)
class Deltas:
    """Joins the halves of a character that JSON may cut into two deltas, one for each kind."""

    text_held: str = ""
    reasoning_held: str = ""

    def text(self, piece: str, events: list[AnswerEvent]) -> None:
        """Add the event of a piece of the answer, none when nothing is whole yet."""
        if not piece.isascii() or self.text_held:
            piece, self.text_held = mend_surrogates(piece, self.text_held)
        if piece:
            events.append(TextDelta(piece))

    def reasoning(self, piece: str, events: list[AnswerEvent]) -> None:
        """Add the event of a piece of the reasoning, none when nothing is whole yet."""
        if not piece.isascii() or self.reasoning_held:
            piece, self.reasoning_held = mend_surrogates(piece, self.reasoning_held)
        if piece:
            events.append(ReasoningDelta(piece))

    def end(self, events: list[AnswerEvent]) -> None:
        """Give out halves whose other half never came."""
        if self.reasoning_held:
            events.append(ReasoningDelta("\ufffd"))
        if self.text_held:
            events.append(TextDelta("\ufffd"))
        self.text_held = self.reasoning_held = ""
