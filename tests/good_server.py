"""A well-behaved Chat Completions server: keys, a list of models, an answer by model name."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from wire import DONE, event, says

KEY = "good.CANARY.0a1b2c3d4e5f6"
CODE = "Here:\n\n```bash\nls | wc -l\n```\n\nand\n\n```\nsecond\n```\n"
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "prompt_tokens_details": {"cached_tokens": 400},
}


class GoodServer:
    """Answers `echo` with the prompt, `code` with code blocks, `json` with JSON, `m` with `fine`.

    With `key` every call needs it. `requests` keeps the bodies of chats, `paths` every path.
    """

    def __init__(self, key: str = "", models: tuple[str, ...] = ("m", "echo")) -> None:
        self.key = key
        self.models = models
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        good = self

        class Handler(_Handler):
            server_state = good

        self._server = _Server(("127.0.0.1", 0), Handler)
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


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server_state: GoodServer

    def do_GET(self) -> None:
        self.server_state.paths.append(self.path)
        if self._refused():
            return
        if not self.path.endswith("/models"):
            self._send(404, {"error": {"message": "no such path"}})
            return
        rows = [{"id": name, "context_length": 8192} for name in self.server_state.models]
        self._send(200, {"object": "list", "data": rows})

    def do_POST(self) -> None:
        self.server_state.paths.append(self.path)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self._refused():
            return
        if body["model"] not in (*self.server_state.models, "code", "json", "tool"):
            error = {"message": "The model does not exist", "code": "model_not_found"}
            self._send(404, {"error": error})
            return
        self.server_state.requests.append(body)
        text = _answer(body)
        if body["stream"]:
            self._stream(body["model"], text)
        else:
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(200, {"model": body["model"], "choices": [choice], "usage": USAGE})

    def _refused(self) -> bool:
        wanted = self.server_state.key
        if not wanted or self.headers.get("authorization") == f"Bearer {wanted}":
            return False
        error = {"message": "Incorrect API key provided", "code": "invalid_api_key"}
        self._send(401, {"error": error})
        return True

    def _stream(self, model: str, text: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for word in text.split(" "):
            self.wfile.write(says(word + " " if word != text.split(" ")[-1] else word))
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "model": model}
        self.wfile.write(event(end) + event({"choices": [], "usage": USAGE}) + DONE)

    def _send(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quietly."""


def _answer(body: dict[str, Any]) -> str:
    model = body["model"]
    if model == "echo":
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else json.dumps(content)
    return {"code": CODE, "json": '{"a": 1}'}.get(model, "fine")
