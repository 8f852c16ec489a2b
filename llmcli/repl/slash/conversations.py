"""Slash commands that find, name and change conversations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from llmcli.errors import UsageError
from llmcli.moments import age
from llmcli.repl.commands import Command, Suggestion
from llmcli.repl.slash import saving
from llmcli.sanitize import one_line
from llmcli.store import MARK_END, MARK_START, Found
from llmcli.turn import SHORT_ID, Conversation
from llmcli.wording import count

if TYPE_CHECKING:
    from llmcli.repl.chat import Chat

_LISTED = 1000
_OFFERED = 50
_FOUND = 50


def _rename(chat: Chat, arguments: str) -> None:
    if not arguments:
        raise UsageError("which name?", hint="Type: /rename NAME; /rename - takes it away")
    name = "" if arguments == "-" else arguments
    chat.session.rename(name)
    here = chat.session.conversation
    if name:
        chat.say(f'this conversation is "{one_line(here.name, 100)}" now')
    else:
        chat.say(f"this conversation has no name any more; its id is {here.id[:SHORT_ID]}")


def _conversations(chat: Chat, _arguments: str) -> None:
    found = chat.session.stored(lambda store: store.conversations(_LISTED))
    if found is None:
        raise _no_history()
    _go_on(chat, _others(chat, found))


def _load(chat: Chat, arguments: str) -> None:
    if not arguments:
        _conversations(chat, "")
        return
    found = chat.session.stored(lambda store: store.find(arguments))
    if found is None:
        raise _no_history()
    _enter(chat, found)


def _no_history() -> UsageError:
    return UsageError("there is no history to look into", hint="It is off, or cannot be used.")


def _others(chat: Chat, found: Iterable[Conversation]) -> list[Conversation]:
    here = chat.session.conversation.id
    return [one for one in found if one.head is not None and one.id != here]


def _go_on(chat: Chat, found: Sequence[Conversation]) -> None:
    """Have one of them chosen, and load it."""
    if not found:
        chat.say("there is no other conversation")
        return
    rows = {_short(one.id, found): one for one in found}
    chosen = chat.screen.choose(
        "Which conversation?", [(short, _about(one)) for short, one in rows.items()]
    )
    if chosen is not None:
        _enter(chat, rows[chosen])


def _short(which: str, among: Sequence[Conversation]) -> str:
    """The beginning of an id, or all of it where another begins so."""
    short = which[:SHORT_ID]
    return short if sum(one.id.startswith(short) for one in among) == 1 else which


def _about(one: Conversation) -> str:
    title = one_line(one.name or one.title, 60)
    return " · ".join([title, count(one.turns, "turn"), one_line(one.model, 60), age(one.updated)])


def _enter(chat: Chat, conversation: Conversation) -> None:
    """Go on in it, and say where that is and how to get back."""
    session = chat.session
    before = session.conversation
    left = bool(session.turns)
    queued = len(session.attachments)
    trouble = session.load(conversation)
    if trouble:
        chat.warn(trouble)
    here = session.conversation
    title = one_line(here.name or here.title, 60)
    chat.say(f"{session.choice.spec} · {title} · {count(len(session.turns), 'turn')} so far")
    if session.turns:
        last = session.turns[-1]
        chat.say(f'last: "{one_line(last.prompt, 60)}" → {one_line(last.text, 80)}')
    _tell_back(chat, before, left=left, queued=queued)


def _tell_back(chat: Chat, before: Conversation, *, left: bool, queued: int) -> None:
    if left and before.id != chat.session.conversation.id:
        name = one_line(before.name, 60) if before.name else before.id[:SHORT_ID]
        chat.say(f"back to the one before: /load {name}")
    if queued:
        chat.say(f"no longer queued: {count(queued, 'file')}")


def _search(chat: Chat, arguments: str) -> None:
    if not arguments:
        raise UsageError("which words?", hint="Type: /search WORDS")
    found = chat.session.stored(lambda store: store.search(arguments, _FOUND))
    if found is None:
        raise _no_history()
    if not found:
        chat.say(f"nothing found for {one_line(arguments, 80)}")
        return
    rows = {f"{number}": hit for number, hit in enumerate(found, 1)}
    chosen = chat.screen.choose(
        "Which conversation?", [(number, _words(hit)) for number, hit in rows.items()]
    )
    if chosen is None:
        return
    hit = rows[chosen]
    conversation = chat.session.stored(lambda store: store.conversation(hit.conversation))
    if conversation is None:
        raise UsageError("that conversation is gone")
    _enter(chat, conversation)
    _tell_where(chat, hit.turn)


def _tell_where(chat: Chat, found: str) -> None:
    """Say where the turn is that was found, and the way to it, if it is not the last one."""
    turns = chat.session.turns
    path = chat.session.stored(lambda store: store.path(found)) or []
    shared = sum(one.id == other.id for one, other in zip(turns, path, strict=False))
    back = len(turns) - shared
    ways = [f"/undo {back}"] if back else []
    if shared == len(path):
        where = f"turn {shared} of {len(turns)}"
    elif path[-1].answered:
        where = "another branch"
        ways.append("/redo")
    else:
        where = "a question without an answer"
    if path and ways:
        chat.say(f"found in {where}; to go there: {', then '.join(ways)}")


def _words(hit: Found) -> str:
    """Where something was found, and the words around it, in brackets what was looked for."""
    snippet = re.sub(f"{MARK_START}([^{MARK_END}]*){MARK_END}", r"[\1]", hit.snippet)
    title = one_line(hit.name or hit.title, 40)
    return f"{title} · {age(hit.started)} · {one_line(snippet, 200)}"


def _new(chat: Chat, _arguments: str) -> None:
    session = chat.session
    before, left, queued = session.conversation, bool(session.turns), len(session.attachments)
    session.new()
    chat.say(f"new conversation {session.conversation.id[:SHORT_ID]} · {session.choice.spec}")
    _tell_back(chat, before, left=left, queued=queued)


def _clear(chat: Chat, arguments: str) -> None:
    session = chat.session
    if arguments not in ("", "-"):
        raise UsageError("/clear takes nothing, or - to take it back")
    if arguments:
        session.since = None
        chat.say(f"the model is told all {count(len(session.turns), 'turn')} again")
        return
    session.forget()
    told = count(len(session.turns), "turn")
    chat.say(
        f"from the next message on the model is told nothing of the {told}"
        " so far; they stay in the conversation, and /clear - tells them again"
    )


def _has_turns(chat: Chat) -> bool:
    return bool(chat.session.turns)


def _was_asked(chat: Chat) -> bool:
    return bool(chat.session.turns or chat.session.known)


def _ids(chat: Chat, _text: str) -> Iterable[Suggestion]:
    found = chat.session.stored(lambda store: store.conversations(_OFFERED)) or []
    others = _others(chat, found)
    for one in others:
        yield Suggestion(one.name or _short(one.id, others), _about(one))


COMMANDS = (
    Command("conversations", "", "choose another conversation and go on in it", _conversations),
    Command("load", "[ID|NAME]", "go on in another conversation", _load, suggest=_ids),
    Command("search", "WORDS", "find words in all conversations, and go on there", _search),
    Command("rename", "NAME", "name this conversation; -: take its name away", _rename, _was_asked),
    Command("new", "", "begin a new conversation with the same model", _new),
    Command("clear", "[-]", "tell the model nothing of the turns so far", _clear, _has_turns),
    *saving.COMMANDS,
)
