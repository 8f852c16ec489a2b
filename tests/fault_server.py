"""A raw-socket HTTP server whose base URL picks what goes wrong.

`POST /NAME/v1/chat/completions` runs the fault NAME; `/NAME:ARGUMENT/v1/…` hands it an argument;
`/NAME:ARGUMENT@VOICE/…` has it told in another wire format than Chat Completions, see `voices`.
Nothing is shared between faults but the log of requests. A fault is a function of an Exchange;
`SAMPLES` names one URL path for every way each can go. The faults themselves are in `faults*.py`.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import quote, unquote

from fault_request import Request
from voices import VOICES, Voice


class Closed(Exception):
    """The client went away, or the server is being closed."""


class Exchange:
    """One request and the raw answer to it; a fault calls these methods in any order."""

    def __init__(self, server: FaultServer, sock: socket.socket, request: Request) -> None:
        self.server = server
        self.socket = sock
        self.request = request
        self.argument = request.fault.partition(":")[2]
        self.voice: Voice = VOICES[request.voice]()
        self.keep = False

    def send(self, data: bytes) -> None:
        """Send these bytes as they are."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.request.left.set()
            raise Closed from None

    def head(
        self,
        status: int = 200,
        headers: dict[str, str] | None = None,
        media: str | None = None,
        version: str = "1.1",
    ) -> None:
        """Send the status line and headers; a media type of "" leaves it out."""
        media = self.voice.media if media is None else media
        lines = [f"HTTP/{version} {status} Status"]
        values = {"Content-Type": media, "X-Request-Id": "req-42", **(headers or {})}
        lines += [f"{name}: {value}" for name, value in values.items() if value]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def reply(
        self,
        status: int,
        body: bytes | Any,
        headers: dict[str, str] | None = None,
        media: str = "application/json",
    ) -> None:
        """Answer whole, with a length, and keep the connection; a value becomes JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        length = {} if status == 204 else {"Content-Length": str(len(data))}
        self.head(status, {**length, **(headers or {})}, media)
        self.send(data)
        self.keep = True

    def begin(self, headers: dict[str, str] | None = None, media: str | None = None) -> None:
        """Begin a stream in chunks."""
        self.head(200, {"Transfer-Encoding": "chunked", **(headers or {})}, media)

    def chunk(self, data: bytes) -> None:
        """Send a chunk of the stream."""
        if data:
            self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """End the stream as HTTP wants it, and keep the connection."""
        self.send(b"0\r\n\r\n")
        self.keep = True

    def stream(self, *pieces: bytes, media: str | None = None, **headers: str) -> None:
        """A stream from begin to end, a chunk for each piece."""
        self.begin({name.replace("_", "-"): value for name, value in headers.items()}, media)
        for piece in pieces:
            self.chunk(piece)
        self.end()

    def pause(self, seconds: float) -> None:
        """Wait; raises Closed as soon as the client or the server closes."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            readable = select.select([self.socket], [], [], min(rest, 0.05))[0]
            if readable or self.server.closing.is_set():
                self.request.left.set()
                raise Closed

    def hang(self) -> None:
        """Say nothing more until the client leaves."""
        self.pause(3600)

    def reset(self) -> None:
        """Close with a TCP reset, after what was sent has arrived."""
        time.sleep(0.05)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        raise Closed


Fault = Callable[[Exchange], None]
FAULTS: dict[str, Fault] = {}
SAMPLES: list[str] = []


def fault(name: str, *arguments: str) -> Callable[[Fault], Fault]:
    """Register a fault under a name, with the arguments worth trying."""

    def register(function: Fault) -> Fault:
        FAULTS[name] = function
        SAMPLES.extend([f"{name}:{argument}" for argument in arguments] or [name])
        return function

    return register


class FaultServer:
    """Listens on a free port of 127.0.0.1, a thread for each connection, until it is closed.

    `connections` counts those accepted, `secure` those whose TLS handshake succeeded.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.closing = threading.Event()
        self.connections = self.secure = 0
        self.log: list[Request] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._second: FaultServer | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._run(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def second(self) -> FaultServer:
        """Another server on another port: a redirect's target, a proxy."""
        if self._second is None:
            self._second = FaultServer()
        return self._second

    def url(self, fault: str, host: str = "127.0.0.1", voice: str = "") -> str:
        """The base URL that picks this fault and who tells it."""
        scheme = "https" if self.tls else "http"
        base = VOICES[voice].base if voice else "/v1"
        picked = quote(f"{fault}@{voice}" if voice else fault, safe=":@")
        return f"{scheme}://{host}:{self.port}/{picked}{base}"

    def requests(self, fault: str | None = None) -> list[Request]:
        """The requests so far, of one fault or of all."""
        with self._lock:
            return [r for r in self.log if fault is None or r.fault == fault]

    def close(self) -> None:
        """End every connection and thread."""
        if self._second:
            self._second.close()
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)
        self._listener.close()

    def _run(self, target: Any, *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(sock)
                number = self.connections
            self._run(self._serve, sock, number)

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            if self.tls:
                sock = self._secure(sock)
            self._answer_all(sock, number)
        except (Closed, OSError):
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _secure(self, plain: socket.socket) -> socket.socket:
        assert self.tls
        secure = self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.discard(plain)
            self._open.add(secure)
        try:
            secure.do_handshake()
        except OSError:
            secure.close()
            raise
        self.secure += 1
        return secure

    def _answer_all(self, sock: socket.socket, connection: int) -> None:
        count = 0
        while request := self._read(sock, connection, count + 1):
            count += 1
            exchange = Exchange(self, sock, request)
            try:
                FAULTS[request.fault.partition(":")[0]](exchange)
            finally:
                request.done.set()
            if not exchange.keep:
                return

    def _read(self, sock: socket.socket, connection: int, count: int) -> Request | None:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = sock.recv(1 << 16)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        pieces = [body]
        missing = int(headers.get("content-length", "0")) - len(body)
        while missing > 0 and (piece := sock.recv(1 << 16)):
            pieces.append(piece)
            missing -= len(piece)
        method, target, _ = first.split(" ")
        picked = unquote(target.split("/")[1]) if target.startswith("/") else "proxy"
        fault, _, voice = picked.partition("@")
        with self._lock:
            number = sum(r.fault == fault for r in self.log) + 1
            data = b"".join(pieces)
            request = Request(fault, method, target, headers, data, connection, number, count)
            request.voice = voice or request.voice
            self.log.append(request)
        return request
