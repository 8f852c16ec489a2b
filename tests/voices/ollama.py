"""How an Ollama server speaks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from spoken import MODEL, TEXT

from voices.base import Voice


class Ollama(Voice):
    """https://docs.ollama.com/api/chat (2026-11-21): one JSON object a line."""

    adapter = "ollama"
    media = "application/x-ndjson"
    base = ""
    gap = 1
    keeps_arguments = False
    tells_ids = False
    reasons: ClassVar = {
        "stop": "stop",
        "length": "length",
        "tool_calls": "stop",
        "other": "novel",
    }

    def frame(self, value: Any, name: str = "") -> bytes:
        """A line."""
        return self.json(value) + b"\n"

    def says(self, text: str) -> bytes:
        """A piece of the answer."""
        return self._line({"content": text})

    def thinks(self, text: str) -> bytes:
        """A piece of the thinking."""
        return self._line({"content": "", "thinking": text})

    def calls(self, call_id: str, name: str, fragments: Iterable[str]) -> bytes:
        """A tool call, which comes whole and without an id."""
        function = {"name": name, "arguments": json.loads("".join(fragments) or "{}")}
        return self._line({"content": "", "tool_calls": [{"function": function}]})

    def finish(self, reason: str = "stop") -> bytes:
        """The line that is done."""
        return self._line({"content": ""}, **self._done(self.reasons[reason]))

    def _line(self, message: dict[str, Any], **fields: Any) -> bytes:
        head = {"model": MODEL, "created_at": "2026-11-21T10:00:00.000000Z"}
        told = {"role": "assistant", **message}
        return self.frame({**head, "message": told, "done": False, **fields})

    def _done(self, reason: str) -> dict[str, Any]:
        times = {"total_duration": 9_000_000, "load_duration": 1, "eval_duration": 8_000_000}
        counts = self.counts(("prompt_eval_count", "eval_count"))
        return {"done": True, "done_reason": reason, **times, **counts}

    def errors(self, message: str) -> dict[str, bytes]:
        """A line with an error."""
        return {"line": self.frame({"error": message})}

    def failure(self, message: str) -> Any:
        """What a failure holds."""
        return {"error": message}

    def whole(self, text: str = TEXT, reason: str = "stop") -> Any:
        """The one line there is."""
        message = {"role": "assistant", "content": text}
        return {"model": MODEL, "message": message, **self._done(self.reasons[reason])}

    def oddities(self) -> dict[str, bytes]:
        """Lines with nothing in them, or with unknown things."""
        return {
            "fields": self._line({"content": "", "p": "aa", "images": None}, novel=[1]),
            "null-message": self.frame({"model": MODEL, "message": None, "done": False}),
            "null-content": self._line({"content": None, "thinking": None, "tool_calls": None}),
            "no-message": self.frame({"status": "loading"}),
            "empty-object": self.frame({}),
            "blank-line": b"\n \r\n",
        }
