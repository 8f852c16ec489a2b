"""The commands by name: where each one lives and the line that describes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import typer

DEFAULT = "ask"
COMMANDS: dict[str, str] = {
    "ask": "Ask a model; `llm PROMPT…` is the same",
    "chat": "Talk with a model: a conversation that is kept",
    "providers": "Add, list, test and remove providers",
    "models": "List models, choose the default, name aliases",
    "embed": "Turn texts into vectors",
    "tokens": "Count the tokens of a prompt before it is sent",
    "keys": "Store, list and remove keys in the OS keyring",
    "config": "Show, check and change the config",
    "history": "Find, read, export and remove conversations",
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
    return program


def route(arguments: list[str]) -> tuple[list[str], str]:
    """The arguments with the command's name first, and that name (`` for the program itself)."""
    if arguments in ([], ["help"]) or arguments[0] in ("--help", "-h"):
        if arguments:
            return ["--help"], ""
        bare = "chat" if sys.stdin.isatty() and sys.stdout.isatty() else DEFAULT
        return [bare], bare
    if arguments[0] in COMMANDS:
        return arguments, arguments[0]
    return [DEFAULT, *arguments], DEFAULT


def reserved(arguments: list[str]) -> bool:
    """Whether the words are a command that other versions have: it must not become a prompt."""
    if not arguments or arguments[0] not in _TO_COME:
        return False
    return len(arguments) == 1 or arguments[1].startswith("-") or Path(arguments[1]).exists()


def mistyped(arguments: list[str]) -> str:
    """The command that was probably meant, when the words are one mistyped command."""
    if not arguments or len(arguments) > 2 or arguments[0].startswith("-"):
        return ""
    if len(arguments) == 2 and (" " in arguments[1] or arguments[1] not in _SUBCOMMANDS):
        return ""
    import difflib

    close = difflib.get_close_matches(arguments[0].lower(), COMMANDS, n=1, cutoff=0.75)
    return close[0] if close and arguments[0] not in COMMANDS else ""


_TO_COME = frozenset({"batch", "usage"})
_SUBCOMMANDS = frozenset({
    "add", "alias", "backup", "check", "default", "edit", "export", "fork", "get", "import", "last",
    "list", "models", "path", "prune", "pull", "redact", "remove", "rename", "rm", "search", "set",
    "show", "test", "where",
})  # fmt: skip
