"""Long pastes: in the line they are one character, on the screen a chip, when sent the text."""

from __future__ import annotations

import re

from llmcli.repl.keyboard import PASTE_BYTES

CHIP_LINES = 10
CHIP_CHARACTERS = 2000

# Half a character: no keyboard and no file can bring one, so a chip is never mistaken.
_FIRST, _LAST = 0xD800, 0xDBFF
_HALF = re.compile("[\ud800-\udfff]")


class Pastes:
    """The pastes of a chat by the character that stands for each in the line."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._labels: dict[str, str] = {}

    def take(self, text: str) -> str:
        """What goes into the line for this paste: a chip, or the text itself where it is short."""
        text = scrubbed(line_ends_as_copied(text))
        lines = text.count("\n") + 1
        if lines <= CHIP_LINES and len(text) <= CHIP_CHARACTERS:
            return text
        chip = chr(_FIRST + len(self._texts))
        if ord(chip) > _LAST:
            return text
        self._texts[chip] = text
        self._labels[chip] = f"[paste {len(self._texts)}: {_size(text)}]"
        return chip

    def expand(self, line: str) -> str:
        """The line with every chip replaced by its text; see `scrubbed` for other halves."""
        return _HALF.sub(lambda half: self._texts.get(half.group(), "\ufffd"), line)

    def fold(self, text: str, line: str) -> str:
        """The text with the pastes of `line` that are still whole in it as chips again."""
        for chip in _HALF.findall(line):
            text = text.replace(self._texts.get(chip, chip), chip, 1)
        return text

    def label(self, chip: str) -> str | None:
        """How a chip looks, `[paste 1: 240 lines]`; None for any other character."""
        return self._labels.get(chip)


def _size(text: str) -> str:
    lines = text.count("\n") + (not text.endswith("\n"))
    return f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"


def line_ends_as_copied(text: str) -> str:
    """Undo what the terminal did to a paste: it sends every newline as a carriage return.

    One that left newlines as they are changed nothing, so there carriage returns are kept.
    """
    return text if "\n" in text else text.replace("\r", "\n")


def scrubbed(text: str) -> str:
    """The text with halves of characters, which no message can carry, made visible."""
    return _HALF.sub("\ufffd", text)


def is_too_long(text: str) -> bool:
    """Whether a paste is over the limit, PASTE_BYTES of UTF-8."""
    return len(text) > PASTE_BYTES or len(scrubbed(text).encode()) > PASTE_BYTES
