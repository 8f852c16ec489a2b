"""Rows 1, 2, 4, 6, 24, 25 and 57 to 59: addresses, certificates, redirects, proxies."""

from __future__ import annotations

import datetime
import socket
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from expect import answered, clean, failed
from fault_server import FaultServer
from running import Result
from support import KEY, Llm

Ask = Callable[..., Result]
Provider = Callable[..., Path]
FAR = "https://api.nowhere.invalid/v1"


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_row_01_connection_refused(llm: Llm, provider: Provider) -> None:
    """On this machine waiting does not help: told at once, with a hint."""
    port, backoff = _closed_port(), 8
    provider(f"http://127.0.0.1:{port}/v1", backoff=backoff)
    result = llm("-m", "fs/m", "hi")
    failed(result, 6, f"127.0.0.1:{port}", "refused", "server running?")
    assert result.seconds < backoff / 2
    assert [a["error_kind"] for a in llm.attempts()] == ["network"]


def test_row_02_dns_failure(llm: Llm, provider: Provider) -> None:
    provider(FAR)
    failed(llm("-m", "fs/m", "hi"), 6, "api.nowhere.invalid")
    assert len(llm.attempts()) == 3


def _context(authority: trustme.CA, host: str = "127.0.0.1", **issued: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, **issued).configure_cert(context)
    return context


def _old_context(authority: trustme.CA) -> ssl.SSLContext:
    context = _context(authority)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


_NOW = datetime.datetime.now(datetime.UTC)
_DAY = datetime.timedelta(days=1)
BAD_SERVERS: dict[str, tuple[Callable[[trustme.CA], ssl.SSLContext], list[str]]] = {
    "unknown-ca": (lambda _: _context(trustme.CA()), ["certificate", "SSL_CERT_FILE"]),
    "wrong-host": (lambda ca: _context(ca, "wrong.example"), ["certificate", "127.0.0.1"]),
    "expired": (
        lambda ca: _context(ca, not_before=_NOW - 9 * _DAY, not_after=_NOW - _DAY),
        ["expired"],
    ),
    "not-yet-valid": (
        lambda ca: _context(ca, not_before=_NOW + _DAY, not_after=_NOW + 9 * _DAY),
        ["not yet valid", "clock"],
    ),
    "old-version": (_old_context, ["TLS"]),
}


@pytest.fixture
def authority(llm: Llm) -> trustme.CA:
    """A certificate authority that the command trusts through SSL_CERT_FILE."""
    ca = trustme.CA()
    path = llm.root / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    llm.env["SSL_CERT_FILE"] = str(path)
    return ca


@pytest.mark.parametrize("kind", BAD_SERVERS)
def test_row_04_bad_tls_server(
    llm: Llm, provider: Provider, authority: trustme.CA, kind: str
) -> None:
    """The reason in words, one connection, and not a byte of the request."""
    build, words = BAD_SERVERS[kind]
    with FaultServer(tls=build(authority)) as server:
        provider(server.url("ok"))
        result = llm("-m", "fs/m", "hi")
        failed(result, 6, f"127.0.0.1:{server.port}", *words)
        assert (server.connections, server.requests()) == (1, [])


def test_row_04_good_tls_server(llm: Llm, provider: Provider, authority: trustme.CA) -> None:
    """The same with a good certificate: what the rows above refuse is the certificate."""
    with FaultServer(tls=_context(authority)) as server:
        provider(server.url("ok"))
        answered(llm("-m", "fs/m", "hi"))
        assert server.requests()[0].headers["authorization"] == f"Bearer {KEY}"


def test_row_04_ca_file_of_the_card(llm: Llm, provider: Provider, authority: trustme.CA) -> None:
    path = llm.env.pop("SSL_CERT_FILE")
    with FaultServer(tls=_context(authority)) as server:
        provider(server.url("ok"), ca_file=path)
        answered(llm("-m", "fs/m", "hi"))


def test_row_06_server_is_not_http(ask: Ask) -> None:
    failed(ask("banner"), 7, "fs")


@pytest.mark.parametrize("fault", ["hang-up", "reset-first"])
def test_connection_closed_instead_of_an_answer(ask: Ask, faults: FaultServer, fault: str) -> None:
    result = ask(fault)
    assert result.code in (6, 7)
    failed(result, result.code, "fs")
    assert 1 <= len(faults.requests()) <= 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_row_24_redirect_to_another_origin(ask: Ask, faults: FaultServer, status: int) -> None:
    """Not followed: the other server gets no connection at all, hence not a byte."""
    second = faults.second
    failed(ask(f"redirect:{status}"), 7, "redirect", str(second.port))
    assert len(faults.requests()) == 1
    assert (second.connections, second.requests()) == (0, [])


@pytest.mark.parametrize("target", ["self", "file", "relative", "garbage"])
def test_row_25_redirect_in_a_circle_or_to_a_file(
    ask: Ask, faults: FaultServer, target: str
) -> None:
    failed(ask(f"redirect-to:{target}"), 7, "redirect")
    assert len(faults.requests()) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("all_proxy", "socks5h://127.0.0.1:9"),
        ("HTTPS_PROXY", "nonsense://127.0.0.1:9"),
        ("https_proxy", "http://[::1"),
        ("HTTPS_PROXY", "http://127.0.0.1:port"),
    ],
)
def test_row_57_proxy_that_cannot_be_used(
    llm: Llm, provider: Provider, variable: str, value: str
) -> None:
    """The variable is named, for a provider that it is about."""
    provider(FAR)
    failed(llm("-m", "fs/m", "hi", env={variable: value}), 3, variable)


@pytest.mark.parametrize("value", ["::1", "[::1]", "localhost,[::1],::1,10.0.0.0/8,*.x", "["])
def test_row_57_no_proxy_with_ipv6(
    llm: Llm, faults: FaultServer, provider: Provider, value: str
) -> None:
    """It just works: another host still goes to the proxy, without the key in clear."""
    provider(FAR, retries=0)
    proxy = faults.second
    env = {"HTTPS_PROXY": f"http://user:pw-secret@127.0.0.1:{proxy.port}", "NO_PROXY": value}
    result = llm("-m", "fs/m", "hi", env=env)
    clean(result)
    assert result.code in (6, 7)
    assert "proxy" in result.err
    assert "pw-secret" not in result.err
    (request,) = proxy.requests("proxy")
    assert (request.method, request.target) == ("CONNECT", "api.nowhere.invalid:443")
    assert KEY not in str(request.headers)


def test_row_58_loopback_is_never_proxied(
    llm: Llm, faults: FaultServer, provider: Provider
) -> None:
    proxy = f"http://127.0.0.1:{faults.second.port}"
    names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    provider(faults.url("ok"))
    answered(llm("-m", "fs/m", "hi", env=dict.fromkeys(names, proxy)))
    provider(faults.url("ok", host="localhost"))
    answered(llm("-m", "fs/m", "hi", env=dict.fromkeys(names, proxy)))
    assert faults.second.connections == 0


def test_row_58_a_bad_proxy_does_not_matter_to_loopback(ask: Ask, llm: Llm) -> None:
    llm.env["ALL_PROXY"] = "socks5://127.0.0.1:9"
    answered(ask("ok"))


@pytest.mark.parametrize("content", [None, b"not a certificate", b""])
def test_row_59_ssl_cert_file(llm: Llm, provider: Provider, content: bytes | None) -> None:
    path = llm.root / "certs.pem"
    if content is not None:
        path.write_bytes(content)
    provider(FAR)
    result = llm("-m", "fs/m", "hi", env={"SSL_CERT_FILE": str(path)})
    failed(result, 3, "SSL_CERT_FILE", str(path))


def test_row_59_does_not_matter_to_plain_http(ask: Ask, llm: Llm) -> None:
    llm.env["SSL_CERT_FILE"] = str(llm.root / "missing.pem")
    answered(ask("ok"))


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/v1",
        "http://localhost.evil.invalid/v1",
        "http://169.254.169.254/v1",
        "file:///etc/passwd",
        "https://user:pw@api.nowhere.invalid/v1",
        "ftp://127.0.0.1/v1",
        "not a url",
    ],
)
def test_a_key_is_not_sent_to_such_an_address(llm: Llm, provider: Provider, url: str) -> None:
    provider(url)
    result = llm("-m", "fs/m", "hi")
    assert result.code in (3, 4)
    failed(result, result.code, "fs")


def test_odd_spellings_of_loopback_are_loopback(
    llm: Llm, faults: FaultServer, provider: Provider
) -> None:
    answers: dict[str, Any] = {}
    for host in ("0x7f.1", "2130706433"):
        provider(faults.url("ok", host=host))
        answers[host] = llm("-m", "fs/m", "hi").code
    assert set(answers.values()) <= {0, 4}
