"""The calls of `llm embed`: batch by batch, with what they used and cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from llmcli import registry
from llmcli.config import Config
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.engines.base import Embedder
from llmcli.errors import ProtocolError, ProviderError, UsageError
from llmcli.registry import Choice
from llmcli.usage import Cost, Price, Usage, cost_of


@dataclass(slots=True)
class Run:
    """One command's calls. `tokens` and `cost` are sums, None once a part of them is unknown."""

    choice: Choice
    provider: Embedder
    close: Callable[[], None]
    request: EmbeddingRequest
    prices: tuple[Price, ...]
    texts: int = 0
    dimensions: int | None = None
    tokens: int | None = 0
    cost: Cost | None = None
    begun: float = field(default_factory=time.monotonic)

    def vectors(self, texts: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
        """The vectors of a batch. Raises ProviderError, UsageError."""
        asked_at = datetime.now(UTC)
        try:
            found = self.provider.embed(self.request._replace(texts=texts))
            self._check(found)
        except ProviderError as error:
            error.provider, error.model = self.choice.provider, self.choice.model
            raise
        self._add(found.usage or Usage(), asked_at, first=not self.texts)
        self.texts += len(texts)
        return found.vectors

    def _check(self, found: Embeddings) -> None:
        """Refuse vectors that cannot be compared with those before, or are not what was asked."""
        wanted = self.request.dimensions or self.dimensions
        for vector in found.vectors:
            if wanted is not None and len(vector) != wanted:
                raise ProtocolError(f"a vector has {len(vector)} dimensions, not {wanted}")
            wanted = len(vector)
        self.dimensions = wanted

    def _add(self, usage: Usage, asked_at: datetime, *, first: bool) -> None:
        known = self.tokens is not None and usage.input is not None
        self.tokens = self.tokens + usage.input if known else None  # type: ignore[operator]
        cost = self._cost_of(usage, asked_at)
        if first:
            self.cost = cost
        elif self.cost and cost:
            self.cost = self.cost._replace(amount=self.cost.amount + cost.amount)
        else:
            self.cost = None

    def _cost_of(self, usage: Usage, asked_at: datetime) -> Cost | None:
        """An embedding writes no tokens, whether that is said or not."""
        if self.choice.provider == registry.EMBEDDED:
            return Cost(Decimal(0), "local")
        return cost_of(usage._replace(output=0), self.prices, asked_at)


def begin(
    spec: str | None,
    config: Config,
    request: EmbeddingRequest,
    retries: int | None,
    key_env: str | None,
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
    return Run(choice, provider, provider.close, request._replace(model=choice.model), prices)
