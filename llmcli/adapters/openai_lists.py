"""What every server in the shape of OpenAI shares: how the key is sent, and `GET /models`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmcli import schema
from llmcli.adapters import json_calls
from llmcli.adapters.base import Call, count
from llmcli.cards import Card, Model
from llmcli.errors import ProtocolError
from llmcli.redaction import Secret

_SLASHES = re.compile("/{2,}")
DIALECT: Mapping[str, schema.Check] = {
    "auth": schema.one_of("bearer", "api-key"),
    "models_path": schema.text,
}


def base_url(text: str) -> str:
    """The base URL without a slash too many: Azure shows its endpoints with one at their end."""
    scheme, sign, rest = text.partition("://")
    return scheme + sign + _SLASHES.sub("/", rest).rstrip("/")


def headers(card: Card, key: Secret | None) -> dict[str, str | Secret]:
    """The card's headers and the key, where the dialect wants it; without a key none."""
    name = "api-key" if card.dialect.get("auth") == "api-key" else "authorization"
    return json_calls.keyed(card.headers, key, name)


def render(card: Card, key: Secret | None) -> Call:
    """The call that lists the provider's models."""
    path = str(card.dialect.get("models_path", "/models"))
    return Call("GET", card.base_url + path, {**headers(card, key), "accept": json_calls.JSON})


def parse(body: Any) -> list[Model]:
    """The models of a list, whether bare or in `data`. Raises ProtocolError."""
    rows = body.get("data", body.get("models")) if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise ProtocolError("the server's list of models is not one")
    found = (_model(row) for row in rows if isinstance(row, dict))
    return [model for model in found if model.id]


def _model(row: Mapping[str, Any]) -> Model:
    name = row.get("id") or row.get("name")
    meta = row.get("meta") if isinstance(row.get("meta"), dict) else {}
    sizes = (
        row.get("context_length"),
        row.get("context_window"),
        row.get("max_model_len"),
        row.get("max_context_length"),
        meta.get("n_ctx") if isinstance(meta, dict) else None,
    )
    context = next(filter(None, map(count, sizes)), None)
    usable = isinstance(name, str) and name.isprintable()
    return Model(str(name) if usable else "", context=context)
