"""A loopback server that answers each path with fixed bytes and keeps what it was asked."""

from __future__ import annotations

import json
from typing import Any

from serving import Handler, Serving


class ReplayServer(Serving):
    """`answers` gives for the end of a path the bytes to send; `asked` keeps (path, body)."""

    def __init__(self, answers: dict[str, bytes] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, Any]] = []
        super().__init__()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self.host}/v1"


class _Handler(Handler[ReplayServer]):
    def answer(self) -> None:
        body = json.loads(self.body()) if self.command == "POST" else None
        self.owner.asked.append((self.path, body))
        known = self.owner.answers
        data = next((data for end, data in known.items() if self.path.endswith(end)), None)
        kind = "application/json" if data is None or data[:1] in b"{[" else "text/event-stream"
        self.send(404 if data is None else 200, data or b"", kind)


ReplayServer.handler = _Handler
