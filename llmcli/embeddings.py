"""What embeddings are asked for and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmcli.messages import EMPTY
from llmcli.usage import Usage


class EmbeddingRequest(NamedTuple):
    """Texts to embed in one call; `dimensions` None leaves the model's own number.

    `purpose` is `document` or `query`, for the models that tell them apart; "" is unsaid.
    """

    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None
    purpose: str = ""
    extra: Mapping[str, Any] = EMPTY


class Embeddings(NamedTuple):
    """A vector for each text, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None
    model: str = ""
