"""How a Messages server of Anthropic's kind speaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from spoken import MODEL, TEXT

from voices.base import USAGE, SseVoice


class Anthropic(SseVoice):
    """https://docs.anthropic.com/en/docs/build-with-claude/streaming (2026-11-21)."""

    adapter = "anthropic"
    reasons: ClassVar = {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "refusal": "refusal",
        "other": "novel",
    }

    def __init__(self, usage: tuple[Any, Any] | None = USAGE) -> None:
        super().__init__(usage)
        self._index = -1
        self._open = ""

    def begin(self) -> bytes:
        """The message without content, and a ping."""
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL}
        message |= {"content": [], "stop_reason": None, "stop_sequence": None}
        return self.typed("message_start", message={**message, **self._usage_so_far()}) + (
            self.typed("ping")
        )

    def _usage_so_far(self) -> dict[str, Any]:
        if self.usage is None:
            return {}
        given, output = self.usage
        cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        said = 1 if isinstance(output, int) and output > 0 else output
        return {"usage": {"input_tokens": given, **cache, "output_tokens": said}}

    def says(self, text: str) -> bytes:
        """A piece of the answer."""
        opened = self._turn({"type": "text", "text": ""})
        return opened + self._delta({"type": "text_delta", "text": text})

    def thinks(self, text: str) -> bytes:
        """A piece of the thinking."""
        opened = self._turn({"type": "thinking", "thinking": "", "signature": ""})
        return opened + self._delta({"type": "thinking_delta", "thinking": text})

    def calls(self, call_id: str, name: str, fragments: Iterable[str]) -> bytes:
        """A block of kind `tool_use`."""
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        parts = [self._turn(block), self._delta({"type": "input_json_delta", "partial_json": ""})]
        parts += [self._delta({"type": "input_json_delta", "partial_json": f}) for f in fragments]
        return b"".join([*parts, self._close()])

    def _turn(self, block: dict[str, Any]) -> bytes:
        """Close what is open and open this block, unless one of its kind is open already."""
        if self._open == block["type"]:
            return b""
        closed = self._close()
        self._open = block["type"]
        self._index += 1
        return closed + self.typed("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self.typed("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> bytes:
        kind, self._open = self._open, ""
        if not kind:
            return b""
        signature = {"type": "signature_delta", "signature": "EqQB"}
        signed = self._delta(signature) if kind == "thinking" else b""
        return signed + self.typed("content_block_stop", index=self._index)

    def finish(self, reason: str = "stop") -> bytes:
        """The stop reason with the usage, then the stop of the message."""
        delta = {"stop_reason": self.reasons[reason], "stop_sequence": None}
        usage = {"usage": {"output_tokens": self.usage[1]}} if self.usage else {}
        told = self.typed("message_delta", delta=delta, **usage)
        return self._close() + told + self.typed("message_stop")

    def errors(self, message: str) -> dict[str, bytes]:
        """An event `error`."""
        error = {"type": "overloaded_error", "message": message}
        return {
            "overloaded": self.typed("error", error=error, request_id="req_1"),
            "unnamed": self.frame({"type": "error", "error": {**error, "type": "api_error"}}),
        }

    def failure(self, message: str) -> Any:
        """What a failure holds."""
        return {"type": "error", "error": {"type": "api_error", "message": message}}

    def whole(self, text: str = TEXT, reason: str = "stop") -> Any:
        """A `message`."""
        usage = {"usage": self.counts(("input_tokens", "output_tokens"))} if self.usage else {}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [{"type": "text", "text": text}],
            "stop_reason": self.reasons[reason],
            "stop_sequence": None,
            **usage,
        }

    def keepalive(self) -> bytes:
        """A ping, which is an event here."""
        return self.typed("ping")

    def oddities(self) -> dict[str, bytes]:
        """Unknown events, blocks and deltas, and nulls."""
        block = {"type": "novel_block", "x": [1]}
        start = self.typed("content_block_start", index=90, content_block=block)
        start += self.typed("content_block_delta", index=90, delta={"type": "novel_delta", "x": 1})
        null = self.typed("content_block_start", index=91, content_block=None)
        null += self.typed("content_block_delta", index=91, delta=None)
        stop = self.typed("content_block_stop", index=90) + self.typed("content_block_stop")
        return {
            "event": self.typed("novel", x=[1]),
            "no-type": self.frame({"x": 1}, "novel"),
            "block": start + stop,
            "null": null,
            "no-index": self.typed("content_block_delta", delta={"type": "text_delta", "text": ""}),
            "padding": self.frame(self.json({"type": "ping"}) + b"      ", "ping"),
            "empty-object": self.frame({}),
            "comment": b": hello\n\n",
        }
