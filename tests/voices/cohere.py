"""How a Cohere server speaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from spoken import TEXT

from voices.base import USAGE, SseVoice


class Cohere(SseVoice):
    """https://docs.cohere.com/reference/chat-stream (2026-11-21), version 2."""

    adapter = "cohere"
    base = ""
    reasons: ClassVar = {
        "stop": "COMPLETE",
        "length": "MAX_TOKENS",
        "tool_calls": "TOOL_CALL",
        "other": "NOVEL",
    }

    def __init__(self, usage: tuple[Any, Any] | None = USAGE) -> None:
        super().__init__(usage)
        self._index = -1
        self._open = ""

    def begin(self) -> bytes:
        """The message without content."""
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        return self.typed("message-start", id="c1", delta={"message": message})

    def says(self, text: str) -> bytes:
        """A piece of the answer."""
        return self._piece("text", text)

    def thinks(self, text: str) -> bytes:
        """A piece of the thinking."""
        return self._piece("thinking", text)

    def _piece(self, kind: str, text: str) -> bytes:
        opened = b""
        if self._open != kind:
            opened = self._close()
            self._open = kind
            self._index += 1
            opened += self._message("content-start", content={"type": kind, kind: ""})
        return opened + self._message("content-delta", content={kind: text})

    def calls(self, call_id: str, name: str, fragments: Iterable[str]) -> bytes:
        """A tool call, an object and not a list."""
        closed = self._close()
        self._index += 1
        function = {"name": name, "arguments": ""}
        call = {"id": call_id, "type": "function", "function": function}
        parts = [closed, self._message("tool-call-start", tool_calls=call)]
        for fragment in fragments:
            part = {"function": {"arguments": fragment}}
            parts.append(self._message("tool-call-delta", tool_calls=part))
        return b"".join([*parts, self.typed("tool-call-end", index=self._index)])

    def _message(self, kind: str, **message: Any) -> bytes:
        return self.typed(kind, index=self._index, delta={"message": message})

    def _close(self) -> bytes:
        kind, self._open = self._open, ""
        return self.typed("content-end", index=self._index) if kind else b""

    def finish(self, reason: str = "stop") -> bytes:
        """The end of the message, with the usage."""
        delta = {"finish_reason": self.reasons[reason], **self._usage()}
        return self._close() + self.typed("message-end", delta=delta)

    def _usage(self) -> dict[str, Any]:
        if self.usage is None:
            return {}
        given, output = self.usage
        billed = {"input_tokens": given, "output_tokens": output}
        preamble = given + 62 if type(given) is int and given > 0 else given
        tokens = {"input_tokens": preamble, "output_tokens": output}
        return {"usage": {"billed_units": billed, "tokens": tokens}}

    def tail(self) -> bytes:
        """`[DONE]`."""
        return self.frame(b"[DONE]")

    def errors(self, message: str) -> dict[str, bytes]:
        """The end of the message with an error for its reason."""
        delta = {"finish_reason": "ERROR", "error": message}
        return {
            "message-end": self.typed("message-end", delta=delta) + self.tail(),
            "object": self.frame({"id": "c1", "message": message}, "error"),
        }

    def failure(self, message: str) -> Any:
        """What a failure holds."""
        return {"id": "c1", "message": message}

    def whole(self, text: str = TEXT, reason: str = "stop") -> Any:
        """The message."""
        message = {"role": "assistant", "content": [{"type": "text", "text": text}]}
        word = self.reasons[reason]
        return {"id": "c1", "finish_reason": word, "message": message, **self._usage()}

    def oddities(self) -> dict[str, bytes]:
        """Citations, unknown events, nulls."""
        return {
            "event": self.typed("novel-event", index=3, delta={"x": 1}),
            "citation": self.typed("citation-start", index=0, delta={"message": {"citations": {}}}),
            "null-delta": self.typed("content-delta", index=0, delta=None),
            "null-message": self.typed("content-delta", index=0, delta={"message": None}),
            "null-content": self.typed("content-delta", delta={"message": {"content": None}}),
            "null-call": self.typed("tool-call-delta", delta={"message": {"tool_calls": None}}),
            "no-type": self.frame({"x": 1}, "novel"),
            "empty-object": self.frame({}),
            "comment": self.keepalive(),
        }
