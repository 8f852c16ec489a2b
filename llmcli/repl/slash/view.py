"""Slash commands about the screen, the editor and the clipboard, and the way out."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from llmcli import clipboard
from llmcli.errors import UsageError
from llmcli.render.code import blocks
from llmcli.repl.chat import Chat, Leave
from llmcli.repl.commands import Command, Suggestion
from llmcli.sanitize import one_line
from llmcli.transcripts.markdown import to_markdown
from llmcli.wording import count

_ALL, _CODE = "all", "code"
_DIGITS = 9


def _raw(chat: Chat, _arguments: str) -> None:
    raw = chat.display.mode == "markdown"
    chat.display = chat.display._replace(mode="plain" if raw else "markdown")
    chat.say("answers are shown as they are sent" if raw else "answers are shown as Markdown")


def _multiline(chat: Chat, _arguments: str) -> None:
    chat.screen.multiline = not chat.screen.multiline
    if chat.screen.multiline:
        chat.say("Enter adds a line, Alt-Enter or Ctrl-J sends")
    else:
        chat.say("Enter sends, Alt-Enter or Ctrl-J adds a line")


def _editor(chat: Chat, text: str) -> None:
    """What was written comes back to the prompt: to save a file is not yet to send it."""
    written = chat.screen.edit(text)
    chat.draft = text if written is None else written
    chat.say("nothing was written" if written is None else "Enter sends what you wrote")


def _copy(chat: Chat, what: str) -> None:
    text, name = _wanted(chat, what.lower())
    if not text.strip():
        raise UsageError("the last answer has no text", hint="The whole chat: /copy all")
    terminal = sys.stderr if sys.stderr.isatty() else sys.stdout
    way = clipboard.copy(text, terminal)
    chat.say(f"copied {name}, {len(text):,} characters, {way}")


def _wanted(chat: Chat, what: str) -> tuple[str, str]:
    """The text to copy and what it is called."""
    session = chat.session
    answer = session.turns[-1].text
    if not what:
        return answer, "the last answer"
    if what == _ALL:
        return to_markdown(session.conversation, session.turns), "the whole chat"
    if what != _CODE and not (what.isdecimal() and len(what) <= _DIGITS):
        raise UsageError(
            f'"{what[:40]}" cannot be copied', hint=f"A block: 1, 2 … or {_CODE}, or {_ALL}."
        )
    found = list(blocks(answer))
    number = 1 if what == _CODE else int(what)
    if not found:
        raise UsageError("the last answer has no code block", hint="All of it: /copy")
    if not 1 <= number <= len(found):
        there = count(len(found), "code block")
        raise UsageError(f"the last answer has {there}", hint="The first: /copy 1")
    return found[number - 1], f"code block {number} of {len(found)}"


def _suggest_copy(chat: Chat, _text: str) -> Iterator[Suggestion]:
    for number, block in enumerate(blocks(chat.session.turns[-1].text), 1):
        yield Suggestion(str(number), one_line(block, 60))
    yield Suggestion(_ALL, "the whole chat, as Markdown")


def _has_turns(chat: Chat) -> bool:
    return bool(chat.session.turns)


def _quit(_chat: Chat, _arguments: str) -> None:
    raise Leave


COMMANDS = (
    Command(
        "copy",
        "[N|code|all]",
        "copy the last answer, one of its code blocks, or the whole chat",
        _copy,
        _has_turns,
        _suggest_copy,
    ),
    Command("raw", "", "show answers as they are sent, or as Markdown again", _raw),
    Command("multiline", "", "swap the keys that send and that add a line", _multiline),
    Command("editor", "[TEXT]", "write the next message in your editor", _editor),
    Command("quit", "", "leave; Ctrl-D does it too", _quit),
)
