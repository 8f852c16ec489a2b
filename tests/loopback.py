"""A server on loopback that answers with what a function says: for lists, counts and vectors."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Asked(NamedTuple):
    """One request as it came; the names of `headers` are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Answer = Callable[[Asked], tuple[int, Any]]


class Loopback:
    """Answers each request with the status and JSON of `answer`; `asked` keeps the requests."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Asked] = []
        self.answer = answer
        handler = type("Handler", (_Handler,), {"loopback": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def bodies(self) -> list[Any]:
        """What was sent."""
        return [asked.body for asked in self.asked]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    loopback: Loopback

    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        self._reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _reply(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        self.loopback.asked.append(asked)
        status, value = self.loopback.answer(asked)
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quietly."""


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
