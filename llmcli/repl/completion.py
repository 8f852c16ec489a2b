"""What is offered while a slash command is typed: commands, their values, paths."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from llmcli.repl.commands import Command, Suggestion
from llmcli.repl.rows import shown
from llmcli.terminal import clean

if TYPE_CHECKING:
    from llmcli.repl.chat import Chat

T = TypeVar("T")
Rank = tuple[int, int, int]
OFFERED = 200
_LONGEST = 2_000  # characters behind a command's name; nobody completes in more
SCAN_SECONDS = 0.01
_NAME = re.compile(r"/([A-Za-z?]*)")


class SlashCompleter(Completer):
    """Completes the commands of a chat, fuzzily, and the values that each of them suggests.

    Nothing is offered before `chat` is there.
    """

    def __init__(self, commands: Sequence[Command]) -> None:
        self.chat: Chat | None = None
        self._commands = commands
        self._state: object = None
        self._available: list[Command] = []

    def get_completions(
        self, document: Document, _complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """What may stand in place of the word before the cursor, best first."""
        text = document.text_before_cursor
        name = _NAME.match(text)
        if self.chat is None or name is None:
            return
        if name.end() == len(text):
            yield from self._names(self.chat, name[1])
        elif text[name.end()].isspace():
            yield from self._values(self.chat, name[1], text[name.end() :].lstrip())

    def _names(self, chat: Chat, typed: str) -> Iterator[Completion]:
        for command in best(typed, self._now(chat), lambda command: command.name):
            yield Completion(
                f"/{command.name}",
                -len(typed) - 1,
                display=f"/{command.name} {command.arguments}".rstrip(),
                display_meta=command.help,
            )

    def _values(self, chat: Chat, name: str, typed: str) -> Iterator[Completion]:
        command = next((c for c in self._now(chat) if c.name == name.lower()), None)
        if command is None or len(typed) > _LONGEST:
            return
        start, word = last_word(typed)
        for found in ranked(command.suggest(chat, typed), word, typed):
            whole = _is_whole(found.value, typed)
            yield Completion(
                found.value,
                -len(typed) if whole else start - len(typed),
                display=shown(found.value),
                display_meta=shown(found.about),
            )

    def _now(self, chat: Chat) -> list[Command]:
        """The commands that make sense now, asked anew only when the chat has changed."""
        session = chat.session
        state = (
            session.conversation.id,
            session.head,
            session.since,
            session.choice,
            len(session.undone),
            len(session.attachments),
        )
        if state != self._state:
            self._available = [command for command in self._commands if command.available(chat)]
            self._state = state
        return self._available


def best(typed: str, found: Iterable[T], name: Callable[[T], str]) -> list[T]:
    """Those whose name has the typed characters in order, the closest first; at most OFFERED."""
    typed = typed.casefold()
    close = [(rank, item) for item in found if (rank := _rank(typed, name(item))) is not None]
    close.sort(key=lambda pair: pair[0])
    return [item for _, item in close[:OFFERED]]


def ranked(suggestions: Iterable[Suggestion], word: str, typed: str = "") -> list[Suggestion]:
    """The suggestions for this word; behind them those of which it is told in `about`.

    One with blanks is matched with all that was typed. What had to be changed to be shown safely
    could not be used, so it is left out.
    """
    word = word.casefold()
    close: list[tuple[Rank, Suggestion]] = []
    for suggestion in suggestions:
        sought = typed.casefold() if _is_whole(suggestion.value, typed) else word
        rank = _rank(sought, _bare(suggestion.value))
        if rank is None and len(word) > 1 and word in suggestion.about.casefold():
            rank = (6, 0, 0)
        if rank is not None:
            close.append((rank, suggestion))
    close.sort(key=lambda pair: pair[0])
    return [found for _, found in close[:OFFERED] if _is_safe(found.value)]


def _is_whole(value: str, typed: str) -> bool:
    """Whether a value stands for all that was typed, for both have blanks."""
    return " " in typed and " " in value and _rank(typed.casefold(), value) is not None


def _is_safe(text: str) -> bool:
    return text.isprintable() and clean(text) == text


def _rank(typed: str, name: str) -> Rank | None:
    """How close a name is to what was typed (in lower case), smaller is closer; None if not.

    The same, the beginning, the beginning of a word, a part; else how far the characters spread.
    """
    name = name.casefold()
    at = name.find(typed)
    if at == 0:
        return (0 if not typed or len(name) == len(typed) else 1, 0, 0)
    if at > 0:
        return (3 if name[at - 1].isalnum() else 2, at, 0)
    end = -1
    for char in typed:
        end = name.find(char, end + 1)
        if end < 0:
            return None
    start = end + 1
    for char in reversed(typed):
        start = name.rfind(char, 0, start)
    return (4, end - start, start)


def last_word(text: str) -> tuple[int, str]:
    """Where the last word begins, as a shell splits words, and the word without its quotes."""
    start, word, quote, escaped = 0, "", "", False
    for number, char in enumerate(text):
        if escaped:
            word, escaped = word + char, False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote, word = ("", word) if char == quote else (quote, word + char)
        elif char in "'\"":
            quote = char
        elif char.isspace():
            start, word = number + 1, ""
        else:
            word += char
    return start, word


def _bare(value: str) -> str:
    """A value without the quotes that a shell would take from it."""
    return last_word(value)[1] if "'" in value else value


def paths(text: str) -> list[Suggestion]:
    """The files and folders that the last word may become, written so that `shlex` splits them.

    Hidden ones only where a dot is typed; nothing behind a `--`. Of a huge folder those that are
    found in SCAN_SECONDS.
    """
    start, word = last_word(text)
    if "--" in text[:start].split():
        return []
    if word == "~":
        return [Suggestion("~/", "your home")]
    folder, slash, begun = word.rpartition("/")
    try:
        names = sorted(_listed(Path(folder + slash).expanduser(), begun))
    except (OSError, ValueError, RuntimeError):  # no such folder, no such user
        return []
    return [
        Suggestion(_quoted(folder + slash + name), "folder" if name.endswith("/") else "")
        for name in best(begun, names, str)
        if _is_safe(name)
    ]


def _listed(folder: Path, begun: str) -> Iterator[str]:
    """The entries of a folder that look like what is typed, folders with a slash."""
    hidden, typed = begun.startswith("."), begun.casefold()
    until = time.monotonic() + SCAN_SECONDS
    with os.scandir(folder) as entries:
        for entry in entries:
            if time.monotonic() > until:
                return
            if (hidden or not entry.name.startswith(".")) and _rank(typed, entry.name) is not None:
                yield entry.name + "/" * entry.is_dir()


def _quoted(path: str) -> str:
    """The path as a shell word; the `~` it begins with stays one."""
    head, slash, tail = path.partition("/")
    if head.startswith("~") and slash:
        return f"{head}/{shlex.quote(tail)}" if tail else path
    return f"./{shlex.quote(path)}" if path.startswith("-") else shlex.quote(path)
