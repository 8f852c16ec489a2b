"""The history in SQLite: a tree of turns, written while they happen, and named places in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from llmcli.errors import LocalIOError, UsageError
from llmcli.paths import data_dir
from llmcli.redaction import MASK
from llmcli.store import backups, changing, damage, opening, reading, removal, searching, writing
from llmcli.store.accounts import Accounts
from llmcli.store.changing import Merged
from llmcli.store.damage import beside, spools, troubles, waiting
from llmcli.store.migrations import VERSION
from llmcli.store.opening import BUSY_SECONDS, explained
from llmcli.store.parts import title
from llmcli.store.processes import gone
from llmcli.store.searching import MARK_END, MARK_START, Found
from llmcli.turn import Conversation, Turn
from llmcli.usage import Spent

if TYPE_CHECKING:
    from llmcli.budgets import Claim, Standing

__all__ = [
    "MARK_END", "MARK_START", "VERSION", "Found", "Merged", "Store", "beside", "default_path",
    "gone", "spools", "title", "troubles", "waiting",
]  # fmt: skip
T = TypeVar("T")
_BEGIN_SECONDS = 4.0
_CLOSE_SECONDS = 6.0  # with what `begin` waited, a turn waits ten seconds
_CHECKPOINT_SECONDS = 0.05
_JOURNAL_SECONDS = 2.0


class Store:
    """The history database; each change is one immediate transaction, safe against a crash.

    Without `changes` it only reads. `moved` is where a damaged one was moved to: a new one took
    its place. One of a newer llm is only read. Every method raises LocalIOError, with SQLite's own
    words, when the database cannot be used.
    """

    def __init__(self, path: Path, *, changes: bool = True) -> None:
        self._path = path
        self._changes = changes
        self._begun = ""
        self.moved: Path | None = None
        with explained():
            self._db = self._open()

    @property
    def accounts(self) -> Accounts:
        """What was spent."""
        return Accounts(self._read, self._change)

    def begin(
        self, turn: Turn, terminal: str = "", claim: Claim | None = None
    ) -> Sequence[Standing]:
        """Write the turn that is about to be asked in this terminal; waits 4 s at most.

        With a claim, money is held for it; how the accounts stood. Raises BudgetReached.
        """
        found = self._change(lambda db: writing.begin(db, turn, terminal, claim), _BEGIN_SECONDS)
        self._begun = turn.id
        return found

    def checkpoint(self, turn: Turn) -> None:
        """Keep what has arrived so far; a database that is busy is left for the next time."""
        self._change(lambda db: writing.checkpoint(db, turn), _CHECKPOINT_SECONDS)

    def close_turn(self, turn: Turn, terminal: str = "", *, held: bool = False) -> None:
        """Write how the turn ended, and its beginning if that could not be written.

        Of one that was removed since it began only its cost is kept. What was `held` is let go.
        """

        def close(db: sqlite3.Connection) -> None:
            writing.close(db, turn, terminal, begun=turn.id == self._begun, held=held)

        self._change(close, _CLOSE_SECONDS)

    def turn(self, turn_id: str) -> Turn | None:
        """The turn with this id."""
        return self._read(lambda db: reading.turn(db, turn_id))

    def last_turn(self) -> Turn | None:
        """The turn that was asked last."""
        return self._read(reading.last_turn)

    def path(self, head: str | None) -> list[Turn]:
        """The turns from the beginning to this one, without their attempts."""
        return self._read(lambda db: reading.path(db, head))

    def tree(self, conversation: str) -> list[Turn]:
        """Every turn that was asked in a conversation, oldest first."""
        return self._read(lambda db: reading.tree(db, conversation))

    def whole(self, conversation: Conversation) -> list[Turn]:
        """The turns on its path, wherever asked, and its other branches; oldest first."""
        return self._read(lambda db: reading.whole(db, conversation.id, conversation.head))

    def children(self, turn: str | None, conversation: str) -> list[str]:
        """The answered turns that follow this one in a conversation, newest first."""
        return self._read(lambda db: reading.children(db, turn, conversation))

    def conversation(self, conversation_id: str) -> Conversation | None:
        """The conversation with exactly this id."""
        return self._read(lambda db: reading.conversation(db, conversation_id))

    def conversations(
        self, limit: int = 0, *, terminal: str | None = None, model: str | None = None
    ) -> list[Conversation]:
        """Conversations, the one used last first; 0 is no limit.

        Only those last used in this terminal, with a turn of this `provider` or `provider/model`.
        """
        return self._read(lambda db: reading.conversations(db, limit, terminal, model))

    def find(self, text: str) -> Conversation:
        """The conversation of this name or id, or the only one whose id begins so.

        Raises ConfigError with the nearest names, or with the candidates.
        """
        return self._read(lambda db: reading.find(db, text))

    def last_here(self, terminal: str) -> Conversation | None:
        """The conversation last used in this terminal, of those that something answered."""
        return self._read(lambda db: reading.last_here(db, terminal))

    def search(
        self, words: str, limit: int = 20, *, conversation: str | None = None
    ) -> list[Found]:
        """The turns with all these words in prompt and answer, newest first; 0 is no limit.

        Words of three letters also find longer ones; `"in quotes"` they must follow each other.
        In snippets each found word stands between MARK_START and MARK_END. Of each text the first
        million characters are searched.
        """
        return self._read(lambda db: searching.search(db, words, limit, conversation))

    def spent(self, conversations: Sequence[str]) -> dict[str, Spent]:
        """What the turns asked in each of these conversations cost."""
        return self._read(lambda db: reading.spent(db, conversations))

    def older_than(self, moment: float) -> list[Conversation]:
        """The conversations last used before that time, in seconds since 1970; oldest first."""
        return self._read(lambda db: reading.older_than(db, moment))

    def set_head(self, conversation: str, head: str | None) -> None:
        """Let the conversation go on from this turn."""
        self._change(lambda db: changing.set_head(db, conversation, head))

    def rename(self, conversation: str, name: str) -> None:
        """Name the conversation, also before it begins; an empty name takes it away.

        Raises UsageError for a name that another has, and for one that looks like an id.
        """
        self._change(lambda db: changing.rename(db, conversation, name))

    def fork(
        self, conversation: str, head: str | None, name: str = "", terminal: str = ""
    ) -> Conversation:
        """A new conversation that goes on from this turn. Raises as `rename` does."""
        return self._change(lambda db: changing.fork(db, conversation, head, name, terminal))

    def merge(
        self, conversation: Conversation, turns: Sequence[Turn], within: float = BUSY_SECONDS
    ) -> Merged:
        """Take in a conversation with turns; what is there already stays as it is."""
        return self._change(lambda db: changing.merge(db, conversation, turns), within)

    def remove(self, conversation_ids: Iterable[str]) -> int:
        """Remove conversations with their words; how many turns went.

        Turns that another conversation shares stay, and so does what was spent.
        """
        going = list(conversation_ids)
        return self._forget(lambda db: removal.remove(db, going))

    def redact(self, text: str, mask: str = MASK) -> int:
        """Put a mask wherever this text stands in the history; how many places.

        Backups, databases moved aside and turns that wait keep it. Raises UsageError without text.
        """
        if not text or text in mask:
            raise UsageError("there is no text to mask")
        return self._forget(lambda db: removal.redact(db, text, mask))

    def mentions(self, text: str) -> int:
        """In how many places stands what `redact` would mask; nothing changes."""
        with explained():
            opening.check_writable(self._db)
            return opening.rehearse(self._db, lambda db: removal.replace(db, text, MASK))

    def reindex(self) -> None:
        """Make the index of words anew from the texts."""
        self._change(writing.index_anew)

    def backup(self, path: Path) -> None:
        """Copy the history to a new file. Raises UsageError where there is one."""
        with explained():
            backups.write(self._path, path)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        try:
            db = self._connect()
        except (sqlite3.Error, OSError) as error:
            if not (self._changes and self._set_aside(error)):
                raise
            db = self._connect()
        if self._changes:
            self._file = opening.identity(self._path)
            self._give_up(db)
        return db

    def _connect(self) -> sqlite3.Connection:
        return opening.connect(self._path, changes=self._changes, busy=_BEGIN_SECONDS)

    def _give_up(self, db: sqlite3.Connection) -> None:
        """Close the turns of processes that are gone; if the database is busy, another time."""
        try:
            turns = writing.abandoned(db)
            if turns:
                opening.transact(db, lambda db: writing.give_up(db, turns), _CHECKPOINT_SECONDS)
        except sqlite3.Error:
            return

    def _read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        with explained():
            return opening.view(self._db, action)

    def _change(
        self, action: Callable[[sqlite3.Connection], T], seconds: float = BUSY_SECONDS
    ) -> T:
        """Do it in one transaction; in a new database where this one turns out to be damaged."""
        with explained():
            if self._changes and opening.identity(self._path) != self._file:
                self._open_anew()
            opening.check_writable(self._db)
            try:
                return opening.transact(self._db, action, seconds)
            except sqlite3.Error as error:
                if not self._mended(error):
                    raise
            return opening.transact(self._db, action)

    def _forget(self, action: Callable[[sqlite3.Connection], int]) -> int:
        """Do it so that no byte of what goes stays in the file or in its journal.

        Raises LocalIOError where another process keeps them in the journal.
        """
        with explained():
            self._db.execute("PRAGMA secure_delete = ON")
        done = self._change(action)
        with explained():
            opening.wait_at_most(self._db, _JOURNAL_SECONDS)
            if not removal.empty_journal(self._db):
                words = f"done, but the words are still in {self._path}-wal"
                hint = "Another process reads it. They go when no llm runs any more."
                raise LocalIOError(f"history: {words}", hint=hint)
        return done

    def _mended(self, error: sqlite3.Error) -> bool:
        """Whether it is worth another try: the index is made anew, or the database is."""
        if damage.is_index_damage(error):
            opening.transact(self._db, writing.index_anew)
            return True
        if not self._set_aside(error):
            return False
        self._open_anew()
        return True

    def _open_anew(self) -> None:
        """Go on in the file that is in its place now: the one that was open is elsewhere."""
        self._db.close()
        self._db, self._begun = self._open(), ""

    def _set_aside(self, error: Exception) -> bool:
        if not damage.is_damage(error, self._path):
            return False
        self.moved = damage.set_aside(self._path) or self.moved
        return True


def default_path() -> Path:
    """Where the history lies."""
    return data_dir() / "history.db"
