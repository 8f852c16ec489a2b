"""A Chat Completions server whose tokens are words: what is sent and said can be counted."""

from __future__ import annotations

import json
from typing import Any

from serving import Handler, Serving
from support import Llm, write_card
from wire import DONE, event, says


class WordServer(Serving):
    """Answers with `answers` one by one, then with what was said last, as far as 5 words.

    `requests` keeps the bodies. An answer that is a number is a status to refuse with. Without
    `counts` it tells nothing of tokens.
    """

    def __init__(self, *answers: str | int, counts: bool = True) -> None:
        self.answers = list(answers)
        self.counts = counts
        self.reason = "stop"
        self.requests: list[dict[str, Any]] = []
        super().__init__()

    def provide(self, llm: Llm, **models: dict[str, Any]) -> None:
        """Make this server the provider `fs` with these models, the first one the default."""
        found = models or {"m": {}}
        write_card(llm, f"{self.host}/v1", models=found)
        llm.env["LLM_MODEL"] = f"fs/{next(iter(found))}"

    def sent(self, number: int = -1) -> list[tuple[str, Any]]:
        """Role and content of the messages of a request, by default of the last."""
        return [(one["role"], one["content"]) for one in self.requests[number]["messages"]]

    def said(self, number: int = -1) -> list[Any]:
        """The contents of the user's messages of a request."""
        return [content for role, content in self.sent(number) if role == "user"]


class _Handler(Handler[WordServer]):
    def answer(self) -> None:
        body = json.loads(self.body())
        owner = self.owner
        owner.requests.append(body)
        told = [message["content"] for message in body["messages"]]
        last = told[-1] if isinstance(told[-1], str) else told[-1][-1].get("text", "")
        text = owner.answers.pop(0) if owner.answers else " ".join(last.split()[:5])
        if isinstance(text, int):
            error = {"error": {"message": f"no luck with {text}"}}
            self.send(text, json.dumps(error).encode(), "application/json")
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": owner.reason}]}
        self.wfile.write(says(text) + event(end) + self._usage(told, text) + DONE)

    def _usage(self, told: list[Any], text: str) -> bytes:
        if not self.owner.counts:
            return b""
        words = sum(len(json.dumps(one).split()) for one in told)
        usage = {"prompt_tokens": words, "completion_tokens": len(text.split())}
        return event({"choices": [], "usage": usage})


WordServer.handler = _Handler
