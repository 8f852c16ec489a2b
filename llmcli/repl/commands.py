"""What a slash command is, and how a typed line becomes one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from llmcli.errors import UsageError
from llmcli.options import close_names

if TYPE_CHECKING:
    from llmcli.repl.chat import Chat

_SLASH = re.compile(r"/([A-Za-z?]*)(?:\s+(.*))?", re.DOTALL)


class Suggestion(NamedTuple):
    """A value that completion offers for the word being typed, and what is said about it."""

    value: str
    about: str = ""


def _always(_chat: Chat) -> bool:
    return True


def _nothing(_chat: Chat, _text: str) -> Iterable[Suggestion]:
    return ()


class Command(NamedTuple):
    """A slash command; `run` gets everything after its name, outer blanks stripped.

    `suggest` gets what was typed behind the name so far and offers values for the last word.
    """

    name: str
    arguments: str
    help: str
    run: Callable[[Chat, str], None]
    available: Callable[[Chat], bool] = _always
    suggest: Callable[[Chat, str], Iterable[Suggestion]] = _nothing


def parse(line: str, commands: Sequence[Command], chat: Chat) -> tuple[Command, str] | None:
    """The command a line means and its arguments; None for a line that is a prompt.

    A path such as `/etc/hosts` is a prompt, and so is whatever begins with a space. Raises
    UsageError for a name that is none, for a command that makes no sense now, and for arguments
    that a command does not take.
    """
    match = _SLASH.fullmatch(line)
    if match is None:
        return None
    name = match[1].lower()
    found = next((command for command in commands if command.name == name), None)
    if found is None:
        close = close_names(name, [c.name for c in commands if c.available(chat)])
        nearest = f" Did you mean /{close[0]}?" if close else ""
        raise UsageError(
            f'"/{name}" is not a command.{nearest}',
            hint="All of them: /help. A space before the slash sends it as a prompt.",
        )
    if not found.available(chat):
        raise UsageError(f"/{name} makes no sense yet: {found.help}")
    arguments = (match[2] or "").strip()
    if arguments and not found.arguments:
        raise UsageError(f"/{name} takes nothing behind it", hint=f"Type /{name} alone.")
    return found, arguments
