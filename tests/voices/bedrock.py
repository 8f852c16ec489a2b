"""How a Bedrock server speaks: Converse in binary frames."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from spoken import TEXT

from voices.base import USAGE, Voice


class Bedrock(Voice):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html.

    Frames as in https://smithy.io/2.0/aws/amazon-eventstream.html; both read 2026-11-21.
    """

    adapter = "bedrock"
    media = "application/vnd.amazon.eventstream"
    base = ""
    gap = 0
    reasons: ClassVar = {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "guardrail_intervened",
        "other": "novel",
    }

    def __init__(self, usage: tuple[Any, Any] | None = USAGE) -> None:
        super().__init__(usage)
        self._index = -1
        self._open = ""

    def frame(self, value: Any, name: str = "novelEvent") -> bytes:
        """An event of this type."""
        kind = {":event-type": name or "novelEvent", ":content-type": "application/json"}
        return pack({**kind, ":message-type": "event"}, self.json(value))

    def begin(self) -> bytes:
        """The role."""
        return self.frame({"p": "abcd", "role": "assistant"}, "messageStart")

    def says(self, text: str) -> bytes:
        """A piece of the answer; its block has no start."""
        return self._turn("text") + self._delta({"text": text})

    def thinks(self, text: str) -> bytes:
        """A piece of the reasoning."""
        return self._turn("reasoning") + self._delta({"reasoningContent": {"text": text}})

    def calls(self, call_id: str, name: str, fragments: Iterable[str]) -> bytes:
        """A tool use, whose block has a start."""
        opened = self._turn("tool")
        start = {"toolUse": {"toolUseId": call_id, "name": name}}
        event = {"contentBlockIndex": self._index, "start": start, "p": "ab"}
        parts = [opened, self.frame(event, "contentBlockStart")]
        parts += [self._delta({"toolUse": {"input": fragment}}) for fragment in fragments]
        return b"".join([*parts, self._close()])

    def _turn(self, kind: str) -> bytes:
        if self._open == kind:
            return b""
        closed, self._open = self._close(), kind
        self._index += 1
        return closed

    def _delta(self, delta: dict[str, Any]) -> bytes:
        event = {"contentBlockIndex": self._index, "delta": delta, "p": "abcdefgh"}
        return self.frame(event, "contentBlockDelta")

    def _close(self) -> bytes:
        kind, self._open = self._open, ""
        if not kind:
            return b""
        signed = {"reasoningContent": {"signature": "EqQB"}}
        sign = self._delta(signed) if kind == "reasoning" else b""
        return sign + self.frame({"contentBlockIndex": self._index}, "contentBlockStop")

    def finish(self, reason: str = "stop") -> bytes:
        """The stop reason."""
        return self._close() + self.frame({"stopReason": self.reasons[reason]}, "messageStop")

    def tail(self) -> bytes:
        """The usage."""
        usage = {"usage": self.counts(("inputTokens", "outputTokens"))} if self.usage else {}
        return self.frame({"metrics": {"latencyMs": 42}, **usage}, "metadata")

    def errors(self, message: str) -> dict[str, bytes]:
        """An exception of the service, or an error of the framing."""
        body = self.json({"message": message})
        return {
            "exception": pack(_exception("internalServerException"), body),
            "throttled": pack(_exception("throttlingException"), body),
            "error": pack(
                {":message-type": "error", ":error-code": "Oops", ":error-message": message}, b""
            ),
        }

    def failure(self, message: str) -> Any:
        """What a failure holds."""
        return {"message": message}

    def whole(self, text: str = TEXT, reason: str = "stop") -> Any:
        """The answer of `converse`."""
        message = {"role": "assistant", "content": [{"text": text}]}
        usage = {"usage": self.counts(("inputTokens", "outputTokens"))} if self.usage else {}
        told = {"output": {"message": message}, "stopReason": self.reasons[reason], **usage}
        return {**told, "metrics": {"latencyMs": 42}}

    def oddities(self) -> dict[str, bytes]:
        """Unknown events and headers, nulls, a payload that is empty."""
        kind = {":event-type": "novelEvent", ":message-type": "event"}
        more = b"".join([*map(_other_header, range(10))])
        return {
            "event": self.frame({"x": 1}, "novelEvent"),
            "null-delta": self.frame({"contentBlockIndex": 9, "delta": None}, "contentBlockDelta"),
            "delta": self.frame({"contentBlockIndex": 9, "delta": {"x": 1}}, "contentBlockDelta"),
            "null-start": self.frame({"contentBlockIndex": 9, "start": None}, "contentBlockStart"),
            "stop": self.frame({}, "contentBlockStop"),
            "headers": pack(kind, b"{}", more),
            "no-payload": pack(kind, b""),
        }


def _exception(name: str) -> dict[str, str]:
    kind = {":exception-type": name, ":content-type": "application/json"}
    return {**kind, ":message-type": "exception"}


def pack(headers: dict[str, str], payload: bytes, more: bytes = b"") -> bytes:
    """A frame with these headers, `more` being headers that are packed already."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    return pack_raw(packed + more, payload)


def pack_raw(packed: bytes, payload: bytes) -> bytes:
    """A frame whose sums and lengths are right, whatever its headers hold."""
    prelude = struct.pack(">II", len(packed) + len(payload) + 16, len(packed))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return frame + struct.pack(">I", zlib.crc32(frame))


def frames(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The headers and the payload of every frame in a stream that is whole."""
    while data:
        length, size = struct.unpack(">II", data[:8])
        yield data[12 : 12 + size], data[12 + size : length - 4]
        data = data[length:]


def _header(name: str, value: str) -> bytes:
    data = value.encode()
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(data)) + data


def _other_header(kind: int) -> bytes:
    """A header of each other type there is; 7 is a string."""
    name = f"x-{kind}".encode()
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    value = bytes(sizes[kind]) if kind in sizes else struct.pack(">H", 3) + b"abc"
    return bytes([len(name)]) + name + bytes([kind]) + value
