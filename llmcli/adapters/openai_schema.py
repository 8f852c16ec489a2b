"""A JSON Schema for the answer as OpenAI's two wire formats carry it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def named(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with a name, strict where it meets the rules of strict mode."""
    title = schema.get("title")
    name = title if isinstance(title, str) and title else "answer"
    clean = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)[:64]
    return {"name": clean, "schema": schema, "strict": is_strict(schema)}


def is_strict(schema: Any) -> bool:
    """Whether a schema meets the rules of strict mode: closed objects with every key required."""
    if isinstance(schema, list):
        return all(is_strict(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object":
        named_keys = set(schema.get("properties", {}))
        closed = schema.get("additionalProperties") is False
        if not closed or named_keys != set(schema.get("required", ())):
            return False
    return all(is_strict(value) for value in schema.values())
