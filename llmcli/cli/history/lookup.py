"""What the history commands share: the open store, the conversation that is meant, its label."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli.errors import ConfigError
from llmcli.terminal import clean, identity, note
from llmcli.wording import count

if TYPE_CHECKING:
    from llmcli.store import Store
    from llmcli.turn import Conversation

Id = Annotated[
    str, typer.Argument(metavar="ID", help="A conversation: its name, or how its id begins.")
]
Which = Annotated[
    str, typer.Argument(metavar="[ID]", help="A conversation; else the last one of this terminal.")
]
Limit = Annotated[int, typer.Option("-n", "--limit", metavar="N", help="At most so many.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do it without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")]


@contextlib.contextmanager
def opened(*, changes: bool = False) -> Iterator[Store]:
    """The history, to be read or to be changed. Raises LocalIOError.

    Turns that wait are taken in before a change, lest they come back after it.
    """
    from llmcli.store import Store, default_path, waiting

    store = Store(default_path(), changes=changes)
    try:
        if changes:
            _take_in_waiting(store)
        elif files := waiting():
            note(f"· not in it yet: {count(len(files), 'turn')}; the next question takes that in")
        yield store
    finally:
        store.close()
        if store.moved:
            note(f"· the history was damaged and was moved to {clean(str(store.moved))}")


def _take_in_waiting(store: Store) -> None:
    from llmcli.store import waiting

    before: list[Path] = []
    while (files := waiting()) and files != before:
        from llmcli.recorder import spool

        before = files
        for unread in spool.take_in(store, files):
            note(f"· a turn that waited cannot be read: {clean(str(unread))}")


def meant(store: Store, text: str) -> Conversation:
    """The conversation of that name or id; without one the last of this terminal, else of all.

    Raises ConfigError.
    """
    if text:
        return store.find(text)
    found = store.last_here(identity()) or next(iter(store.conversations(1)), None)
    if found is None:
        raise ConfigError("there is no conversation yet", hint='Ask something: llm "hello"')
    return found
