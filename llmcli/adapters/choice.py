"""Which adapter of a card answers: its own, or another that a model asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from llmcli import adapters
from llmcli.adapters.base import is_adapter
from llmcli.cards import Card
from llmcli.errors import ConfigError


def speaking(card: Card, name: str | None = None) -> Card:
    """The card as it holds for one of its adapters, None being the card's own.

    `[adapters.NAME]` says where that adapter is reached and how it differs, over what the card says
    of all of them, as far as that adapter knows of it.
    """
    name = name or card.adapter
    own = card.adapters.get(name, {})
    shared = card.dialect if name == card.adapter else _known(card.dialect, name)
    return card._replace(
        adapter=name,
        base_url=own.get("base_url", card.base_url),
        dialect={**shared, **own.get("dialect", {})},
    )


def _known(dialect: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What another adapter understands of the differences of the card's own."""
    with contextlib.suppress(ConfigError):  # whoever needs the adapter tells that there is none
        kind: Any = adapters.find(name)
        if is_adapter(kind):
            keys = {*kind.dialect, "unsupported"}
            return {key: value for key, value in dialect.items() if key in keys}
    return dialect


def supported(card: Card) -> frozenset[str]:
    """The neutral options that can be sent to a provider as its card stands. Raises ConfigError."""
    kind: Any = adapters.find(card.adapter)
    found: frozenset[str] = kind.supported(card) if is_adapter(kind) else kind.options
    return found


def able(card: Card, option: str) -> str:
    """Another adapter of the card that can send an option, or nothing."""
    others = (name for name in card.adapters if name != card.adapter)
    return next((name for name in others if option in supported(speaking(card, name))), "")
