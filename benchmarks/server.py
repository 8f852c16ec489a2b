"""A loopback server that streams as many tokens as the model's name says, as fast as it can."""

from __future__ import annotations

import json
import re
import socket
import threading

WORDS = ("The ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog. ", "Then ")


class Server:
    """Listens on a free port of 127.0.0.1, a thread for each connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            body = _read_request(connection)
            if body is None:
                return
            model = json.loads(body)["model"]
            found = re.search(r"\d+", model)
            count = int(found[0]) if found else 20
            for piece in _answer(model, count):
                connection.sendall(piece)


def _read_request(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    length = int(found[1]) if found else 0
    while len(body) < length:
        body += connection.recv(65536)
    return body


def _answer(model: str, count: int) -> list[bytes]:
    """The whole answer, one HTTP chunk a token, in writes of about 4 KB."""
    pieces = [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    ]
    block = b""
    for number in range(count):
        block += _chunk(_delta(model, {"content": WORDS[number % len(WORDS)]}, None))
        if len(block) > 4096:
            pieces.append(block)
            block = b""
    usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": count + 9}
    end = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}
    block += _chunk(_delta(model, {}, "stop"))
    block += _chunk(json.dumps({**end, "choices": [], "usage": usage}))
    block += _chunk("[DONE]") + b"0\r\n\r\n"
    return [*pieces, block]


def _delta(model: str, delta: dict[str, str], reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    return json.dumps({**chunk, "choices": [choice]})


def _chunk(data: str) -> bytes:
    event = f"data: {data}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(event), event)
