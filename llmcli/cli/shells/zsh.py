"""The script for zsh: a function for each command, most of them a call of `_arguments`."""

from __future__ import annotations

from collections.abc import Iterator

from llmcli.cli.shells.rules import Values
from llmcli.cli.shells.tree import Command, Option

_ESCAPED = str.maketrans({char: f"\\{char}" for char in "\\[]:"})
_MESSAGE = " "
_SHELLS_OWN = {"files": "_files", "variables": '_parameters -g "*export*"'}


def script(root: Command) -> str:
    """The text of `completions/_llm`."""
    functions = (_group(c) if c.commands else _leaf(c) for c in root.walk())
    return _SCRIPT.replace("@FUNCTIONS@", "\n".join(functions))


def _leaf(command: Command) -> str:
    rows = [*_options(command), *_arguments(command)]
    return f"{_function(command)}() {{\n{_call(rows, 4)}\n}}\n"


def _group(command: Command) -> str:
    cases = (
        f"        ({c.path[-1]}) shift words; (( CURRENT-- )); {_function(c)}; return ;;"
        for c in command.commands
    )
    names = (f"            {_quoted(f'{c.path[-1]}:{_escaped(c.help)}')}" for c in command.commands)
    values = {
        "@NAME@": _function(command),
        "@CASES@": "\n".join(cases),
        "@ELSE@": _else(command),
        "@OPTIONS@": _call(list(_options(command)), 8),
        "@COMMANDS@": "\n".join(names),
        "@FIRST@": _first(command),
    }
    text = _GROUP
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _else(group: Command) -> str:
    """What completes words that name none of its commands."""
    if not group.default:
        return ""
    words, name = " ".join(("llm", *group.path)), group.default
    return f"        {_function(group)}__{name}  # `{words} WORDS…` is `{words} {name} WORDS…`\n"


def _first(group: Command) -> str:
    """What may stand where a command can, besides those: a file."""
    files = any(argument.values.kind == "files" for argument in group.arguments[:1])
    return f"        {_SHELLS_OWN['files']}\n" if files else ""


def _function(command: Command) -> str:
    return "__".join(("_llm", *command.path))


def _call(rows: list[str], indent: int) -> str:
    lines = ["_arguments -s -S :", *(f"    {row}" for row in rows)]
    return " \\\n".join(" " * indent + line for line in lines)


def _options(command: Command) -> Iterator[str]:
    """A spec for each name of an option; they exclude each other, and `--help` excludes all."""
    for option in command.options:
        for name in option.names:
            spec = f"{_exclusion(option)}{_spelt(name, option)}[{_escaped(option.help)}]"
            if option.values:
                spec += f":{_escaped(option.metavar)}:{_action(option.values)}"
            yield _quoted(spec)


def _exclusion(option: Option) -> str:
    if "--help" in option.names or "--version" in option.names:
        return "(- *)"
    if option.repeatable:
        return "*"
    return f"({' '.join(option.names)})" if len(option.names) > 1 else ""


def _spelt(name: str, option: Option) -> str:
    """The name, and how its value follows: `-m+` is `-mX` or `-m X`, `--model=` allows both too."""
    if option.values is None:
        return name
    return f"{name}=" if name.startswith("--") else f"{name}+"


def _arguments(command: Command) -> Iterator[str]:
    for number, argument in enumerate(command.arguments, 1):
        place = "*" if argument.repeatable else number
        # A message, which is what " " gives, would keep an option from being completed there.
        action = _action(argument.values)
        action = "{:}" if action == _MESSAGE else action
        yield _quoted(f"{place}:{_escaped(argument.metavar)}:{action}")


def _action(values: Values) -> str:
    if values.kind == "files" and values.words:
        return f'_llm_files_or "{" ".join(values.words)}"'
    if values.words:
        return f"({' '.join(values.words)})"
    if values.kind in _SHELLS_OWN:
        return _SHELLS_OWN[values.kind]
    return _MESSAGE if values.kind in ("nothing", "unruled") else f"_llm_values {values.kind}"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_GROUP = """@NAME@() {
    if (( CURRENT > 2 )); then
        case $words[2] in
@CASES@
        esac
@ELSE@    elif [[ $PREFIX == -* ]]; then
@OPTIONS@
    else
        local -a commands=(
@COMMANDS@
        )
        _describe -t commands command commands
@FIRST@    fi
}
"""

_SCRIPT = r"""#compdef llm
# Completions of llm for zsh, printed by `llm completions zsh`.
# Only values come from outside: `llm __complete` reads config, cards and history.

@FUNCTIONS@
# The values of a kind, which is the last argument; those that end in = want more behind them.
_llm_values() {
    local kind=$@[-1] prefix='' row value
    local -a whole begun
    [[ $PREFIX != -* ]] || return 1
    [[ $kind != options ]] || prefix=${(Q)PREFIX}
    for row in "${(@f)$(command llm __complete $kind "$prefix" 2>/dev/null)}"; do
        value=${row%%$'\t'*}
        [[ -n $value ]] || continue
        row="${${value//\\/\\\\}//:/\\:}:${row#*$'\t'}"
        if [[ $value == *= ]]; then begun+=("$row"); else whole+=("$row"); fi
    done
    _describe -t values $kind whole -- begun -S ''
}

_llm_files_or() {
    _alternative "words:word:($@[-1])" 'files:file:_files'
}

if [[ $funcstack[1] == _llm ]]; then
    _llm "$@"
elif (( $+functions[compdef] )); then
    compdef _llm llm
fi
"""
