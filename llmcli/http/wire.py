"""The connection under httpx: a transport whose reads obey our clocks.

httpx's own read timeout starts anew with every byte, so a server that sends pings for ever would
never be noticed. Custom transports and network backends are the documented places to change that
(https://www.python-httpx.org/advanced/transports/, 2026-11-21).
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

from llmcli.http.clocks import Clock
from llmcli.http.names import addresses


class ClockedStream(httpcore.NetworkStream):
    """A connection that asks the clock how long each read may take."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, or wait for it as long as the clock allows."""
        clock = self._clock
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
        """Send all of the bytes."""
        self._inner.write(buffer, timeout)

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


class _Body(httpx.SyncByteStream):
    """The bytes of a response, straight from the connection."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        self._stream.close()


class Wire(httpx.BaseTransport):
    """Sends one request at a time over a kept connection; no proxy unless one is given."""

    def __init__(self, clock: Clock, context: ssl.SSLContext | None, proxy: str) -> None:
        self.backend = ClockedBackend(clock)
        options: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": 1,
            "network_backend": self.backend,
        }
        self._pool: httpcore.ConnectionPool
        if not proxy:
            self._pool = httpcore.ConnectionPool(**options)
        elif proxy.startswith("socks"):
            self._pool = httpcore.SOCKSProxy(**_proxy(proxy), **options)
        else:
            self._pool = httpcore.HTTPProxy(**_proxy(proxy), **options)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and return the response before its body. Raises what httpcore raises."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close the kept connection."""
        self._pool.close()


def _proxy(address: str) -> dict[str, Any]:
    url = httpx.URL(address)
    plain = url.copy_with(username=None, password=None)
    login = (url.username.encode(), url.password.encode()) if url.username else None
    return {"proxy_url": str(plain), "proxy_auth": login}
