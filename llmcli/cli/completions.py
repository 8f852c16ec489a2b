"""`llm completions`: print the completion script of a shell."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from llmcli.cli.root import epilog
from llmcli.errors import UsageError

EXAMPLES = """
bash        llm completions bash > ~/.local/share/bash-completion/completions/llm
            without bash-completion, in ~/.bashrc: source <(llm completions bash)
zsh         llm completions zsh > ~/.zfunc/_llm
            with fpath+=(~/.zfunc) before compinit in ~/.zshrc
fish        llm completions fish > ~/.config/fish/completions/llm.fish
powershell  llm completions powershell | Out-String | Invoke-Expression
            in the file that $PROFILE names
"""


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command("completions", epilog=epilog(EXAMPLES))(completions)


def completions(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
) -> None:
    """Print the completion script of a shell.

    It completes commands, options and their values: models, providers, aliases, option names. On
    Tab it reads your config and cards; it opens no connection and no keyring. What was installed
    with a package manager, pipx or uv may be in place already: try Tab first.
    """
    from llmcli.cli import shells
    from llmcli.cli.shells import tree

    script = shells.SCRIPTS.get(shell)
    if script is None:
        raise UsageError(
            f'there are no completions for the shell "{shell}"',
            hint=f"There are some for {', '.join(shells.SCRIPTS)}.",
        )
    sys.stdout.write(script(tree.read()))
