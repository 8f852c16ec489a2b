"""Requests to the body of `POST /v2/chat`."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from llmcli.adapters.base import merged, replayed, said
from llmcli.adapters.call_ids import CallIds
from llmcli.adapters.openai_schema import function_tool
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Media, Message, Part, Request, Text, ToolCall, ToolResult

NAMES = {
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
# What it takes of them, from https://docs.cohere.com/reference/chat (2026-11-21).
_RANGES: Mapping[str, tuple[float, float]] = {
    "top_p": (0.01, 0.99),
    "top_k": (0, 500),
    "presence_penalty": (0, 1),
    "frequency_penalty": (0, 1),
}
_STOPS = 5
_CHOICES = {"required": "REQUIRED", "none": "NONE"}


def body(request: Request, card: Card) -> dict[str, Any]:
    """The whole body, `extra` merged in last."""
    rendered: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(request, card),
        "stream": request.stream,
        **_options(request.options),
    }
    if request.tools:
        rendered["tools"] = [function_tool(tool, strict=False) for tool in request.tools]
        if all(tool.strict for tool in request.tools):
            rendered["strict_tools"] = True
    return merged(rendered, request.extra)


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    for name, (low, high) in _RANGES.items():
        if name in options and not low <= options[name] <= high:
            raise UsageError(f"{name}={options[name]}: Cohere takes {low:g} to {high:g}")
    if len(options.get("stop", ())) > _STOPS:
        raise UsageError(f"stop: Cohere takes at most {_STOPS} texts")
    rendered = {wire: options[name] for name, wire in NAMES.items() if name in options}
    if "response_schema" in options:
        wanted = {"type": "json_object", "json_schema": options["response_schema"]}
        rendered["response_format"] = wanted
    choice = options.get("tool_choice", "auto")
    if choice in _CHOICES:
        rendered["tool_choice"] = _CHOICES[choice]
    elif choice != "auto":
        raise UsageError(f"tool_choice={choice}: Cohere cannot be told which tool to call")
    thinking = _thinking(options.get("reasoning_effort"), options.get("reasoning_budget"))
    if thinking:
        rendered["thinking"] = thinking
    return rendered


def _thinking(effort: Any, budget: Any) -> dict[str, Any]:
    """A switch with a limit in tokens; there are no levels between on and off."""
    if effort == "none" and budget:
        raise UsageError(f"reasoning_effort=none and reasoning_budget={budget} exclude each other")
    if effort == "none" or budget == 0:
        return {"type": "disabled"}
    if budget:
        return {"type": "enabled", "token_budget": budget}
    return {"type": "enabled"} if effort else {}


def _messages(request: Request, card: Card) -> list[dict[str, Any]]:
    """Every message, tool results each as a message of their own."""
    rendered: list[dict[str, Any]] = []
    ids = CallIds()
    for message in request.messages:
        if message.role == "assistant":
            replay = replayed(message, card, request.model) or {}
            answer = _assistant(message, replay, ids)
            rendered += [answer] if len(answer) > 1 else []  # one that says nothing is refused
            continue
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        rendered += [_tool_result(result, ids) for result in results]
        others = said(message)
        if others:
            rendered.append({"role": message.role, "content": _content(others)})
    return rendered


def _tool_result(result: ToolResult, ids: CallIds) -> dict[str, Any]:
    text = f"Error: {result.text}" if result.is_error else result.text
    return {"role": "tool", "tool_call_id": ids.of_result(result.call_id), "content": text}


def _content(parts: Iterable[Part]) -> Any:
    rendered = [_part(part) for part in parts]
    if all(part["type"] == "text" for part in rendered):
        return "\n\n".join(part["text"] for part in rendered)
    return rendered


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if not isinstance(part, Media):
        raise UsageError(f"a user's message cannot hold a {type(part).__name__}")
    if part.kind != "image":
        raise UsageError(f"{part.name or part.media_type}: Cohere takes images only")
    data = base64.b64encode(part.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{data}"}}


def _assistant(message: Message, replay: Mapping[str, Any], ids: CallIds) -> dict[str, Any]:
    """What the model said; its plan and thoughts before tool calls go back as they came."""
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    thoughts = replay.get("content")
    content: Any = message.text
    if isinstance(thoughts, list):
        text = [{"type": "text", "text": message.text}] if message.text else []
        content = [*thoughts, *text]
    rendered: dict[str, Any] = {"role": "assistant"}
    if content:
        rendered["content"] = content
    if calls:
        rendered["tool_calls"] = [_call(call, ids) for call in calls]
    if "tool_plan" in replay:
        rendered["tool_plan"] = replay["tool_plan"]
    return rendered


def _call(call: ToolCall, ids: CallIds) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": ids.of_call(call.id), "type": "function", "function": function}
