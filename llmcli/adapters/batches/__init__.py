"""Batch services of providers: many requests handed over at once, answered within a day.

A card says with `[batch]` which service its provider has.
"""

from __future__ import annotations

from llmcli.adapters.batches.anthropic import AnthropicBatches
from llmcli.adapters.batches.base import Service
from llmcli.adapters.batches.gemini import GeminiBatches
from llmcli.adapters.batches.mistral import MistralBatches
from llmcli.adapters.batches.openai import OpenAIBatches
from llmcli.cards import Card
from llmcli.errors import ConfigError

_SERVICES: dict[str, type[Service]] = {
    "openai": OpenAIBatches,
    "anthropic": AnthropicBatches,
    "gemini": GeminiBatches,
    "mistral": MistralBatches,
}


def find(card: Card) -> Service | None:
    """The service that a card names, None where it names none. Raises ConfigError."""
    name = card.batch.get("service")
    if name is None:
        return None
    if name not in _SERVICES:
        known = ", ".join(_SERVICES)
        raise ConfigError(f'provider {card.id}: no batch service "{name}"', hint=f"Known: {known}.")
    return _SERVICES[str(name)]()
