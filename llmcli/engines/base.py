"""What a provider is: anything that turns a request into events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.events import Event
from llmcli.messages import Request


class Provider(Protocol):
    """A place that answers requests, over HTTP or not.

    `options` names the neutral options it can send.
    """

    card: Card
    options: frozenset[str]

    def on_wait(self, call: Callable[[], None]) -> None:
        """Have `call` made whenever all that was received is handed on and more is awaited."""
        ...

    def set_deadline(self, seconds: float, started: float) -> None:
        """Give up `seconds` after the monotonic time `started`."""
        ...

    def stream(self, request: Request) -> Iterator[Event]:
        """Ask, and yield events: `Attempt` first, exactly one `Finish` or a ProviderError last.

        Closing the iterator closes the connection.
        """
        ...

    def preview(self, request: Request) -> str:
        """The exact request as text, secrets masked; nothing is sent."""
        ...

    def models(self) -> list[Model]:
        """The models it offers now, asked live. Raises ProviderError."""
        ...

    def close(self) -> None:
        """Let go of connections and memory; harmless when repeated."""
        ...


@runtime_checkable
class Fingerprinted(Provider, Protocol):
    """A provider that can tell requests apart, so that replies to them can be kept."""

    def fingerprint(self, request: Request) -> bytes:
        """All that would be sent, and what else the answer depends on; not the key.

        Raises what `stream` raises for a request that cannot be sent.
        """
        ...


@runtime_checkable
class Replays(Protocol):
    """A provider that may give a kept reply instead of asking."""

    def replays(self, request: Request) -> bool:
        """Whether it will answer this without a call. Raises as `fingerprint` does."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A provider that hands on the headers of each answer."""

    on_headers: Callable[[Mapping[str, str]], object]


@runtime_checkable
class Keyed(Protocol):
    """A provider that may have been opened without the key that its calls need."""

    def need_key(self) -> None:
        """See that calls go out with a key. Raises CredentialsError."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """A provider that can also embed; `embedding_limit` is the number of texts in one call."""

    @property
    def embedding_limit(self) -> int:
        """How many texts one call takes; 0 when it has no embeddings after all."""
        ...

    def embed(self, request: EmbeddingRequest) -> Embeddings:
        """The vectors of these texts. Raises ProviderError, UsageError."""
        ...


@runtime_checkable
class TokenCounter(Protocol):
    """A provider that can also count tokens exactly."""

    def count_tokens(self, request: Request) -> int | None:
        """The input tokens of a request, None when it cannot tell. Raises ProviderError."""
        ...
