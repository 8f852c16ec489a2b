"""A server that says every secret it was sent back, in whatever it answers."""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from voices import VOICES
from voices.pages import PAGES

_SECRET_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")
_SIGNATURE = re.compile("Signature=([0-9a-f]{64})")


class Mirror:
    """Answers `MODE/…` with the caller's own secrets; `seen` keeps those of each request.

    `refuse`: an error status with them in body and headers. `html`: the same as a page. `tell`:
    status 200, and they stand in the list, the error in the stream, the counts and the vectors.
    """

    def __init__(self, voice: str) -> None:
        self.voice = voice
        self.seen: list[list[str]] = []
        self.paths: list[str] = []
        handler = type("Handler", (_Handler,), {"mirror": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def url(self, mode: str) -> str:
        """The base URL that picks how it answers."""
        return f"http://127.0.0.1:{self._server.server_port}/{mode}{VOICES[self.voice].base}"

    def signatures(self) -> set[str]:
        """The signatures of the requests so far."""
        return {found for values in self.seen for v in values for found in _SIGNATURE.findall(v)}

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
    mirror: Mirror

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _answer(self, asked: dict[str, Any]) -> None:
        sent = {name.lower(): value for name, value in self.headers.items()}
        secrets = [
            value
            for name, value in sent.items()
            if name in _SECRET_HEADERS or name.startswith("x-amz-security")
        ]
        self.mirror.seen.append(secrets)
        self.mirror.paths.append(self.path)
        words = " and ".join(f"{secret} {secret.split(' ')[-1]}" for secret in secrets)
        mode = self.path.split("/")[1]
        voice = VOICES[self.mirror.voice]()
        if mode == "html":
            self._send(502, f"<html><title>{words}</title>{words}</html>".encode(), "text/html")
        elif mode == "refuse":
            self._send(401, json.dumps(voice.failure(words)).encode(), "application/json", words)
        elif "stream" in self.path or asked.get("stream"):
            data = voice.begin() + voice.error(f"broke on {words}")
            self._send(200, data, voice.media, words)
        else:
            self._send(200, json.dumps(self._page(words)).encode(), "application/json", words)

    def _page(self, words: str) -> Any:
        """The list, its names replaced by a secret; any other page is no such thing."""
        bare = words.split(" ")[-1]
        if self.command != "GET":
            return {"error": {"message": words, "code": bare}, "message": words, "model": bare}
        page = json.dumps(PAGES[self.mirror.voice]["models"])
        for name in ("models/m-1", "x.m-1:0", "m-1", "m:1b"):
            page = page.replace(f'"{name}"', json.dumps(bare))
        return json.loads(page)

    def _send(self, status: int, data: bytes, media: str, words: str = "") -> None:
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(data)))
        for name in ("x-request-id", "request-id", "x-amzn-requestid", "x-seen", "server-timing"):
            self.send_header(name, words)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quietly."""
