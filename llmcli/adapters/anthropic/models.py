"""The list of models as Anthropic tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from llmcli.adapters.base import count
from llmcli.cards import Model
from llmcli.errors import ProtocolError

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INPUTS = (("image", "image_input"), ("file", "pdf_input"))


def models(body: Any) -> list[Model]:
    """The models of one page. Raises ProtocolError."""
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ProtocolError("the server's list of models is not one")
    found = (_model(row) for row in rows if isinstance(row, dict))
    return [model for model in found if model.id]


def last_id(body: Any) -> str:
    """Where the next page begins; empty on the last one."""
    last = body.get("last_id") if isinstance(body, dict) and body.get("has_more") is True else None
    return last if isinstance(last, str) else ""


def _model(row: Mapping[str, Any]) -> Model:
    name = row.get("id")
    return Model(
        name if isinstance(name, str) and name.isprintable() else "",
        context=count(row.get("max_input_tokens")),
        output=count(row.get("max_tokens")),
        input=_inputs(row.get("capabilities")),
        reasoning=_supported(row.get("capabilities"), "thinking"),
        retired=_day(row.get("retires_at")),
    )


def _inputs(capabilities: Any) -> tuple[str, ...] | None:
    said = {kind: _supported(capabilities, name) for kind, name in _INPUTS}
    if all(value is None for value in said.values()):
        return None
    return ("text", *(kind for kind, value in said.items() if value))


def _supported(capabilities: Any, name: str) -> bool | None:
    said = capabilities.get(name) if isinstance(capabilities, dict) else None
    found = said.get("supported") if isinstance(said, dict) else None
    return found if isinstance(found, bool) else None


def _day(value: Any) -> date | None:
    if not isinstance(value, str) or not _DAY.match(value):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None
