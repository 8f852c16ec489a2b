"""Whether an answer meets the JSON Schema that was asked for: the keywords that providers enforce.

A subset of https://json-schema.org/draft/2020-12 (2026-11-21): type, enum, const, properties,
required, additionalProperties, items, anyOf. Other keywords and references are taken as met.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def unmet(text: str, schema: Any) -> str:
    """How an answer fails the schema that was asked for, or nothing."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "the answer is not the JSON that was asked for"
    words = mismatch(value, schema)
    return f"the answer is not what the schema asks: {words}" if words else ""


def mismatch(value: Any, schema: Any, at: str = "the answer") -> str:
    """What breaks the schema first, in words, or nothing."""
    if not isinstance(schema, Mapping):
        return "" if schema is not False else f"{at} must not be there"
    if not _has_type(value, schema.get("type")):
        return f"{at} is no {_type_words(schema['type'])}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is none of the values allowed"
    if "const" in schema and value != schema["const"]:
        return f"{at} is not {schema['const']!r}"
    choices = schema.get("anyOf")
    if isinstance(choices, list) and all(mismatch(value, choice, at) for choice in choices):
        return f"{at} has none of the forms allowed"
    if isinstance(value, dict):
        return _object(value, schema, at)
    if isinstance(value, list) and "items" in schema:
        found = (mismatch(item, schema["items"], f"{at}[{i}]") for i, item in enumerate(value))
        return next(filter(None, found), "")
    return ""


def _has_type(value: Any, wanted: Any) -> bool:
    names = wanted if isinstance(wanted, list) else [wanted]
    if wanted is None or any(name not in (*_TYPES, "integer") for name in names):
        return True
    return any(_is(value, name) for name in names)


def _is(value: Any, name: str) -> bool:
    if name == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


def _type_words(wanted: Any) -> str:
    return " or ".join(wanted) if isinstance(wanted, list) else str(wanted)


def _object(value: dict[str, Any], schema: Mapping[str, Any], at: str) -> str:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f'{at} lacks "{name}"'
    for name, item in value.items():
        rule = known[name] if name in known else schema.get("additionalProperties", True)
        words = mismatch(item, rule, f"{at}.{name}")
        if words:
            return words
    return ""
