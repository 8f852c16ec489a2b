"""Tell reasoning written as `<think>…</think>` at the start of the text from the answer."""

from __future__ import annotations

from collections.abc import Iterator

from llmcli.events import AnswerEvent, ReasoningDelta, TextDelta

_OPEN, _CLOSE = "<think>", "</think>"
_BLANK = 1000  # characters of white space before the tag, at most


class ThinkSplitter:
    """Splits text as it comes; a tag that may be forming is held back."""

    def __init__(self) -> None:
        self._phase = "start"
        self._held = ""

    def feed(self, text: str) -> Iterator[AnswerEvent]:
        """Take a piece of text and yield what is certain."""
        if self._phase == "text":
            yield TextDelta(text)
            return
        text = self._held + text
        self._held = ""
        if self._phase == "start":
            begun = text.lstrip()
            if len(text) < _BLANK and len(begun) < len(_OPEN) and _OPEN.startswith(begun):
                self._held = text
                return
            if not begun.startswith(_OPEN):
                self._phase = "text"
                yield TextDelta(text)
                return
            self._phase = "think"
            text = begun[len(_OPEN) :]
        if self._phase == "think":
            yield from self._think(text)
        elif text.lstrip("\n"):
            self._phase = "text"
            yield TextDelta(text.lstrip("\n"))

    def flush(self) -> Iterator[AnswerEvent]:
        """The text is over: give out what was held."""
        held, self._held = self._held, ""
        if held:
            yield ReasoningDelta(held) if self._phase == "think" else TextDelta(held)

    def _think(self, text: str) -> Iterator[AnswerEvent]:
        thought, tag, rest = text.partition(_CLOSE)
        if not tag:
            keep = _overlap(thought, _CLOSE)
            thought, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
        if thought:
            yield ReasoningDelta(thought)
        if tag:
            self._phase = "after"
            if rest.lstrip("\n"):
                self._phase = "text"
                yield TextDelta(rest.lstrip("\n"))


def _overlap(text: str, tag: str) -> int:
    """How many of the last characters of `text` begin `tag`."""
    return next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)
