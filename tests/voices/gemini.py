"""How a Gemini server speaks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from spoken import MODEL, TEXT

from voices.base import SseVoice


class Gemini(SseVoice):
    """https://ai.google.dev/api/generate-content (2026-11-21): every chunk is a whole response."""

    adapter = "gemini"
    base = "/v1beta"
    line_end = b"\r\n"
    gap = 4
    keeps_arguments = False
    reasons: ClassVar = {
        "stop": "STOP",
        "length": "MAX_TOKENS",
        "tool_calls": "STOP",
        "content_filter": "SAFETY",
        "other": "NOVEL",
    }

    def says(self, text: str) -> bytes:
        """A piece of the answer."""
        return self.frame(self._response([{"text": text}]))

    def thinks(self, text: str) -> bytes:
        """A piece of the summary of the thoughts."""
        return self.frame(self._response([{"text": text, "thought": True}]))

    def calls(self, call_id: str, name: str, fragments: Iterable[str]) -> bytes:
        """A function call, which always comes whole."""
        call = {"id": call_id, "name": name, "args": json.loads("".join(fragments) or "{}")}
        part = {"functionCall": call, "thoughtSignature": "CiQB"}
        return self.frame(self._response([part]))

    def finish(self, reason: str = "stop") -> bytes:
        """A chunk with the finish reason, and a part that holds no text."""
        return self.frame(self._response([{"text": ""}], finishReason=self.reasons[reason]))

    def _response(self, parts: list[Any], **candidate: Any) -> dict[str, Any]:
        content = {"role": "model", "parts": parts}
        usage = self._usage()
        return {
            "candidates": [{"content": content, **candidate, "index": 0}],
            **({"usageMetadata": usage} if usage else {}),
            "modelVersion": MODEL,
            "responseId": "r1",
        }

    def _usage(self) -> dict[str, Any]:
        counts = self.counts(("promptTokenCount", "candidatesTokenCount"))
        told = all(type(number) is int for number in counts.values())
        return {**counts, "totalTokenCount": sum(counts.values())} if counts and told else counts

    def errors(self, message: str) -> dict[str, bytes]:
        """An error object, as an event or as bare JSON over many lines."""
        error = {"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}}
        pretty = json.dumps(error, indent=2, ensure_ascii=self.escaped)
        return {"event": self.frame(error), "bare": pretty.encode()}

    def failure(self, message: str) -> Any:
        """What a failure holds."""
        return {"error": {"code": 500, "message": message, "status": "INTERNAL", "details": []}}

    def whole(self, text: str = TEXT, reason: str = "stop") -> Any:
        """The one response there is."""
        return self._response([{"text": text}], finishReason=self.reasons[reason])

    def oddities(self) -> dict[str, bytes]:
        """Candidates without content, content without parts, parts of unknown kinds."""
        usage = {"usageMetadata": self._usage()}
        return {
            "no-candidates": self.frame({**usage, "responseId": "r1"}),
            "no-content": self.frame({"candidates": [{"index": 0, "safetyRatings": []}]}),
            "no-parts": self.frame({"candidates": [{"content": {"role": "model"}}]}),
            "null": self.frame({"candidates": None, "usageMetadata": None}),
            "part": self.frame(self._response([{"novelPart": {"x": 1}}, None, {"text": None}])),
            "other": self.frame({"candidates": [{"index": 1, "content": self._other()}]}),
            "empty-object": self.frame({}),
            "comment": self.keepalive(),
        }

    def _other(self) -> dict[str, Any]:
        return {"role": "model", "parts": [{"text": "OTHER"}]}
