"""Build what a Chat Completions server sends, piece by piece, well formed or not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from spoken import MODEL, PIECES, TEXT
from spoken import PARTIAL as PARTIAL

USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
DONE = b"data: [DONE]\n\n"


def event(value: Any, name: str = "") -> bytes:
    """One server-sent event that holds a JSON value, or bytes as they are."""
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"


def chunk(delta: Any = None, reason: str | None = None, **fields: Any) -> dict[str, Any]:
    """A `chat.completion.chunk` with one choice; further fields stand at its top."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": MODEL,
        "choices": [choice],
        **fields,
    }


def says(text: str) -> bytes:
    """An event with a piece of the answer."""
    return event(chunk({"content": text}))


def ends(reason: str = "stop") -> bytes:
    """The event with the finish reason."""
    return event(chunk(reason=reason))


def counts(usage: Any = USAGE) -> bytes:
    """The event that reports usage, without choices."""
    return event(chunk(usage=usage) | {"choices": []})


def texts(pieces: Iterable[str] = PIECES) -> list[bytes]:
    """The events of an answer's text, the role first."""
    return [event(chunk({"role": "assistant", "content": ""})), *map(says, pieces)]


def answer(pieces: Iterable[str] = PIECES, reason: str = "stop", usage: Any = USAGE) -> bytes:
    """A whole stream; usage None leaves it out."""
    last = [counts(usage)] if usage is not None else []
    return b"".join([*texts(pieces), ends(reason), *last, DONE])


def partial() -> bytes:
    """The first three pieces of the answer, and no end."""
    return b"".join(texts(PIECES[:3]))


def body(content: Any = TEXT, **fields: Any) -> dict[str, Any]:
    """A whole answer that is not a stream; further fields stand at its top."""
    message = {"role": "assistant", "content": content}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
        **fields,
    }
