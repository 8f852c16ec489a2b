"""Lists of models, page by page, and embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from llmcli.adapters.base import count, merged
from llmcli.adapters.cohere.parse import parse_usage
from llmcli.adapters.vectors import vectors
from llmcli.cards import Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError
from llmcli.usage import Usage

EMBEDDING_LIMIT = 96  # texts in one call, https://docs.cohere.com/reference/embed (2026-11-21)
_PAGE = "/v1/models?endpoint=chat&page_size=1000"
_PURPOSES = {"query": "search_query", "document": "search_document"}


def page(token: str = "") -> str:
    """The path of a page of the list; the first without a token."""
    return f"{_PAGE}&page_token={quote(token, safe='')}" if token else _PAGE


def next_token(body: Any) -> str:
    """What names the page after this one, empty after the last."""
    token = body.get("next_page_token") if isinstance(body, dict) else None
    return token if isinstance(token, str) and token.isprintable() else ""


def listed(body: Any) -> list[Model]:
    """The models of one page. Raises ProtocolError."""
    rows = body.get("models") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ProtocolError("the server's list of models is not one")
    found = (shown(row) for row in rows if isinstance(row, dict))
    return [model for model in found if model.id]


def shown(row: Mapping[str, Any]) -> Model:
    """One model; a feature that is not named may be there all the same."""
    name, features = row.get("name"), row.get("features")
    named = features if isinstance(features, list) else []
    return Model(
        name if isinstance(name, str) and name.isprintable() else "",
        context=count(row.get("context_length")) or None,
        input=("text", "image") if "vision" in named else None,
        tools="tools" in named or None,
        reasoning="reasoning" in named or None,
    )


def embedding_body(request: EmbeddingRequest) -> dict[str, Any]:
    """The body of `POST /v2/embed`: a text too long is an error, not cut at its end."""
    body: dict[str, Any] = {
        "model": request.model,
        "texts": list(request.texts),
        "input_type": _PURPOSES.get(request.purpose, "search_document"),
        "embedding_types": ["float"],
        "truncate": "NONE",
    }
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    return merged(body, request.extra)


def embedded(body: Any) -> Embeddings:
    """The vectors of an answer; an embedding writes no tokens. Raises ProtocolError."""
    kinds = body.get("embeddings") if isinstance(body, dict) else None
    if not isinstance(kinds, dict):
        raise ProtocolError("the server's answer holds no list of embeddings")
    usage = parse_usage(body.get("meta"))
    given = usage.input if usage else None
    return Embeddings(
        vectors(kinds.get("float")),
        None if given is None else Usage(input=given, output=0),
    )
