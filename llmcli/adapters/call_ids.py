"""Ids of tool calls as a vendor takes them, each only once in a conversation.

Servers that count anew in every answer (`call_0`, Kimi's `functions.f:0`) are followed by others
that refuse an id they have seen, or characters that it holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable


class CallIds:
    """Ids of one conversation, asked for in its order; `fit` makes one that the vendor takes."""

    def __init__(self, fit: Callable[[str], str] = str) -> None:
        self._fit = fit
        self._used: set[str] = set()
        self._open: dict[str, list[str]] = {}
        self._answered = False

    def of_call(self, call_id: str) -> str:
        """The id of the next call."""
        if self._answered:
            self._open.clear()
            self._answered = False
        found, number = self._fit(call_id), 2
        while found in self._used:
            found, number = self._fit(f"{call_id}_{number}"), number + 1
        self._used.add(found)
        self._open.setdefault(call_id, []).append(found)
        return found

    def of_result(self, call_id: str) -> str:
        """The id that the call of this result was given: of several, the first without one."""
        self._answered = True
        waiting = self._open.get(call_id)
        if not waiting:
            return self._fit(call_id)
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def digest(call_id: str, length: int) -> str:
    """Letters and digits that stand for an id."""
    return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:length]
