"""How long single calls to a big history take: `python store_clock.py DATABASE ROUNDS`, as JSON.

Each is the median of so many rounds, in seconds, in one process whose history is open.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from big_store import LONG, Text, turns_of

from llmcli.store import Store
from llmcli.turn import Turn, context, new_id

OFTEN = 50  # of the words in the order of how often they occur


def seconds(action: Callable[[], object], rounds: int) -> float:
    """The median time of an action."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def keep(store: Store, turns: Iterable[Turn]) -> None:
    """Begin and end a turn as a one-shot does."""
    turn = next(iter(turns))._replace(id=new_id(), started=time.time())
    store.begin(turn._replace(status="running", text="", attempts=()), "terminal")
    store.close_turn(turn)


def measured(path: Path, rounds: int) -> dict[str, float]:
    """Every time by its name."""
    store = Store(path)
    text = Text()
    often, seldom, pair = text.word(OFTEN), text.word(-1), f"{text.word(3)} {text.word(200)}"
    heads = {name: store.find(name).head for name in LONG}
    fresh = turns_of(text, new_id(), 0, rounds)
    actions: dict[str, Callable[[], object]] = {
        "search often": lambda: store.search(often),
        "search seldom": lambda: store.search(seldom),
        "search two": lambda: store.search(pair),
        "search start": lambda: store.search(often[:3]),
        "search nothing": lambda: store.search(f"{often} nowhere"),
        "list": lambda: store.conversations(20),
        "last here": lambda: store.last_here("terminal"),
        "turn": lambda: keep(store, fresh),
        **{name: lambda head=head: context(store.path(head)) for name, head in heads.items()},
    }
    found = {name: seconds(action, rounds) for name, action in actions.items()}
    store.close()
    return found


if __name__ == "__main__":
    json.dump(measured(Path(sys.argv[1]), int(sys.argv[2])), sys.stdout)
