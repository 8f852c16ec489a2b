"""Rows 75 and 78 to 80, 84: signals and readers that go away.

A run that is told to stop has its clocks at 20 s; it must be gone in a tenth of that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import wire
from expect import clean, kept
from fault_server import FaultServer
from running import Running
from support import Llm

Provider = Callable[..., Path]
CLOCK = 20.0
CLOCKS = dict.fromkeys(("connect", "first_event", "silence", "stall"), CLOCK)
SOON = CLOCK / 10
PARTIAL = wire.PARTIAL.encode()


@pytest.fixture
def stalled(llm: Llm, faults: FaultServer, provider: Provider) -> Running:
    """A run that has shown a part of the answer and waits for more."""
    provider(faults.url("stall"), timeout=CLOCKS)
    running = llm.start("-m", "fs/m", "hi")
    running.wait_for(PARTIAL)
    return running


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_row_75_78_signal_mid_stream(
    llm: Llm, faults: FaultServer, stalled: Running, name: str
) -> None:
    """It dies of that very signal, soon, and the part that came is kept."""
    number = getattr(signal, name)
    begun = time.monotonic()
    stalled.signal(number)
    result = stalled.finish()
    assert time.monotonic() - begun < SOON
    assert (result.code, result.out) == (-number, PARTIAL)
    clean(result)
    kept(llm, "interrupted", wire.PARTIAL)
    assert llm.turns()[0]["exit_code"] == 128 + number
    assert faults.requests()[0].left.wait(SOON)


def test_row_75_two_signals(stalled: Running) -> None:
    stalled.signal(signal.SIGINT)
    stalled.signal(signal.SIGINT)
    result = stalled.finish()
    assert result.code == -signal.SIGINT
    clean(result)


@pytest.mark.parametrize("fault", ["silent:before-head", "silent:after-head", "pings:first"])
def test_row_75_before_the_first_token(
    llm: Llm, faults: FaultServer, provider: Provider, fault: str
) -> None:
    provider(faults.url(fault), timeout=CLOCKS)
    running = llm.start("-m", "fs/m", "hi")
    _until(lambda: bool(faults.requests()))
    begun = time.monotonic()
    running.signal(signal.SIGINT)
    result = running.finish()
    assert time.monotonic() - begun < SOON
    assert (result.code, result.out) == (-signal.SIGINT, b"")
    clean(result)
    kept(llm, "interrupted", "")


def test_row_75_while_waiting_to_retry(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    provider(faults.url("retry-after:30"))
    running = llm.start("-m", "fs/m", "hi")
    _until(lambda: faults.requests() and faults.requests()[0].done.is_set())
    begun = time.monotonic()
    running.signal(signal.SIGINT)
    assert running.finish().code == -signal.SIGINT
    assert time.monotonic() - begun < SOON
    assert len(faults.requests()) == 1


def test_row_75_with_json_lines(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    """What was printed are whole lines."""
    provider(faults.url("stall"), timeout=CLOCKS)
    running = llm.start("-m", "fs/m", "--jsonl", "hi")
    running.wait_for(b"\\ud83c\\udf0d" if _escapes(running) else " 🌍".encode())
    running.signal(signal.SIGINT)
    result = running.finish()
    assert result.code == -signal.SIGINT
    assert result.out.endswith(b"\n")
    assert "".join(e["text"] for e in result.events if e["type"] == "text") == wire.PARTIAL


def test_an_ignored_signal_stays_ignored(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    """As under nohup: the answer is finished."""
    provider(faults.url("slow"), timeout=CLOCKS)
    wrapped = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    running = _start_wrapped(llm, wrapped)
    running.wait_for(b"Hello")
    running.signal(signal.SIGHUP)
    result = running.finish()
    assert (result.code, result.text) == (0, wire.TEXT)


def test_row_79_stop_and_continue(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    """It goes on where it was, the server having finished in the meantime."""
    provider(faults.url("slow"), timeout=CLOCKS)
    running = llm.start("-m", "fs/m", "hi")
    running.wait_for(b"Hello")
    running.signal(signal.SIGSTOP)
    assert faults.requests()[0].done.wait(CLOCK)
    running.signal(signal.SIGCONT)
    result = running.finish()
    assert (result.code, result.text) == (0, wire.TEXT)


def _head(llm: Llm, *args: str) -> tuple[bytes, Running]:
    """Run with a reader that takes one line and goes away."""
    read_end, write_end = os.pipe()
    running = llm.start("-m", "fs/m", *args, stdout=write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb", buffering=0) as reader:
        line = reader.readline()
    return line, running


def test_row_80_head(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    """Silent, dead of SIGPIPE, the server let go at once, and what came is kept."""
    provider(faults.url("lines"), timeout=CLOCKS)
    line, running = _head(llm, "hi")
    result = running.finish(SOON)
    assert (line, result.code, result.err) == (b"line 1\n", -signal.SIGPIPE, "")
    assert faults.requests()[0].left.wait(SOON)
    (turn,) = llm.turns()
    assert turn["status"] in ("interrupted", "incomplete")
    assert turn["text"].startswith("line 1\n")


def test_row_80_head_of_json_lines(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    provider(faults.url("lines"), timeout=CLOCKS)
    line, running = _head(llm, "--jsonl", "hi")
    assert line.startswith(b'{"type":')
    result = running.finish(SOON)
    assert (result.code, result.err) == (-signal.SIGPIPE, "")


def test_row_80_reader_gone_from_the_start(
    llm: Llm, faults: FaultServer, provider: Provider
) -> None:
    provider(faults.url("ok"))
    read_end, write_end = os.pipe()
    os.close(read_end)
    running = llm.start("-m", "fs/m", "hi", stdout=write_end)
    os.close(write_end)
    result = running.finish()
    assert (result.code, result.err) == (-signal.SIGPIPE, "")


def test_row_84_ctrl_c_while_stdin_is_open(
    llm: Llm, faults: FaultServer, provider: Provider
) -> None:
    """Waiting for a pipe can be ended."""
    provider(faults.url("ok"))
    running = llm.start("-m", "fs/m", "-q", "hi", stdin=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(1.0)
    running.signal(signal.SIGINT)
    result = running.finish()
    assert result.code == -signal.SIGINT
    assert not faults.requests()


def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + CLOCK
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _escapes(running: Running) -> bool:
    """Whether the JSON lines escape what is not ASCII."""
    running.wait_for(b"rld")
    return b"\\u00f6" in running.out


def _start_wrapped(llm: Llm, wrapped: list[str]) -> Running:
    import support

    process = subprocess.Popen(
        [*wrapped, *support.COMMAND, "-m", "fs/m", "hi"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=llm.env,
    )
    return Running(process)
