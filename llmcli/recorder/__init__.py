"""Keeps turns in the history while they happen."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from llmcli.config import Config
from llmcli.errors import LocalIOError
from llmcli.ledger import Entry
from llmcli.store import Store, default_path, waiting
from llmcli.turn import Turn

if TYPE_CHECKING:
    from llmcli.budgets import Claim, Standing
    from llmcli.store.accounts import Accounts

CHECKPOINT_SECONDS = 1.0


class Growing(Protocol):
    """A turn that is being answered."""

    def turn(self) -> Turn:
        """The turn as it stands."""
        ...


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
        self._ledger: Store | None = None
        self._moved: Path | None = None
        self._spooled = False
        self._warned = False
        self._held: set[str] = set()
        self._last = 0.0

    @property
    def keeps(self) -> bool:
        """Whether words are kept."""
        return self._enabled

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

    def accounts(self) -> Accounts:
        """What was spent, also where the history is off. Raises LocalIOError."""
        return self._counting().accounts

    def begin(self, turn: Turn, claim: Claim | None = None) -> Sequence[Standing]:
        """Write the turn before anything is sent, and take in what waits from earlier.

        With a claim money is held for it until `close`; returns how its accounts stood. Raises
        BudgetReached, and LocalIOError where a limit that refuses cannot be looked up.
        """
        found: Sequence[Standing] = ()
        try:
            store = self.store()
            if store is not None:
                if files := waiting():
                    self._take_in(store, files)
                found = store.begin(turn, self.terminal, claim)
                self._tell_moved(store)
                self._spooled = False
            elif claim:
                found = self.accounts().hold(claim)
            if claim:
                self._held.add(claim.id)
        except LocalIOError as error:
            if claim:
                self._uncounted(error, binding=claim.binding)
            if self._enabled:
                self._spool(turn, error)
        self._last = time.monotonic()
        return found

    def _uncounted(self, error: LocalIOError, *, binding: bool) -> None:
        """What was spent cannot be looked up: raise that where a limit refuses, else warn."""
        words = f"the budget cannot be checked: {error.message}"
        if binding:
            raise LocalIOError(words, hint="Nothing was sent. To check it: llm history check")
        self.warn(words)

    def tick(self, asking: Growing) -> None:
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
        held = turn.id in self._held
        if not self._enabled:
            self.keep(turn.id, turn.attempts, held=held)
            return
        try:
            store = self.store()
            assert store
            store.close_turn(turn, self.terminal, held=held)
            self._tell_moved(store)
        except LocalIOError as error:
            if held:
                self.disown(turn.id)
            self._spool(turn, error)
            return
        if self._spooled:
            self._spooled = False
            self._discard_spool(turn)

    def keep(self, call: str, entries: Sequence[Entry], *, held: bool = False) -> None:
        """Write the entries of a call that is no turn, without a word of what was said.

        Where that cannot be done the call has happened all the same. What was `held` is let go.
        """
        if not entries and not held:
            return
        bare = [entry._replace(error_message=None, request_id=None) for entry in entries]
        try:
            self._counting().accounts.keep(call, bare, held=held)
        except LocalIOError:
            if held:
                self.disown(call)

    def disown(self, call: str) -> None:
        """The money held for a call is not let go of here: the next to look does that."""
        from llmcli.store import holds

        holds.disown(call)

    def _counting(self) -> Store:
        self._ledger = self._ledger or self.store() or Store(default_path())
        return self._ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Close the database."""
        for store in (self._store, self._reader, self._ledger):
            if store:
                store.close()
        self._store = self._reader = self._ledger = None

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
