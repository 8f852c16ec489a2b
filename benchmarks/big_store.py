"""Make a history of many turns, through the store's own code: `python big_store.py HOME TURNS`.

It is made once, and anew when the schema or this file changes. The words are drawn as in a
language, a few very often and most of them seldom, by a generator with a fixed seed. Most turns
stand in conversations of 20, and there is one conversation each of the lengths of LONG.
"""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Iterator
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

from llmcli.ledger import Entry
from llmcli.store import Store, migrations
from llmcli.turn import Conversation, Turn
from llmcli.usage import Cost, Usage

LONG = {"chat-of-5000-messages": 2_500, "chat-of-1000-turns": 1_000}  # by the conversation's name
USUAL_LENGTH = 20
START, PAUSE = 1_700_000_000.0, 300.0  # seconds: of the first turn, between two
PROMPT_WORDS, ANSWER_WORDS = 15, 90
VOCABULARY, DRAWN = 30_000, 500_000
SYLLABLES = ("ba", "con", "de", "er", "fi", "gra", "ho", "in", "ka", "lo", "mu", "ne", "pro", "ti")


class Text:
    """Stretches of words, each as long as asked for."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._names = [self._name() for _ in range(VOCABULARY)]
        weights = list(accumulate(1 / (rank + 10) for rank in range(VOCABULARY)))
        self._drawn = self._random.choices(self._names, cum_weights=weights, k=DRAWN)

    def _name(self) -> str:
        return "".join(self._random.choices(SYLLABLES, k=self._random.randint(2, 5)))

    def word(self, rank: int) -> str:
        """A word by how often it occurs; 0 is the one that occurs most."""
        return self._names[rank]

    def words(self, about: int) -> str:
        """Around so many words."""
        count = self._random.randint(about // 3, about * 5 // 3)
        begin = self._random.randrange(DRAWN - count)
        return " ".join(self._drawn[begin : begin + count])


def id_of(kind: str, number: int) -> str:
    """An id like those of the tool."""
    return f"01{kind}{number:023d}"


def turns_of(text: Text, conversation: str, first: int, count: int) -> Iterator[Turn]:
    """The turns of one conversation, numbered from `first` on."""
    for number in range(first, first + count):
        yield Turn(
            id=id_of("T", number),
            conversation=conversation,
            provider="bench",
            model="m20",
            prompt=text.words(PROMPT_WORDS),
            parent=id_of("T", number - 1) if number > first else None,
            started=START + number * PAUSE,
            status="complete",
            text=text.words(ANSWER_WORDS),
            finish_reason="stop",
            usage=Usage(200, 120),
            cost=Cost(Decimal("0.0004"), "card"),
            first_token_s=0.3,
            total_s=2.5,
            attempts=(Entry(1, "bench", "m20", "complete", 200, usage=Usage(200, 120)),),
            exit_code=0,
        )


def fill(store: Store, total: int) -> None:
    """Take in so many turns, one conversation after the other."""
    text = Text()
    lengths = [(name, count) for name, count in LONG.items() if count <= total // 2]
    rest = (total - sum(count for _, count in lengths)) // USUAL_LENGTH
    lengths = [("", USUAL_LENGTH)] * rest + lengths
    first = 0
    for number, (name, count) in enumerate(lengths):
        turns = list(turns_of(text, id_of("C", number), first, count))
        first += count
        end = turns[-1].started
        store.merge(
            Conversation(
                turns[0].conversation,
                turns[0].started,
                end,
                name,
                turns[0].prompt[:200],
                turns[-1].id,
            ),
            turns,
        )


def database(home: Path) -> Path:
    """Where the history is when LLMCLI_HOME is this folder."""
    return home / "data" / "history.db"


def made(home: Path, total: int) -> Path:
    """The history of so many turns under this home; built when it is not there."""
    sources = (Path(migrations.__file__), Path(__file__))
    made_by = zlib.crc32(b"".join(source.read_bytes() for source in sources))
    note = home / f"turns-{total}-{made_by:08x}"
    path = database(home)
    if not note.exists():
        for old in (*home.glob("turns-*"), *path.parent.glob("history.db*")):
            old.unlink()
        store = Store(path)
        fill(store, total)
        store.close()
        note.touch()
    return path


if __name__ == "__main__":
    made(Path(sys.argv[1]), int(sys.argv[2]))
