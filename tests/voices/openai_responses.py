"""How a Responses server speaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from spoken import MODEL, TEXT

from voices.base import USAGE, SseVoice

_NAMES = ("input_tokens", "output_tokens")


class OpenAIResponses(SseVoice):
    """https://platform.openai.com/docs/api-reference/responses-streaming (2026-11-21).

    Each item of the output is opened, told in deltas, closed, and told whole once more at the end.
    """

    adapter = "openai-responses"
    reasons: ClassVar = {
        "stop": "completed",
        "length": "max_output_tokens",
        "tool_calls": "completed",
        "content_filter": "content_filter",
        "other": "novel",
    }

    def __init__(self, usage: tuple[Any, Any] | None = USAGE) -> None:
        super().__init__(usage)
        self._number = -1
        self._items: list[dict[str, Any]] = []
        self._open = ""
        self._text = ""

    def typed(self, kind: str, **fields: Any) -> bytes:
        """An event with its number."""
        self._number += 1
        return super().typed(kind, **fields, sequence_number=self._number)

    def begin(self) -> bytes:
        """The response is made, and in progress."""
        return self._response("created", "in_progress") + self._response(
            "in_progress", "in_progress"
        )

    def _response(self, event: str, status: str, **fields: Any) -> bytes:
        response = {"id": "resp_1", "object": "response", "status": status, "model": MODEL}
        response |= {"error": None, "incomplete_details": None, "output": [], "usage": None}
        return self.typed(f"response.{event}", response={**response, **fields})

    def says(self, text: str) -> bytes:
        """A piece of the answer."""
        opened = self._turn("message")
        self._text += text
        place = {**self._place(), "content_index": 0}
        return opened + self.typed("response.output_text.delta", **place, delta=text, logprobs=[])

    def thinks(self, text: str) -> bytes:
        """A piece of the summary of the reasoning."""
        opened = self._turn("reasoning")
        self._text += text
        place = {**self._place(), "summary_index": 0}
        return opened + self.typed("response.reasoning_summary_text.delta", **place, delta=text)

    def calls(self, call_id: str, name: str, fragments: Iterable[str]) -> bytes:
        """A tool call; its item has an id of its own."""
        item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": ""}
        parts = [self._close(), self._begin_item({**item, "status": "in_progress"}, "fc")]
        whole = ""
        for fragment in fragments:
            whole += fragment
            event = "response.function_call_arguments.delta"
            parts.append(self.typed(event, **self._place(), delta=fragment))
        done = "response.function_call_arguments.done"
        parts.append(self.typed(done, **self._place(), name=name, arguments=whole))
        parts.append(self._end_item({"arguments": whole, "status": "completed"}))
        return b"".join(parts)

    def _turn(self, kind: str) -> bytes:
        """Close what is open and open an item of this kind, unless it is open already."""
        if self._open == kind:
            return b""
        closed, self._open, self._text = self._close(), kind, ""
        if kind == "message":
            item = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
            part = {"type": "output_text", "text": "", "annotations": []}
            event = "response.content_part.added"
            opened = self._begin_item(item, "msg")
            return closed + opened + self.typed(event, **self._place(), content_index=0, part=part)
        opened = self._begin_item({"type": "reasoning", "summary": []}, "rs")
        part = {"type": "summary_text", "text": ""}
        event = "response.reasoning_summary_part.added"
        return closed + opened + self.typed(event, **self._place(), summary_index=0, part=part)

    def _begin_item(self, item: dict[str, Any], prefix: str) -> bytes:
        self._items.append({"id": f"{prefix}_{len(self._items)}", **item})
        event = "response.output_item.added"
        return self.typed(event, output_index=len(self._items) - 1, item=self._items[-1])

    def _end_item(self, fields: dict[str, Any]) -> bytes:
        self._items[-1] = {**self._items[-1], **fields}
        event = "response.output_item.done"
        return self.typed(event, output_index=len(self._items) - 1, item=self._items[-1])

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._items[-1]["id"], "output_index": len(self._items) - 1}

    def _close(self) -> bytes:
        kind, text, self._open = self._open, self._text, ""
        if kind == "message":
            part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
            place = {**self._place(), "content_index": 0}
            done = self.typed("response.output_text.done", **place, text=text)
            done += self.typed("response.content_part.done", **place, part=part)
            return done + self._end_item({"content": [part], "status": "completed"})
        if kind == "reasoning":
            part = {"type": "summary_text", "text": text}
            place = {**self._place(), "summary_index": 0}
            done = self.typed("response.reasoning_summary_text.done", **place, text=text)
            done += self.typed("response.reasoning_summary_part.done", **place, part=part)
            return done + self._end_item({"summary": [part], "encrypted_content": "gAAA"})
        return b""

    def finish(self, reason: str = "stop") -> bytes:
        """The whole response once more."""
        closed, word = self._close(), self.reasons[reason]
        usage = {"usage": self._usage(), "output": self._items}
        if word == "completed":
            return closed + self._response("completed", "completed", **usage)
        return closed + self._response(
            "incomplete", "incomplete", incomplete_details={"reason": word}, **usage
        )

    def _usage(self) -> dict[str, Any] | None:
        counts = self.counts(_NAMES)
        details = {
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        return {**counts, **details} if counts else None

    def errors(self, message: str) -> dict[str, bytes]:
        """An event `error`, flat or not, or a response that failed."""
        flat = {"code": "server_error", "message": message, "param": None}
        failed = {"code": "server_error", "message": message}
        return {
            "flat": self.typed("error", **flat),
            "nested": self.typed("error", error={"type": "server_error", **flat}),
            "failed": self._response("failed", "failed", error=failed),
        }

    def failure(self, message: str) -> Any:
        """What a failure holds."""
        return {"error": {"message": message, "type": "server_error", "code": None}}

    def whole(self, text: str = TEXT, reason: str = "stop") -> Any:
        """A `response` that is over."""
        word = self.reasons[reason]
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {"type": "message", "id": "msg_0", "role": "assistant", "content": [part]}
        return {
            "id": "resp_1",
            "object": "response",
            "status": "completed" if word == "completed" else "incomplete",
            "model": MODEL,
            "error": None,
            "incomplete_details": None if word == "completed" else {"reason": word},
            "output": [{**item, "status": "completed"}],
            "usage": self._usage(),
        }

    def oddities(self) -> dict[str, bytes]:
        """Events of other tools, and fields that are null."""
        return {
            "event": self.typed("response.novel.delta", delta="no"),
            "no-type": self.frame({"x": 1}, "novel"),
            "queued": self._response("queued", "queued"),
            "search": self.typed("response.web_search_call.searching", output_index=7),
            "null-delta": self.typed("response.output_text.delta", item_id=None, delta=None),
            "null-item": self.typed("response.output_item.added", output_index=8, item=None),
            "empty-object": self.frame({}),
            "comment": self.keepalive(),
        }
