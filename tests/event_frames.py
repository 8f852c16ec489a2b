"""Frames of Amazon's event stream, written by hand after its specification."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping


def text(name: str, value: str) -> bytes:
    """A header that is text."""
    return header(name, 7, struct.pack(">H", len(value.encode())) + value.encode())


def header(name: str, kind: int, value: bytes = b"") -> bytes:
    """A header of any type, its value encoded already."""
    return bytes([len(name)]) + name.encode() + bytes([kind]) + value


def frame(headers: bytes, payload: bytes) -> bytes:
    """One frame with the right lengths and checksums."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    data = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return data + struct.pack(">I", zlib.crc32(data))


def event(name: str, payload: str | bytes) -> bytes:
    """A frame as Bedrock sends one for an event."""
    return _typed("event", ":event-type", name, payload)


def exception(name: str, payload: str | bytes) -> bytes:
    """A frame as Bedrock sends one when the stream fails."""
    return _typed("exception", ":exception-type", name, payload)


def events(frames: Iterable[tuple[str, str]]) -> bytes:
    """A stream of events, each a pair of its type and its payload."""
    return b"".join(event(name, payload) for name, payload in frames)


def with_headers(headers: Mapping[str, str], payload: bytes = b"") -> bytes:
    """A frame with these headers, all text."""
    return frame(b"".join(text(name, value) for name, value in headers.items()), payload)


def _typed(kind: str, key: str, name: str, payload: str | bytes) -> bytes:
    headers = {key: name, ":content-type": "application/json", ":message-type": kind}
    return with_headers(headers, payload.encode() if isinstance(payload, str) else payload)
