"""What one call to the history costs does not grow with the history, and a path grows in a line.

Counted are the statements and the instructions of SQLite's machine, so no clock matters.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stored import BEGUN, running, turn

from llmcli.store import Store
from llmcli.turn import Conversation, Turn, context

FEW, MANY, LENGTH = 30, 300, 10  # conversations of a small and of a large history, turns of each
LONG = 1_000  # turns of one conversation


def talk(name: str, turns: int, first: float = BEGUN) -> tuple[Conversation, list[Turn]]:
    """A conversation of so many turns."""
    said = [
        turn(
            number,
            name,
            id=f"{name}-{number}",
            parent=f"{name}-{number - 1}" if number > 1 else None,
            started=first + number,
        )
        for number in range(1, turns + 1)
    ]
    end = first + turns
    return Conversation(name, first, end, f"n{name}", "question", said[-1].id, "here"), said


class Counted:
    """A history that counts what SQLite does."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.head = ""

    def statements(self, action: Callable[[Counted], object]) -> int:
        """How many statements an action takes."""
        seen: list[str] = []
        self.store._db.set_trace_callback(seen.append)
        action(self)
        self.store._db.set_trace_callback(None)
        return len(seen)

    def steps(self, action: Callable[[Counted], object]) -> int:
        """How many instructions an action takes."""
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        self.store._db.set_progress_handler(tick, 1)
        action(self)
        self.store._db.set_progress_handler(None, 1)
        return count


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Counted]]:
    """A small and a large history, by the number of conversations."""
    found = {}
    with contextlib.ExitStack() as stack:
        for size in (FEW, MANY):
            path = tmp_path_factory.mktemp("history") / "history.db"
            store = stack.enter_context(contextlib.closing(Store(path)))
            for number in range(size):
                store.merge(*talk(f"c{number:04}", LENGTH, BEGUN + number * 1000))
            found[size] = Counted(store)
        yield found


def keep(history: Counted) -> None:
    """One turn from its beginning to its end."""
    one = turn(1, "new", id="new-1", parent=None, started=BEGUN - 5)
    history.store.begin(running(one), "elsewhere")
    history.store.checkpoint(one)
    history.store.close_turn(one)


CALLS: dict[str, Callable[[Counted], Any]] = {
    "list": lambda h: h.store.conversations(20),
    "list of a terminal": lambda h: h.store.conversations(20, terminal="here"),
    "last here": lambda h: h.store.last_here("here"),
    "last turn": lambda h: h.store.last_turn(),
    "find a name": lambda h: h.store.find("nc0007"),
    "find an id": lambda h: h.store.find("c0007"),
    "turn": lambda h: h.store.turn("c0007-5"),
    "path": lambda h: h.store.path("c0007-10"),
    "tree": lambda h: h.store.tree("c0007"),
    "children": lambda h: h.store.children("c0007-5", "c0007"),
    "cost": lambda h: h.store.spent([f"c{number:04}" for number in range(20)]),
    "search often": lambda h: h.store.search("answer"),
    "search seldom": lambda h: h.store.search("question 10", 5),
    "keep": keep,
    "fork": lambda h: h.store.fork("c0007", "c0007-5"),
    "rename": lambda h: h.store.rename("c0008", "another"),
    "undo": lambda h: h.store.set_head("c0009", "c0009-5"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_history_ten_times_as_long_costs_the_same(
    histories: dict[int, Counted], call: str
) -> None:
    """Twice as much would be a table that is read from end to end."""
    action = CALLS[call]
    few, many = (histories[size].steps(action) for size in (FEW, MANY))
    assert few > 0
    assert many < 1.5 * few


def test_a_long_path_takes_few_statements_and_grows_in_a_line(
    histories: dict[int, Counted],
) -> None:
    """None of them once for each turn."""
    history = histories[FEW]
    history.store.merge(*talk("long", LONG))
    half, whole = (f"long-{number}" for number in (LONG // 2, LONG))
    assert len(context(history.store.path(whole))) == 2 * LONG
    assert history.statements(lambda h: h.store.path(whole)) <= 10
    few, many = (history.steps(lambda h, head=head: h.store.path(head)) for head in (half, whole))
    assert many < 2.5 * few
