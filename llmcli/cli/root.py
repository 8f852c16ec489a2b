"""The program itself: its help, its exit codes and the options of every command."""

from __future__ import annotations

from typing import Annotated

import typer

from llmcli.errors import EXIT_CODES

HELP = """Ask any LLM from the terminal or a script.

\b
llm "why is the sky blue?"                one shot, streamed
git diff | llm "review this" > review.md  piped text is context; stdout is the answer
llm chat                                  a conversation; bare llm on a terminal opens it, too
llm providers add groq                    a provider you have a key for
llm providers add lab --base-url http://127.0.0.1:8080/v1 --no-key
llm --json "three primes" | jq .text      for scripts
llm ask --help                            every option of a question
"""


def root() -> typer.Typer:
    """An empty program, without commands."""
    codes = "\n".join(f"{code:>5}  {text}" for code, text in EXIT_CODES.items())
    program = typer.Typer(
        name="llm",
        subcommand_metavar="PROMPT… | COMMAND [ARGS]…",
        help=HELP,
        epilog=f"\b\nExit codes:\n{codes}",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    program.callback()(_of_every_command)
    return program


def _of_every_command(
    version: Annotated[bool, typer.Option("-V", "--version", help="Show the version.")] = False,
) -> None:
    # Alone on the command line it never comes this far: `cli.main` answers it without Typer.
    if version:
        from llmcli import __version__

        typer.echo(f"llm {__version__}")
        raise typer.Exit


def group(help_text: str, examples: str) -> typer.Typer:
    """An empty group of commands with examples in its help."""
    return typer.Typer(
        help=help_text,
        epilog=epilog(examples),
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def epilog(examples: str) -> str:
    """Examples for the end of a help page, kept line by line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples.strip().splitlines())
