"""`llm __complete KIND PREFIX`: the values a shell offers on Tab.

It reads cards, the config, the history and the index of keys; it opens no keyring and no
connection, and it starts before Typer is imported. Nobody asked for it in words, so it complains
of nothing: what is broken is left out.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import TypeAlias

from llmcli import cards, keys, registry
from llmcli import config as configuration
from llmcli.cards import Card, Model
from llmcli.config import Config
from llmcli.errors import ConfigError
from llmcli.options import OPTIONS, Option
from llmcli.redaction import learn
from llmcli.sanitize import one_line
from llmcli.terminal import clean
from llmcli.usage import price_at

Found: TypeAlias = Iterator[tuple[str, str]]
_CONVERSATIONS = 200  # the newest: a menu of more helps nobody
_PLAIN_NAME = r"[\w.,:@%+=/-]+"  # what a shell takes as it stands


def run(arguments: list[str]) -> int:
    """Print a line `value<TAB>description` for each value that begins with the prefix; always 0."""
    learn(os.environ)
    kind, prefix, *_ = [*arguments, "", ""]
    with contextlib.suppress(Exception):
        found = dict(KINDS[kind](prefix))
        lines = [_line(*row) for row in found.items() if _is_offered(row[0], prefix)]
        with open(1, "wb", closefd=False) as stdout:
            stdout.write("".join(lines).encode("utf-8", "replace"))
    return 0


def _is_offered(value: str, prefix: str) -> bool:
    """Whether to show it: a value that had to be changed to be shown could not be used."""
    return value.startswith(prefix) and clean(value) == value and value.isprintable()


def _line(value: str, description: str) -> str:
    return f"{value}\t{one_line(clean(description), 100)}\n"


def _models(_prefix: str) -> Found:
    config = configuration.load()
    yield from _named_by_alias(config)
    for card in _askable():
        for name, model in _known(card, config).items():
            yield f"{card.id}/{name}", _facts(model)


def _model_ids(_prefix: str) -> Found:
    config = configuration.load()
    for card in _cards():
        for name in _known(card, config):
            yield name, card.name


def _aliases(_prefix: str) -> Found:
    return _named_by_alias(configuration.load())


def _named_by_alias(config: Config) -> Found:
    for name, spec in config.table("aliases").items():
        yield name, f"alias of {spec}"


def _providers(_prefix: str) -> Found:
    shown = {card.id: card for card in _cards()}
    for name in cards.names():
        card = shown.get(name)
        yield name, _title(card) if card else "its card is broken"


def _title(card: Card) -> str:
    return f"{card.name}, {_key(card) or ('no key yet' if card.needs_key else 'no key needed')}"


def _options(prefix: str) -> Found:
    name, sign, _ = prefix.partition("=")
    if not sign:
        yield from ((f"{known}=", option.help) for known, option in OPTIONS.items())
    elif name in OPTIONS:
        yield from ((f"{name}={choice}", "") for choice in _choices(OPTIONS[name]))


def _choices(option: Option) -> tuple[str, ...]:
    return ("true", "false") if option.type == "boolean" else option.choices


def _config_keys(_prefix: str) -> Found:
    from llmcli.cli.settings import join_key
    from llmcli.schema import Each, Spec, Table

    def walk(spec: Spec, values: object, key: tuple[str, ...]) -> Found:
        here = values if isinstance(values, dict) else {}
        if isinstance(spec, Table):
            for name, part in spec.keys.items():
                yield from walk(part, here.get(name), (*key, name))
        elif isinstance(spec, Each):
            for name in here:
                yield from walk(spec.value, here[name], (*key, name))
        else:
            yield join_key(key), "" if values is None else f"now {values}"

    return walk(configuration.SCHEMA, configuration.load().values, ())


def _local_models(_prefix: str) -> Found:
    from llmcli.engines import weights

    return ((name, "on this machine") for name in weights.pulled())


def _adapters(_prefix: str) -> Found:
    from importlib.metadata import entry_points

    from llmcli.adapters import BUILT_IN, ENTRY_POINTS

    yield from ((name, "") for name in BUILT_IN)
    yield from ((entry.name, entry.value) for entry in entry_points(group=ENTRY_POINTS))


def _conversations(prefix: str) -> Found:
    """Those last used, by their names; without one, or where an id is being typed, by their ids."""
    from llmcli.cli.labels import label, shorts
    from llmcli.moments import age
    from llmcli.store import Store, default_path

    store = Store(default_path(), changes=False)
    found = store.conversations(_CONVERSATIONS)
    short = shorts([one.id for one in found])
    for one in found:
        about = f"{label(one)}, {age(one.updated)}"
        named = re.fullmatch(_PLAIN_NAME, one.name)
        if named:
            yield one.name, about
        begun = one.id.startswith(prefix.upper())
        if begun and (prefix or not named):
            known = one.id if len(prefix) > len(short[one.id]) else short[one.id]
            yield prefix + known[len(prefix) :], about  # small letters do as well


KINDS: dict[str, Callable[[str], Found]] = {
    "models": _models,
    "model-ids": _model_ids,
    "aliases": _aliases,
    "providers": _providers,
    "options": _options,
    "config-keys": _config_keys,
    "local-models": _local_models,
    "adapters": _adapters,
    "conversations": _conversations,
}


def _cards() -> Iterator[Card]:
    """Every card that can be read."""
    for name in cards.names():
        with contextlib.suppress(ConfigError):
            card = cards.load(name)
            if card is not None:
                yield card


def _askable() -> list[Card]:
    """The cards that can be asked; all, when none but the demo model's can or one is broken."""
    with contextlib.suppress(ConfigError):
        ready = registry.configured()
        if any(card.id != registry.EMBEDDED for card in ready):
            return ready
    return list(_cards())


def _key(card: Card) -> str:
    """Where its key comes from, empty when there is none or the index of keys is broken."""
    with contextlib.suppress(ConfigError):
        return keys.where(card) or ""
    return ""


def _known(card: Card, config: Config) -> dict[str, Model]:
    """The models of a card that are not retired, its default model besides."""
    found = registry.known_models(card, config)
    if card.default_model:
        found.setdefault(card.default_model, Model(card.default_model))
    today = date.today()
    return {name: m for name, m in found.items() if m.retired is None or m.retired > today}


def _facts(model: Model) -> str:
    """Context in tokens, prices in USD per million tokens."""
    price = price_at(model.prices, datetime.now(UTC), 0)
    facts = [f"{model.context:,} tokens"] if model.context else []
    for amount, way in ((price.input, "in"), (price.output, "out")) if price else ():
        facts += [f"${amount.normalize():f} {way}"] if amount is not None else []
    return ", ".join(facts)
