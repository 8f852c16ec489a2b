"""Build what a Chat Completions server sends, piece by piece, well formed or not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

PIECES = ("Hello", " wörld", " 🌍", ", and", " goodbye.")
TEXT = "".join(PIECES)
PARTIAL = "".join(PIECES[:3])
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
        "model": "m-2026",
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
        "model": "m-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
        **fields,
    }


def recorded() -> tuple[bytes, int, str, str]:
    """A stream with all that can be cut: (bytes, offset of the end marker, text, reasoning).

    The end marker is the finish reason: from that offset on its line is whole.
    """
    thoughts = ["Let me ", "think: 猫 ", "\N{CAT FACE}."]
    pieces = [
        'Sure.\n\n```json\n{"a": "\\u00e9"}\n```',
        "\ttab ",
        '"quoted" \\ slash / ',
        "e\u0301 ",
    ]
    pieces += ["👩\u200d👩\u200d👧 ", "\u2028\u0085 ", "Ende – 終わり."]
    first = [event(chunk({"role": "assistant", "content": ""}))]
    first += [event(chunk({"reasoning_content": thought})) for thought in thoughts]
    first += [b": keep-alive\n\n", *map(says, pieces[:4])]
    escaped = [json.dumps(chunk({"content": piece})).encode() for piece in pieces[4:]]
    head = b"".join([*first, *map(event, escaped)])
    finish = ends()
    tail = counts({**USAGE, "completion_tokens_details": {"reasoning_tokens": 3}}) + DONE
    marker = len(head) + len(finish) - 2
    return head + finish + tail, marker, "".join(pieces), "".join(thoughts)
