"""What a request will probably use and cost, before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from llmcli import adapters, estimate
from llmcli.adapters.base import is_adapter
from llmcli.cards import Card
from llmcli.messages import Request
from llmcli.usage import Price, Usage, cost_of


class Forecast(NamedTuple):
    """About how many `input` tokens, at most how many of `output`; None is unknown.

    In USD: `low` is what the input alone costs, `high` what it costs with the longest answer.
    """

    input: int | None
    output: int | None
    low: Decimal | None
    high: Decimal | None


def forecast(request: Request, card: Card, moment: datetime, *, batch: bool = False) -> Forecast:
    """What this request would cost at that time; `batch` is for a provider's batch service.

    Raises UsageError for what cannot be sent.
    """
    tokens, output = estimate.of_request(request), longest(request, card)
    prices = card.models[request.model].prices
    low, high = priced(ends(request, tokens, output), prices, moment, batch=batch)
    return Forecast(tokens, output, low, high)


def longest(request: Request, card: Card) -> int | None:
    """The tokens of the longest answer: by the limit that is sent, and by what the model can.

    Raises UsageError for what cannot be sent.
    """
    kind, most = adapters.find(card.adapter), card.models[request.model].output
    sent: Any = request.options.get("max_output_tokens")
    if is_adapter(kind):
        sent = kind().answer_limit(request, card)
    return min((limit for limit in (sent, most) if limit), default=None)


def ends(request: Request, tokens: int | None, output: int | None) -> list[Usage | None]:
    """What is used without an answer, and with one of so many tokens; None is unknown.

    A prompt that the provider is to keep may be read for less, or has to be written for more.
    """
    kept = tokens if request.options.get("cache") else None
    low = Usage(tokens, 0, cache_read=kept)
    return [low, None if output is None else Usage(tokens, output, cache_write=kept)]


def priced(
    usages: Sequence[Usage | None],
    prices: Sequence[Price],
    moment: datetime,
    *,
    batch: bool = False,
) -> list[Decimal | None]:
    """What each of these costs at that time, in USD; None is unknown."""
    costs = [usage and cost_of(usage, prices, moment, batch=batch) for usage in usages]
    return [cost.amount if cost else None for cost in costs]
