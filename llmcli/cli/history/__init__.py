"""`llm history`: the conversations so far, a file for each group of commands."""

from __future__ import annotations

import sys

import typer

from llmcli.cli.history import arrange, erase, last, listing, search, show, transfer, upkeep
from llmcli.cli.root import epilog, group
from llmcli.terminal import can_ask, is_tty

HELP = """Find, read, export and remove conversations.

Alone on a terminal it opens a list to choose from; in a pipe it is `llm history list`. A
conversation is named by its name, or by its id as far as it is unique.
"""
EXAMPLES = """
llm history                          choose one to read
llm history search rate limit
llm history show 01JD8 > talk.md
llm chat --id 01JD8                  go on with it
"""
_COMMANDS = (
    ("list", listing.list_, listing.EXAMPLES),
    ("show", show.show, show.EXAMPLES),
    ("last", last.last, last.EXAMPLES),
    ("search", search.search, search.EXAMPLES),
    ("rename", arrange.rename, arrange.RENAME_EXAMPLES),
    ("fork", arrange.fork, arrange.FORK_EXAMPLES),
    ("export", transfer.export, transfer.EXPORT_EXAMPLES),
    ("import", transfer.import_, transfer.IMPORT_EXAMPLES),
    ("rm", erase.rm, erase.RM_EXAMPLES),
    ("prune", erase.prune, erase.PRUNE_EXAMPLES),
    ("redact", erase.redact, erase.REDACT_EXAMPLES),
    ("check", upkeep.check, upkeep.CHECK_EXAMPLES),
    ("backup", upkeep.backup, upkeep.BACKUP_EXAMPLES),
    ("path", upkeep.path_, upkeep.PATH_EXAMPLES),
)


def register(program: typer.Typer) -> None:
    """Add the group."""
    history = group(HELP, EXAMPLES)
    for name, command, examples in _COMMANDS:
        history.command(name, epilog=epilog(examples))(command)
    history.callback(help=HELP, invoke_without_command=True, no_args_is_help=False)(_alone)
    program.add_typer(history, name="history")


def _alone(context: typer.Context) -> None:
    if context.invoked_subcommand is not None:
        return
    if can_ask() and is_tty(sys.stdout):
        from llmcli.cli.history import picker

        picker.pick()
    else:
        listing.list_()
