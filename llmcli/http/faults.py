"""What a broken connection means: every exception of the layers below, as one of our errors."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import httpcore
import httpx

from llmcli.errors import ConfigError, LlmError, NetworkError, ProtocolError
from llmcli.origins import is_loopback
from llmcli.sanitize import one_line

FAULTS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
    ValueError,
)


def explain(error: Exception, host: str, proxy: str, heard: bool) -> LlmError:
    """Our error for a failed exchange with `host` ("name:port"); `heard` if bytes had come."""
    causes = list(_chain(error))
    place = f"{host} through the proxy {proxy}" if proxy else host
    for cause in causes:
        found = _known(cause, place, host)
        if found:
            return found
    if isinstance(error, TimeoutError):
        return NetworkError(str(error), retryable=True)
    if isinstance(
        error, (httpx.InvalidURL, httpx.UnsupportedProtocol, httpcore.LocalProtocolError)
    ):
        return ConfigError(f"cannot send to {place}: {type(error).__name__}")
    if isinstance(error, httpcore.ProxyError):
        return NetworkError(f"the proxy {proxy} refused: {one_line(str(error), 100)}")
    if isinstance(error, httpcore.RemoteProtocolError):
        return _protocol(str(error), place, heard)
    words = one_line(str(error), 100) or type(error).__name__
    return NetworkError(f"the connection to {place} broke: {words}", retryable=True)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _known(cause: BaseException, place: str, host: str) -> LlmError | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate(cause, place)
    if isinstance(cause, ssl.SSLError):
        reason = one_line((cause.reason or str(cause)).replace("_", " ").lower(), 100)
        return NetworkError(
            f"no TLS connection to {place}: {reason}",
            hint="Is the server older than TLS 1.2, or not https at all?",
        )
    if isinstance(cause, socket.gaierror):
        return NetworkError(f"cannot find the host {place}", retryable=True)
    if isinstance(cause, ConnectionRefusedError):
        here = is_loopback(host.rpartition(":")[0].strip("[]"))
        return NetworkError(
            f"cannot connect to {place}: connection refused",
            hint="Is the server running?" if here else "",
            retryable=not here,
        )
    if isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return NetworkError(f"cannot reach {place}: {cause.strerror}", retryable=True)
    if isinstance(cause, OSError) and cause.errno == errno.EMFILE:
        return NetworkError("too many open files to open a connection")
    return None


def _certificate(cause: ssl.SSLCertVerificationError, place: str) -> NetworkError:
    reason = one_line(cause.verify_message or str(cause), 200)
    if "not yet valid" in reason or "expired" in reason:
        hint = "Check the clock of this machine, then the server's certificate."
    else:
        hint = "Behind a company proxy? Point SSL_CERT_FILE at its CA certificate."
    return NetworkError(f"the certificate of {place} is not trusted: {reason}", hint=hint)


def _protocol(words: str, place: str, heard: bool) -> LlmError:
    if words.startswith("Server disconnected") and not heard:
        return NetworkError(f"{place} closed the connection without an answer", retryable=True)
    if "without sending complete message body" in words or "incomplete chunked read" in words:
        return NetworkError(f"{place} closed the connection in the middle", retryable=True)
    if "Receive buffer too long" in words:
        return ProtocolError(f"{place} sent headers larger than 100 KB")
    return ProtocolError(f"{place} did not answer with HTTP: {one_line(words, 100)}")
