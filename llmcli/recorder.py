"""Keeps a turn in the history while it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from llmcli.config import Config
from llmcli.conversation import Asking, Turn
from llmcli.errors import Failure, LocalIOError
from llmcli.redaction import redact
from llmcli.store import Store, default_path

CHECKPOINT_SECONDS = 1.0


class Recorder:
    """Writes a turn into the history; when that fails it warns once and the answer goes on.

    With `history.required` it raises LocalIOError instead.
    """

    def __init__(self, config: Config, warn: Callable[[str], None]) -> None:
        self._required = bool(config.get("history.required").value)
        self._enabled = bool(config.get("history.enabled").value)
        self._warn = warn
        self._store: Store | None = None
        self._last = 0.0

    def begin(self, asking: Asking, system: str, options: dict[str, Any]) -> None:
        """Write the row of the turn before anything is sent."""
        if not self._enabled:
            return
        try:
            self._store = Store(default_path())
            self._store.begin(asking.turn(), system, options)
        except LocalIOError as error:
            self._give_up(error)
        self._last = time.monotonic()

    def tick(self, asking: Asking) -> None:
        """Keep what has arrived, at most once a second; when that fails, the end still counts."""
        now = time.monotonic()
        if self._store and now - self._last >= CHECKPOINT_SECONDS:
            self._last = now
            try:
                self._store.checkpoint(asking.turn())
            except LocalIOError:
                return

    def close(self, turn: Turn, code: int, error: Failure | None) -> None:
        """Write how the turn ended."""
        if self._store is None:
            return
        kind, message = (error.kind, redact(error.message)) if error else (None, None)
        try:
            self._store.close_turn(turn, code, kind, message)
        except LocalIOError as trouble:
            self._give_up(trouble)
        else:
            self._store.close()

    def _give_up(self, error: LocalIOError) -> None:
        self._store = None
        if self._required:
            raise error
        self._warn(f"{error.message}; this answer is not kept")
