"""Rows 3, 5 and 30 to 33: every wait ends, by a clock that is named.

Times are compared with the clocks of the card only: an end before the clock is wrong, an end
later than a few times the clock is a hang.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

import pytest
import wire
from expect import failed, incomplete, kept
from fault_server import FaultServer
from running import Result
from support import Llm

Ask = Callable[..., Result]
FAR = 60
SHORT = 0.4


def _clocks(**short: float) -> dict[str, float]:
    return {"connect": FAR, "first_event": FAR, "silence": FAR, "stall": FAR, **short}


@contextlib.contextmanager
def _full_backlog() -> Iterator[int]:
    """A port that lets no connection in: its queue is full and nobody takes from it."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def test_row_03_connect_never_answers(llm: Llm, provider: Callable[..., object]) -> None:
    with _full_backlog() as port:
        provider(f"http://127.0.0.1:{port}/v1", timeout=_clocks(connect=SHORT))
        result = llm("-m", "fs/m", "hi")
    failed(result, 6, f"127.0.0.1:{port}", f"{SHORT} s")
    assert 3 * SHORT <= result.seconds < FAR / 4


def test_row_05_https_to_a_plain_port(
    llm: Llm, faults: FaultServer, provider: Callable[..., object]
) -> None:
    url = faults.url("ok").replace("http:", "https:")
    provider(url, timeout=_clocks(connect=SHORT), retries=0)
    result = llm("-m", "fs/m", "hi")
    failed(result, 6, f"127.0.0.1:{faults.port}")
    assert SHORT <= result.seconds < FAR / 4
    assert not faults.requests()


def test_row_30_slow_loris(ask: Ask, faults: FaultServer) -> None:
    """Headers that drip in do not move the clock of the first event."""
    result = ask("slow-head", timeout=_clocks(first_event=SHORT))
    failed(result, 6, "fs", f"{SHORT} s")
    assert SHORT <= result.seconds < FAR / 4
    assert len(faults.requests()) == 1


@pytest.mark.parametrize("kind", ["first", "whitespace"])
def test_row_31_pings_for_ever(ask: Ask, kind: str) -> None:
    """Comments and blank lines are no answer."""
    result = ask(f"pings:{kind}", timeout=_clocks(first_event=SHORT))
    failed(result, 6, "fs", f"{SHORT} s")
    assert SHORT <= result.seconds < FAR / 4


def test_row_31_pings_after_text(ask: Ask, llm: Llm) -> None:
    """Comments keep the connection alive and are still no content."""
    result = ask("pings:later", timeout=_clocks(stall=SHORT))
    incomplete(llm, result, f"{SHORT} s")
    assert SHORT <= result.seconds < FAR / 4


def test_events_without_content_are_a_stall(ask: Ask, llm: Llm) -> None:
    incomplete(llm, ask("empty-deltas", timeout=_clocks(stall=SHORT)), f"{SHORT} s")


@pytest.mark.parametrize("when", ["before-head", "after-head"])
def test_row_32_no_first_token(ask: Ask, faults: FaultServer, when: str) -> None:
    result = ask(f"silent:{when}", timeout=_clocks(first_event=SHORT))
    failed(result, 6, "fs", f"{SHORT} s")
    assert SHORT <= result.seconds < FAR / 4
    assert len(faults.requests()) == 1


def test_row_33_stall_mid_stream(ask: Ask, llm: Llm) -> None:
    result = ask("stall", timeout=_clocks(silence=SHORT))
    incomplete(llm, result, f"{SHORT} s")
    assert SHORT <= result.seconds < FAR / 4


def test_the_first_event_clock_stops_at_the_first_event(ask: Ask) -> None:
    """An answer that takes three times as long as its first event may is fine."""
    result = ask("slow", timeout=_clocks(first_event=SHORT))
    assert (result.code, result.text) == (0, wire.TEXT)
    assert result.seconds > SHORT


def test_a_deadline_ends_a_silent_answer(ask: Ask) -> None:
    result = ask("silent:before-head", "--deadline", str(SHORT), "hi", timeout=_clocks())
    failed(result, 6, "deadline", f"{SHORT} s")
    assert result.seconds < FAR / 4


def test_a_deadline_ends_an_answer_that_goes_on(ask: Ask, llm: Llm) -> None:
    result = ask("lines", "--deadline", "1.5", "hi", timeout=_clocks())
    failed(result, 8, "deadline", "1.5 s")
    assert result.text.startswith("line 1\nline 2\n")
    kept(llm, "incomplete", result.text)


def test_a_response_that_is_no_stream_has_the_same_clock(ask: Ask) -> None:
    result = ask("silent:after-head", "--no-stream", "hi", timeout=_clocks(first_event=SHORT))
    failed(result, 6, f"{SHORT} s")


def test_a_slow_reader_is_not_a_silent_server(
    llm: Llm, faults: FaultServer, provider: Callable[..., object]
) -> None:
    """While the reader of a full pipe pauses, the server's clocks stand still."""
    provider(faults.url("long"), timeout=_clocks(silence=SHORT))
    result = llm("-m", "fs/m", "hi", wrap=f'"$@" | {{ sleep {4 * SHORT}; cat; }}')
    assert (result.code, result.err) == (0, "")
    assert len(result.out) == 400_000
