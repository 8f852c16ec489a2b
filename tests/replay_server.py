"""A loopback server that answers each path with fixed bytes and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class ReplayServer:
    """`answers` gives for the end of a path the bytes to send; `asked` keeps (path, body)."""

    def __init__(self, answers: dict[str, bytes] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, Any]] = []
        replay = self

        class Handler(_Handler):
            server_state = replay

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: ReplayServer

    def do_GET(self) -> None:
        self.server_state.asked.append((self.path, None))
        self._answer()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server_state.asked.append((self.path, body))
        self._answer()

    def _answer(self) -> None:
        known = self.server_state.answers
        data = next((data for end, data in known.items() if self.path.endswith(end)), None)
        kind = "application/json" if data is None or data[:1] in b"{[" else "text/event-stream"
        self.send_response(404 if data is None else 200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_: Any) -> None:
        """Quietly."""
