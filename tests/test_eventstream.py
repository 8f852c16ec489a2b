"""The decoder of Amazon's event stream: cuts, damage, limits, strange headers, other bodies."""

from __future__ import annotations

import contextlib
import itertools
import json
import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from event_frames import event, events, exception, frame, header, text, with_headers

from llmcli.errors import ProtocolError
from llmcli.eventstream import (
    HEADERS_LIMIT,
    PAYLOAD_LIMIT,
    EventStreamDecoder,
    read_headers,
)
from llmcli.frames import Frame

STREAM = events([("one", '{"text":"é🌍"}'), ("two", "{}"), ("one", '{"a":"\u2028"}'), ("end", "")])
FRAMES = [
    Frame('{"text":"é🌍"}', "one"),
    Frame("{}", "two"),
    Frame('{"a":"\u2028"}', "one"),
    Frame("", "end"),
]
EVERY_TYPE = b"".join(
    [
        header("yes", 0),
        header("no", 1),
        header("byte", 2, b"\x80"),
        header("short", 3, struct.pack(">h", -2)),
        header("int", 4, struct.pack(">i", -3)),
        header("long", 5, struct.pack(">q", -4)),
        header("bytes", 6, struct.pack(">H", 3) + b"\x07\x00\xff"),
        text("text", "wört"),
        header("time", 8, struct.pack(">q", 1_790_000_000_000)),
        header("uuid", 9, bytes(range(16))),
        text(":event-type", "last"),
    ]
)


def decode(*chunks: bytes) -> list[Frame]:
    """All frames of these chunks."""
    decoder = EventStreamDecoder()
    found = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return found + list(decoder.close())


def resized(size: int, headers: int) -> bytes:
    """A prelude with these lengths and the right checksum."""
    lengths = struct.pack(">II", size, headers)
    return lengths + struct.pack(">I", zlib.crc32(lengths))


def test_one_chunk() -> None:
    """Several frames in one chunk."""
    assert decode(STREAM) == FRAMES


def test_every_cut() -> None:
    """Cut in two or in three anywhere, or into bytes, the frames are the same."""
    for cut in range(len(STREAM) + 1):
        assert decode(STREAM[:cut], STREAM[cut:]) == FRAMES, cut
    for cuts in itertools.combinations(range(0, len(STREAM), 7), 2):
        a, b = cuts
        assert decode(STREAM[:a], STREAM[a:b], STREAM[b:]) == FRAMES, cuts
    assert decode(*(bytes([byte]) for byte in STREAM)) == FRAMES


def test_a_frame_is_given_out_when_its_last_byte_is_there() -> None:
    """Not a byte later: the first token must not wait for the second."""
    decoder = EventStreamDecoder()
    first = event("one", "1")
    assert list(decoder.feed(first[:-1])) == []
    assert list(decoder.feed(first[-1:])) == [Frame("1", "one")]


def test_frames_before_the_damage_are_given_out() -> None:
    """What was whole before a damaged frame is not lost."""
    decoder = EventStreamDecoder()
    feed = decoder.feed(event("one", "1") + event("one", "2")[:-1] + b"\x00")
    assert next(feed) == Frame("1", "one")
    with pytest.raises(ProtocolError, match="checksum"):
        next(feed)


def test_every_byte_counts() -> None:
    """One flipped bit anywhere never gives a frame; in the first byte it may look like a body."""
    whole = event("one", '{"a":1}')
    for place in range(len(whole)):
        for bit in range(8):
            broken = bytearray(whole)
            broken[place] ^= 1 << bit
            with contextlib.suppress(ProtocolError):
                assert not [found for found in decode(bytes(broken)) if not found.whole]


def test_wrong_prelude_is_noticed_before_the_frame_is_awaited() -> None:
    """A length that is not meant would make us wait for bytes that never come."""
    broken = bytearray(event("one", "{}"))
    broken[3] += 1
    with pytest.raises(ProtocolError, match="checksum"):
        decode(bytes(broken[:12]))


@pytest.mark.parametrize(
    ("size", "headers"),
    [
        (16 + PAYLOAD_LIMIT + 1, 0),
        (16 + HEADERS_LIMIT + 1, HEADERS_LIMIT + 1),
        (15, 0),
        (0, 0),
        (20, 5),
        (16, 0xFFFFFFFF),
    ],
)
def test_impossible_sizes(size: int, headers: int) -> None:
    """Too large, or lengths that do not fit each other: refused by the prelude alone."""
    with pytest.raises(ProtocolError):
        decode(resized(size, headers))


def test_largest_frame() -> None:
    """The limits themselves are allowed, in many chunks, in linear time."""
    headers = header("x" * 255, 6, struct.pack(">H", 60_000) + bytes(60_000)) * 2
    headers += text(":event-type", "big")
    data = frame(headers, b"a" * PAYLOAD_LIMIT)
    chunks = (data[start : start + 16_384] for start in range(0, len(data), 16_384))
    (found,) = decode(*chunks)
    assert (found.event, len(found.data)) == ("big", PAYLOAD_LIMIT)


def test_headers_of_every_type() -> None:
    """Those that are no text are stepped over."""
    assert read_headers(EVERY_TYPE) == {"text": "wört", ":event-type": "last"}
    assert decode(frame(EVERY_TYPE, b"p")) == [Frame("p", "last")]


@pytest.mark.parametrize(
    "headers",
    [
        b"\x05ab",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x07",
        b"\x01a\x07\x00\x05abc",
        b"\x01a\x05\x00",
        b"\x01a\x09\x00",
        b"\x01\xff\x07\x00\x01a",
        b"\x01a\x07\x00\x01\xff",
    ],
)
def test_headers_that_make_no_sense(headers: bytes) -> None:
    """Cut off, of no known type, or no text: a clear error."""
    with pytest.raises(ProtocolError, match="headers"):
        decode(frame(headers, b""))


def test_exception_and_error_frames() -> None:
    """Both are told apart from events; an error has its message in a header."""
    assert decode(exception("throttlingException", '{"message":"slow"}')) == [
        Frame('{"message":"slow"}', "exception:throttlingException")
    ]
    headers = {":message-type": "error", ":error-code": "Oops", ":error-message": 'a "b"'}
    (found,) = decode(with_headers(headers, b"ignored"))
    assert found.event == "exception:Oops"
    assert json.loads(found.data) == {"message": 'a "b"'}


def test_same_kind_of_error_twice() -> None:
    """What is remembered of headers is not mixed up."""
    parts = [exception("a", "1"), event("a", "2"), exception("a", "3"), event("b", "4")]
    assert [(f.event, f.data) for f in decode(b"".join(parts))] == [
        ("exception:a", "1"),
        ("a", "2"),
        ("exception:a", "3"),
        ("b", "4"),
    ]


def test_many_kinds_of_headers() -> None:
    """Headers that differ each time, as no real server sends, are read all the same."""
    names = [f"e{number}" for number in range(200)]
    assert [f.event for f in decode(events([(name, "") for name in names]))] == names


def test_bytes_that_are_no_text() -> None:
    """A payload that is not UTF-8 is marked as damaged."""
    assert decode(event("one", b'{"a":"\xff"}')) == [
        Frame('{"a":"\ufffd"}', "one", whole=False, damaged=True)
    ]


@pytest.mark.parametrize("body", [b'{"message":"no"}', b'\n {"a":"\xc3\xa9"}', b"[1]", b"nonsense"])
def test_body_instead_of_frames(body: bytes) -> None:
    """JSON or anything else that is no frame is collected whole, however it is cut."""
    expected = [Frame(body.decode(), whole=True)]
    assert decode(body) == expected
    assert decode(*(bytes([byte]) for byte in body)) == expected


def test_page_instead_of_frames() -> None:
    """A captive portal says so."""
    with pytest.raises(ProtocolError, match="HTML"):
        decode(b"\n<!doctype html>")


def test_nothing_and_half_a_frame() -> None:
    """No bytes give no frame; a frame cut off is left out, for the adapter to notice."""
    assert decode() == decode(b"") == []
    assert decode(STREAM[:-1]) == FRAMES[:-1]


def test_botocore_reads_the_same() -> None:
    """Amazon's own decoder finds the same events and payloads in the same bytes."""
    data = STREAM + exception("x", "{}") + frame(EVERY_TYPE, b"p")
    peer = EventStreamBuffer()
    peer.add_data(data)
    theirs = []
    for message in peer:
        name = message.headers.get(":event-type") or message.headers.get(":exception-type")
        theirs.append((name, message.payload.decode()))
    ours = [(f.event.removeprefix("exception:"), f.data) for f in decode(data)]
    assert ours == theirs
    assert len(ours) == 6
