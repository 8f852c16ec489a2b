"""The slash commands by group, in the order of `/help`."""

from __future__ import annotations

from itertools import chain

from llmcli.repl.commands import Command
from llmcli.repl.slash import attach, conversations, facts, settings, tree, view

GROUPS: dict[str, tuple[Command, ...]] = {
    "Model and settings": settings.COMMANDS,
    "Files": attach.COMMANDS,
    "Turns": tree.COMMANDS,
    "Conversations": conversations.COMMANDS,
    "Facts": (*facts.HELP, *facts.COMMANDS),
    "Screen": view.COMMANDS,
}
COMMANDS: tuple[Command, ...] = tuple(chain.from_iterable(GROUPS.values()))
