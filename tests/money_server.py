"""A Chat Completions server whose answers have a known price, and that waits where it is told."""

from __future__ import annotations

import json
import threading
from typing import Any

from serving import Handler, Serving
from support import Llm, write_card
from wire import DONE, counts, ends, says

PIECES = 50
COST = {"input": 10, "output": 1000}  # USD per million tokens: an answer is $0.05, and a bit


class MoneyServer(Serving):
    """Says 50 words, one a piece, and reports 1 token of input and 50 of output.

    Asked to `wait` it does nothing until `gate` is set, asked to `stay` it says its words and then
    waits, `silent` it reports no usage. `arrived` counts requests.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.arrived = 0
        self.changed = threading.Condition()
        super().__init__()

    def provide(self, llm: Llm, **models: dict[str, Any]) -> None:
        """Make this server the provider `fs` with these models, the first one the default."""
        found = {"m": {"cost": COST}, **models}
        write_card(llm, f"{self.host}/v1", models=found)
        llm.env["LLM_MODEL"] = "fs/m"

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.arrived >= requests, 20)

    def __exit__(self, *problem: object) -> None:
        self.gate.set()
        super().__exit__(*problem)


class _Handler(Handler[MoneyServer]):
    def answer(self) -> None:
        body = json.loads(self.body())
        content = body["messages"][-1]["content"]
        wish = content if isinstance(content, str) else content[-1].get("text", "")
        with self.owner.changed:
            self.owner.arrived += 1
            self.owner.changed.notify_all()
        if wish.endswith("wait"):
            self.owner.gate.wait()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for _ in range(PIECES):
            self.wfile.write(says("word "))
        self.wfile.flush()
        if wish.endswith("stay"):
            self.owner.gate.wait()
        usage = {"prompt_tokens": 1, "completion_tokens": PIECES}
        told = b"" if wish.endswith("silent") else counts(usage)
        self.wfile.write(ends() + told + DONE)


MoneyServer.handler = _Handler
