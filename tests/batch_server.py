"""A fast Chat Completions server in a process of its own: it answers, counts, and throttles.

    python tests/batch_server.py '{"latency": 0.05}'

It prints its port. GET /stats tells what it saw, POST /set changes its settings.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from support import Llm

SETTINGS: dict[str, Any] = {
    "latency": 0.0,  # seconds until an answer
    "per_second": 0,  # more requests than this in one second are refused with 429
    "most": 0,  # more requests than this at once are refused with 429
    "retry_after": "",  # the header of a 429
    "pause_at": 0,  # this request, by its number, is refused with 429 and `retry_after`
    "headers": {},  # to be added to every answer
    "key": "",
    "status": 0,  # answer everything so
    "answer": "",  # said instead of the prompt's echo
    "reason": "stop",
}


class Counts:
    """What was seen so far."""

    def __init__(self) -> None:
        self.requests = 0
        self.refused = 0
        self.open = 0
        self.high = 0
        self.prompts: Counter[str] = Counter()
        self.times: list[float] = []
        self.bodies: list[dict[str, Any]] = []
        self.begun = time.monotonic()


class Connection(asyncio.Protocol):
    """One connection; requests follow one another."""

    counts = Counts()
    settings: ClassVar[dict[str, Any]] = dict(SETTINGS)

    def __init__(self) -> None:
        self.data = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.closed = False

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, sign, rest = self.data.partition(b"\r\n\r\n")
        if not sign:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at > 0 else 0
        if len(rest) < length:
            return
        self.data = rest[length:]
        self.answer(head, rest[:length])

    def answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /stats"):
            self.send(200, json.dumps(self.stats()).encode())
        elif head.startswith(b"POST /set"):
            self.settings.update(json.loads(body))
            if "pause_at" in json.loads(body) or json.loads(body) == {}:
                type(self).counts = Counts()
            self.send(200, b"{}")
        else:
            self.chat(head, json.loads(body))

    def chat(self, head: bytes, body: dict[str, Any]) -> None:
        counts, settings = self.counts, self.settings
        counts.requests += 1
        counts.open += 1
        counts.high = max(counts.high, counts.open)
        now = time.monotonic()
        counts.times.append(now)
        prompt = body["messages"][-1]["content"]
        counts.prompts[prompt] += 1
        if len(counts.bodies) < 100:
            counts.bodies.append(body)
        status = self.status(head, prompt, now)
        if status != 200:
            counts.refused += 1
        loop = asyncio.get_running_loop()
        loop.call_later(settings["latency"], self.reply, status, body, prompt)

    def status(self, head: bytes, prompt: str, now: float) -> int:
        counts, settings = self.counts, self.settings
        if settings["status"]:
            return int(settings["status"])
        if settings["key"] and f"bearer {settings['key']}".encode() not in head.lower():
            return 401
        if settings["pause_at"] == counts.requests:
            return 429
        if settings["most"] and counts.open > settings["most"]:
            return 429
        if settings["per_second"]:
            recent = sum(now - at < 1 for at in reversed(counts.times[-1000:]))
            if recent > settings["per_second"]:
                return 429
        if "FAIL" in prompt:
            return 400
        return 503 if "ONCE" in prompt and counts.prompts[prompt] == 1 else 200

    def reply(self, status: int, body: dict[str, Any], prompt: str) -> None:
        self.counts.open -= 1
        if self.closed:
            return
        if status != 200:
            error = {"error": {"message": f"refused with {status}", "type": "x"}}
            more = {"retry-after": self.settings["retry_after"]} if status == 429 else {}
            self.send(status, json.dumps(error).encode(), more)
            return
        text = self.settings["answer"] or f"re: {prompt}"
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
        reason = self.settings["reason"]
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": reason}
            whole = {"model": body["model"], "choices": [choice], "usage": usage}
            self.send(200, json.dumps(whole).encode())
            return
        pieces = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
            {"choices": [], "usage": usage},
        ]
        lines = [b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces]
        self.send(200, b"".join(lines) + b"data: [DONE]\n\n", media="text/event-stream")

    def send(
        self,
        status: int,
        data: bytes,
        headers: dict[str, str] | None = None,
        media: str = "application/json",
    ) -> None:
        found = {**self.settings["headers"], **(headers or {})}
        more = "".join(f"{name}: {value}\r\n" for name, value in found.items() if value != "")
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {len(data)}\r\n"
        self.transport.write(f"{head}{more}\r\n".encode() + data)

    def stats(self) -> dict[str, Any]:
        counts = self.counts
        seconds = Counter(int(at - counts.begun) for at in counts.times)
        return {
            "requests": counts.requests,
            "refused": counts.refused,
            "high": counts.high,
            "distinct": len(counts.prompts),
            "most_often": max(counts.prompts.values(), default=0),
            "per_second": max(seconds.values(), default=0),
            "times": [round(at - counts.begun, 4) for at in counts.times],
            "bodies": counts.bodies,
        }


class BatchServer:
    """The server as its own process; `stats()` is what it saw."""

    def __init__(self, **settings: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(settings)], stdout=subprocess.PIPE
        )
        assert self._process.stdout
        self.host = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.url = f"{self.host}/v1"

    def provide(self, llm: Llm, **card: Any) -> None:
        """Make it the provider `fs`, its model `m` the default."""
        from support import write_card

        prices = {"m": {"cost": {"input": 1.0, "output": 2.0}}}
        write_card(llm, self.url, **{"models": prices, **card})
        llm.env["LLM_MODEL"] = "fs/m"

    def stats(self) -> dict[str, Any]:
        """The counts so far."""
        with urllib.request.urlopen(f"{self.host}/stats", timeout=20) as got:
            return dict(json.load(got))

    def set(self, **settings: Any) -> None:
        """Change the settings; without any, or with `pause_at`, the counts begin anew."""
        data = json.dumps(settings).encode()
        with urllib.request.urlopen(f"{self.host}/set", data, timeout=20) as got:
            got.read()

    def close(self) -> None:
        """End the process; requests that hang get no answer."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def serve(settings: dict[str, Any]) -> None:
    """Serve until the process is ended."""
    Connection.settings = {**SETTINGS, **settings}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parent)
    asyncio.run(serve(json.loads(sys.argv[1])))
