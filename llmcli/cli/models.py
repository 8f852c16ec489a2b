"""`llm models`: list models, show one, choose the default, name aliases."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli import config as configuration
from llmcli.cli import settings
from llmcli.cli.root import epilog, group
from llmcli.cli.terminal import clean, is_tty, note, out, table
from llmcli.config import MODEL_VARIABLE, Config
from llmcli.errors import ConfigError, UsageError
from llmcli.options import nearest

if TYPE_CHECKING:
    from llmcli.cards import Card, Model

HELP = """List models, show one, choose the default, name aliases.

A model is named PROVIDER/MODEL, by an alias, or by its id alone when only one of your providers
has it. Cards know the current models; any other id that a provider has works too.
"""
EXAMPLES = """
llm models list --provider groq
llm models show groq/llama-3.3-70b-versatile
llm models default groq/llama-3.3-70b-versatile
llm models alias fast groq/llama-3.1-8b-instant
"""
_LIST_EXAMPLES = """
llm models list                  of the providers you have a key for, and of your own
llm models list --all
llm models list | cut -f1        in a pipe: tab-separated, no header
llm models list --json | jq -r '.[] | select(.tools) | .model'
"""
_ALIAS_EXAMPLES = """
llm models alias                 lists them
llm models alias fast groq/llama-3.1-8b-instant
llm -m fast "hello"
llm models alias fast --rm
"""

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Force = Annotated[bool, typer.Option("--force", help="Take a model that the card does not name.")]


def register(program: typer.Typer) -> None:
    """Add the group to the program."""
    commands = group(HELP, EXAMPLES)
    commands.command("list", epilog=epilog(_LIST_EXAMPLES))(_list)
    commands.command("show", epilog=epilog("llm models show groq/openai/gpt-oss-20b"))(_show)
    commands.command("default", epilog=epilog("llm models default\nllm models default fast"))(
        _default
    )
    commands.command("alias", epilog=epilog(_ALIAS_EXAMPLES))(_alias)
    program.add_typer(commands, name="models")


def _list(
    provider: Annotated[
        str, typer.Option("--provider", metavar="NAME", help="Of this provider only.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Of every provider.")] = False,
    as_json: Json = False,
) -> None:
    """List the models of the providers you can ask.

    Prices are USD per million tokens. What a card does not say stays empty; it is not zero.
    """
    from llmcli import registry
    from llmcli.cli import model_facts

    config = configuration.load()
    chosen = _cards(provider, everything)
    models = {
        f"{card.id}/{model.id}": model
        for card in chosen
        for model in registry.known_models(card, config).values()
    }
    if as_json:
        out(json.dumps([model_facts.listed(*item) for item in models.items()], indent=2))
        return
    if not models:
        _explain_nothing(chosen)
    rows = [_row(spec, model) for spec, model in models.items()]
    table(("MODEL", "CONTEXT", "OUTPUT", "IN $/M", "OUT $/M", "CAPABILITIES"), rows)


def _cards(provider: str, everything: bool) -> list[Card]:
    from llmcli import cards, registry

    if provider:
        return [registry.load_card(provider)]
    return list(cards.load_readable()) if everything else registry.configured()


def _explain_nothing(chosen: Sequence[Card]) -> None:
    if chosen:
        names = ", ".join(clean(card.id) for card in chosen)
        note(f"· no model of {names} is known here; any id it has works: -m {chosen[0].id}/MODEL")
    else:
        note("· no provider is configured yet: llm providers add, or llm models list --all")


def _row(spec: str, model: Model) -> list[str]:
    from llmcli.cli.model_facts import amount, price_now

    price = price_now(model)
    money = (price.input, price.output) if price else (None, None)
    return [
        spec,
        *(_tokens(size) for size in (model.context, model.output)),
        *("" if usd is None else amount(usd) for usd in money),
        " ".join(_capabilities(model)),
    ]


def _tokens(size: int | None) -> str:
    """A number of tokens: rounded for people, exact in a pipe."""
    if size is None:
        return ""
    if not is_tty(sys.stdout):
        return str(size)
    if size >= 1_000_000:
        return f"{size / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"
    return f"{size // 1000}k" if size >= 1000 else str(size)


def _capabilities(model: Model) -> list[str]:
    found = [name for name in ("tools", "reasoning") if getattr(model, name)]
    return found + [kind for kind in model.input or () if kind != "text"]


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
    table(("WHAT", "VALUE", "SOURCE"), model_facts.rows(known, config))


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
