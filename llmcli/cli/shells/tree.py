"""The commands, options and arguments of the program, as plain values that a script is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import typer

from llmcli.cli.commands import COMMANDS, DEFAULT, build
from llmcli.cli.shells import rules
from llmcli.cli.shells.rules import Values


@dataclass(frozen=True, slots=True)
class Option:
    """An option by all its names; `values` is None for a flag."""

    names: tuple[str, ...]
    help: str
    metavar: str = ""
    values: Values | None = None
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument; a repeatable one takes all that follow."""

    metavar: str
    help: str
    values: Values
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its words after `llm`, or a group of them; the root is the program itself.

    A group with a `default`, as the root and `batch` are, takes words that name none of its
    commands as that one's: it has the options and arguments of it.
    """

    path: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    commands: tuple[Command, ...] = ()
    default: str = ""

    @property
    def name(self) -> str:
        """Its words: `providers add`, empty for the root."""
        return " ".join(self.path)

    def walk(self) -> Iterator[Command]:
        """This command and all below it."""
        yield self
        yield from self.named()

    def named(self) -> Iterator[Command]:
        """All below this command."""
        for command in self.commands:
            yield from command.walk()


_VERSION = Option(("-V", "--version"), "Print the version")


def read() -> Command:
    """The whole program; every command's module is imported."""
    root = _command(typer.main.get_group(build(COMMANDS)), None, ())
    described = tuple(replace(c, help=COMMANDS[c.name].rstrip(".")) for c in root.commands)
    found = _with_default(replace(root, commands=described), DEFAULT)
    return replace(found, options=(*found.options, _VERSION))


def _with_default(group: Command, name: str) -> Command:
    default = next(command for command in group.commands if command.path[-1] == name)
    return replace(group, default=name, options=default.options, arguments=default.arguments)


# Typer carries its own click, whose classes are not ours to import: hence Any.
def _command(command: Any, parent: Any, path: tuple[str, ...]) -> Command:
    context = command.context_class(
        command, info_name=(*path, "llm")[0], parent=parent, **command.context_settings
    )
    shown = [param for param in command.get_params(context) if not param.hidden]
    below = getattr(command, "commands", {}).items()
    found = Command(
        path=path,
        help=_line(command.help or ""),
        options=tuple(_option(p, path) for p in shown if p.param_type_name == "option"),
        arguments=tuple(_argument(p, path) for p in shown if p.param_type_name == "argument"),
        commands=tuple(_command(c, context, (*path, n)) for n, c in below if not c.hidden),
    )
    default = getattr(command, "default_command", "")
    return _with_default(found, default) if default else found


def _option(param: Any, path: tuple[str, ...]) -> Option:
    # click keeps the names of the help option in a set
    names = tuple(sorted({*param.opts, *param.secondary_opts}, key=lambda name: (len(name), name)))
    if param.is_flag or param.count:
        return Option(names, _line(param.help or ""), repeatable=bool(param.count))
    metavar = _metavar(param)
    values = _values(param, path, names[-1], metavar)
    return Option(names, _line(param.help or ""), metavar, values, param.multiple)


def _argument(param: Any, path: tuple[str, ...]) -> Argument:
    metavar = _metavar(param)
    values = _values(param, path, "", metavar)
    return Argument(metavar, _line(param.help or ""), values, param.nargs != 1)


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper()).strip("[].…")


def _values(param: Any, path: tuple[str, ...], option: str, metavar: str) -> Values:
    choices = tuple(getattr(param.type, "choices", ()))
    return Values("words", choices) if choices else rules.find(path, option, metavar)


def _line(text: str) -> str:
    """The first line of a help text, without its full stop."""
    return " ".join(text.strip().partition("\n\n")[0].split()).rstrip(".")
