"""Embeddings in batches (https://ai.google.dev/api/embeddings, 2026-11-21)."""

from __future__ import annotations

import math
from typing import Any

from llmcli.adapters.base import count, merged
from llmcli.adapters.gemini import faults
from llmcli.adapters.gemini.render import resource
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError
from llmcli.usage import Usage

LIMIT = 100  # texts in one call
_TASKS = {"document": "RETRIEVAL_DOCUMENT", "query": "RETRIEVAL_QUERY"}


def body(request: EmbeddingRequest) -> dict[str, Any]:
    """The whole body; `extra` is merged into what is asked of each text."""
    common: dict[str, Any] = {"model": resource(request.model)}
    if request.purpose:
        common["taskType"] = _TASKS[request.purpose]
    if request.dimensions is not None:
        common["outputDimensionality"] = request.dimensions
    common = merged(common, request.extra)
    texts = ({"content": {"parts": [{"text": text}]}} for text in request.texts)
    return {"requests": [merged(text, common) for text in texts]}


def parse(value: Any) -> Embeddings:
    """The vectors in the order of the texts. Raises ProviderError."""
    if isinstance(value, dict) and value.get("error"):
        raise faults.in_stream(value)
    rows = value.get("embeddings") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise ProtocolError("the server's answer holds no list of embeddings")
    return Embeddings(tuple(map(_vector, rows)), _usage(value.get("usageMetadata")))


def _vector(row: Any) -> tuple[float, ...]:
    values = row.get("values") if isinstance(row, dict) else None
    numbers = values if isinstance(values, list) and {*map(type, values)} <= {int, float} else []
    try:
        found = tuple(map(float, numbers))
    except OverflowError:
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise ProtocolError("an embedding is no list of finite numbers")
    return found


def _usage(value: Any) -> Usage | None:
    """What was read, where the server says it; an embedding writes no tokens."""
    given = count(value.get("promptTokenCount")) if isinstance(value, dict) else None
    return None if given is None else Usage(input=given, output=0)
