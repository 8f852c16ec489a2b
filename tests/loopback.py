"""A server on loopback that answers with what a function says: for lists, counts and vectors."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from serving import Handler, Serving


class Asked(NamedTuple):
    """One request as it came; the names of `headers` are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Answer = Callable[[Asked], tuple[int, Any]]


class Loopback(Serving):
    """Answers each request with the status and JSON of `answer`; `asked` keeps the requests."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Asked] = []
        self.answer = answer
        super().__init__()

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"{self.host}/v1"

    @property
    def bodies(self) -> list[Any]:
        """What was sent."""
        return [asked.body for asked in self.asked]


class _Handler(Handler[Loopback]):
    def answer(self) -> None:
        body = json.loads(self.body()) if self.command == "POST" else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        self.owner.asked.append(asked)
        status, value = self.owner.answer(asked)
        self.send(status, json.dumps(value).encode(), "application/json")


Loopback.handler = _Handler


def vector(text: str, length: int = 4) -> list[float]:
    """The vector this server has for a text: its length first, then quarters."""
    return [float(len(text)), *(number / 4 for number in range(1, length))]


def embeds(asked: Asked) -> tuple[int, Any]:
    """Embeddings in the shape of OpenAI, the last first; `bad` in a text is refused."""
    body = asked.body
    if any("bad" in text for text in body["input"]):
        return 400, {"error": {"message": "unreadable text", "code": "bad_text"}}
    found = [vector(text, body.get("dimensions", 4)) for text in body["input"]]
    values: list[Any] = list(found)
    if body.get("encoding_format") == "base64":
        values = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in found]
    rows = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(values)]
    tokens = sum(len(text) for text in body["input"])
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return 200, {"object": "list", "model": body["model"], "data": rows[::-1], "usage": usage}
