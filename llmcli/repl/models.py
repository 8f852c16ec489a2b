"""The models that a chat may switch to, and what is told of each: its window, price and skills."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from llmcli import cards, registry
from llmcli.adapters.choice import supported
from llmcli.cards import Card, Model
from llmcli.config import Config
from llmcli.errors import ConfigError
from llmcli.registry import Choice
from llmcli.repl.commands import Suggestion
from llmcli.usage import price_at
from llmcli.wording import short


class Models:
    """What is known of models, read from cards and kept lists once in a chat, never asked for."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._rows: list[Suggestion] | None = None
        self._takes: dict[str, frozenset[str]] = {}

    def rows(self) -> list[Suggestion]:
        """The aliases, then the models of every provider that can be asked, in columns."""
        if self._rows is None:
            found = dict(self._found())
            width = max((len(price) for _, price, _ in found.values()), default=0)
            about = {
                spec: f"{window:<6}  {price:<{width}}  {skills}".rstrip()
                for spec, (window, price, skills) in found.items()
            }
            aliases = self._config.table("aliases").items()
            self._rows = [
                *(Suggestion(name, f"{about.get(spec, '')}  = {spec}") for name, spec in aliases),
                *(Suggestion(*row) for row in about.items()),
            ]
        return self._rows

    def takes(self, choice: Choice) -> frozenset[str]:
        """The options that a model can be sent; none where its card is broken."""
        if choice.spec not in self._takes:
            with contextlib.suppress(ConfigError):
                self._takes[choice.spec] = supported(registry.card_for(choice, self._config))
        return self._takes.get(choice.spec, frozenset())

    def _found(self) -> Iterator[tuple[str, tuple[str, str, str]]]:
        for card in _askable():
            for name, model in _current(card, self._config).items():
                yield f"{card.id}/{name}", _facts(model, free=card.id == registry.EMBEDDED)


def _askable() -> list[Card]:
    """The cards that can be asked; every one that can be read, where the index of keys cannot."""
    with contextlib.suppress(ConfigError):
        return registry.configured()
    return list(cards.load_readable())


def _current(card: Card, config: Config) -> dict[str, Model]:
    """The models of a card that are not retired, its default model among them."""
    found = registry.known_models(card, config)
    if card.default_model:
        found.setdefault(card.default_model, Model(card.default_model))
    today = datetime.now(UTC).date()
    return {name: m for name, m in found.items() if m.retired is None or m.retired > today}


def facts(model: Model, *, free: bool = False) -> str:
    """`128 k · $0.59/$0.79 · tools reasoning vision`; what is not known is left out.

    Prices are USD per million tokens in and out, for a short prompt now.
    """
    return " · ".join(filter(None, _facts(model, free=free)))


def _facts(model: Model, *, free: bool) -> tuple[str, str, str]:
    """The window, the price and the skills."""
    price = price_at(model.prices, datetime.now(UTC), 0)
    money = "free" if free else ""
    if price and price.input is not None and price.output is not None:
        money = f"${price.input.normalize():f}/${price.output.normalize():f}"
    skills = [name for name in ("tools", "reasoning") if getattr(model, name)]
    skills += [{"image": "vision"}.get(kind, kind) for kind in model.input or () if kind != "text"]
    window = short(model.context) if model.context else ""
    return window, money, " ".join(skills)
