"""Only the code: the first fenced block of the answer, once it is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmcli.errors import Failure
from llmcli.events import Event, Notice, TextDelta
from llmcli.render.display import Display
from llmcli.render.notes import Notes
from llmcli.render.output import Output
from llmcli.sanitize import Incoming
from llmcli.turn import Turn

_OPENING = re.compile(r"([ \t]*)(`{3,}(?=[^`]*$)|~{3,})")
_PREFIX = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+(?=```|~~~)")


def first_block(text: str) -> str | None:
    """The content of the first fenced code block, or None; an unclosed one goes to the end."""
    return next(blocks(text), None)


def blocks(text: str) -> Iterator[str]:
    """The contents of all fenced code blocks."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        item = _PREFIX.match(line)
        opening = _OPENING.match(line, item.end() if item else 0)
        number += 1
        if opening:
            indent = item.end() if item else len(opening[1])
            content = _content(lines[number:], opening[2], indent)
            yield "".join(content)
            number += len(content) + 1


def _content(lines: list[str], fence: str, indent: int) -> list[str]:
    content = []
    margin = re.compile(f"[ \t]{{0,{indent}}}")
    for number, line in enumerate(lines):
        bare = line.strip()
        if len(bare) >= len(fence) and not bare.strip(fence[0]):
            break
        last = number == len(lines) - 1
        content.append(margin.sub("", line, count=1) + ("" if last else "\n"))
    return content


class Code:
    """Shows nothing until the answer is complete, then the block, or the whole text without one."""

    def __init__(self, display: Display) -> None:
        self._output = Output(display.stdout)
        self._notes = Notes(display)
        self._tty = display.stdout_tty

    def begin(self, turn: Turn) -> None:
        """Nothing to do: the first attempt starts the spinner."""

    def show(self, event: Event) -> None:
        """The turn has the text; the rest goes to stderr."""
        if type(event) is not TextDelta:
            self._notes.hear(event)

    def flush(self) -> None:
        """Show reasoning; the code has to wait."""
        self._notes.flush()

    def finish(self, turn: Turn, _exit_code: int = 0) -> None:
        """Write the block."""
        block = first_block(turn.text)
        text = turn.text if block is None else block
        if block is None and text:
            self._notes.hear(Notice("the answer holds no code block; this is all of it"))
        self._notes.calls(turn)
        self._notes.end()
        if self._tty:
            incoming = Incoming()
            text = incoming.feed(text) + incoming.end()
            text += "" if text.endswith("\n") or not text else "\n"
        self._output.write(text)
        self._notes.end(turn)

    def fail(self, _error: Failure, _turn: Turn | None) -> None:
        """Half a program is not shown; the history has it."""
        self._notes.end()
