"""Rows 46 to 48, 55 and 101: what is too large ends early, in little memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wire
from expect import answered, clean, failed, incomplete, kept
from fault_server import FaultServer
from running import Result
from support import Llm

Ask = Callable[..., Result]
SMALL_KB = 80_000


@pytest.mark.parametrize("kind", ["ended", "endless"])
def test_row_46_giant_line(ask: Ask, faults: FaultServer, llm: Llm, kind: str) -> None:
    """It is given up long before its 30 MB are read."""
    result = ask(f"huge-line:{kind}")
    incomplete(llm, result, "larger than 1 MiB")
    assert result.rss_kb <= SMALL_KB
    assert faults.requests()[0].left.wait(2)


def test_row_46_giant_event_of_short_lines(ask: Ask, faults: FaultServer, llm: Llm) -> None:
    result = ask("many-lines")
    incomplete(llm, result, "larger than 1 MiB")
    assert result.rss_kb <= SMALL_KB
    assert faults.requests()[0].left.wait(2)


def test_row_46_giant_body(ask: Ask, faults: FaultServer) -> None:
    result = ask("huge-body")
    failed(result, 7, "64 MiB")
    assert result.rss_kb <= 3 * (64 << 10)
    assert faults.requests()[0].left.wait(2)


@pytest.mark.parametrize("kind", ["bomb", "small", "false", "br"])
def test_row_47_coding_that_was_not_asked(ask: Ask, faults: FaultServer, kind: str) -> None:
    """Nothing is inflated, bomb or not."""
    result = ask(f"gzip:{kind}")
    failed(result, 7, "fs")
    assert result.out == b""
    assert result.rss_kb <= SMALL_KB
    assert faults.requests()[0].headers["accept-encoding"] == "identity"


def test_row_47_bomb_as_an_error_body(ask: Ask) -> None:
    result = ask("gzip:error-bomb")
    failed(result, 7, "500")
    assert result.rss_kb <= SMALL_KB


def test_row_48_endless_answer(ask: Ask, faults: FaultServer, llm: Llm) -> None:
    result = ask("endless-answer")
    failed(result, 8, "32 MiB")
    assert 31 << 20 <= len(result.out) <= 33 << 20
    assert faults.requests()[0].left.wait(2)
    kept(llm, "incomplete", result.text)


@pytest.mark.parametrize("kind", ["huge", "many"])
def test_row_55_headers(ask: Ask, kind: str) -> None:
    failed(ask(f"headers:{kind}"), 7, "fs")


@pytest.mark.parametrize("kind", ["status", "header", "version"])
def test_row_55_headers_that_are_not_http(ask: Ask, kind: str) -> None:
    failed(ask(f"bad-head:{kind}"), 7, "fs")


@pytest.mark.parametrize("limit", ["ulimit -n 16", "ulimit -v 307200"])
def test_row_101_low_resources(
    llm: Llm, faults: FaultServer, provider: Callable[..., object], limit: str
) -> None:
    """It works, or it says clearly what is missing."""
    provider(faults.url("ok"))
    result = llm("-m", "fs/m", "hi", wrap=f'{limit} && exec "$@"')
    if result.code:
        failed(result, result.code)
    else:
        answered(result)


def test_row_101_no_file_is_left_to_open(
    llm: Llm, faults: FaultServer, provider: Callable[..., object]
) -> None:
    provider(faults.url("ok"))
    held = "".join(f" {number}</dev/null" for number in range(3, 10))
    result = llm("-m", "fs/m", "hi", wrap=f'exec{held}; ulimit -n 13; exec "$@"')
    clean(result)
    assert result.text in ("", wire.TEXT)
