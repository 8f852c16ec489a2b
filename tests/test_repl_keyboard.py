"""The bytes of a terminal as keys: pastes that are too long, terminals that are gone."""

from __future__ import annotations

import os
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress

import pytest
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding.key_processor import KeyPress
from typing_support import pasted

from llmcli.repl.keyboard import PASTE_BYTES, keys_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there the system reads the keys")


def _openpty() -> tuple[int, int]:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    return ours, theirs


class Wire:
    """A keyboard and the other end of it, here a pipe or a terminal that is left."""

    def __init__(self, ends: tuple[int, int]) -> None:
        self._stream = open(ends[0], encoding="utf-8")  # noqa: SIM115
        self.end: int | None = ends[1]
        self.keys: Input = keys_of(self._stream)

    def hang_up(self) -> None:
        if self.end is not None:
            os.close(self.end)
            self.end = None

    def close(self) -> None:
        self.hang_up()
        with suppress(OSError):
            self._stream.close()


@pytest.fixture(params=[os.pipe, _openpty], ids=["pipe", "terminal"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """Of which the one ends with no bytes, the other with an error."""
    opened = Wire(request.param())
    yield opened
    opened.close()


def test_gone(wire: Wire) -> None:
    """It is closed once nobody can type any more, and not a moment earlier."""
    assert wire.end is not None
    os.write(wire.end, b"a")
    assert [key.key for key in wire.keys.read_keys()] == ["a"]
    assert not wire.keys.closed
    wire.hang_up()
    assert wire.keys.read_keys() == []
    assert wire.keys.closed


def test_nothing_to_read_is_not_gone(wire: Wire) -> None:
    """As where another program that has the terminal too was quicker."""
    os.set_blocking(wire.keys.fileno(), False)
    assert wire.keys.read_keys() == []
    assert not wire.keys.closed


@pytest.mark.parametrize("report", ["\x1b[<0;1;1M", "\x1b[M !!", "\x1b[31m", "\x1b[5;9R"])
def test_reports_that_nobody_asked_for(wire: Wire, report: str) -> None:
    """No key comes of them, neither of a mouse nor of where the cursor is."""
    assert wire.end is not None
    os.write(wire.end, f"a{report}b\r".encode())
    assert [key.data for key in wire.keys.read_keys()] == ["a", "b", "\r"]


def test_of_a_paste_no_more_is_kept_than_tells_that_it_is_too_long() -> None:
    """However much comes, the memory is bounded."""
    wire = Wire(os.pipe())
    assert wire.end is not None
    sent = pasted("x" * 3 * PASTE_BYTES).encode() + b"y"
    threading.Thread(target=_write_all, args=(wire.end, sent), daemon=True).start()
    found: list[KeyPress] = []
    while not found or found[-1].key != "y":
        found += wire.keys.read_keys()
    assert [len(key.data) for key in found] == [PASTE_BYTES + 1, 1]
    wire.close()


def _write_all(end: int, data: bytes) -> None:
    while data:
        data = data[os.write(end, data) :]
