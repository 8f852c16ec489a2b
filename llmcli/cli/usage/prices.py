"""What the cards and the config say today of the prices of models in the ledger."""

from __future__ import annotations

import functools
from collections.abc import Callable

from llmcli import cards, config, registry
from llmcli.usage import Price

Prices = Callable[[str, str], tuple[Price, ...]]


def current() -> Prices:
    """The prices of a provider's model, none where it is not known any more.

    It raises ConfigError for a card or config that is wrong.
    """
    settings = config.load()

    @functools.cache
    def prices(provider: str, model: str) -> tuple[Price, ...]:
        known = cards.NAME.fullmatch(provider)
        card = cards.load(provider) if known else None
        return registry.known_model(card, model, settings).prices if card else ()

    return prices
