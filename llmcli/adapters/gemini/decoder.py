"""Bytes of a Gemini stream to frames."""

from __future__ import annotations

from collections.abc import Iterator

from llmcli.errors import ProtocolError
from llmcli.frames import EVENT_LIMIT, Frame, SseDecoder


class GeminiDecoder(SseDecoder):
    """Server-sent events, after which a failure may stand as bare JSON over many lines.

    Such JSON becomes one whole frame; in a plain stream of events its lines would be dropped as
    unknown fields, and with them the reason why the stream broke.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bare: list[bytes] = []
        self._bare_size = 0

    def _line(self, line: bytes) -> None:
        if not self._bare and line[:1] not in (b"{", b"["):
            super()._line(line)
            return
        self._bare_size += len(line)
        if self._bare_size > EVENT_LIMIT:
            raise ProtocolError("the bare JSON in the stream is too large to be an error")
        self._bare.append(line)

    def close(self) -> Iterator[Frame]:
        """Yield what is pending, the bare JSON last."""
        yield from super().close()
        if self._bare:
            yield Frame(b"\n".join(self._bare).decode(errors="replace"), whole=True)
