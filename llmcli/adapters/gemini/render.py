"""Requests to the body of a generateContent call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcli.adapters import asked
from llmcli.adapters.base import in_path, merged
from llmcli.adapters.gemini import contents, thinking
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Request, Tool

_NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
OPTIONS = frozenset(_NAMES) | {
    "reasoning_effort",
    "reasoning_budget",
    "response_schema",
    "tool_choice",
}
_STOPS = 5
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def resource(model: str) -> str:
    """The model's full name, such as `models/gemini-3.8-flash`."""
    return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"


def path(model: str) -> str:
    """The model's full name as a part of a URL."""
    return in_path(resource(model), safe="/")


def body(request: Request, card: Card) -> dict[str, Any]:
    """The whole body, `extra` merged in last. Raises UsageError for what cannot be sent."""
    rendered = contents.render(request, card)
    if request.tools:
        rendered["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]
    choice = asked.options_of(request).get("tool_choice")
    if choice is not None:
        rendered["toolConfig"] = {"functionCallingConfig": _tool_choice(str(choice))}
    config = _generation(request, card)
    if config:
        rendered["generationConfig"] = config
    return merged(rendered, request.extra)


def _generation(request: Request, card: Card) -> dict[str, Any]:
    options: Mapping[str, Any] = request.options
    found = {name: options[ours] for ours, name in _NAMES.items() if ours in options}
    if len(found.get("stopSequences", ())) > _STOPS:
        raise UsageError(f"stop: {card.name} takes at most {_STOPS} texts")
    if "response_schema" in options:
        _check_schema_fits(request)
        found["responseMimeType"] = "application/json"
        found["responseJsonSchema"] = options["response_schema"]
    thoughts = thinking.config(request, card)
    if thoughts:
        found["thinkingConfig"] = thoughts
    return found


def _check_schema_fits(request: Request) -> None:
    if request.tools and thinking.family_of(request.model).takes != "level":
        raise UsageError(f"{request.model} cannot be sent tools and a response_schema together")


def _tool_choice(choice: str) -> dict[str, Any]:
    mode = _MODES.get(choice)
    return {"mode": mode} if mode else {"mode": "ANY", "allowedFunctionNames": [choice]}


def _tool(tool: Tool) -> dict[str, Any]:
    """The schema goes out as it is: the older `parameters` knows a subset only."""
    rendered: dict[str, Any] = {"name": tool.name}
    if tool.description:
        rendered["description"] = tool.description
    if tool.parameters:
        rendered["parametersJsonSchema"] = tool.parameters
    return rendered
