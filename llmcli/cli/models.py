"""`llm models`: list models, show one, choose the default, name aliases."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli import config as configuration
from llmcli.cli import model_list, settings
from llmcli.cli.root import epilog, group
from llmcli.config import MODEL_VARIABLE, Config
from llmcli.errors import ConfigError, UsageError
from llmcli.options import nearest
from llmcli.terminal import clean, is_tty, note, out, style, table

if TYPE_CHECKING:
    from llmcli.cards import Card, Model

HELP = """List models, show one, choose the default, name aliases.

A model is named PROVIDER/MODEL, by an alias, or by its id alone when only one of your providers
has it. Cards know the current models; any other id that a provider has works too.
"""
EXAMPLES = """
llm models list --provider groq
llm models show groq/openai/gpt-oss-120b
llm models default groq/openai/gpt-oss-120b
llm models alias fast groq/openai/gpt-oss-20b
"""
_ALIAS_EXAMPLES = """
llm models alias                 lists them
llm models alias fast groq/openai/gpt-oss-20b
llm -m fast "hello"
llm models alias fast --rm
"""

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Force = Annotated[bool, typer.Option("--force", help="Take a model that the card does not name.")]


def register(program: typer.Typer) -> None:
    """Add the group to the program."""
    commands = group(HELP, EXAMPLES)
    commands.command("list", epilog=epilog(model_list.EXAMPLES))(model_list.list_)
    commands.command("show", epilog=epilog("llm models show groq/openai/gpt-oss-20b"))(_show)
    commands.command("default", epilog=epilog("llm models default\nllm models default fast"))(
        _default
    )
    commands.command("alias", epilog=epilog(_ALIAS_EXAMPLES))(_alias)
    program.add_typer(commands, name="models")


def _show(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="provider/model or an alias.")],
    as_json: Json = False,
) -> None:
    """Show everything known of a model, and where each value comes from."""
    from llmcli.cli import model_facts

    config = configuration.load()
    known = _known(spec, config)
    if as_json:
        out(json.dumps(model_facts.as_json(known, config), indent=2))
        return
    rows = model_facts.rows(known, config)
    if not is_tty(sys.stdout):
        table(("WHAT", "VALUE", "SOURCE"), rows)
        return
    table(("WHAT", "VALUE"), [(what, value) for what, value, _ in rows])
    for source in dict.fromkeys(source for *_, source in rows if source):
        names = dict.fromkeys(what for what, _, own in rows if own == source)
        out(style(clean(f"{', '.join(names)}: {source}"), "dim"))


def _known(spec: str, config: Config) -> tuple[Card, Model]:
    """The model a spec means, when a card or the config names it. Raises ConfigError."""
    from llmcli import registry

    choice = registry.resolve(spec, config)
    card = registry.load_card(choice.provider)
    models = registry.known_models(card, config)
    if choice.model not in models:
        raise ConfigError(
            f'no model "{choice.model}" is known of {card.id}.{_nearest(choice.model, models)}',
            hint=f"All of them: llm models list --provider {card.id}",
        )
    return card, models[choice.model]


def _nearest(model: str, models: Collection[str]) -> str:
    """The nearest ids; the part of an id after its vendor's name counts too."""
    import difflib

    names = {name.rpartition("/")[2]: name for name in models} | {name: name for name in models}
    close = difflib.get_close_matches(model, names, n=3, cutoff=0.5)
    found = dict.fromkeys(names[name] for name in close)
    return f" Nearest: {', '.join(found)}." if found else ""


def _default(
    spec: Annotated[
        str | None, typer.Argument(metavar="[SPEC]", help="provider/model or an alias.")
    ] = None,
    force: Force = False,
) -> None:
    """Print the model that answers when none is named, or choose it."""
    from llmcli import registry

    config = configuration.load()
    if spec is None:
        choice = registry.resolve(None, config)
        out(clean(choice.spec))
        note(f"· from {clean(choice.source)}")
        return
    settings.assign(("default_model",), _checked(spec, config, force, keep_alias=True))
    if os.environ.get(MODEL_VARIABLE):
        note(f"· {MODEL_VARIABLE} is set and goes before it")


def _checked(spec: str, config: Config, force: bool, keep_alias: bool = False) -> str:
    """The spec as it is to be stored. Raises ConfigError for a model that no card names.

    A provider of which no model is known, such as a local server, may be given any.
    """
    from llmcli import registry

    choice = registry.resolve(spec, config)
    card = registry.load_card(choice.provider)
    if not force and registry.known_models(card, config):
        try:
            _known(choice.spec, config)
        except ConfigError as error:
            hint = f"{error.hint}\nIf it has the model all the same, add --force."
            raise ConfigError(error.message, hint=hint) from None
    return spec if keep_alias and spec in config.table("aliases") else choice.spec


def _alias(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The short name.")] = None,
    spec: Annotated[
        str | None, typer.Argument(metavar="[SPEC]", help="What it stands for.")
    ] = None,
    rm: Annotated[bool, typer.Option("--rm", help="Remove it.")] = False,
    force: Force = False,
) -> None:
    """List, show, set or remove aliases: short names of models."""
    config = configuration.load()
    aliases = config.table("aliases")
    if rm and (spec is not None or name is None):
        raise UsageError("--rm takes the alias's name and nothing else")
    if name is None:
        table(("ALIAS", "MODEL"), sorted((key, str(value)) for key, value in aliases.items()))
    elif spec is not None:
        _set_alias(name, _checked(spec, config, force))
    elif name not in aliases:
        raise _no_alias(name, aliases)
    elif rm:
        _remove_alias(name, config)
    else:
        out(clean(str(aliases[name])))


def _set_alias(name: str, spec: str) -> None:
    problem = settings.alias_problem(name)
    if problem:
        raise ConfigError(f'"{name}": {problem}')
    settings.assign(("aliases", name), spec)


def _remove_alias(name: str, config: Config) -> None:
    if config.get("default_model").value == name:
        raise ConfigError(
            f'"{name}" is the default model', hint="Choose another first: llm models default SPEC"
        )
    settings.delete(("aliases", name))


def _no_alias(name: str, aliases: Mapping[str, Any]) -> ConfigError:
    return ConfigError(
        f'no alias "{name}".{nearest(name, aliases)}',
        hint=f"All of them: llm models alias. To make it: llm models alias {name} PROVIDER/MODEL",
    )
