"""`llm batch`: many prompts, asked here by many workers or by a provider's batch service."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from llmcli.cli.batch import fetching, looking, run, service
from llmcli.cli.root import epilog, group

HELP = """Ask every prompt of a file, and write a line of JSON for each answer.

`llm batch IN -o OUT` asks them here, several at once. A line of IN is a prompt, or has columns that
-p puts into one. Run the same command again and it goes on where it was.

`llm batch submit IN` hands them over to the batch service of a provider, for about half the price;
`llm batch fetch -o OUT` gets the answers, within a day. Their options: `llm batch submit --help`.
"""
EXAMPLES = f"""{run.EXAMPLES.strip()}
llm batch submit prompts.txt -m openai/gpt-6-luna
llm batch fetch -o answers.jsonl --wait
"""
_DEFAULT = "run"
_COMMANDS: tuple[tuple[str, Any, str], ...] = (
    (_DEFAULT, run.run, run.EXAMPLES),
    ("submit", service.submit, service.SUBMIT_EXAMPLES),
    ("status", looking.status, looking.STATUS_EXAMPLES),
    ("fetch", fetching.fetch, fetching.EXAMPLES),
    ("cancel", service.cancel, service.CANCEL_EXAMPLES),
    ("list", looking.list_, looking.LIST_EXAMPLES),
)


class _Group(TyperGroup):
    """A first word that is no command is the input of `run`; the help shows its options."""

    default_command = _DEFAULT

    def format_options(self, ctx: Any, formatter: Any) -> None:
        self.commands[_DEFAULT].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


def register(program: typer.Typer) -> None:
    """Add the group."""
    batch = group(HELP, EXAMPLES)
    for name, command, examples in _COMMANDS:
        batch.command(name, epilog=epilog(examples))(command)
    program.add_typer(
        batch, name="batch", cls=_Group, subcommand_metavar="IN -o OUT | COMMAND [ARGS]…"
    )
