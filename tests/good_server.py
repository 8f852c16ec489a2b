"""A well-behaved Chat Completions server: keys, a list of models, an answer by model name."""

from __future__ import annotations

import json
from typing import Any

from serving import Handler, Serving
from wire import DONE, event, says

KEY = "good.CANARY.0a1b2c3d4e5f6"
CODE = "Here:\n\n```bash\nls | wc -l\n```\n\nand\n\n```\nsecond\n```\n"
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "prompt_tokens_details": {"cached_tokens": 400},
}


class GoodServer(Serving):
    """Answers `echo` with the prompt, `code` with code blocks, `json` with JSON, `m` with `fine`.

    With `key` every call needs it. `requests` keeps the bodies of chats, `paths` every path.
    """

    def __init__(self, key: str = "", models: tuple[str, ...] = ("m", "echo")) -> None:
        self.key = key
        self.models = models
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        super().__init__()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self.host}/v1"


class _Handler(Handler["GoodServer"]):
    def answer(self) -> None:
        self.owner.paths.append(self.path)
        asked = self.body()
        if self._refused():
            return
        if self.command == "GET":
            self._list()
        else:
            self._chat(json.loads(asked))

    def _list(self) -> None:
        if not self.path.endswith("/models"):
            self._send(404, {"error": {"message": "no such path"}})
            return
        rows = [{"id": name, "context_length": 8192} for name in self.owner.models]
        self._send(200, {"object": "list", "data": rows})

    def _chat(self, body: dict[str, Any]) -> None:
        if body["model"] not in (*self.owner.models, "code", "json", "tool"):
            error = {"message": "The model does not exist", "code": "model_not_found"}
            self._send(404, {"error": error})
            return
        self.owner.requests.append(body)
        text = _answer(body)
        if body["stream"]:
            self._stream(body["model"], text)
        else:
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(200, {"model": body["model"], "choices": [choice], "usage": USAGE})

    def _refused(self) -> bool:
        wanted = self.owner.key
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
        self.send(status, json.dumps(value).encode(), "application/json")


def _answer(body: dict[str, Any]) -> str:
    model = body["model"]
    if model == "echo":
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else json.dumps(content)
    return {"code": CODE, "json": '{"a": 1}'}.get(model, "fine")


GoodServer.handler = _Handler
