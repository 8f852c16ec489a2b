"""Lists, counts and embeddings that take for ever are given up; a signal ends them at once."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from expect import failed
from loopback import Asked, Loopback
from support import Llm, write_card

CALLS = {
    "models": ("models", "list", "--refresh", "--provider", "fs"),
    "tokens": ("tokens", "-m", "fs/m", "hi"),
    "embed": ("embed", "-m", "fs/m", "hi"),
    "doctor": ("doctor", "fs"),
}
DIALECT = {"adapter": "openai-responses", "dialect": {"input_tokens": True}, "retries": 0}


class Slow:
    """Says nothing (`mute`), the head only (`head`), or a space now and then for ever (`drip`)."""

    def __init__(self) -> None:
        owner = self
        self.asked = threading.Event()
        self.closing = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.set()
                kind = self.path.split("/")[1]
                if kind != "mute":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                while not owner.closing.wait(0.05):
                    if kind == "drip":
                        self.wfile.write(b"1\r\n \r\n")

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every answer."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def slow() -> Iterator[Slow]:
    """A server that never ends an answer."""
    server = Slow()
    yield server
    server.close()


@pytest.mark.parametrize("kind", ["mute", "head", "drip"])
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_never_ends(llm: Llm, slow: Slow, call: str, kind: str) -> None:
    """The clocks hold for it, bytes that mean nothing or not."""
    clocks = {"connect": 1, "first_event": 1, "silence": 1, "stall": 1}
    write_card(llm, f"http://127.0.0.1:{slow.port}/{kind}", timeout=clocks, **DIALECT)
    result = llm(*CALLS[call])
    assert (result.code, result.seconds < 4) == (6, True)
    assert "timeout.first_event" in result.err + result.text


def test_a_limit_of_our_own_names_no_option(llm: Llm, slow: Slow) -> None:
    """The doctor waits ten seconds; there is no --deadline to be longer."""
    write_card(llm, f"http://127.0.0.1:{slow.port}/mute", timeout=None, **DIALECT)
    result = llm("doctor", "fs", timeout=30)
    assert (result.code, "not done within 10 s" in result.text) == (6, True)
    assert "--deadline" not in result.text


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("call", CALLS)
def test_a_signal_ends_it(llm: Llm, slow: Slow, call: str, name: str) -> None:
    """By the signal itself, within two seconds, without a word of a thread."""
    write_card(llm, f"http://127.0.0.1:{slow.port}/mute", timeout=None, **DIALECT)
    running = llm.start(*CALLS[call])
    assert slow.asked.wait(10)
    begun = time.monotonic()
    running.process.send_signal(signal.Signals[name])
    assert running.process.wait(5) == -signal.Signals[name]
    assert time.monotonic() - begun < 2
    assert running.err == ""


def test_a_reader_that_leaves(llm: Llm) -> None:
    """`llm embed --lines | head -1` dies of the pipe and says nothing."""

    def answer(asked: Asked) -> tuple[int, Any]:
        vectors = [{"index": i, "embedding": [1.0] * 500} for i in range(len(asked.body["input"]))]
        return 200, {"data": vectors}

    with Loopback(answer) as server:
        write_card(llm, server.url, retries=0)
        lines = b"word\n" * 5000
        call = ("embed", "-m", "fs/m", "--lines")
        result = llm(*call, input=lines, wrap='"$@" | head -n 1')
        assert result.err == ""
        assert len(result.out.splitlines()) == 1
        assert len(server.asked) < 20


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        *((text, "cost unknown") for text in ("-1", "NaN", "Infinity", "1e308", '"0.004"', "{}")),
        *((text, "cost unknown") for text in ("null", "true", "[1]", "9" * 400, "1e400")),
        ("0.004", "$0.0040"),
        ("1e-30", "under $0.000000000001"),
    ],
)
def test_a_cost_that_is_none(llm: Llm, cost: str, shown: str) -> None:
    """It is unknown: neither $0, nor less than nothing, nor all the money there is."""

    def answer(_: Asked) -> tuple[int, Any]:
        message = {"role": "assistant", "content": "hi"}
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "cost": json.loads(cost)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, {"choices": [choice], "usage": usage}

    with Loopback(answer) as server:
        write_card(llm, server.url, dialect={"cost": "cost"}, retries=0)
        result = llm("-m", "fs/m", "-u", "--no-stream", "hi")
        told = llm("-m", "fs/m", "--json", "--no-stream", "hi").json
    assert result.code == 0
    assert f" · {shown} · " in result.err
    assert (told["cost"] is None) is (shown == "cost unknown")


def test_a_list_that_fails_leaves_the_other_commands_alone(llm: Llm) -> None:
    with Loopback(lambda _: (200, {"data": "x"})) as server:
        write_card(llm, server.url, retries=0)
        failed(llm(*CALLS["models"]), 7, "list of models")
        assert llm("models", "list", "--provider", "fs").text.startswith("fs/m")
