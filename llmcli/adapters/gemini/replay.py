"""The parts of an answer as they have to be sent back."""

from __future__ import annotations

import json
from typing import Any

from llmcli.adapters.base import mend_surrogates


class Replay:
    """Collects parts; only neighbours that are plain text of one kind are joined.

    A part with a signature stays as it is and where it is. `needed` says that text and tool calls
    alone do not tell it all.
    """

    __slots__ = ("_parts", "_run", "_thought", "needed")

    def __init__(self) -> None:
        self.needed = False
        self._parts: list[dict[str, Any]] = []
        self._run: list[str] = []
        self._thought = False

    def text(self, piece: str, thought: bool) -> None:
        """Add a piece of plain text, of the answer or of the reasoning."""
        if thought is not self._thought:
            self._close()
            self._thought = thought
        self._run.append(piece)

    def part(self, part: dict[str, Any]) -> None:
        """Add a part of any other kind, verbatim."""
        self._close()
        self._parts.append(part)

    def _close(self) -> None:
        joined = "".join(self._run)
        self._run.clear()
        if joined:
            self._parts.append({"text": joined, **({"thought": True} if self._thought else {})})

    def parts(self) -> list[dict[str, Any]]:
        """All of them, none when they need not be sent back or are no JSON."""
        self._close()
        if not self.needed:
            return []
        try:
            text = json.dumps(self._parts, ensure_ascii=False, allow_nan=False)
            return self._parts if text.isascii() else list(json.loads(mend_surrogates(text)[0]))
        except (ValueError, RecursionError):  # what is no JSON cannot be sent back
            return []
