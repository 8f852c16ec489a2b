"""Requests to the body of a Responses call."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from llmcli.adapters import asked, openai_schema
from llmcli.adapters.base import merged, replayed, said
from llmcli.adapters.call_ids import CallIds, digest
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Media, Message, Request, Text, Tool, ToolCall, ToolResult

_ID_LIMIT = 64  # characters of a call's id
_SAME_NAME = ("temperature", "top_p", "max_output_tokens", "parallel_tool_calls")
_COUNTED = frozenset(
    {
        *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls"),
        *("reasoning", "text", "truncation", "previous_response_id", "conversation"),
    }
)


def body(request: Request, card: Card) -> dict[str, Any]:
    """The whole body, `extra` merged in last.

    Nothing is stored on the server unless `extra` says so: its own default is to keep every answer
    for 30 days (https://developers.openai.com/api/docs/guides/your-data, 2026-11-21).
    """
    rendered: dict[str, Any] = {"model": request.model, "input": items(request, card)}
    system = "\n\n".join(m.text for m in request.messages if m.role == "system")
    if system:
        rendered["instructions"] = system
    rendered["stream"] = request.stream
    rendered["store"] = False
    rendered.update(_reasoning(request, card))
    rendered.update(_options(asked.options_of(request), card.dialect))
    if request.tools:
        rendered["tools"] = [_tool(tool) for tool in request.tools]
    return merged(rendered, request.extra)


def counted(request: Request, card: Card) -> dict[str, Any]:
    """The body of a call that counts the input tokens: what is read, nothing of the answer."""
    return {name: value for name, value in body(request, card).items() if name in _COUNTED}


def _reasoning(request: Request, card: Card) -> dict[str, Any]:
    """Ask for reasoning, its summary and what is to be sent back, of models that reason.

    Other models answer 400 to each of these, so an unknown model is asked for none.
    """
    effort = request.options.get("reasoning_effort")
    model = card.models.get(request.model)
    known = bool(model and model.reasoning)
    reasons = effort != "none" and (effort is not None or known)
    wanted = {} if effort is None else {"effort": effort}
    summary = card.dialect.get("summary", "auto")
    if reasons and summary != "none":
        wanted["summary"] = summary
    rendered: dict[str, Any] = {"reasoning": wanted} if wanted else {}
    if reasons and card.dialect.get("encrypted_reasoning", True):
        rendered["include"] = ["reasoning.encrypted_content"]
    return rendered


def _options(options: Mapping[str, Any], dialect: Mapping[str, Any]) -> dict[str, Any]:
    rendered = {name: options[name] for name in _SAME_NAME if name in options}
    text: dict[str, Any] = {}
    if "verbosity" in options:
        text["verbosity"] = options["verbosity"]
    if "response_schema" in options:
        wanted = openai_schema.named(options["response_schema"])
        if dialect.get("schema") == "response_format":
            rendered["response_format"] = {"type": "json_schema", "json_schema": wanted}
        else:
            text["format"] = {"type": "json_schema", **wanted}
    if text:
        rendered["text"] = text
    if "tool_choice" in options:
        rendered["tool_choice"] = _tool_choice(options["tool_choice"])
    if "user" in options:
        rendered[dialect.get("user", "safety_identifier")] = options["user"]
    if "metadata" in options:
        rendered["metadata"] = _metadata(options["metadata"])
    return rendered


def _tool_choice(choice: str) -> Any:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "name": choice}


def _metadata(labels: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, value in labels.items():
        if not isinstance(value, str):
            raise UsageError(f"metadata: the value of {name!r} must be a text")
    return labels


def _tool(tool: Tool) -> dict[str, Any]:
    """A tool, flat; without `strict` the server would take it for true."""
    rendered: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description:
        rendered["description"] = tool.description
    rendered["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    rendered["strict"] = bool(tool.strict)
    return rendered


def items(request: Request, card: Card) -> list[dict[str, Any]]:
    """Every message as input items, calls and their results as items of their own."""
    rendered: list[dict[str, Any]] = []
    ids = CallIds(_call_id)
    for message in request.messages:
        if message.role == "assistant":
            rendered += _assistant(message, request.model, card, ids)
        elif message.role != "system":
            rendered += _given(message, ids)
    if not rendered and not request.extra:
        raise UsageError("there is nothing to send: the prompt is blank")
    return rendered


def _call_id(call_id: str) -> str:
    """The id as it may be here: another server's that is too long is replaced by its digest."""
    return call_id if 0 < len(call_id) <= _ID_LIMIT else digest(call_id, 32)


def _given(message: Message, ids: CallIds) -> list[dict[str, Any]]:
    """What the user or a tool says."""
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    rendered = [_tool_result(result, ids) for result in results]
    others = said(message)
    if others:
        rendered.append(_message("user", _content(others)))
    return rendered


def _message(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def _tool_result(result: ToolResult, ids: CallIds) -> dict[str, Any]:
    text = f"Error: {result.text}" if result.is_error else result.text
    call_id = ids.of_result(result.call_id)
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def _content(parts: Iterable[Any]) -> Any:
    rendered = [_part(part) for part in parts]
    if all(part["type"] == "input_text" for part in rendered):
        return "\n\n".join(part["text"] for part in rendered)
    return rendered


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if not isinstance(part, Media):
        raise UsageError(f"a user's message cannot hold a {type(part).__name__}")
    if part.kind == "audio":
        raise UsageError(f"{part.name}: the wire format openai-responses takes no sound")
    address = f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"
    if part.kind == "image":
        return {"type": "input_image", "image_url": address, "detail": "auto"}
    return {"type": "input_file", "filename": part.name or "file", "file_data": address}


def _assistant(message: Message, model: str, card: Card, ids: CallIds) -> list[dict[str, Any]]:
    """What the model said: its own items where it gave them to be sent back, else anew.

    They go back all together: reasoning without the item it led to is answered with 400.
    """
    opaque = replayed(message, card, model)
    output = opaque.get("output") if opaque else None
    if isinstance(output, list):
        return [_sent_back(item, ids) for item in output if isinstance(item, dict)]
    rendered = [_message("assistant", message.text)] if message.text else []
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    return rendered + [_call(call, ids) for call in calls]


def _sent_back(item: Mapping[str, Any], ids: CallIds) -> dict[str, Any]:
    """An output item as input: what is null in an answer is refused in a request."""
    found = {name: value for name, value in item.items() if value is not None}
    if found.get("type") == "function_call":
        found["call_id"] = ids.of_call(str(found.get("call_id", "")))
    return found


def _call(call: ToolCall, ids: CallIds) -> dict[str, Any]:
    arguments = call.arguments or "{}"
    return {
        "type": "function_call",
        "call_id": ids.of_call(call.id),
        "name": call.name,
        "arguments": arguments,
    }
