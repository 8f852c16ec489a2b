"""A loopback server that streams as many tokens as the model's name says, as fast as it can.

Under `/v1` it speaks Chat Completions; `Server.base(NAME)` is where it speaks another wire format.
There `m20` says 20 words, `markdown50` 50 KB of Markdown, `drip20` a word every 20 ms without end.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from voices import VOICES

WORDS = ("The ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog. ", "Then ")
TOKEN = 16  # characters of one in Markdown
MARKDOWN = Path(__file__).parent.parent.joinpath("tests/data/realistic.md").read_text("utf-8")


class Server:
    """Listens on a free port of 127.0.0.1, a thread for each connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"{self._origin}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def base(self, name: str) -> str:
        """The base URL of a wire format."""
        return f"{self._origin}/{name}{VOICES[name].base}"

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
        with connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            request = _read_request(connection)
            if request is None:
                return
            for piece in _answer_to(*request):
                connection.sendall(piece)


def _answer_to(name: bytes, body: bytes) -> Iterable[bytes]:
    """What goes over the wire, by the path and the model's name."""
    found = re.search(rb'(?:/|"model":\s*")(m|markdown|drip)(\d+)', name + body)
    kind, count = (found[1], int(found[2])) if found else (b"m", 20)
    voice = name.split(b"/")[1].decode()
    if voice in VOICES:
        return _spoken(voice, count)
    if kind == b"drip":
        return _drip(count / 1000)
    if kind == b"markdown":
        text = (MARKDOWN * (count * 1000 // len(MARKDOWN) + 1))[: count * 1000]
        return _answer("markdown", [text[at : at + TOKEN] for at in range(0, len(text), TOKEN)])
    return _answer(f"m{count}", [WORDS[number % len(WORDS)] for number in range(count)])


def _read_request(connection: socket.socket) -> tuple[bytes, bytes] | None:
    """The path and the body of a request."""
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
    return head.split(b" ")[1], body


def _spoken(name: str, count: int) -> list[bytes]:
    """The whole answer in a wire format, as `_answer` sends it."""
    voice = VOICES[name]((9, count))
    tokens = [voice.says(WORDS[number % len(WORDS)]) for number in range(count)]
    tokens[0] = voice.begin() + tokens[0]
    return _blocks(voice.media, [*tokens, voice.ends()])


def _blocks(media: str, events: list[bytes]) -> list[bytes]:
    """One HTTP chunk an event, in writes of about 4 KB."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ntransfer-encoding: chunked\r\n\r\n"
    pieces, block = [head.encode()], b""
    for event in events:
        block += b"%x\r\n%s\r\n" % (len(event), event)
        if len(block) > 4096:
            pieces.append(block)
            block = b""
    return [*pieces, block + b"0\r\n\r\n"]


def _drip(pause: float) -> Iterable[bytes]:
    """An answer of a Chat Completions server that never ends, with a pause after each word."""
    begin, _ = _blocks("text/event-stream", [])
    yield begin
    event = f"data: {_delta('drip', {'content': 'word '}, None)}\n\n".encode()
    while True:
        yield b"%x\r\n%s\r\n" % (len(event), event)
        time.sleep(pause)


def _answer(model: str, tokens: list[str]) -> list[bytes]:
    """The whole answer of a Chat Completions server."""
    events = [_delta(model, {"content": token}, None) for token in tokens]
    count = len(tokens)
    usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": count + 9}
    end = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}
    events += [_delta(model, {}, "stop"), json.dumps({**end, "choices": [], "usage": usage})]
    data = [f"data: {event}\n\n".encode() for event in [*events, "[DONE]"]]
    return _blocks("text/event-stream", data)


def _delta(model: str, delta: dict[str, str], reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    return json.dumps({**chunk, "choices": [choice]})
