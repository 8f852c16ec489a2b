"""Requests to the body of `POST /api/chat`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from llmcli.adapters.base import merged, said
from llmcli.adapters.openai_schema import function_tool
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import (
    Media,
    Message,
    Part,
    Reasoning,
    Request,
    Text,
    ToolCall,
    ToolResult,
)

SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "stop": "stop",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "num_ctx": "num_ctx",
    "max_output_tokens": "num_predict",
}
_LEVELS = ("low", "medium", "high")


def body(request: Request, card: Card) -> dict[str, Any]:
    """The whole body, `extra` merged in last.

    `stream` is always said, because it is true when left out. `truncate` and `shift` are turned
    off: by default a prompt longer than the context is cut at its front without a word (both are
    read by servers since late 2025, https://github.com/ollama/ollama/pull/17944, 2026-11-21).
    """
    rendered: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(request),
        "stream": request.stream,
        "truncate": False,
        "shift": False,
        **_options(request, card),
    }
    if request.tools:
        rendered["tools"] = [function_tool(tool, strict=False) for tool in request.tools]
    return merged(rendered, request.extra)


def _options(request: Request, card: Card) -> dict[str, Any]:
    options = request.options
    rendered: dict[str, Any] = {}
    sampling = {wire: options[name] for name, wire in SAMPLING.items() if name in options}
    if sampling:
        rendered["options"] = sampling
    if "keep_alive" in options:
        rendered["keep_alive"] = _duration(str(options["keep_alive"]))
    if "reasoning_effort" in options:
        rendered["think"] = _think(str(options["reasoning_effort"]), request.model, card)
    if "response_schema" in options:
        rendered["format"] = options["response_schema"]
    return rendered


def _duration(text: str) -> Any:
    """Seconds must be a number there (`-1`: for ever), a text needs its unit."""
    try:
        return int(text)
    except ValueError:
        return text


def _think(effort: str, model: str, card: Card) -> bool | str:
    """gpt-oss takes a level and ignores a switch; with others it is the other way round.

    Source: https://docs.ollama.com/capabilities/thinking (2026-11-21).
    """
    if card.dialect.get("think") == "levels":
        return False if effort == "none" else effort
    if not model.rpartition("/")[2].startswith("gpt-oss"):
        return effort != "none"
    if effort not in _LEVELS:
        raise UsageError(
            f"reasoning_effort={effort}: {model} takes {', '.join(_LEVELS)} and cannot be told "
            "to do otherwise"
        )
    return effort


def _messages(request: Request) -> list[dict[str, Any]]:
    """Every message, tool results each as a message of their own, named after their call."""
    rendered: list[dict[str, Any]] = []
    names: dict[str, str] = {}  # ids may come again in a later answer: the last one counts
    for message in request.messages:
        if message.role == "assistant":
            answer = _assistant(message)
            rendered += [answer] if answer["content"] or "tool_calls" in answer else []
            names.update((p.id, p.name) for p in message.parts if isinstance(p, ToolCall))
            continue
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        rendered += [_tool_result(result, names) for result in results]
        others = said(message)
        if others:
            rendered.append(_message(message.role, others))
    return rendered


def _tool_result(result: ToolResult, names: Mapping[str, str]) -> dict[str, Any]:
    rendered = {
        "role": "tool",
        "content": f"Error: {result.text}" if result.is_error else result.text,
        "tool_call_id": result.call_id,
    }
    name = names.get(result.call_id)
    return {**rendered, "tool_name": name} if name else rendered


def _message(role: str, parts: list[Part]) -> dict[str, Any]:
    """A message of the user's or the system's; images stand beside the text, in bare base64."""
    texts = [part.text for part in parts if isinstance(part, Text)]
    rendered: dict[str, Any] = {"role": role, "content": "\n\n".join(texts)}
    images = [_image(part) for part in parts if not isinstance(part, Text)]
    if images:
        rendered["images"] = images
    return rendered


def _image(part: Part) -> str:
    if not isinstance(part, Media):
        raise UsageError(f"a user's message cannot hold a {type(part).__name__}")
    if part.kind != "image":
        raise UsageError(f"{part.name or part.media_type}: Ollama takes images only")
    return base64.b64encode(part.data).decode()


def _assistant(message: Message) -> dict[str, Any]:
    rendered: dict[str, Any] = {"role": "assistant", "content": message.text}
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    thinking = "".join(part.text for part in message.parts if isinstance(part, Reasoning))
    if calls:
        rendered["tool_calls"] = [
            {"id": call.id, "function": {"name": call.name, "arguments": _object(call.arguments)}}
            for call in calls
        ]
        if thinking:
            rendered["thinking"] = thinking
    return rendered


def _object(text: str) -> dict[str, Any]:
    """Arguments as the object they must be; what the model wrote otherwise goes back as a text."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = text
    return value if isinstance(value, dict) else {"arguments": value}
