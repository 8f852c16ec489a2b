"""Choose from the list that a command opens in `llm chat`."""

from __future__ import annotations

from chatting import SENT, Talk

DOWN = "\x1b[B"
ESCAPE = "\x1b"


def choose(chat: Talk, line: str, question: str, keys: str) -> str:
    """Send a line, press keys at its question; what was written until the next prompt."""
    chat.send(line)
    chat.shows(question)
    chat.type(keys)
    chat.wait(SENT)
    return chat.wait()
