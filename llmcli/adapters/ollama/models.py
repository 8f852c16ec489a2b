"""Lists of models, what one model can do, and embeddings."""

from __future__ import annotations

from typing import Any

from llmcli.adapters.base import count, merged
from llmcli.adapters.ollama.failures import in_stream
from llmcli.adapters.vectors import vectors
from llmcli.cards import Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ProtocolError, UsageError
from llmcli.usage import Usage


def listed(body: Any) -> list[Model]:
    """The models of `GET /api/tags`. Raises ProtocolError."""
    rows = body.get("models") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ProtocolError("the server's list of models is not one")
    names = [row.get("model") or row.get("name") for row in rows if isinstance(row, dict)]
    return [Model(name) for name in names if isinstance(name, str) and name.isprintable()]


def shown(model: str, body: Any) -> Model:
    """The model of `POST /api/show`; its context is the model's limit, not what is loaded."""
    if not isinstance(body, dict):
        raise ProtocolError("what the server tells of a model is no JSON object")
    abilities = body.get("capabilities")
    context = _context(body.get("model_info"))
    if not isinstance(abilities, list):
        return Model(model, context=context)
    return Model(
        model,
        context=context,
        input=("text", "image") if "vision" in abilities else ("text",),
        tools="tools" in abilities,
        reasoning="thinking" in abilities,
    )


def _context(info: Any) -> int | None:
    """`qwen3.context_length` and the like; the key begins with the architecture."""
    pairs = info.items() if isinstance(info, dict) else ()
    sizes = (count(value) for key, value in pairs if key.endswith(".context_length"))
    return next((size for size in sizes if size), None)


def embedding_body(request: EmbeddingRequest) -> dict[str, Any]:
    """The body of `POST /api/embed`: a text too long is an error, not cut at its end."""
    if request.purpose:
        raise UsageError(
            "Ollama cannot be told what embeddings are for",
            hint="Some models want a prefix in the text itself, such as `search_query: `.",
        )
    body: dict[str, Any] = {
        "model": request.model,
        "input": list(request.texts),
        "truncate": False,
    }
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return merged(body, request.extra)


def embedded(body: Any) -> Embeddings:
    """The vectors of an answer. Raises ProviderError."""
    if not isinstance(body, dict):
        raise ProtocolError("the server's embeddings are no JSON object")
    if body.get("error"):
        raise in_stream(body)
    given, model = count(body.get("prompt_eval_count")), body.get("model")
    return Embeddings(
        vectors(body.get("embeddings")),
        None if given is None else Usage(input=given, output=0),
        model if isinstance(model, str) else "",
    )
