"""`POST /embeddings` in the shape of OpenAI, which Chat Completions and Responses share.

Written after https://platform.openai.com/docs/api-reference/embeddings (2026-11-21).
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Mapping
from typing import Any

from llmcli import schema
from llmcli.adapters import json_calls
from llmcli.adapters.base import Call, count, merged
from llmcli.adapters.failures import in_stream
from llmcli.adapters.vectors import vectors
from llmcli.cards import Card
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError, UsageError
from llmcli.redaction import Secret
from llmcli.usage import Usage

DIALECT: Mapping[str, schema.Check] = {
    "embedding_limit": schema.whole(0),
    "embedding_encoding": schema.one_of("base64", "float"),
}
_LIMIT = 2048  # texts in one call


def limit(card: Card) -> int:
    """How many texts one call can embed; a card with `embedding_limit = 0` has no embeddings."""
    return int(card.dialect.get("embedding_limit", _LIMIT))


def render(request: EmbeddingRequest, card: Card, headers: Mapping[str, str | Secret]) -> Call:
    """The call that embeds these texts; `headers` are those that carry the key.

    Base64 is asked for unless the card says else: a third of the bytes, and read at once. A
    server that does not know it sends numbers. Raises UsageError for what cannot be sent.
    """
    if limit(card) == 0:
        raise UsageError(f"{card.name} has no embeddings")
    if request.purpose:
        raise UsageError(f"{card.name} cannot be told what embeddings are for")
    body: dict[str, Any] = {
        "model": request.model,
        "input": list(request.texts),
        "encoding_format": card.dialect.get("embedding_encoding", "base64"),
    }
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return json_calls.post(card.base_url + "/embeddings", headers, merged(body, request.extra))


def parse(body: Any) -> Embeddings:
    """The vectors by their `index`, from numbers or base64. Raises ProviderError."""
    if not isinstance(body, dict):
        raise ProtocolError("the server's embeddings are no JSON object")
    if body.get("error"):
        raise in_stream(body)
    rows = body.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProtocolError("the server's answer holds no list of embeddings")
    model = body.get("model")
    return Embeddings(
        vectors([_decoded(row.get("embedding")) for row in _in_order(rows)]),
        _usage(body.get("usage")),
        model if isinstance(model, str) else "",
    )


def _in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By index; as they came where no row has one."""
    indexes = [count(row.get("index")) for row in rows]
    if all(row.get("index") is None for row in rows):
        return rows
    placed = dict(zip(indexes, rows, strict=True))
    if set(placed) != set(range(len(rows))):
        raise ProtocolError("the embeddings are not numbered from 0 without a gap")
    return [placed[number] for number in range(len(rows))]


def _decoded(value: Any) -> Any:
    """Base64 holds little-endian 32-bit floats; anything else is left to be checked."""
    if not isinstance(value, str):
        return value
    try:
        data = binascii.a2b_base64(value, strict_mode=True)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    except (ValueError, struct.error):
        return None


def _usage(value: Any) -> Usage | None:
    """What was read; an embedding writes no tokens."""
    if not isinstance(value, dict):
        return None
    given = count(value.get("prompt_tokens"))
    return None if given is None else Usage(input=given, output=0)
