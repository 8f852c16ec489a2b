"""`llm config`: show, check and change the user's config."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from llmcli.cli import settings
from llmcli.cli.root import epilog, group
from llmcli.config import DEFAULTS, MODEL_VARIABLE, SCHEMA, Config, Setting, config_path, load
from llmcli.errors import ConfigError, UsageError
from llmcli.redaction import redact
from llmcli.terminal import can_ask, clean, confirm, note, out, table

HELP = """Show, check and change the config.

It is one TOML file, which you may as well edit yourself: what the commands change keeps your
comments and their order. Keys never belong in it: llm keys set PROVIDER.
"""
EXAMPLES = """
llm config show                        every setting, and where it comes from
llm config set defaults.temperature 0.2
llm config set 'models."groq/openai/gpt-oss-120b".seed' 7
llm config check                       config and own cards, all problems at once
"""
_VARIABLES = (MODEL_VARIABLE, "LLMCLI_HOME", "NO_COLOR", "CLICOLOR_FORCE")
_START = """# Settings of llm. Names, values and where they come from: llm config show
"""

KeyName = Annotated[str, typer.Argument(metavar="KEY", help="Such as display.color.")]


def register(program: typer.Typer) -> None:
    """Add the group to the program."""
    commands = group(HELP, EXAMPLES)
    add = commands.command
    add("path", epilog=epilog("$EDITOR $(llm config path)\nls $(llm config path --dir)"))(_path)
    add("show", epilog=epilog("llm config show\nllm config show --json | jq ."))(_show)
    add("get", epilog=epilog("llm config get default_model"))(_get)
    add(
        "set",
        epilog=epilog(_SET_EXAMPLES),
        context_settings={"ignore_unknown_options": True},
    )(_set)
    add("edit", epilog=epilog("llm config edit\nVISUAL='code --wait' llm config edit"))(_edit)
    add("check", epilog=epilog("llm config check && echo fine"))(_check)
    program.add_typer(commands, name="config")


def _path(
    folder: Annotated[bool, typer.Option("--dir", help="The folder instead.")] = False,
) -> None:
    """Print the path of the config file, whether it exists or not."""
    path = config_path()
    out(str(path.parent if folder else path))


def _show(
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects.")] = False,
) -> None:
    """Show every setting with its value and where it comes from."""
    config = load()
    if as_json:
        rows = [
            {"key": key, "value": _plain(setting.value), "source": redact(setting.source)}
            for key, setting in _settings(config)
        ]
        out(json.dumps(rows, indent=2))
        return
    lines = [(key, _text(setting.value), setting.source) for key, setting in _settings(config)]
    table(("KEY", "VALUE", "SOURCE"), lines)


def _settings(config: Config) -> Iterator[tuple[str, Setting]]:
    """The settings that have a fixed name, then those the file adds, then the environment."""
    yield "default_model", config.default_model()
    for name in ("display", "history", "cache", "budget"):
        for part in SCHEMA.keys[name].keys:  # type: ignore[union-attr]
            yield _setting(config, (name, part))
    for name in ("defaults", "aliases", "models"):
        for key in _leaves(config.table(name), (name,)):
            yield _setting(config, key)
    for name in _VARIABLES:
        value = os.environ.get(name)
        yield f"env {name}", Setting(value, "environment" if value is not None else "not set")


def _setting(config: Config, key: settings.Key) -> tuple[str, Setting]:
    name = settings.join_key(key)
    value = settings.value_at(config.values, key)
    if value is not None:
        return name, Setting(value, str(config.path))
    return name, Setting(DEFAULTS.get(name), "default")


def _leaves(values: Any, key: settings.Key) -> Iterator[settings.Key]:
    if isinstance(values, Mapping):
        for name, item in values.items():
            yield from _leaves(item, (*key, name))
    else:
        yield key


def _plain(value: Any) -> Any:
    """A value as JSON can carry it, without keys."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (str, Decimal)):
        return str(value)
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _get(key: KeyName) -> None:
    """Print the value of a setting, of a table as lines of name and value.

    What is not set and has no default is an error.
    """
    config = load()
    path = settings.split_key(key)
    settings.spec_of(path)
    if path == ("default_model",):
        value = config.default_model().value
    else:
        value = _setting(config, path)[1].value
    if value is None:
        raise ConfigError(f"{clean(key)} is not set", hint="All that is: llm config show")
    if isinstance(value, Mapping):
        leaves = [_setting(config, leaf) for leaf in _leaves(value, path)]
        table(("KEY", "VALUE"), [(name, _text(found.value)) for name, found in leaves])
        return
    out(clean(_text(value)))


_SET_EXAMPLES = """
llm config set default_model groq/openai/gpt-oss-120b
llm config set display.usage false
llm config set defaults.stop '["END", "STOP"]'
llm config set 'models."groq/openai/gpt-oss-120b".temperature' 0.2
llm config set defaults.temperature --unset
"""


def _set(
    key: KeyName,
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="Its value.")] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take the setting out.")] = False,
) -> None:
    """Set a setting, or take it out with --unset.

    A part of KEY that holds a dot or a slash stands in quotes. The whole config is checked before
    it is replaced; comments and order are kept.
    """
    if unset == (value is not None) or (value or "").startswith("--"):
        raise UsageError("give a value, or --unset", hint="Try `llm config set --help`.")
    path = settings.split_key(key)
    if value is None:
        if not settings.delete(path):
            settings.spec_of(path)
            note(f"· {clean(key)} was not set")
        return
    settings.assign(path, settings.read_value(value, settings.spec_of(path), path))
    if path == ("default_model",) and os.environ.get(MODEL_VARIABLE):
        note(f"· {MODEL_VARIABLE} is set and goes before it")


def _edit() -> None:
    """Open the config in $VISUAL or $EDITOR, then check it.

    What you wrote is kept even when it is wrong.
    """
    from llmcli.files import atomic_write

    path = config_path()
    command = _editor()
    if not path.exists():
        try:
            atomic_write(path, _START.encode())
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    while True:
        _open(command, path)
        try:
            load()
            return
        except ConfigError as error:
            if not can_ask():
                raise
            note(clean(error.message))
            if not confirm("Open it again?"):
                raise


def _editor() -> list[str]:
    """The editor's command. Raises ConfigError when there is none."""
    import shlex
    import shutil

    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not chosen:
        chosen = next((name for name in ("vi", "nano", "notepad") if shutil.which(name)), "")
    try:
        command = shlex.split(chosen)
    except ValueError:
        command = []
    if not command:
        raise ConfigError("there is no editor to open", hint="Set VISUAL or EDITOR to its command.")
    return command


def _open(command: list[str], path: Path) -> None:
    import subprocess

    try:
        code = subprocess.run([*command, str(path)], check=False).returncode
    except OSError as error:
        raise ConfigError(f"{command[0]} does not start: {error.strerror}") from None
    with contextlib.suppress(FileNotFoundError):
        path.chmod(0o600)
    if code:
        raise ConfigError(f"{command[0]} ended with {code}; what it saved is in {path}")


def _check() -> None:
    """Check the config and every card of your own, all problems at once."""
    from llmcli.cli import checkup

    problems = checkup.problems()
    if problems:
        raise ConfigError("\n     ".join(problems), hint="To mend the config: llm config edit")
    out("ok")
