"""Rows 75, 88 and 89 on a terminal: Ctrl-C, tiny and changing screens, no escapes where none."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
import wire
from expect import kept
from fault_server import FaultServer
from faults import OSC
from support import Llm

Provider = Callable[..., Path]
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*(?<![0-9])(3[0-9]|4[0-9]|9[0-7]|10[0-7])[0-9;:]*m")
CLOCKS = dict.fromkeys(("connect", "first_event", "silence", "stall"), 20.0)


def _letters(text: str) -> str:
    return "".join(re.findall("[A-Za-z]", _ESCAPES.sub("", text)))


def _all(child: Any) -> str:
    """Everything it writes until its end."""
    child.expect(pexpect.EOF)
    child.wait()
    written: bytes = child.before
    return written.decode(errors="replace")


@pytest.mark.parametrize("size", [(1, 1), (3, 10), (2, 5), (24, 80), (500, 400)])
def test_row_88_sizes(
    llm: Llm, faults: FaultServer, provider: Provider, size: tuple[int, int]
) -> None:
    """No crash and no letter lost, however small the screen."""
    provider(faults.url("ok"))
    child = llm.spawn("-m", "fs/m", "-q", "hi", dimensions=size)
    written = _all(child)
    assert (child.exitstatus, child.signalstatus) == (0, None)
    assert _letters(wire.TEXT) in _letters(written)
    assert "Traceback" not in written
    kept(llm, "complete", wire.TEXT)


def test_row_88_resize_mid_stream(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    provider(faults.url("slow"), timeout=CLOCKS)
    child = llm.spawn("-m", "fs/m", "-q", "hi")
    seen = b""
    for word, size in ((b"Hello", (10, 20)), (b"rld", (2, 4)), (b"and", (60, 200))):
        child.expect_exact(word)
        seen += child.before + child.after
        child.setwinsize(*size)
    written = seen.decode(errors="replace") + _all(child)
    assert child.exitstatus == 0
    assert "Traceback" not in written
    kept(llm, "complete", wire.TEXT)


@pytest.mark.parametrize("term", ["dumb", None])
@pytest.mark.parametrize("fault", ["ok", "stall", "http:401", "flaky:503"])
def test_row_89_no_escapes_on_a_dumb_terminal(
    llm: Llm, faults: FaultServer, provider: Provider, term: str | None, fault: str
) -> None:
    """Not one escape byte, in an answer or in an error."""
    provider(faults.url(fault), timeout={**CLOCKS, "silence": 0.4})
    child = llm.spawn("-m", "fs/m", "-v", "-u", "hi", env={"TERM": term})
    written = _all(child)
    assert "\x1b" not in written
    assert "Traceback" not in written
    if fault == "ok":
        assert _letters(wire.TEXT) in _letters(written)


def test_row_89_no_color(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    provider(faults.url("ok"))
    child = llm.spawn("-m", "fs/m", "-v", "-u", "hi", env={"NO_COLOR": "1"})
    written = _all(child)
    assert child.exitstatus == 0
    assert not _COLOUR.search(written)


def test_row_75_ctrl_c_on_a_terminal(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    """The cursor is back, the line ended, the part kept."""
    provider(faults.url("stall"), timeout=CLOCKS)
    child = llm.spawn("-m", "fs/m", "hi")
    child.expect_exact("rld")
    seen = child.before + child.after
    assert faults.requests()
    child.sendintr()
    written = seen.decode(errors="replace") + _all(child)
    assert child.signalstatus == signal.SIGINT
    assert "Traceback" not in written
    assert _ESCAPES.sub("", written).endswith("\n")
    assert written.rfind("\x1b[?25h") >= written.rfind("\x1b[?25l")
    (turn,) = llm.turns()
    assert turn["status"] == "interrupted"
    assert turn["text"].startswith("Hello wörld")


@pytest.mark.parametrize("fault", ["hostile", "error-later:object"])
def test_foreign_text_on_a_terminal_is_shown_not_obeyed(
    llm: Llm, faults: FaultServer, provider: Provider, fault: str
) -> None:
    """No sequence of a server's error message gets through."""
    provider(faults.url(fault))
    child = llm.spawn("-m", "fs/m", "hi")
    written = _all(child)
    assert "52;c;aGFja2Vk" in written
    for sequence in ("\x1b]", "\x9b", "\u202e", "\x1b[31mred"):
        assert sequence in OSC
        assert sequence not in written


def test_a_wait_is_shown_on_a_terminal(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    """Row 32: the seconds pass visibly, and the sign of it goes away again."""
    provider(faults.url("silent:after-head"), timeout={**CLOCKS, "first_event": 3.5})
    child = llm.spawn("-m", "fs/m", "hi")
    child.expect(r"\d s")
    written = _all(child)
    assert child.exitstatus == 6
    assert "first_event" in written
