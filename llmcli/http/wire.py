"""The connection to a server: httpcore, httpx's engine, whose reads obey our clocks.

Its own read timeout starts anew with every byte, so a server that sends pings for ever would never
be noticed. A network backend is the documented place to change that
(https://www.encode.io/httpcore/network-backends/, 2026-11-21). httpx's requests, responses and
pool around it cost as much CPU time as the exchange itself, and a batch makes thousands.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import httpcore
import httpx

from llmcli.http.clocks import Clock
from llmcli.http.names import addresses

_MOST_HELD = 1 << 16


class ClockedStream(httpcore.NetworkStream):
    """A connection that asks the clock how long each read may take."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._held = b""
        self._write_limit: float | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, or wait for it as long as the clock allows."""
        clock = self._clock
        if self._held:
            with contextlib.suppress(httpcore.WriteError):  # the answer may be here all the same
                self._send_held()
        if clock.stopped:
            return self._inner.read(max_bytes, 0)
        while True:
            clock.waiting()
            limit = clock.read_limit()
            begun = time.monotonic()
            try:
                data = self._inner.read(max_bytes, limit)
            except httpcore.ReadTimeout:
                clock.waited(time.monotonic() - begun, limit)
                continue
            if data:
                clock.bytes_came()
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of the bytes; a few wait for those that follow, until an answer is read."""
        self._write_limit = timeout
        if len(buffer) > _MOST_HELD:
            self._send_held()
            self._inner.write(buffer, timeout)
            return
        self._held += buffer
        if len(self._held) > _MOST_HELD:
            self._send_held()

    def _send_held(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._inner.write(held, self._write_limit)

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        self._send_held()
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return ClockedStream(inner, self._clock)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._inner.get_extra_info(info)


class ClockedBackend(httpcore.NetworkBackend):
    """Opens clocked connections and counts them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._inner = httpcore.SyncBackend()
        self.opened = 0

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection."""
        self.opened += 1
        last: Exception | None = None
        for address in addresses(host, port, self._clock.connect_limit()):
            limit = self._clock.connect_limit()
            try:
                stream = self._inner.connect_tcp(
                    address, port, limit, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                last = error
                continue
            except httpcore.ConnectTimeout:
                raise self._clock.connect_expired(f"{host}:{port}", limit) from None
            return ClockedStream(stream, self._clock)
        raise last or httpcore.ConnectError(f"no address for {host}")

    def sleep(self, seconds: float) -> None:
        """Wait between two tries of a connection."""
        self._inner.sleep(seconds)


class Answer(NamedTuple):
    """What came before the body: the status, and the headers with names in lower case.

    `body` is yet to come; it is to be closed.
    """

    status: int
    headers: Mapping[str, str]
    body: Any


class Wire:
    """Sends one request at a time over a kept connection; no proxy unless one is given."""

    def __init__(self, clock: Clock, context: ssl.SSLContext | None, proxy: str) -> None:
        self.backend = ClockedBackend(clock)
        self._context = context
        self._direct: httpcore.HTTPConnection | None = None
        self._pool: httpcore.ConnectionPool | None = None
        self._place: tuple[str, httpcore.URL, bytes] | None = None
        options: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": 1,
            "network_backend": self.backend,
        }
        if proxy.startswith("socks"):
            self._pool = httpcore.SOCKSProxy(**_proxy(proxy), **options)
        elif proxy:
            self._pool = httpcore.HTTPProxy(**_proxy(proxy), **options)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Iterator[bytes] | None,
        timeouts: Mapping[str, float],
    ) -> Answer:
        """Send a request and return the answer before its body.

        Raises what httpcore raises, httpx.InvalidURL.
        """
        address, host = self._parsed(url)
        raw = [(b"Host", host)]
        if isinstance(content, bytes):
            raw.append((b"Content-Length", b"%d" % len(content)))
        elif content is None and method not in ("GET", "HEAD"):
            raw.append((b"Content-Length", b"0"))
        raw += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        answer = self._open_for(address.origin).handle_request(
            httpcore.Request(
                method, address, headers=raw, content=content, extensions={"timeout": timeouts}
            )
        )
        return Answer(answer.status, _joined(answer.headers), answer.stream)

    def _parsed(self, url: str) -> tuple[httpcore.URL, bytes]:
        """The URL as httpcore wants it, and the header `Host`; most are the same as the last."""
        if self._place is None or self._place[0] != url:
            parsed = httpx.URL(url)
            raw = httpcore.URL(
                scheme=parsed.raw_scheme,
                host=parsed.raw_host,
                port=parsed.port,
                target=parsed.raw_path,
            )
            self._place = (url, raw, parsed.netloc)
        return self._place[1:]

    def _open_for(self, origin: httpcore.Origin) -> Any:
        """The kept connection if it can be used, else a new one."""
        if self._pool:
            return self._pool
        kept = self._direct
        if kept is not None:
            good = kept.can_handle_request(origin) and kept.is_available()
            if good and not kept.has_expired():
                return kept
            kept.close()
        if origin.scheme not in (b"http", b"https"):
            raise httpcore.UnsupportedProtocol("a URL begins with http:// or https://")
        self._direct = httpcore.HTTPConnection(
            origin, ssl_context=self._context, network_backend=self.backend
        )
        return self._direct

    def close(self) -> None:
        """Close the kept connection."""
        if self._direct is not None:
            self._direct.close()
        if self._pool is not None:
            self._pool.close()


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name; those that came several times with commas between."""
    found: dict[str, str] = {}
    for key, value in headers:
        name, text = key.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _proxy(address: str) -> dict[str, Any]:
    url = httpx.URL(address)
    plain = url.copy_with(username=None, password=None)
    login = (url.username.encode(), url.password.encode()) if url.username else None
    return {"proxy_url": str(plain), "proxy_auth": login}
