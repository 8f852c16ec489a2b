"""JSON Schemas as OpenAI carries them, and those who copied it: of the answer, of tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcli.messages import Tool


def named(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with a name, strict where it meets the rules of strict mode."""
    title = schema.get("title")
    name = title if isinstance(title, str) and title else "answer"
    clean = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)[:64]
    return {"name": clean, "schema": schema, "strict": is_strict(schema)}


def function_tool(tool: Tool, *, strict: bool = True) -> dict[str, Any]:
    """A tool as Chat Completions has it; without `strict` its strictness is left out."""
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    if strict and tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


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
