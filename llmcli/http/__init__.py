"""The only door to the network: sends a rendered call and hands back the bytes as they come."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

from llmcli import __version__, origins
from llmcli.cards import Card, Timeouts
from llmcli.errors import ConfigError, NetworkError, ProtocolError, TimedOut
from llmcli.http.clocks import Clock, WaitFailed
from llmcli.redaction import Secret

# httpx imports its own command line, and click and rich with it where they are installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpx  # noqa: E402

from llmcli.http.bodies import FileBody  # noqa: E402
from llmcli.http.faults import FAULTS, explain  # noqa: E402
from llmcli.http.routes import proxy_for, tls_context  # noqa: E402
from llmcli.http.wire import Answer, Wire  # noqa: E402

if sys.modules.get("httpx._main", httpx) is None:
    del sys.modules["httpx._main"]

ERROR_LIMIT = 64 << 10
WRITE_SECONDS = 60.0
_REDIRECT_LIMIT = 5
USER_AGENT = f"llmcli/{__version__}"
Sign: TypeAlias = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str | Secret]]


class Response:
    """An answer whose status and headers are here and whose body is still to come.

    At the end of its `with` block the connection is let go of; one that told a whole answer is
    kept for the next call.
    """

    def __init__(
        self,
        answer: Answer,
        failed: Callable[[Exception], Exception],
        keep: Callable[[Response], None],
    ) -> None:
        self._answer = answer
        self._failed = failed
        self._keep = keep
        self._body: Iterator[bytes] = iter(())
        self.status = answer.status
        self.headers = answer.headers

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises NetworkError, ProtocolError, TimedOut."""
        self._body = self._chunks()  # a reader that stops early does not end it
        return self._body

    def _chunks(self) -> Iterator[bytes]:
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise ProtocolError(f"the answer is packed ({coding[:20]}) though that was not asked")
        try:
            yield from self._answer.body
        except WaitFailed as failed:
            raise failed.error from None
        except FAULTS as error:
            raise self._failed(error) from error

    def read(self, limit: int) -> bytes:
        """At most `limit` bytes of the body; what broke off is left out."""
        parts: list[bytes] = []
        size = 0
        with contextlib.suppress(NetworkError, ProtocolError, TimedOut):
            for chunk in self.chunks():
                parts.append(chunk)
                size += len(chunk)
                if size >= limit:
                    break
        return b"".join(parts)[:limit]

    def whole(self, limit: int) -> bytes:
        """All of the body. Raises what `chunks` raises, and ProtocolError if it is too large."""
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise ProtocolError(f"the answer is larger than {limit >> 20} MiB")
        return bytes(body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            self._keep(self)
        else:
            self.close()

    def skip(self, limit: int) -> None:
        """Read what has come behind the answer, `limit` bytes at most."""
        size = 0
        with contextlib.suppress(NetworkError, ProtocolError, TimedOut):
            for chunk in self._body:
                size += len(chunk)
                if size > limit:
                    return

    def close(self) -> None:
        """Let go of the connection."""
        with contextlib.suppress(*FAULTS):
            self._answer.body.close()


class Http:
    """A client for one provider; it keeps its connection between calls.

    `on_wait` is called whenever everything received has been handed on and a read may block.
    `sign` gives headers to add to each call that is sent, from its method, URL, headers and body.
    """

    def __init__(
        self, card: Card, on_wait: Callable[[], None] = lambda: None, sign: Sign | None = None
    ) -> None:
        self._ca_file = card.ca_file
        self._timeouts = card.timeout
        self.clock = Clock(card.timeout, on_wait)
        self._wire: Wire | None = None
        self._proxy = ""
        self._told: Response | None = None
        self.sign = sign

    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str | Secret],
        body: Mapping[str, Any] | FileBody | None = None,
    ) -> Response:
        """Send the call and return when the status is known; redirects are not followed.

        A kept connection that turns out to be stale is replaced once, silently.
        Raises ConfigError, NetworkError, ProtocolError, TimedOut.
        """
        self._finish_last()
        wire = self._connect(url)
        opened = wire.backend.opened
        try:
            return self._send(wire, method, url, headers, body)
        except NetworkError as error:
            kept = opened > 0 and wire.backend.opened == opened
            if not kept or "without an answer" not in error.message:
                raise
            return self._send(wire, method, url, headers, body)

    def _connect(self, url: str) -> Wire:
        if self._wire is None:
            self._proxy = proxy_for(url)
            context = tls_context(self._ca_file) if url.startswith("https") else None
            self._wire = Wire(self.clock, context, self._proxy)
        return self._wire

    def _send(
        self,
        wire: Wire,
        method: str,
        url: str,
        headers: Mapping[str, str | Secret],
        body: Mapping[str, Any] | FileBody | None,
    ) -> Response:
        sent = wire_headers(headers)
        content: bytes | Iterator[bytes] | None
        if isinstance(body, FileBody):
            content = body.chunks(self.clock.restart)  # the wait begins when all is sent
            sent["content-length"] = str(body.length)
        else:
            content = None if body is None else json_bytes(body)
        if self.sign is not None and not isinstance(content, Iterator):
            sent = wire_headers({**sent, **self.sign(method, url, sent, content or b"")})
        self.clock.restart()
        connect = self.clock.connect_limit()
        failed = self._explainer(url)
        try:
            timeouts = {"connect": connect, "write": WRITE_SECONDS}
            answer = wire.send(method, url, sent, content, timeouts)
        except WaitFailed as stopped:
            raise stopped.error from None
        except FAULTS as error:
            raise failed(error) from error
        if not self.clock.heard:  # it lay behind the last answer, so it cannot be one to this call
            answer.body.close()
            return self._send(wire, method, url, headers, body)
        return Response(answer, failed, self._keep)

    def _keep(self, response: Response) -> None:
        self._told = response

    def _finish_last(self) -> None:
        """Read the end of the last answer, which is here by now: so its connection can be used.

        Waiting for it when the answer was whole would have cost the user time.
        """
        last, self._told = self._told, None
        if last is not None:
            self.clock.stopped = True
            last.skip(ERROR_LIMIT)
            self.clock.stopped = False
            last.close()

    def _explainer(self, url: str) -> Callable[[Exception], Exception]:
        try:
            parts = urlsplit(url)
            host = f"{parts.hostname}:{parts.port or {'https': 443}.get(parts.scheme, 80)}"
        except ValueError:
            raise ConfigError("base_url is not a URL") from None
        proxy = self._proxy.rpartition("@")[2]
        return lambda error: explain(error, host, proxy, self.clock.heard)

    def close(self) -> None:
        """Close the kept connection."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None


def wire_headers(headers: Mapping[str, str | Secret]) -> dict[str, str]:
    """The headers as they go out: ours added, keys revealed."""
    ready = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
    for name, value in headers.items():
        ready[name.lower()] = value.reveal() if isinstance(value, Secret) else value
    return ready


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """The body as UTF-8 JSON; a lone surrogate, which UTF-8 cannot carry, becomes U+FFFD."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


class Download:
    """A file that is being fetched."""

    def __init__(self, client: Http, response: Response) -> None:
        self._client = client
        self._response = response
        self.resumed = response.status == 206
        length = response.headers.get("content-length", "")
        self.total = int(length) if length.isdigit() else None

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come. Raises NetworkError, TimedOut."""
        return self._response.chunks()

    def close(self) -> None:
        """Stop fetching."""
        self._response.close()
        self._client.close()


def download(url: str, offset: int = 0) -> Download:
    """Begin to fetch a public file, from byte `offset` on if the server can.

    Nothing secret is sent, so redirects are followed, never from https to http.
    Raises NetworkError, ProtocolError, TimedOut.
    """
    card = Card(id="download", name="download", adapter="", timeout=Timeouts(first_event=60))
    headers = {"range": f"bytes={offset}-"} if offset else {}
    for _ in range(_REDIRECT_LIMIT):
        client = Http(card)
        response = client.open("GET", url, headers)
        if response.status in (200, 206):
            client.clock.event_came()
            return Download(client, response)
        response.close()
        client.close()
        url = _next_address(url, response)
    raise ProtocolError(f"{url}: more than {_REDIRECT_LIMIT} redirects")


def _next_address(url: str, response: Response) -> str:
    target = response.headers.get("location", "")
    if response.status not in (301, 302, 303, 307, 308) or not target:
        raise ProtocolError(f"{url}: the server answered {response.status}")
    there = str(httpx.URL(url).join(target))
    if url.startswith("https:") and not there.startswith("https:"):
        raise ProtocolError(f"{url}: the server redirects away from https")
    if origins.is_clear(there):
        raise ProtocolError(f"{url}: the server redirects to plain http")
    return there
