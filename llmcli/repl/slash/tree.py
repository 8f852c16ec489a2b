"""Slash commands that go back, ask again, branch; none of them deletes anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from llmcli import registry
from llmcli.errors import UsageError
from llmcli.repl.commands import Command, Suggestion
from llmcli.sanitize import one_line
from llmcli.turn import SHORT_ID, Turn
from llmcli.wording import count

if TYPE_CHECKING:
    from llmcli.plan import Plan
    from llmcli.repl.chat import Chat

_WIDTH = 50
_OFFERED = 50
_DIGITS = 9


def _retry(chat: Chat, arguments: str) -> None:
    words = arguments.split()
    if words and (words[0] != "-m" or len(words) != 2):
        raise UsageError("/retry takes another model or nothing", hint="Type: /retry -m MODEL")
    session = chat.session
    choice = registry.resolve(words[1], session.config) if words else None
    last = len(session.turns) - 1
    typed = f"/retry {arguments}".strip()
    _ask_again(chat, last, lambda: session.again(last, choice=choice), typed)


def _edit(chat: Chat, arguments: str) -> None:
    number, text = _numbered(chat, arguments)
    old = chat.session.turns[number].prompt
    if not text:
        edited = chat.screen.edit(old)
        if edited is None:
            chat.say("nothing was changed, so nothing is asked")
            return
        text = edited
    typed = f"/edit {number + 1} {text}"
    _ask_again(chat, number, lambda: chat.session.again(number, text), typed)


def _numbered(chat: Chat, arguments: str) -> tuple[int, str]:
    """The index of the turn that is meant, and the text behind its number."""
    turns = chat.session.turns
    match = re.fullmatch(r"(\d+)(?:\s+(.*))?", arguments, re.DOTALL)
    if match is None:
        return len(turns) - 1, arguments
    if len(match[1]) > _DIGITS or not 0 < int(match[1]) <= len(turns):
        there = "there is only turn 1" if len(turns) == 1 else f"the turns are 1 to {len(turns)}"
        raise UsageError(f"there is no turn {match[1][:20]}", hint=f"In this chat {there}.")
    return int(match[1]) - 1, match[2] or ""


def _ask_again(chat: Chat, number: int, make: Callable[[], Plan], typed: str) -> None:
    """Ask in the place of a turn, and say where one stands then."""
    session = chat.session
    left = len(session.turns) - number - 1
    before = session.head
    chat.carry_out(make, typed)
    if session.head == before:
        return
    behind = f" and the {count(left, 'turn')} behind it" if left else ""
    chat.say(f"this is turn {number + 1} now; the one before{behind}: /undo, then /redo")


def _undo(chat: Chat, arguments: str) -> None:
    if not re.fullmatch(r"\d{0,9}", arguments):
        raise UsageError("/undo takes a number of turns", hint="Type: /undo 2")
    chat.session.undo(int(arguments or 1))
    chat.say(f"{_standing(chat)}; forward again: /redo")


def _redo(chat: Chat, arguments: str) -> None:
    if arguments:
        raise UsageError("/redo takes nothing", hint="Where several ways go on, it asks.")
    ways = chat.session.ways_forward()
    chosen: str | None = ways[0].id
    if len(ways) > 1:
        labels = {_label(way, ways): way for way in ways}
        rows = [(label, f"{way.spec}: {one_line(way.text, 80)}") for label, way in labels.items()]
        label = chat.screen.choose("Which way?", rows)
        chosen = labels[label].id if label else None
    if chosen is None:
        chat.say(_standing(chat))
        return
    chat.session.redo(chosen)
    chat.say(f"{_standing(chat)}; back again: /undo")


def _label(way: Turn, ways: list[Turn]) -> str:
    """The prompt, told apart from the same prompt of another way by a number."""
    number = [one.id for one in sorted(ways, key=lambda one: one.id)].index(way.id) + 1
    return f"{number}  {one_line(way.prompt, _WIDTH)}"


def _fork(chat: Chat, arguments: str) -> None:
    before = chat.session.conversation
    made = chat.session.fork(arguments)
    name = f' "{one_line(made.name, 60)}"' if made.name else ""
    shared = count(len(chat.session.turns), "turn")
    back = one_line(before.name, 60) if before.name else before.id[:SHORT_ID]
    chat.say(f"in a new conversation {made.id[:SHORT_ID]}{name}, which shares {shared}")
    chat.say(f"back to the other one: /load {back}")


def _standing(chat: Chat) -> str:
    turns = chat.session.turns
    if not turns:
        return "at the beginning, before the first turn"
    return f'after turn {len(turns)} "{one_line(turns[-1].prompt, _WIDTH)}"'


def _has_turns(chat: Chat) -> bool:
    return bool(chat.session.turns)


def _has_way(chat: Chat) -> bool:
    return bool(chat.session.undone or chat.session.ways_forward())


def _numbers(chat: Chat, text: str) -> Iterable[Suggestion]:
    """The last turns by number, newest first, until there is one."""
    if " " in text:
        return
    turns = chat.session.turns
    for number in range(len(turns), max(len(turns) - _OFFERED, 0), -1):
        yield Suggestion(str(number), one_line(turns[number - 1].prompt, 80))


def _models(chat: Chat, text: str) -> Iterable[Suggestion]:
    if not text.strip() or text == "-":
        yield Suggestion("-m", "another model for this one answer")
    elif text.startswith("-m "):
        yield from chat.models.rows()


COMMANDS = (
    Command(
        "retry",
        "[-m MODEL]",
        "ask the last prompt again, perhaps another model",
        _retry,
        _has_turns,
        _models,
    ),
    Command(
        "edit",
        "[N] [TEXT]",
        "change the prompt of turn N, by default the last, and ask it in its place",
        _edit,
        _has_turns,
        _numbers,
    ),
    Command("undo", "[N]", "step back N turns; nothing is deleted", _undo, _has_turns),
    Command("redo", "", "step forward again", _redo, _has_way),
    Command("fork", "[NAME]", "go on in a new conversation from here", _fork, _has_turns),
)
