"""The calls of `llm embed`: batch by batch, with what they used and cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from llmcli import estimate, registry
from llmcli.cli import asking
from llmcli.config import Config
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.engines.base import Embedder, Provider
from llmcli.errors import ProtocolError, ProviderError, UsageError
from llmcli.ledger import Entry, Tags
from llmcli.meter import Keep, Meter, metered
from llmcli.purse import Purse
from llmcli.registry import Choice
from llmcli.usage import Cost, Price, Usage, cost_of, exact_sum


class _EmbeddingProvider(Provider, Embedder, Protocol):
    """A provider that embeds."""


@dataclass(slots=True)
class Run:
    """One command's calls. `tokens` and `cost` are sums, None once a part of them is unknown.

    Entries of the ledger are given to `keep` before the next call and at `close`, so that writing
    them delays no vector, but at once where a budget of `purse` counts them. `taken` is what the
    call under way will probably cost, in USD.
    """

    choice: Choice
    provider: _EmbeddingProvider
    keep: Keep
    request: EmbeddingRequest
    prices: tuple[Price, ...]
    tags: Tags
    purse: Purse
    taken: Decimal | None = None
    held: list[tuple[str, Sequence[Entry]]] = field(default_factory=list)
    texts: int = 0
    dimensions: int | None = None
    tokens: int | None = 0
    cost: Cost | None = None
    begun: float = field(default_factory=time.monotonic)

    def vectors(self, texts: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
        """The vectors of a batch. Raises ProviderError, UsageError, BudgetReached, LocalIOError."""
        self._write()
        asked_at, model, free = datetime.now(UTC), self.choice.model, self._free
        self._take(texts)
        meter = Meter("embed", self.tags, free, self.taken)
        try:
            with metered(meter, self.provider, model, self._hold):
                found = self.provider.embed(self.request._replace(texts=texts))
                usage = (found.usage or Usage())._replace(output=0)  # even if that is not said
                cost = free or cost_of(usage, self.prices, asked_at)
                meter.used(usage if found.usage else None, cost)
                self._check(found, len(texts))
        except ProviderError as error:
            error.provider, error.model = self.choice.provider, model
            raise
        self._add(usage, cost, first=not self.texts)
        self.texts += len(texts)
        return found.vectors

    def _check(self, found: Embeddings, texts: int) -> None:
        """Refuse vectors that cannot be compared with those before, or are not what was asked."""
        if len(found.vectors) != texts:
            raise ProtocolError(f"{len(found.vectors)} vectors for {texts} texts")
        wanted = self.request.dimensions or self.dimensions
        for vector in found.vectors:
            if wanted is not None and len(vector) != wanted:
                raise ProtocolError(f"a vector has {len(vector)} dimensions, not {wanted}")
            wanted = len(vector)
        self.dimensions = wanted

    def close(self) -> None:
        """Let go of the provider, and write what is not written yet."""
        self.provider.close()
        self._write()
        self.purse.close()

    def _take(self, texts: Sequence[str]) -> None:
        """Have the budgets hold what this will probably cost."""
        if not self._limited:
            return
        likely = Usage(sum(map(estimate.of_text, texts)), 0)
        cost = cost_of(likely, self.prices, datetime.now(UTC))
        self.taken = cost.amount if cost else None
        self.purse.take(self.taken, self.choice.spec)

    def _hold(self, call: str, entries: Sequence[Entry]) -> None:
        self.held.append((call, entries))
        if not self._limited:
            return
        self._write()
        paid = (e.cost.amount if e.cost else e.guess or Decimal(0) for e in entries)
        self.purse.give(self.taken, Cost(sum(paid, Decimal(0)), "card"))

    def _write(self) -> None:
        while self.held:
            self.keep(*self.held.pop(0))

    def _add(self, usage: Usage, cost: Cost | None, *, first: bool) -> None:
        known = self.tokens is not None and usage.input is not None
        self.tokens = self.tokens + usage.input if known else None  # type: ignore[operator]
        if first:
            self.cost = cost
        elif self.cost and cost:
            amount = exact_sum((self.cost.amount, cost.amount))
            self.cost = self.cost._replace(amount=amount)
        else:
            self.cost = None

    @property
    def _limited(self) -> bool:
        return self.purse.active and not self._free

    @property
    def _free(self) -> Cost | None:
        local = self.choice.provider == registry.EMBEDDED
        return Cost(Decimal(0), "local") if local else None


def begin(
    spec: str | None,
    config: Config,
    request: EmbeddingRequest,
    retries: int | None,
    key_env: str | None,
    keep: Keep,
    tags: Tags,
    max_cost: Decimal | None,
) -> Run:
    """Open the provider of a model spec. Raises ConfigError, CredentialsError, UsageError."""
    if spec is None:
        raise UsageError(
            "say which model embeds: -m PROVIDER/MODEL",
            hint="For example: -m openai/text-embedding-3-small, -m ollama/nomic-embed-text",
        )
    choice = registry.resolve(spec, config)
    card = registry.card_for(choice, config)
    provider = registry.open_provider(card, key_env, retries)
    if not isinstance(provider, Embedder) or provider.embedding_limit == 0:
        provider.close()
        raise UsageError(f"{choice.provider} has no embeddings")
    prices = card.models[choice.model].prices
    purse = Purse(config, tags, max_cost, asking.warn)
    return Run(choice, provider, keep, request._replace(model=choice.model), prices, tags, purse)
