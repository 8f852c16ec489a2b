"""Bytes to frames: server-sent events and newline-delimited JSON, pure and incremental.

Written after the WHATWG rules for event streams (https://html.spec.whatwg.org/multipage/
server-sent-events.html, 2026-11-21): a line ends at CR, LF or CRLF only, so U+2028 or U+0085 inside
a JSON string cannot cut it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from llmcli.errors import ProtocolError

EVENT_LIMIT = 1 << 20
BODY_LIMIT = 64 << 20
_BOM = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """One event of a stream; `whole` says it is a complete body instead."""

    data: str
    event: str = ""
    whole: bool = False
    damaged: bool = False


class Decoder(Protocol):
    """Cuts the bytes of one response into frames."""

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes as they come and yield every frame they complete."""
        ...

    def close(self) -> Iterator[Frame]:
        """Say that the bytes have ended and yield what was pending."""
        ...


def _decode(line: bytes) -> tuple[str, bool]:
    try:
        return line.decode(), False
    except UnicodeDecodeError:
        return line.decode(errors="replace"), True


class SseDecoder:
    """Server-sent events; a body that turns out to be JSON becomes one whole frame.

    Raises ProtocolError when a line or event is larger than EVENT_LIMIT, a body than BODY_LIMIT.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""
        self._body: list[bytes] | None = None
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes as they come and yield every frame they complete."""
        if self._begun and not self._buffer and not self._data and not self._event:
            whole = _one_event(chunk)
            if whole:
                yield whole
                return
        if self._body is not None:
            self._collect(chunk)
            return
        self._buffer = data = self._buffer + chunk if self._buffer else chunk
        if not self._begun and not self._begin():
            return
        data = self._buffer
        if b"\r" in data:
            lines, self._buffer = _split_any(data)
        else:
            cut = data.rfind(b"\n") + 1
            lines, self._buffer = data[:cut].split(b"\n")[:-1] if cut else [], data[cut:]
        if len(self._buffer) > EVENT_LIMIT:
            raise _too_large()
        for line in lines:
            if not line:
                if any(self._data):
                    yield self._dispatch()
                self._data, self._size, self._event = [], 0, ""
            else:
                self._line(line)

    def close(self) -> Iterator[Frame]:
        """Yield what is pending: a proxy may cut the last blank line."""
        if self._body is not None:
            text, damaged = _decode(b"".join(self._body))
            yield Frame(text, whole=True, damaged=damaged)
            return
        if self._begun and self._buffer:
            self._line(self._buffer.rstrip(b"\r"))
        if any(self._data):
            yield self._dispatch()

    def _begin(self) -> bool:
        """Look at the first bytes: a BOM is dropped, a JSON body is collected whole."""
        data = self._buffer
        if _BOM.startswith(data):
            return False
        data = data.removeprefix(_BOM)
        start = data.lstrip()
        if not start:
            return len(data) > EVENT_LIMIT
        self._begun = True
        self._buffer = data
        if start[:1] in b"{[":
            self._body, self._buffer = [], b""
            self._collect(data)
            return False
        if start[:1] == b"<":
            raise ProtocolError("not an API answer: the server sent an HTML page")
        return True

    def _collect(self, chunk: bytes) -> None:
        assert self._body is not None
        self._size += len(chunk)
        if self._size > BODY_LIMIT:
            raise _too_large()
        self._body.append(chunk)

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            self._size += len(value)
            if self._size > EVENT_LIMIT:
                raise _too_large()
            self._data.append(value)
        elif line.startswith(b"event:"):
            self._event = _decode(line[6:])[0].removeprefix(" ")
        elif line.startswith(b"error:"):
            # Older llama.cpp servers send a failure as a field of its own.
            self._event = "error"
            self._data.append(line[6:].strip())
        elif line == b"data":
            self._data.append(b"")

    def _dispatch(self) -> Frame:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data, self._size = [], 0
        text, damaged = _decode(data)
        return Frame(text, self._event, False, damaged)


def _one_event(chunk: bytes) -> Frame | None:
    """The frame of a chunk that is exactly one plain event, named or not, as most chunks are."""
    name = ""
    if chunk[:7] == b"event: ":
        line, _, chunk = chunk.partition(b"\n")
        name = _decode(line[7:].removesuffix(b"\r"))[0]
        if "\r" in name:
            return None
    if chunk[:6] != b"data: ":
        return None
    if chunk[-2:] == b"\n\n":
        data = chunk[6:-2]
    elif chunk[-4:] == b"\r\n\r\n":
        data = chunk[6:-4]
    else:
        return None
    if not data or b"\n" in data or b"\r" in data or len(data) > EVENT_LIMIT:
        return None
    try:
        return Frame(data.decode(), name)
    except UnicodeDecodeError:
        return Frame(data.decode(errors="replace"), name, damaged=True)


def _split_any(data: bytes) -> tuple[list[bytes], bytes]:
    """Lines ended by CR, LF or CRLF, and the rest; a last CR waits for a possible LF."""
    held = b"\r" if data.endswith(b"\r") else b""
    body = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = body.split(b"\n")
    return lines[:-1], lines[-1] + held


class NdjsonDecoder:
    """One JSON value a line, blank lines skipped. Raises ProtocolError as SseDecoder does."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes as they come and yield every line they complete."""
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        if len(self._buffer) > EVENT_LIMIT:
            raise _too_large()
        for line in lines:
            if line.strip():
                text, damaged = _decode(line)
                yield Frame(text, damaged=damaged)

    def close(self) -> Iterator[Frame]:
        """Yield a last line that had no newline."""
        if self._buffer.strip():
            text, damaged = _decode(self._buffer)
            yield Frame(text, damaged=damaged)


class BodyDecoder:
    """A response that is not a stream: its body is one whole frame."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Collect the body."""
        self._size += len(chunk)
        if self._size > BODY_LIMIT:
            raise _too_large()
        self._chunks.append(chunk)
        return iter(())

    def close(self) -> Iterator[Frame]:
        """Yield the body."""
        text, damaged = _decode(b"".join(self._chunks).removeprefix(_BOM))
        if text.strip():
            yield Frame(text, whole=True, damaged=damaged)


def _too_large() -> ProtocolError:
    return ProtocolError(
        f"an event of the answer is larger than {EVENT_LIMIT >> 20} MiB"
        f" (a whole body: {BODY_LIMIT >> 20} MiB)"
    )
