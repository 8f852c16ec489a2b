"""The list of models, page by page (https://ai.google.dev/api/models, 2026-11-21)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from llmcli.adapters.base import count
from llmcli.adapters.gemini import faults
from llmcli.cards import Model
from llmcli.errors import ProtocolError

_PAGE = 1000  # the most there is; without it a page holds 50
_METHODS = {"generateContent", "embedContent"}


def path(token: str = "") -> str:
    """The path of a page, the first one without a token."""
    more = f"&pageToken={quote(token, safe='', errors='replace')}" if token else ""
    return f"/models?pageSize={_PAGE}{more}"


def next_path(body: Any) -> str:
    """The path of the page after this one, or nothing after the last."""
    token = body.get("nextPageToken") if isinstance(body, dict) else None
    return path(token) if isinstance(token, str) and token else ""


def parse(body: Any) -> list[Model]:
    """The models of one page that answer or embed. Raises ProviderError."""
    rows = body.get("models") if isinstance(body, dict) else None
    if isinstance(rows, list):
        found = (_model(row) for row in rows if isinstance(row, dict) and _is_useful(row))
        return [model for model in found if model.id]
    if isinstance(body, dict) and body.get("error"):
        raise faults.in_stream(body)
    raise ProtocolError("the server's list of models is not one")


def _is_useful(row: dict[str, Any]) -> bool:
    """Whether it answers or embeds, or does not say what it does."""
    methods = row.get("supportedGenerationMethods")
    return not isinstance(methods, list) or any(m in _METHODS for m in map(str, methods))


def _model(row: dict[str, Any]) -> Model:
    name = row.get("name")
    thinks = row.get("thinking")
    usable = isinstance(name, str) and name.isprintable()
    return Model(
        str(name).removeprefix("models/") if usable else "",
        context=count(row.get("inputTokenLimit")) or None,
        output=count(row.get("outputTokenLimit")) or None,
        reasoning=thinks if isinstance(thinks, bool) else None,
    )
