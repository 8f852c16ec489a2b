"""Requests to the body of a Chat Completions call."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any

from llmcli.adapters import asked, openai_schema
from llmcli.adapters.base import merged, replayed, said
from llmcli.adapters.call_ids import digest
from llmcli.adapters.openai_schema import function_tool
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import (
    Media,
    Message,
    Reasoning,
    Request,
    Text,
    ToolCall,
    ToolResult,
)

_SAME_NAME = (
    "temperature",
    "top_p",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "parallel_tool_calls",
    "verbosity",
    "user",
    "metadata",
)
_ALNUM9 = re.compile("[a-zA-Z0-9]{9}")
_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def body(request: Request, card: Card) -> dict[str, Any]:
    """The whole body, `extra` merged in last."""
    dialect = card.dialect
    rendered: dict[str, Any] = {
        "model": request.model,
        "messages": messages(request, card),
        "stream": request.stream,
    }
    if request.stream and dialect.get("include_usage", True):
        rendered["stream_options"] = {"include_usage": True}
    rendered.update(_options(asked.options_of(request), dialect))
    if request.tools:
        rendered["tools"] = [function_tool(tool) for tool in request.tools]
    return merged(rendered, request.extra)


def _options(options: Mapping[str, Any], dialect: Mapping[str, Any]) -> dict[str, Any]:
    rendered = {name: options[name] for name in _SAME_NAME if name in options}
    if "max_output_tokens" in options:
        rendered[dialect.get("max_tokens", "max_tokens")] = options["max_output_tokens"]
    if "seed" in options:
        rendered[dialect.get("seed", "seed")] = options["seed"]
    rendered.update(_reasoning(options, dialect))
    if "tool_choice" in options:
        rendered["tool_choice"] = _tool_choice(options["tool_choice"], dialect)
    if "response_schema" in options:
        wanted = openai_schema.named(options["response_schema"])
        rendered["response_format"] = {"type": "json_schema", "json_schema": wanted}
    return rendered


def _reasoning(options: Mapping[str, Any], dialect: Mapping[str, Any]) -> dict[str, Any]:
    effort, budget = asked.reasoning(options)
    if effort is None and budget is None:
        return {}
    how = dialect.get("effort", "reasoning_effort")
    thinks = effort != "none" and budget != 0
    if how == "reasoning":
        return {"reasoning": _amount(effort, budget) if thinks else {"enabled": False}}
    if how == "enable_thinking":
        limit = {"thinking_budget": budget} if budget else {}
        return {"enable_thinking": thinks, **limit}
    if how == "thinking":
        switch: dict[str, Any] = {"thinking": {"type": "enabled" if thinks else "disabled"}}
        return {**switch, "reasoning_effort": effort} if thinks else switch
    if how == "chat_template_kwargs":
        return {"chat_template_kwargs": {"enable_thinking": thinks}}
    return {"reasoning_effort": effort}


def _amount(effort: str | None, budget: int | None) -> dict[str, Any]:
    if effort is not None and budget is not None:
        raise UsageError("this provider takes a reasoning_effort or a reasoning_budget, not both")
    return {"effort": effort} if budget is None else {"max_tokens": budget}


def _tool_choice(choice: str, dialect: Mapping[str, Any]) -> Any:
    if choice in ("auto", "none"):
        return choice
    word = dialect.get("tool_choice_required", "required")
    if word == "none":
        raise UsageError(f"this provider cannot require a tool call (tool_choice={choice})")
    if choice == "required":
        return word
    return {"type": "function", "function": {"name": choice}}


def messages(request: Request, card: Card) -> list[dict[str, Any]]:
    """Every message that says something, tool results each as a message of their own.

    Neighbours of the user's become one: many a model's template takes only roles in turn.
    """
    rendered: list[dict[str, Any]] = []
    for message in request.messages:
        if message.role == "assistant":
            answer = _assistant(message, request.model, card)
            rendered += [{"role": "assistant", **answer}] if answer else []
            continue
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        rendered += [_tool_result(result, card) for result in results]
        others = said(message)
        if others:
            _add(rendered, {"role": _role(message, card), "content": _content(others, card)})
    return rendered


def _add(rendered: list[dict[str, Any]], message: dict[str, Any]) -> None:
    """Add a message, to the one before where both are the user's."""
    before = rendered[-1] if rendered else {}
    if message["role"] != "user" or before.get("role") != "user":
        rendered.append(message)
        return
    first, second = before["content"], message["content"]
    if isinstance(first, str) and isinstance(second, str):
        before["content"] = f"{first}\n\n{second}"
    else:
        before["content"] = [*_as_parts(first), *_as_parts(second)]


def _as_parts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _role(message: Message, card: Card) -> str:
    return str(card.dialect.get("system_role", "system")) if message.role == "system" else "user"


def _tool_result(result: ToolResult, card: Card) -> dict[str, Any]:
    text = f"Error: {result.text}" if result.is_error else result.text
    return {"role": "tool", "tool_call_id": _tool_id(result.call_id, card), "content": text}


def _content(parts: Iterable[Any], card: Card) -> Any:
    rendered = [_part(part) for part in parts]
    if all(part["type"] == "text" for part in rendered):
        return "\n\n".join(part["text"] for part in rendered)
    if card.dialect.get("string_content"):
        raise UsageError(f"{card.name} takes text only, no attachments")
    return rendered


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if not isinstance(part, Media):
        raise UsageError(f"a user's message cannot hold a {type(part).__name__}")
    data = base64.b64encode(part.data).decode()
    if part.kind == "audio":
        sound = _AUDIO.get(part.media_type)
        if sound is None:
            raise UsageError(f"{part.name}: only wav and mp3 sound can be sent")
        return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
    address = f"data:{part.media_type};base64,{data}"
    if part.kind == "image":
        return {"type": "image_url", "image_url": {"url": address}}
    return {"type": "file", "file": {"filename": part.name or "file", "file_data": address}}


def _assistant(message: Message, model: str, card: Card) -> dict[str, Any]:
    """What the model said; empty for reasoning that led to nothing, which many refuse."""
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    rendered: dict[str, Any] = {}
    if calls or message.text:
        rendered["content"] = message.text or None
    if calls:
        rendered["tool_calls"] = [_call(call, card) for call in calls]
    if calls or card.dialect.get("replay_when") == "always":
        _replay(rendered, message, model, card)
    return {**rendered, "content": rendered.get("content", "")} if rendered else {}


def _call(call: ToolCall, card: Card) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": _tool_id(call.id, card), "type": "function", "function": function}


def _replay(rendered: dict[str, Any], message: Message, model: str, card: Card) -> None:
    """Send earlier reasoning back the way this provider wants it."""
    how = card.dialect.get("replay", "none")
    reasoning = "".join(part.text for part in message.parts if isinstance(part, Reasoning))
    if how == "reasoning_content" and "tool_calls" in rendered:
        rendered[how] = reasoning or " "  # a model that did not reason made the calls
    elif how in ("reasoning_content", "reasoning") and reasoning:
        rendered[how] = reasoning
    elif how == "think" and reasoning:
        rendered["content"] = f"<think>{reasoning}</think>\n{message.text}"
    elif how == "reasoning_details":
        details = (replayed(message, card, model) or {}).get(how)
        rendered.update({how: details} if details else {})


def _tool_id(call_id: str, card: Card) -> str:
    """The id as this provider takes it: Mistral nine letters and digits, OpenAI 40 characters."""
    rule = card.dialect.get("tool_ids")
    if rule == "alnum9" and not _ALNUM9.fullmatch(call_id):
        return digest(call_id, 9)
    return digest(call_id, 40) if rule == "max40" and len(call_id) > 40 else call_id
