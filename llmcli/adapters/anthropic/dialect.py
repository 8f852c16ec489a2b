"""The declared differences among servers that speak Anthropic Messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcli import schema


def _texts(value: Any) -> str:
    good = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return "" if good else "must be a list of texts"


DIALECT: Mapping[str, schema.Check] = {
    "version": schema.text,
    "beta": _texts,
    "auth": schema.one_of("x-api-key", "bearer"),
    "budget_models": _texts,
    "count_tokens": schema.boolean,
}


def takes_budget(model: str, dialect: Mapping[str, Any]) -> bool:
    """Whether a model thinks within a budget only; `*` at a pattern's end is any rest."""
    return any(
        model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern
        for pattern in dialect.get("budget_models", ())
    )
