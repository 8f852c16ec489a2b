"""How a Chat Completions server speaks; the bytes are those of `wire`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import wire
from spoken import TEXT

from voices.base import SseVoice


class OpenAIChat(SseVoice):
    """https://platform.openai.com/docs/api-reference/chat (2026-11-21)."""

    adapter = "openai-chat"
    reasons: ClassVar = {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "content_filter": "content_filter",
        "other": "novel",
    }

    def begin(self) -> bytes:
        """The role."""
        return self._delta({"role": "assistant", "content": ""})

    def says(self, text: str) -> bytes:
        """A piece of the answer."""
        return self._delta({"content": text})

    def thinks(self, text: str) -> bytes:
        """A piece of the reasoning."""
        return self._delta({"reasoning_content": text})

    def calls(self, call_id: str, name: str, fragments: Iterable[str]) -> bytes:
        """A tool call."""
        function = {"name": name, "arguments": ""}
        call = {"index": 0, "id": call_id, "type": "function", "function": function}
        parts = [self._delta({"tool_calls": [call]})]
        for fragment in fragments:
            part = {"index": 0, "function": {"arguments": fragment}}
            parts.append(self._delta({"tool_calls": [part]}))
        return b"".join(parts)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self.frame(wire.chunk(delta))

    def finish(self, reason: str = "stop") -> bytes:
        """The finish reason."""
        return self.frame(wire.chunk(reason=self.reasons[reason]))

    def tail(self) -> bytes:
        """The usage and `[DONE]`."""
        usage = self.counts(("prompt_tokens", "completion_tokens"))
        last = self.frame({**wire.chunk(), "choices": [], "usage": usage}) if usage else b""
        return last + wire.DONE

    def errors(self, message: str) -> dict[str, bytes]:
        """An object with an error in it, under several roofs."""
        flat = {"message": message, "type": "server_error", "code": 500}
        return {
            "object": self.frame({"error": flat}) + wire.DONE,
            "text": self.frame({"error": message}),
            "named": self.frame({"error": flat}, "error"),
            "beside": self.frame(wire.chunk(reason="error", error=flat)) + wire.DONE,
            "field": b"error: " + self.json(flat) + b"\n\n",
        }

    def failure(self, message: str) -> Any:
        """What a failure holds."""
        return {"error": {"message": message, "type": "server_error", "code": None}}

    def whole(self, text: str = TEXT, reason: str = "stop") -> Any:
        """A `chat.completion`."""
        counts = self.counts(("prompt_tokens", "completion_tokens"))
        body = wire.body(text, usage=counts or None)
        body["choices"][0]["finish_reason"] = self.reasons[reason]
        return body

    def oddities(self) -> dict[str, bytes]:
        """What servers were seen to send besides."""
        return {
            "event": self.frame({"type": "novel", "x": [1]}, "novel"),
            "fields": self.frame(wire.chunk({"content": "", "p": "aa"}, obfuscation="x", n=None)),
            "null-choices": self.frame({"choices": None}),
            "null-delta": self.frame({"choices": [{"index": 0, "delta": None}]}),
            "empty-object": self.frame({}),
            "comment": self.keepalive(),
        }
