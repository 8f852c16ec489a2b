"""Keeps turns in the history while they happen."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from llmcli.config import Config
from llmcli.conversation import Asking
from llmcli.errors import LocalIOError
from llmcli.store import Store, default_path, waiting
from llmcli.turn import Turn

CHECKPOINT_SECONDS = 1.0


class Recorder:
    """Writes turns into the history; when that fails it warns once and the answer goes on.

    A turn that the database cannot take waits as a file and is taken in at a later start. With
    `history.required` LocalIOError is raised instead. The database stays open until `end`; `warn`
    may be replaced between turns.
    """

    def __init__(
        self,
        config: Config,
        warn: Callable[[str], None],
        *,
        enabled: bool = True,
        terminal: str = "",
    ) -> None:
        self.warn = warn
        self.terminal = terminal
        self._required = bool(config.get("history.required").value)
        self._enabled = enabled and bool(config.get("history.enabled").value)
        self._store: Store | None = None
        self._reader: Store | None = None
        self._moved: Path | None = None
        self._spooled = False
        self._warned = False
        self._last = 0.0

    def store(self) -> Store | None:
        """The history, open; None where it is off. Raises LocalIOError."""
        if self._enabled and self._store is None:
            self._store = Store(default_path())
            self._tell_moved(self._store)
        return self._store

    def past(self) -> Store:
        """The history to look into; only to be read where nothing is kept. Raises LocalIOError.

        What waits from earlier is taken in, where that can be done.
        """
        with contextlib.suppress(LocalIOError):
            store = self.store()
            if store and (files := waiting()):
                self._take_in(store, files)
        if self._store:
            return self._store
        self._reader = self._reader or Store(default_path(), changes=False)
        return self._reader

    def begin(self, turn: Turn) -> None:
        """Write the turn before anything is sent, and take in what waits from earlier."""
        try:
            store = self.store()
            if store is None:
                return
            if files := waiting():
                self._take_in(store, files)
            store.begin(turn, self.terminal)
            self._tell_moved(store)
            self._spooled = False
        except LocalIOError as error:
            self._spool(turn, error)
        self._last = time.monotonic()

    def tick(self, asking: Asking) -> None:
        """Keep what has arrived, at most once a second; when that fails, the end still counts."""
        now = time.monotonic()
        if not self._enabled or now - self._last < CHECKPOINT_SECONDS:
            return
        self._last = now
        turn = asking.turn()
        try:
            if self._spooled:
                self._write_spool(turn)
            elif self._store:
                self._store.checkpoint(turn)
        except LocalIOError:
            return

    def close(self, turn: Turn) -> None:
        """Write how the turn ended; doing so twice does no harm."""
        try:
            store = self.store()
            if store is None:
                return
            store.close_turn(turn, self.terminal)
            self._tell_moved(store)
        except LocalIOError as error:
            self._spool(turn, error)
            return
        if self._spooled:
            self._spooled = False
            self._discard_spool(turn)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Close the database."""
        for store in (self._store, self._reader):
            if store:
                store.close()
        self._store = self._reader = None

    def _spool(self, turn: Turn, error: LocalIOError) -> None:
        """Let the turn wait in a file. Raises the error where the history is required."""
        self.end()
        path = self._write_spool(turn)
        self._spooled = path is not None
        if self._required:
            raise error
        if not self._warned:
            self._warned = True
            kept = f"the turn waits in {path.parent}" if path else "this answer is not kept"
            self.warn(f"{error.message}; {kept}")

    def _write_spool(self, turn: Turn) -> Path | None:
        from llmcli.recorder import spool

        return spool.write(turn, self.terminal)

    def _discard_spool(self, turn: Turn) -> None:
        from llmcli.recorder import spool

        spool.discard(turn)

    def _take_in(self, store: Store, files: list[Path]) -> None:
        from llmcli.recorder import spool

        for unread in spool.take_in(store, files):
            self.warn(f"history: a turn that waited cannot be read: {unread}")

    def _tell_moved(self, store: Store) -> None:
        if store.moved and store.moved != self._moved:
            self._moved = store.moved
            self.warn(f"history: it was damaged and was moved to {store.moved}; a new one begins")
