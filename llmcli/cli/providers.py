"""`llm providers`: add, list, show, remove and test providers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli.cli.root import epilog, group
from llmcli.errors import ConfigError
from llmcli.terminal import clean, note, out, out_json, style, table

if TYPE_CHECKING:
    from llmcli.cards import Card
    from llmcli.config import Config

Name = Annotated[str, typer.Argument(metavar="NAME", help="The provider's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]

LIST_EXAMPLES = """
llm providers list              those you can ask
llm providers list --all        every shipped provider
llm providers list --json | jq -r .[].name
"""
SHOW_EXAMPLES = """
llm providers show groq
llm providers show groq --json
"""
REMOVE_EXAMPLES = """
llm providers remove lab        your card and its stored key
"""
MODELS_EXAMPLES = """
llm providers models groq       asked live from the provider
"""
DEFAULT_EXAMPLES = """
llm providers default           the default model, and what chose it
llm providers default groq      groq's default model is asked when no -m is given
llm providers default lab qwen3-8b
"""


def register(program: typer.Typer) -> None:
    """Add the group."""
    from llmcli.cli import provider_add, provider_test

    providers = group("Add, list, test and remove providers.", LIST_EXAMPLES)
    provider_add.register(providers)
    provider_test.register(providers)
    for name, command, examples in (
        ("list", list_, LIST_EXAMPLES),
        ("show", show, SHOW_EXAMPLES),
        ("remove", remove, REMOVE_EXAMPLES),
        ("models", models, MODELS_EXAMPLES),
        ("default", default, DEFAULT_EXAMPLES),
    ):
        providers.command(name, epilog=epilog(examples))(command)
    program.add_typer(providers, name="providers")


def list_(
    everything: Annotated[bool, typer.Option("--all", help="Those without a key too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List providers, their keys' sources and default models; nothing is sent."""
    from llmcli import cards, config, registry

    settings = config.load()
    own = set(cards.user_names())
    ready = {card.id for card in registry.configured()} | own
    rows = [
        _row(card, settings) for card in cards.load_readable() if everything or card.id in ready
    ]
    if as_json:
        out_json(rows)
        return
    table(("NAME", "ADAPTER", "KEY", "MODELS", "DEFAULT"), [_cells(row) for row in rows])
    shown = {row["name"] for row in rows}
    for name in sorted((set(cards.names()) if everything else own) - shown):
        note(f"  {name}: its card cannot be read: llm config check")
    hidden = len(set(cards.names()) - shown - own)
    if hidden:
        note(f"  {hidden} more: llm providers list --all")


def _row(card: Card, settings: Config) -> dict[str, Any]:
    """What the list tells of one provider; what is not known is None."""
    from llmcli import keys, registry

    return {
        "name": card.id,
        "adapter": card.adapter,
        "key": keys.where(card),
        "needs_key": card.needs_key,
        "models": len(registry.known_models(card, settings)) or None,
        "default_model": card.default_model or None,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    key = row["key"] or ("missing" if row["needs_key"] else "none needed")
    models = "—" if row["models"] is None else str(row["models"])
    return [row["name"], row["adapter"], key, models, row["default_model"] or "—"]


def show(name: Name, as_json: AsJson = False) -> None:
    """Show what is known of a provider: card, address, where its key comes from."""
    from llmcli import cards, config, keys, registry
    from llmcli.adapters.choice import speaking

    card = registry.load_card(name)
    own = cards.user_shelf() / f"{name}.toml"
    facts = {
        "name": card.id,
        "title": card.name,
        "adapter": card.adapter,
        "adapters": sorted({card.adapter, *card.adapters}),
        "base_url": speaking(card).base_url,
        "key": keys.where(card) or ("missing" if card.needs_key else "none needed"),
        "key_env": list(card.key_env),
        "default_model": card.default_model or None,
        "models": sorted(registry.known_models(card, config.load())),
        "dialect": dict(speaking(card).dialect),
        "retries": card.retries,
        "docs": card.docs or None,
        "checked": card.checked or None,
        "card": str(own if own.exists() else cards.shelf() / f"{name}.toml"),
    }
    if as_json:
        out_json(facts)
        return
    for key, value in facts.items():
        words = ", ".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(value, dict):
            words = ", ".join(f"{k} = {json.dumps(v)}" for k, v in value.items())
        if words:
            out(f"{style(key.ljust(14), 'dim')}{clean(str(words))}")


def remove(name: Name) -> None:
    """Delete your card of a provider, and its stored key."""
    from llmcli import cards, keys, registry

    if name not in cards.names():  # a broken card can be removed, too
        registry.load_card(name)
    had_key = keys.remove(name)
    had_card = cards.remove(name)
    if not had_key and not had_card:
        raise ConfigError(
            f"{name} is a shipped provider; there is neither a card nor a key of yours to remove"
        )
    if _default_provider() == name:
        note("It was the default. Choose another: llm providers default NAME")
    gone = [words for words, had in (("its card", had_card), ("its key", had_key)) if had]
    note(f"removed {name}: {' and '.join(gone)}")


def _default_provider() -> str:
    """The provider of `default_model`, as far as the config says."""
    from llmcli import config

    return str(config.load().default_model().value or "").partition("/")[0]


def models(name: Name, as_json: AsJson = False) -> None:
    """List the models a provider offers now, asked live."""
    from llmcli import registry

    provider = registry.open_provider(name)
    try:
        found = provider.models()
    finally:
        provider.close()
    if as_json:
        out_json([{"id": m.id, "context": m.context} for m in found])
        return
    table(("MODEL", "CONTEXT"), [(m.id, f"{m.context:,}" if m.context else "—") for m in found])


def default(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The provider.")] = None,
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Its model.")] = None,
) -> None:
    """Show or choose the provider and model that answer when no -m is given."""
    from llmcli import config, keys, registry
    from llmcli.cli import defaults

    if name is None:
        choice = registry.resolve(None, config.load())
        out(clean(choice.spec))
        note(f"· from {clean(choice.source)}")
        return
    card = registry.load_card(name)
    chosen = model or card.default_model
    if not chosen:
        raise ConfigError(
            f"{name} has no default model",
            hint=f"Name one: llm providers default {name} MODEL  (llm providers models {name})",
        )
    if model:
        defaults.of_provider(name, model)
    defaults.of_all(f"{name}/{chosen}")
    if card.needs_key and keys.where(card) is None:
        note(f"{name} has no key yet: llm keys set {name}")
    note(f"Default is now {clean(f'{name}/{chosen}')}.")
