"""The script for fish 3.0 and later: a `complete` line for each command, option and argument."""

from __future__ import annotations

from collections.abc import Iterator

from llmcli.cli.shells.rules import Values
from llmcli.cli.shells.tree import Command, Option

_ENDLESS = 999


def script(root: Command) -> str:
    """The text of `completions/llm.fish`."""
    tables = {
        "@COMMANDS@": " ".join(_quoted(command.name) for command in root.named()),
        "@VALUED@": "\n".join(_valued(root)),
        "@LINES@": "\n".join(_lines(root)),
    }
    text = _SCRIPT
    for mark, rows in tables.items():
        text = text.replace(mark, rows)
    return text


def _valued(root: Command) -> Iterator[str]:
    """The options that take a value, a line for each command that has some."""
    for command in root.named():
        names = [name for option in command.options if option.values for name in option.names]
        if names:
            yield f"        case {' '.join(_quoted(f'{command.name} {name}') for name in names)}"
            yield "            return 0"


def _lines(root: Command) -> Iterator[str]:
    known = {option for command in root.commands for option in command.options}
    for option in root.options:
        if option not in known:
            yield f"complete -c llm -n __llm_is_first{_option(option)}"
    for command in root.walk():
        start = f'"__llm_at {_quoted(command.name)} 1 1"' if command.path else "__llm_is_first"
        for below in command.commands:
            yield f"complete -c llm -n {start} -a {below.path[-1]} -d {_quoted(below.help)}"
        if command.path:
            yield from _leaf(command)


def _leaf(command: Command) -> Iterator[str]:
    for option in command.options:
        yield f'complete -c llm -n "__llm_at {_quoted(command.name)}"{_option(option)}'
    for number, argument in enumerate(command.arguments, 1):
        values = _values(argument.values)
        if values:
            last = _ENDLESS if argument.repeatable else number
            place = f"__llm_at {_quoted(command.name)} {number} {last}"
            yield f'complete -c llm -n "{place}"{values}'


def _option(option: Option) -> str:
    names = "".join(
        f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.names
    )
    taken = ""
    if option.values:
        taken = " -r" if option.values.kind == "files" else " -x"
        taken += _values(option.values)
    return f"{names}{taken} -d {_quoted(option.help)}"


def _values(values: Values) -> str:
    """What `complete` is told of the values of a place, empty when there are none to offer."""
    if values.kind == "files":
        return " -F" + (f" -a {_quoted(' '.join(values.words))}" if values.words else "")
    if values.words:
        return f" -a {_quoted(' '.join(values.words))}"
    if values.kind in ("nothing", "unruled"):
        return ""
    call = "set -nx" if values.kind == "variables" else f"__llm_values {values.kind}"
    return f" -a '({call})'"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPT = r"""# Completions of llm for fish, printed by `llm completions fish`.
# Only values come from outside: `llm __complete` reads config, cards and history.

function __llm_is_first --description 'Whether the first word after llm is being typed'
    test (count (commandline -opc)) -eq 1
end

# With numbers, also whether the word being typed is an argument of that number, from 1.
function __llm_at --description 'Whether the line is at a command' --argument-names at first last
    set -l words (commandline -opc)
    set -e words[1]
    set -l command ask
    if contains -- "$words[1]" $__llm_commands
        set command $words[1]
        set -e words[1]
        if contains -- "$command $words[1]" $__llm_commands
            set command "$command $words[1]"
            set -e words[1]
        end
    end
    test "$command" = "$at"; or return 1
    test -n "$first"; or return 0
    set -l number 1
    set -l closed no
    while set -q words[1]
        if test $closed = yes; or not string match -qr -- '^-.' $words[1]
            set number (math $number + 1)
        else if test $words[1] = --
            set closed yes
        else if __llm_takes_value "$command $words[1]"
            set -e words[1]
        end
        set -e words[1]
    end
    test $number -ge $first; and test $number -le $last
end

function __llm_takes_value --description 'Whether the next word belongs to this option'
    switch $argv[1]
@VALUED@
    end
    return 1
end

function __llm_values --description 'The values of a kind, with descriptions' --argument-names kind
    set -l typed (commandline -ct)
    if string match -qr -- '^-(.?|-[^=]*)$' $typed
        return # an option, where an argument could stand
    end
    set typed (string replace -r -- '^--[^=]*=' '' $typed)
    if test $kind != options
        set typed '' # fish matches in more ways than by the beginning
    end
    command llm __complete $kind "$typed" 2>/dev/null
end

set -g __llm_commands @COMMANDS@

complete -c llm -e
complete -c llm -f
@LINES@
"""
