"""Bytes to frames, by the rules of event streams, under every way of cutting them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcli.errors import ProtocolError
from llmcli.frames import (
    EVENT_LIMIT,
    BodyDecoder,
    Decoder,
    Frame,
    NdjsonDecoder,
    SseDecoder,
)

MIXED = (
    "\ufeff: comment\r\n"
    "event: one\r\nid: 1\rretry: 5\nunknown: x\nfield-alone\ndata: a\u2028b\u0085c\x0b\x1c 🌍\n\n"
    "data:no space\rdata:  two spaces\r\r"
    ":ping\n\n"
    "data\n\n"
    "event: last\ndata: held"
).encode()
MIXED_FRAMES = [
    Frame("a\u2028b\u0085c\x0b\x1c 🌍", "one"),
    Frame("no space\n two spaces"),
    Frame("held", "last"),
]


def frames(pieces: Iterable[bytes], decoder: Decoder | None = None) -> list[Frame]:
    """Every frame of these pieces."""
    decoder = decoder or SseDecoder()
    found = [frame for piece in pieces for frame in decoder.feed(piece)]
    return [*found, *decoder.close()]


def test_mixed_line_ends_and_odd_fields() -> None:
    """CR, LF, CRLF, a BOM, comments, unknown fields, and an end without its blank line."""
    assert frames([MIXED]) == MIXED_FRAMES


def test_every_cut_in_two() -> None:
    """A frame is the same wherever the network cuts it."""
    for cut in range(len(MIXED) + 1):
        assert frames([MIXED[:cut], MIXED[cut:]]) == MIXED_FRAMES, cut


def test_byte_by_byte() -> None:
    """One byte at a time."""
    assert frames(bytes([byte]) for byte in MIXED) == MIXED_FRAMES


@given(st.lists(st.integers(0, len(MIXED)), max_size=8))
def test_any_cuts(cuts: list[int]) -> None:
    """Any number of pieces, empty ones too."""
    edges = [0, *sorted(cuts), len(MIXED)]
    pieces = [MIXED[a:b] for a, b in itertools.pairwise(edges)]
    assert frames(pieces) == MIXED_FRAMES


def test_json_body_is_one_whole_frame() -> None:
    """A server that ignores `stream: true`, after blank lines, cut anywhere."""
    body = b'\n\n {"a":\n\n 1}\n'
    for cut in range(len(body)):
        assert frames([body[:cut], body[cut:]]) == [Frame(body.decode(), whole=True)]


def test_html_is_no_answer() -> None:
    """A captive portal's page is told at once."""
    with pytest.raises(ProtocolError, match="HTML"):
        frames([b"\n<!doctype html><html><title>Log in</title>"])


def test_invalid_utf8_is_marked() -> None:
    """That one frame is damaged, with U+FFFD where the bytes were."""
    assert frames([b"data: a\xff\n\ndata: b\n\n"]) == [
        Frame("a\ufffd", damaged=True),
        Frame("b"),
    ]


@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_giant_event_is_refused(end: bytes) -> None:
    """A line without end, or an event of many lines, stops at the limit."""
    line = b"data: " + b"x" * 65_536
    with pytest.raises(ProtocolError, match="larger"):
        frames([line, *[b"x" * 65_536] * (EVENT_LIMIT // 65_536), end])
    with pytest.raises(ProtocolError, match="larger"):
        frames([line + b"\n"] * (EVENT_LIMIT // 65_536 + 1))


def test_old_llama_cpp_error_field() -> None:
    """A literal `error:` line is an event named error."""
    assert frames([b'error: {"code":500}\n\n']) == [Frame('{"code":500}', "error")]


def test_ndjson() -> None:
    """One value a line, blank lines skipped, the last line without a newline, any cut."""
    data = '{"a":"\u2028"}\n\n{"b":2}\r\n{"c":3}'.encode()
    wanted = ['{"a":"\u2028"}', '{"b":2}', '{"c":3}']
    for cut in range(len(data) + 1):
        found = frames([data[:cut], data[cut:]], NdjsonDecoder())
        assert [frame.data.strip() for frame in found] == wanted


def test_ndjson_giant_line_is_refused() -> None:
    """The same limit as for an event."""
    with pytest.raises(ProtocolError, match="larger"):
        frames([b"x" * 65_536] * (EVENT_LIMIT // 65_536 + 1), NdjsonDecoder())


def test_body() -> None:
    """A body is one frame; nothing at all is none."""
    assert frames([b'{"a"', b":1}"], BodyDecoder()) == [Frame('{"a":1}', whole=True)]
    assert frames([b" \n"], BodyDecoder()) == []
