"""A batch on a terminal: a bar while it runs, nothing of it at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pexpect
import pytest
from batch_server import BatchServer
from support import Llm


@pytest.fixture
def server(llm: Llm) -> Iterator[BatchServer]:
    """The default model; an answer takes 50 ms."""
    with BatchServer(latency=0.05) as started:
        started.provide(llm)
        (llm.root / "in.txt").write_text(
            "".join(f"FAIL {n}\n" if n == 3 else f"{n}\n" for n in range(60))
        )
        yield started


def said(pattern: str) -> bytes:
    """A pattern as it stands in the bytes of a terminal."""
    return pattern.encode()


def test_the_bar(llm: Llm, server: BatchServer) -> None:
    """Done and failed, speed, cost so far, the time that is left; then one line."""
    child = llm.spawn("batch", "in.txt", "-o", "out.jsonl", "-j", "2", dimensions=(24, 100))
    child.expect(said(r"[0-9]+/60 · 1 failed · [0-9.]+/s · \$0\.0[0-9]+ · [0-9.]+ m?s left"))
    child.expect(said(r"· 59 done, 1 failed · \$0\.0[0-9]+ · [0-9.]+ s"))
    child.expect("--retry-failed")
    child.wait()
    assert child.exitstatus == 8


def test_without_colours_and_quiet(llm: Llm, server: BatchServer) -> None:
    """NO_COLOR holds for the bar; -q leaves nothing at all."""
    child = llm.spawn("batch", "in.txt", "-o", "out.jsonl", "-j", "8", env={"NO_COLOR": "1"})
    child.expect("--retry-failed")
    assert b"\x1b[3" not in child.before
    child.wait()
    child = llm.spawn("batch", "in.txt", "-o", "two.jsonl", "-q", "-j", "8")
    child.expect(pexpect.EOF)
    assert child.before.strip() == b""


def test_a_pause_is_told(llm: Llm, server: BatchServer) -> None:
    """Who watches knows why nothing happens; Ctrl-C in the pause stops at once."""
    server.set(pause_at=10, retry_after="60")
    child = llm.spawn("batch", "in.txt", "-o", "out.jsonl", "-j", "2", dimensions=(24, 100))
    child.expect(r"paused for [0-9]+\.[0-9] s: the server has enough|paused for 1 min")
    child.sendintr()
    child.expect("stopped: .* not asked")
    child.expect("run the same command again")
    child.wait()
    assert child.signalstatus == 2
