"""A server that says every secret it was sent back, in whatever it answers."""

from __future__ import annotations

import json
import re
from typing import Any

from serving import Handler, Serving
from voices import VOICES
from voices.pages import PAGES

_SECRET_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")
_SIGNATURE = re.compile("Signature=([0-9a-f]{64})")


class Mirror(Serving):
    """Answers `MODE/…` with the caller's own secrets; `seen` keeps those of each request.

    `refuse`: an error status with them in body and headers. `html`: the same as a page. `tell`:
    status 200, and they stand in the list, the error in the stream, the counts and the vectors.
    """

    def __init__(self, voice: str) -> None:
        self.voice = voice
        self.seen: list[list[str]] = []
        self.paths: list[str] = []
        super().__init__()

    def url(self, mode: str) -> str:
        """The base URL that picks how it answers."""
        return f"{self.host}/{mode}{VOICES[self.voice].base}"

    def signatures(self) -> set[str]:
        """The signatures of the requests so far."""
        return {found for values in self.seen for v in values for found in _SIGNATURE.findall(v)}


class _Handler(Handler["Mirror"]):
    def answer(self) -> None:
        asked = json.loads(self.body()) if self.command == "POST" else {}
        sent = {name.lower(): value for name, value in self.headers.items()}
        secrets = [
            value
            for name, value in sent.items()
            if name in _SECRET_HEADERS or name.startswith("x-amz-security")
        ]
        self.owner.seen.append(secrets)
        self.owner.paths.append(self.path)
        words = " and ".join(f"{secret} {secret.split(' ')[-1]}" for secret in secrets)
        mode = self.path.split("/")[1]
        voice = VOICES[self.owner.voice]()
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
        page = json.dumps(PAGES[self.owner.voice]["models"])
        for name in ("models/m-1", "x.m-1:0", "m-1", "m:1b"):
            page = page.replace(f'"{name}"', json.dumps(bare))
        return json.loads(page)

    def _send(self, status: int, data: bytes, media: str, words: str = "") -> None:
        names = ("x-request-id", "request-id", "x-amzn-requestid", "x-seen", "server-timing")
        self.send(status, data, media, **dict.fromkeys(names, words))


Mirror.handler = _Handler
