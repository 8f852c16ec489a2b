"""`llm history rename` and `fork`: names, and new conversations from old turns."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli.cli.history.lookup import Id, Which, meant, opened
from llmcli.cli.labels import label
from llmcli.errors import ConfigError, UsageError
from llmcli.sanitize import one_line
from llmcli.terminal import clean, identity, is_tty, note, out
from llmcli.turn import SHORT_ID
from llmcli.wording import count

if TYPE_CHECKING:
    from llmcli.store import Store
    from llmcli.turn import Conversation

RENAME_EXAMPLES = """
llm history rename 01JD8 parser
llm chat --id parser                    names work wherever an id does
llm history rename parser ""            takes the name away
"""
FORK_EXAMPLES = """
llm history fork parser                 a second conversation from where it stands
llm history fork parser --at 3          from its third turn
llm chat --id "$(llm history fork parser)"
"""

Name = Annotated[str, typer.Argument(metavar="NAME", help='The name; "" takes it away.')]
At = Annotated[
    str, typer.Option("--at", metavar="TURN", help="From this turn: its number or its id.")
]
NewName = Annotated[str, typer.Option("--name", metavar="NAME", help="The name of the new one.")]


def rename(which: Id, name: Name) -> None:
    """Name a conversation.

    The name works wherever the id does, also in `llm chat --id`.
    """
    with opened(changes=True) as store:
        conversation = store.find(which)
        store.rename(conversation.id, name)
        now = store.conversation(conversation.id) or conversation
    short = clean(conversation.id[:SHORT_ID])
    note(f"· {short} is now called {clean(now.name)}" if now.name else f"· {short} has no name now")


def fork(which: Which = "", at: At = "", name: NewName = "") -> None:
    """Begin a new conversation from an old one.

    It shares the turns so far; its id is printed. Nothing is copied and the old one stays as it is.
    `llm history show --tree` has the ids of turns; their numbers are those of `llm history show`.
    """
    with opened(changes=True) as store:
        conversation = meant(store, which)
        head = _turn(store, conversation, at) if at else conversation.head
        if head is None:
            raise UsageError(
                f"{label(conversation)}: nothing was answered yet, so nothing is shared"
            )
        made = store.fork(conversation.id, head, name, identity())
    out(clean(made.id))
    if is_tty(sys.stderr):
        note(f"· go on with it: llm chat --id {clean(made.name or made.id[:SHORT_ID])}")


def _turn(store: Store, conversation: Conversation, text: str) -> str:
    """The id of the turn with that number on the path, or whose id begins so."""
    if re.fullmatch(r"0|[1-9][0-9]{0,8}", text):  # ids begin with a 0, and more behind it
        path = store.path(conversation.head)
        if not 0 < int(text) <= len(path):
            raise ConfigError(f"--at {text}: the conversation has {count(len(path), 'turn')}")
        return path[int(text) - 1].id
    found = [turn.id for turn in store.whole(conversation) if _begins(turn.id, text)]
    if len(found) != 1:
        what = f"{len(found)} turns of it begin so" if found else "no turn of it begins so"
        raise ConfigError(
            f"--at {one_line(text, 40)}: {what}",
            hint=f"All of them: llm history show {clean(conversation.id[:SHORT_ID])} --tree",
        )
    return found[0]


def _begins(turn: str, text: str) -> bool:
    return turn.startswith((text, text.upper()))
