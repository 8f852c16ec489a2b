"""The commands by name: where each one lives and the line that describes it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import import_module

import typer

DEFAULT = "ask"
COMMANDS: dict[str, str] = {
    "ask": "Ask a model; `llm PROMPT…` is the same",
    "chat": "Talk with a model: a conversation that is kept",
    "providers": "Add, list, test and remove providers",
    "models": "List models, choose the default, name aliases",
    "compare": "Ask several models the same question at once",
    "batch": "Ask every prompt of a file, and go on after a stop",
    "embed": "Turn texts into vectors",
    "tokens": "Count the tokens of a prompt before it is sent",
    "keys": "Store, list and remove keys in the OS keyring",
    "config": "Show, check and change the config",
    "usage": "What was used and what it cost",
    "budget": "What may be spent, and what is left of it",
    "history": "Find, read, export and remove conversations",
    "cache": "Look at kept replies, and remove them",
    "doctor": "Check this machine and every provider, and say how to mend it",
    "local": "Fetch, list and remove models that run on this machine",
    "completions": "Print the completion script of a shell",
}


def build(names: Iterable[str]) -> typer.Typer:
    """The Typer program with these commands; only their modules are imported."""
    from llmcli.cli.root import root

    program = root()
    for name in names:
        import_module(f"llmcli.cli.{name}").register(program)
    for command in program.registered_commands:
        command.short_help = COMMANDS.get(command.name or "")
    for group in program.registered_groups:
        group.short_help = COMMANDS.get(group.name or "")
    return program


def route(arguments: list[str]) -> tuple[list[str], str]:
    """The arguments with the command's name first, and that name (`` for the program itself)."""
    if arguments in ([], ["help"]) or arguments[0] in ("--help", "-h"):
        if arguments:
            return ["--help"], ""
        bare = "chat" if sys.stdin.isatty() and sys.stdout.isatty() else DEFAULT
        return [bare], bare
    if arguments[0] in COMMANDS:
        return with_values(arguments), arguments[0]
    return [DEFAULT, *with_values(arguments)], DEFAULT


def with_values(arguments: list[str]) -> list[str]:
    """The arguments, each `--cache` with a value, which Typer insists on: `--cache=1h`.

    The word behind it is the value if it is a time such as 1h, else none of its business.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if _CACHE not in arguments[:end]:
        return arguments
    found = [""]
    for word in arguments[:end]:
        if found[-1] == f"{_CACHE}=" and _TIME.fullmatch(word):
            found[-1] += word
        elif word == _CACHE and found[-1] not in _TEXTS:
            found.append(f"{_CACHE}=")
        else:
            found.append(word)
    return found[1:] + arguments[end:]


def mistyped(arguments: list[str]) -> str:
    """The command that was probably meant, when the words are one mistyped command."""
    if not arguments or len(arguments) > 2 or arguments[0].startswith("-"):
        return ""
    if len(arguments) == 2 and (" " in arguments[1] or arguments[1] not in _SUBCOMMANDS):
        return ""
    import difflib

    close = difflib.get_close_matches(arguments[0].lower(), COMMANDS, n=1, cutoff=0.75)
    return close[0] if close and arguments[0] not in COMMANDS else ""


_CACHE = "--cache"
_TEXTS = ("-s", "--system", "-p", "--prompt")  # what follows these is any text
_TIME = re.compile("[0-9]+[smhdw]")
_SUBCOMMANDS = frozenset({
    "add", "alias", "backup", "check", "clear", "default", "edit", "export", "fork", "get",
    "import", "info", "last", "list", "models", "path", "prune", "pull", "redact", "remove",
    "rename", "rm", "search", "set", "show", "test", "where",
})  # fmt: skip
