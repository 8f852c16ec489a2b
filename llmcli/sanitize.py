"""Make text from models and servers safe to write to a terminal."""

from __future__ import annotations

import re

from llmcli.redaction import redact

_BIDI = "\u202a-\u202e\u2066-\u2069"
_TAGS = "\U000e0000-\U000e007f"
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}{_TAGS}\ud800-\udfff]")


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return "^" + chr(code + 0x40)
    if code == 0x7F:
        return "^?"
    return f"<U+{code:04X}>"


def sanitize(text: str) -> str:
    """Show every control, bidirectional override and tag character instead of obeying it.

    Tab and newline pass. It works character by character, so an escape sequence that arrives in
    pieces is as harmless as one that arrives whole.
    """
    return _UNSAFE.sub(_visible, text)


def one_line(text: str, limit: int = 500) -> str:
    """The text of a server's message as one safe line of at most `limit` characters.

    Keys are masked first: one that is cut would no longer be known for one.
    """
    line = " ".join(sanitize(redact(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class Incoming:
    """Text that arrives in pieces, made safe; a CRLF, cut in two or not, is a newline."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What is safe to show now; only a carriage return waits for what comes after it."""
        if "\r" in text or self._held:
            text = self._held + text
            self._held = "\r" if text.endswith("\r") else ""
            text = text[: len(text) - len(self._held)].replace("\r\n", "\n")
        return _UNSAFE.sub(_visible, text)

    def end(self) -> str:
        """What was still waiting."""
        held, self._held = self._held, ""
        return sanitize(held)
