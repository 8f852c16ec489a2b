"""Requests to the body of a Converse call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmcli.adapters.base import merged
from llmcli.adapters.bedrock.messages import Block, system, turns
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Request, Tool, ToolCall

_INFERENCE = {
    "max_output_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "stop": "stopSequences",
}
_CACHE_POINT = {"cachePoint": {"type": "default"}}
_LABELS_LIMIT = 16


def body(request: Request, card: Card) -> dict[str, Any]:
    """The whole body, `extra` merged in last. Raises UsageError for what cannot be sent."""
    options: Mapping[str, Any] = request.options
    rendered = conversation(request, card)
    inference = {there: options[ours] for ours, there in _INFERENCE.items() if ours in options}
    if inference.get("temperature", 0) > 1:
        raise UsageError(f"temperature: {card.name} takes 0 to 1")
    parts = {
        "inferenceConfig": inference,
        "outputConfig": _output(options),
        "requestMetadata": _labels(options, card),
    }
    rendered.update({name: part for name, part in parts.items() if part})
    return merged(rendered, request.extra)


def conversation(request: Request, card: Card) -> dict[str, Any]:
    """What is said and with which tools: the part of the body that counts as input."""
    options = request.options
    found = {"messages": turns(request, card)}
    prompt = system(request)
    if options.get("cache"):
        _add_cache_points(found["messages"], prompt)
    parts = {
        "system": prompt,
        "toolConfig": _tools(request, card),
        "additionalModelRequestFields": _model_fields(request, card),
    }
    return {**found, **{name: part for name, part in parts.items() if part}}


def _add_cache_points(messages: list[Block], prompt: list[Block]) -> None:
    """Mark the ends of the system prompt, which stays, and of what the next turn begins with.

    A point covers all before it, tools too; not every model takes one among the tools.
    """
    if prompt:
        prompt.append(_CACHE_POINT)
    last = next((turn for turn in reversed(messages) if turn["role"] == "user"), None)
    if last:
        last["content"].append(_CACHE_POINT)


def _model_fields(request: Request, card: Card) -> dict[str, Any]:
    """What Converse has no field for goes to the model as it is, in the model's own words."""
    options = request.options
    fields: dict[str, Any] = {}
    if "top_k" in options:
        k = options["top_k"]
        fields = {"inferenceConfig": {"topK": k}} if "nova" in request.model else {"top_k": k}
    if "reasoning_budget" in options:
        fields["thinking"] = _thinking(options["reasoning_budget"], request.model, card)
    if options.get("reasoning_effort") == "none":
        fields["thinking"] = _thinking(0, request.model, card, "reasoning_effort=none")
    return fields


def _thinking(budget: Any, model: str, card: Card, option: str = "reasoning_budget") -> Block:
    if "anthropic." not in model and not model.startswith("arn:"):
        raise UsageError(f"{option}: only Claude models take that from {card.name}")
    return {"type": "enabled", "budget_tokens": budget} if budget else {"type": "disabled"}


def _output(options: Mapping[str, Any]) -> dict[str, Any]:
    rendered: dict[str, Any] = {}
    effort = options.get("reasoning_effort", "none")
    if effort != "none":
        rendered["effort"] = effort
    if "response_schema" in options:
        schema = options["response_schema"]
        wanted = {"name": _schema_name(schema), "schema": json.dumps(schema, ensure_ascii=False)}
        rendered["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": wanted}}
    return rendered


def _schema_name(schema: Mapping[str, Any]) -> str:
    title = schema.get("title")
    name = title if isinstance(title, str) and title else "answer"
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)[:64]


def _labels(options: Mapping[str, Any], card: Card) -> Mapping[str, Any]:
    labels = options.get("metadata", {})
    if len(labels) > _LABELS_LIMIT or not all(isinstance(v, str) for v in labels.values()):
        raise UsageError(f"metadata: {card.name} takes at most {_LABELS_LIMIT} labels, all texts")
    return dict(labels)


def _tools(request: Request, card: Card) -> dict[str, Any]:
    """The tools, also those only spoken of: without them earlier calls are refused."""
    choice = str(request.options.get("tool_choice", "auto"))
    spoken = _spoken_of(request)
    if choice == "none":
        if spoken:
            raise UsageError(
                f"tool_choice=none: {card.name} cannot switch tools off once one was called"
            )
        return {}
    known = {tool.name for tool in request.tools}
    gone = [Tool(name, "No longer there: do not call it.") for name in spoken if name not in known]
    tools = [_tool(tool) for tool in (*request.tools, *gone)]
    if not tools:
        return {}
    return {"tools": tools} if choice == "auto" else {"tools": tools, "toolChoice": _choice(choice)}


def _spoken_of(request: Request) -> list[str]:
    parts = (part for message in request.messages for part in message.parts)
    return list(dict.fromkeys(part.name for part in parts if isinstance(part, ToolCall)))


def _choice(choice: str) -> Block:
    return {"any": {}} if choice == "required" else {"tool": {"name": choice}}


def _tool(tool: Tool) -> Block:
    schema = tool.parameters or {"type": "object", "properties": {}}
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return {"toolSpec": spec}
