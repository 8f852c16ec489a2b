"""Bytes to frames: Amazon's binary event stream, pure and incremental.

Written after https://smithy.io/2.0/aws/amazon-eventstream.html (2026-11-21). A frame is
`total length, headers length, CRC-32 of those two, headers, payload, CRC-32 of all before`, each
number four bytes, big-endian.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from struct import Struct, error
from zlib import crc32

from llmcli.errors import ProtocolError
from llmcli.frames import BodyDecoder, Frame

HEADERS_LIMIT = 128 << 10
PAYLOAD_LIMIT = 24 << 20
EXCEPTION = "exception:"
_PRELUDE = Struct(">III")
_NUMBER = Struct(">I")
_LENGTH = Struct(">H")
_AROUND = _PRELUDE.size + _NUMBER.size  # bytes of a frame that are neither headers nor payload
_FRAME_LIMIT = _AROUND + HEADERS_LIMIT + PAYLOAD_LIMIT
_NAMES_LIMIT = 64
_BYTES, _STRING = 6, 7
_Name = tuple[str, str]
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of header values, by their type


class EventStreamDecoder:
    """Frames of an event stream; a body that turns out to be JSON becomes one whole frame.

    The event of a frame is its event type; of an exception it is `exception:` and its type, with
    a JSON object that holds the message as data. Raises ProtocolError for damaged frames.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # of a frame that is not whole yet
        self._held = 0
        self._wanted = _PRELUDE.size
        self._body: BodyDecoder | None = None
        self._begun = False
        self._names: dict[bytes, _Name] = {}  # each kind of event has the same headers every time

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes as they come and yield every frame they complete."""
        if self._body is not None:
            yield from self._body.feed(chunk)
            return
        if not self._begun and chunk:
            self._begin(chunk)
            if self._body is not None:
                return
        data = self._join(chunk)
        start, end = 0, len(data)
        while end - start >= self._wanted:
            size, headers, checksum = _PRELUDE.unpack_from(data, start)
            if checksum != crc32(data[start : start + 8]):
                raise ProtocolError("the answer is damaged: the checksum of a frame is wrong")
            _check_sizes(size, headers)
            self._wanted = size
            if end - start < size:
                break
            self._wanted = _PRELUDE.size
            yield self._frame(data[start : start + size], headers)
            start += size
        if start < end:
            self._parts, self._held = [data[start:] if start else data], end - start

    def _join(self, chunk: bytes) -> bytes:
        """All that is held once it may be a whole frame, else nothing."""
        if not self._parts:
            return chunk
        self._parts.append(chunk)
        self._held += len(chunk)
        if self._held < self._wanted:
            return b""
        data = b"".join(self._parts)
        self._parts, self._held = [], 0
        return data

    def close(self) -> Iterator[Frame]:
        """Yield a whole body; a frame that was cut off is left out."""
        return iter(()) if self._body is None else self._body.close()

    def _begin(self, data: bytes) -> None:
        """Look at the first byte, which no frame within the limits has above 1."""
        self._begun = True
        if data[0] <= _FRAME_LIMIT >> 24:
            return
        if data.lstrip()[:1] == b"<":
            raise ProtocolError("not an API answer: the server sent an HTML page")
        self._body = BodyDecoder()
        self._body.feed(data)

    def _frame(self, frame: bytes, headers: int) -> Frame:
        (checksum,) = _NUMBER.unpack_from(frame, len(frame) - 4)
        if checksum != crc32(frame[:-4]):
            raise ProtocolError("the answer is damaged: the checksum of a frame is wrong")
        cut = _PRELUDE.size + headers
        block = frame[_PRELUDE.size : cut]
        name = self._names.get(block)
        if name is None:
            name = _name(block)
            if len(self._names) < _NAMES_LIMIT:
                self._names[block] = name
        event, message = name
        try:
            return Frame(message or frame[cut:-4].decode(), event)
        except UnicodeDecodeError:
            return Frame(frame[cut:-4].decode(errors="replace"), event, damaged=True)


def _check_sizes(size: int, headers: int) -> None:
    """Refuse, before it is waited for, a frame that cannot be or that is too large."""
    payload = size - headers - _AROUND
    if payload < 0:
        raise ProtocolError("the answer is damaged: the lengths of a frame do not fit")
    if headers > HEADERS_LIMIT or payload > PAYLOAD_LIMIT:
        raise ProtocolError(f"a frame of the answer is larger than {PAYLOAD_LIMIT >> 20} MiB")


def _name(block: bytes) -> _Name:
    """The event that a frame's headers name, and the data that stands in them instead of after."""
    headers = read_headers(block)
    kind = headers.get(":message-type", "event")
    if kind == "exception":
        return EXCEPTION + headers.get(":exception-type", ""), ""
    if kind == "error":
        message = headers.get(":error-message", "")
        return EXCEPTION + headers.get(":error-code", ""), json.dumps({"message": message})
    return headers.get(":event-type", ""), ""


def read_headers(block: bytes) -> dict[str, str]:
    """The headers of a frame that are text, by name. Raises ProtocolError."""
    found: dict[str, str] = {}
    place = 0
    try:
        while place < len(block):
            name, place = _piece(block, place + 1, block[place])
            kind = block[place]
            place += 1
            if kind in (_BYTES, _STRING):
                (length,) = _LENGTH.unpack_from(block, place)
                value, place = _piece(block, place + _LENGTH.size, length)
                if kind == _STRING:
                    found[name.decode()] = value.decode()
            else:
                _, place = _piece(block, place, _SIZES[kind])
    except (IndexError, KeyError, error, UnicodeDecodeError):
        raise ProtocolError("the answer is damaged: the headers of a frame make no sense") from None
    return found


def _piece(block: bytes, start: int, length: int) -> tuple[bytes, int]:
    """So many bytes and the place after them. Raises IndexError when they are not there."""
    end = start + length
    if end > len(block):
        raise IndexError(end)
    return block[start:end], end
