"""Writes what the calls of a batch cost into the ledger, in groups, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from llmcli.batch import outputs
from llmcli.batch.journal import Asked, Journal
from llmcli.errors import LocalIOError
from llmcli.ledger import Entry, Tags
from llmcli.store import Store

GROUP_SECONDS = 0.4
_END_SECONDS = 30.0


class Books:
    """The ledger behind a batch: entries reach it within `GROUP_SECONDS` of their attempt's end.

    What it cannot take is tried again; what it never took is told with `warn` at the end. `also`
    is called after each group.
    """

    def __init__(
        self, path: Path, warn: Callable[[str], None], also: Callable[[], None] = lambda: None
    ) -> None:
        self._path = path
        self._warn = warn
        self._also = also
        self._new: list[tuple[str, Sequence[Entry]]] = []
        self._left: list[tuple[str, Sequence[Entry]]] = []
        self._actions: list[Callable[[], None]] = []
        self._trouble: LocalIOError | None = None
        self._lock = threading.Lock()
        self._ending = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="books", daemon=True)
        self._thread.start()

    def add(self, call: str, entry: Entry) -> None:
        """An attempt that ended, without a word of what was said."""
        bare = entry._replace(error_message=None, request_id=None)
        with self._lock:
            self._new.append((call, (bare,)))

    def then(self, action: Callable[[], None]) -> None:
        """Have this done when what was added so far is written, or cannot be."""
        with self._lock:
            self._actions.append(action)

    def hurry(self) -> None:
        """Write what there is now: somebody waits for it."""
        self._wake.set()

    def close(self) -> bool:
        """Write the rest; whether the ledger has taken all of it."""
        self._ending = True
        self._wake.set()
        self._thread.join(_END_SECONDS)
        left = len(self._left) + len(self._new)
        if left and self._trouble:
            self._warn(f"{self._trouble.message}; {left:,} calls are not in the ledger")
        return not left

    def _run(self) -> None:
        store: Store | None = None
        ended = False
        while not ended:
            self._wake.wait(GROUP_SECONDS)
            self._wake.clear()
            ended = self._ending
            with self._lock:
                group, self._new = self._left + self._new, []
                actions, self._actions = self._actions, []
            self._left = group
            try:
                if group:
                    store = store or Store(self._path)
                    store.accounts.keep_all(group)
                self._left = []
            except LocalIOError as error:
                self._trouble = error
            for action in actions:
                action()
            self._also()
        if store:
            store.close()


def settle(journal: Journal, path: Path, tags: Tags, place: tuple[str, str]) -> None:
    """Add to the ledger what a killed run could not: its answers, and what it was asking.

    Of the latter nothing is known but that it may have cost something. `place` is provider and
    model. Raises LocalIOError.
    """
    begun = {(one.call, one.number): one for one in journal.unfinished()}
    if not begun:
        return
    store = Store(path)
    try:
        missing = begun.keys() - store.accounts.kept(list({call for call, _ in begun}))
        known = _known(journal, {call for call, _ in missing}, tags)
        kept = [(key[0], (known.get(key) or _lost(begun[key], place, tags),)) for key in missing]
        store.accounts.keep_all(kept)
    finally:
        store.close()
    journal.settled()


def _known(journal: Journal, calls: set[str], tags: Tags) -> dict[tuple[str, int], Entry]:
    """The attempts that the output tells of."""
    found = {}
    for value in journal.rows() if calls else ():
        call = value.get("call")
        if call in calls:
            for entry in outputs.entries(value, tags):
                found[call, entry.number] = entry
    return found


def _lost(asked: Asked, place: tuple[str, str], tags: Tags) -> Entry:
    return Entry(
        number=asked.number,
        provider=place[0],
        model=place[1],
        status="interrupted",
        error_kind="interrupted",
        started=asked.started,
        tags=tags,
    )
