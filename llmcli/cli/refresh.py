"""`llm models list --refresh`: ask providers for their models, all at once, and keep the lists."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llmcli import catalogue, registry
from llmcli.errors import LlmError, ProviderError
from llmcli.explain import explain
from llmcli.terminal import clean, is_tty, note, style

if TYPE_CHECKING:
    from llmcli.cards import Card, Model
    from llmcli.engines.base import Provider

SECONDS = 30.0
DETAIL_LIMIT = 50  # models of one provider that are asked for one by one
_AT_ONCE = 8


def refresh(cards: Sequence[Card]) -> None:
    """Keep what each provider lists now; one that fails keeps its list and is told on stderr.

    Raises the first failure when all fail, and LocalIOError.
    """
    asked = [card for card in cards if card.id != registry.EMBEDDED]  # it is looked at each time
    failures: list[LlmError] = []
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for card, found in zip(asked, pool.map(_ask, asked), strict=True):
            if isinstance(found, LlmError):
                failures.append(found)
                if len(asked) > 1:
                    _tell(card, found)
                continue
            catalogue.save(card, found, datetime.now(UTC).date())
            if is_tty(sys.stderr):
                note(clean(f"· {card.id}: {len(found)} model{'' if len(found) == 1 else 's'}"))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C waits for nobody
    if failures and len(failures) == len(asked):
        raise failures[0]


def _tell(card: Card, error: LlmError) -> None:
    kept = catalogue.read(card)
    tail = f"; its list of {kept.day} is kept" if kept else ""
    words = explain(error)[0]
    named = words if card.id in words else f"{card.id}: {words}"
    sys.stderr.write(f"{style('llm:', 'red', sys.stderr)} {clean(named + tail)}\n")


def _ask(card: Card) -> list[Model] | LlmError:
    try:
        provider = registry.open_provider(card.id)
        try:
            provider.set_deadline(SECONDS, time.monotonic())
            return _detailed(provider, provider.models())
        finally:
            provider.close()
    except LlmError as error:
        return error


def _detailed(provider: Provider, models: list[Model]) -> list[Model]:
    """The models, those without a context asked for one by one where there is a call for that."""
    look: Callable[[str], Model | None] = getattr(provider, "model", lambda _: None)
    bare = [model for model in models if model.context is None][:DETAIL_LIMIT]
    told: dict[str, Model] = {}
    for model in bare:
        try:
            found = look(model.id)
        except ProviderError:
            continue
        if found is None:
            break
        told[model.id] = found
    return [registry.laid_over(model, told.get(model.id)) for model in models]
