"""Requests to the body of an Anthropic Messages call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmcli.adapters import asked
from llmcli.adapters.anthropic import thinking, turns
from llmcli.adapters.base import merged
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Request, Tool

OPTIONS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "max_output_tokens",
        "stop",
        "reasoning_effort",
        "reasoning_budget",
        "cache",
        "tool_choice",
        "parallel_tool_calls",
        "response_schema",
        "user",
        "metadata",
    }
)
SAMPLING = ("temperature", "top_p", "top_k")
_COUNTED = frozenset(
    {"model", "system", "messages", "tools", "tool_choice", "thinking", "output_config", "speed"}
)
_CACHEABLE = frozenset({"text", "image", "document", "tool_use", "tool_result"})
_CACHED = {"type": "ephemeral"}


def body(request: Request, card: Card) -> dict[str, Any]:
    """The whole body, `extra` merged in last. Raises UsageError."""
    options = asked.options_of(request)
    rendered: dict[str, Any] = {"model": request.model, "stream": request.stream}
    blocks = turns.system(request.messages)
    if blocks:
        rendered["system"] = blocks
    rendered["messages"] = turns.turns(request, card)
    if request.tools:
        rendered["tools"] = [_tool(tool) for tool in request.tools]
    rendered.update({name: options[name] for name in SAMPLING if name in options})
    rendered = merged(rendered, thinking.settings(request, card))
    rendered = merged(rendered, _options(options))
    if options.get("cache"):
        _mark(rendered)
    return merged(rendered, request.extra)


def counted(request: Request, card: Card) -> dict[str, Any]:
    """The part of the body that is input and that the counting call takes."""
    return {key: value for key, value in body(request, card).items() if key in _COUNTED}


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    if "stop" in options:
        sent["stop_sequences"] = options["stop"]
    choice = _tool_choice(options)
    if choice:
        sent["tool_choice"] = choice
    if "response_schema" in options:
        wanted = {"type": "json_schema", "schema": closed(options["response_schema"])}
        sent["output_config"] = {"format": wanted}
    user = _user_id(options)
    if user is not None:
        sent["metadata"] = {"user_id": user}
    return sent


def _tool_choice(options: Mapping[str, Any]) -> dict[str, Any]:
    """The choice asked for; whether calls may be parallel is said within it."""
    parallel = options.get("parallel_tool_calls")
    name = options.get("tool_choice", "auto" if parallel is not None else None)
    if name is None:
        return {}
    if name in ("auto", "none", "required"):
        choice: dict[str, Any] = {"type": "any" if name == "required" else name}
    else:
        choice = {"type": "tool", "name": name}
    if parallel is not None and name != "none":
        choice["disable_parallel_tool_use"] = not parallel
    return choice


def _user_id(options: Mapping[str, Any]) -> str | None:
    metadata: Mapping[str, Any] = options.get("metadata", {})
    unknown = [key for key in metadata if key != "user_id"]
    if unknown:
        raise UsageError(f"Anthropic Messages takes only user_id as metadata, not {unknown[0]}")
    found = options.get("user", metadata.get("user_id"))
    if found is not None and not isinstance(found, str):
        raise UsageError("metadata.user_id must be a text")
    return found


def _tool(tool: Tool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {}, **tool.parameters}
    rendered: dict[str, Any] = {"name": tool.name}
    if tool.description:
        rendered["description"] = tool.description
    rendered["input_schema"] = closed(schema) if tool.strict else schema
    if tool.strict is not None:
        rendered["strict"] = tool.strict
    return rendered


def closed(schema: Any) -> Any:
    """A JSON Schema with every object closed that does not say itself: others are refused.

    See https://platform.claude.com/docs/en/build-with-claude/structured-outputs (2026-11-21).
    """
    if not isinstance(schema, Mapping):
        return schema
    found = {key: _WITHIN.get(key, _as_it_is)(value) for key, value in schema.items()}
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        found.setdefault("additionalProperties", False)
    return found


def _as_it_is(value: Any) -> Any:
    return value


def _each(value: Any) -> Any:
    return [closed(item) for item in value] if isinstance(value, list) else closed(value)


def _named(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: closed(item) for name, item in value.items()}


_WITHIN: Mapping[str, Callable[[Any], Any]] = {
    "properties": _named,
    "$defs": _named,
    "definitions": _named,
    "items": _each,
    "prefixItems": _each,
    "anyOf": _each,
    "allOf": _each,
    "oneOf": _each,
}


def _mark(body: dict[str, Any]) -> None:
    """Ask for two prefixes to be kept: tools with system prompt, and the whole conversation."""
    for name in ("system", "tools"):
        if body.get(name):
            body[name][-1] = {**body[name][-1], "cache_control": _CACHED}
            break
    content = body["messages"][-1]["content"]
    if content[-1]["type"] in _CACHEABLE:
        content[-1] = {**content[-1], "cache_control": _CACHED}
