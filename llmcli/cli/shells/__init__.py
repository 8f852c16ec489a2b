"""Completion scripts by shell: each is text made from the tree of commands, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from llmcli.cli.shells import bash, fish, powershell, zsh
from llmcli.cli.shells.tree import Command

SCRIPTS: dict[str, Callable[[Command], str]] = {
    "bash": bash.script,
    "zsh": zsh.script,
    "fish": fish.script,
    "powershell": powershell.script,
}
