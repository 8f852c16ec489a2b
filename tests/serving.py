"""What the HTTP servers of the tests share: a free port of 127.0.0.1, and a thread."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, Self, TypeVar

Owner = TypeVar("Owner")


class Serving:
    """Serves from its making until the end of its `with` block.

    `handler` is the class that answers; its `owner` is this object.
    """

    handler: type[Handler[Any]]

    def __init__(self) -> None:
        answering = type("Answering", (self.handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", 0), answering)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """Scheme, address and port."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler, Generic[Owner]):
    """Answers one request, quietly."""

    owner: Owner

    def do_GET(self) -> None:
        """Any method is answered by `answer`."""
        self.answer()

    do_POST = do_GET  # noqa: N815

    def answer(self) -> None:
        """Answer the request; `command` is its method, `path` and `headers` are as they came."""
        raise NotImplementedError

    def body(self) -> bytes:
        """What came with the request."""
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def send(self, status: int, data: bytes, media: str, **headers: str) -> None:
        """Answer whole."""
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
