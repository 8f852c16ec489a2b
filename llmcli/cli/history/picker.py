"""`llm history` alone on a terminal: a list to choose a conversation from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llmcli.cli.history.lookup import opened
from llmcli.cli.history.show import transcript
from llmcli.cli.labels import label, shorts
from llmcli.moments import age
from llmcli.terminal import clean, has_color, note
from llmcli.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmcli.turn import Conversation

_MOST = 1000


def pick() -> None:
    """Show the conversation that is chosen, and say how to go on with it."""
    with opened() as store:
        found = store.conversations(_MOST)
        if not found:
            note('· no conversation yet. Ask something: llm "hello"')
            return
        chosen = _choose(found)
        if chosen is None:
            return
        turns = store.path(chosen.head) or store.tree(chosen.id)[-1:]
    transcript(chosen, turns)
    name = chosen.name or shorts([one.id for one in found])[chosen.id]
    note(f"· go on with it: llm chat --id {clean(name)}")


def _choose(found: Sequence[Conversation]) -> Conversation | None:
    from llmcli.repl.screen import Screen

    short = shorts([one.id for one in found])
    rows = [(short[one.id], _about(one)) for one in found]
    screen = Screen(None, str, color=has_color(sys.stdout), remember=False)
    chosen = screen.choose("Which conversation?", rows)
    return next((one for one in found if short[one.id] == chosen), None)


def _about(one: Conversation) -> str:
    return f"{label(one)} · {count(one.turns, 'turn')} · {one.model} · {age(one.updated)}"
