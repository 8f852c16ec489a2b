"""llama.cpp's own HTTP server with the demo weights, in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local_weights import home

SCRIPT = Path(__file__).with_name("gguf_server.py")
TEMPLATE = Path(__file__).parent / "data" / "tools.jinja"
KEY = "lab-canary-5d0e"
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
SECONDS = 60.0


class Server:
    """llama.cpp's HTTP server in a process of its own."""

    def __init__(self, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        model = home() / "data" / "models" / "smollm2.gguf"
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(model), str(self.port)],
            env={**os.environ, "GOMP_SPINCOUNT": "300", "ALIAS": "smollm2", **settings},
            stdout=subprocess.DEVNULL,
        )

    def wait(self, status: int) -> None:
        """Wait until /health has this status: 503 while it loads, 200 when it is ready."""
        end = time.monotonic() + SECONDS
        while self.health() != status:
            assert self.process.poll() is None, "the server died"
            assert time.monotonic() < end, f"no {status} from the server"
            time.sleep(0.002)

    def health(self) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as got:
                return int(got.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the server answers to this body, without any of our code."""
        call = urllib.request.Request(
            f"{self.base_url}/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(call, timeout=SECONDS) as got:
            return dict(json.load(got))

    def is_asked(self) -> bool:
        """Whether somebody has a connection to it."""
        port = f":{self.port:04X}"
        rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return any(row.split()[2].endswith(port) and row.split()[3] == "01" for row in rows)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running(**settings: str) -> Iterator[Server]:
    """A server that is ready, until the end of the block."""
    started = Server(**settings)
    try:
        started.wait(200)
        yield started
    finally:
        started.close()


@contextmanager
def running_with_tools() -> Iterator[Server]:
    """A server that wants KEY and whose template is good for required tool calls only."""
    with running(KEY=KEY, TEMPLATE=str(TEMPLATE), CTX="4096") as started:
        yield started
