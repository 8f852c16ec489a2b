"""Options that mean something only beside others: the choice of a tool, the amount of thinking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcli.errors import UsageError
from llmcli.messages import Request

_OF_TOOLS = ("tool_choice", "parallel_tool_calls")
_LIMITS = (
    *("max_tokens", "max_completion_tokens", "max_output_tokens"),
    *("maxOutputTokens", "maxTokens", "num_predict"),
)


def options_of(request: Request) -> Mapping[str, Any]:
    """The options, without those about tools when there are none: most servers answer 400 then.

    Tools in `extra` are tools too. Raises UsageError for a tool that cannot be chosen.
    """
    options: Mapping[str, Any] = request.options
    if request.extra.keys() & {"tools", "toolConfig"}:
        return options
    choice, names = options.get("tool_choice", "auto"), [tool.name for tool in request.tools]
    if not names:
        if choice not in ("auto", "none"):
            raise UsageError(f"tool_choice={choice}: there are no tools")
        return {name: value for name, value in options.items() if name not in _OF_TOOLS}
    if choice not in ("auto", "none", "required", *names):
        raise UsageError(f"tool_choice={choice}: no such tool, there are {', '.join(names)}")
    return options


def limit(request: Request) -> int | None:
    """The tokens an answer may have, as it was asked for; a field in `extra`, by any name, wins."""
    below = (value for value in request.extra.values() if isinstance(value, Mapping))
    found = [table.get(name) for table in (request.extra, *below) for name in _LIMITS]
    option: Any = request.options.get("max_output_tokens")
    return max((n for n in found if isinstance(n, int) and n > 0), default=option)


def reasoning(options: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Effort and budget as they were asked for. Raises UsageError when they contradict."""
    effort, budget = options.get("reasoning_effort"), options.get("reasoning_budget")
    if effort == "none" and budget:
        raise UsageError("reasoning_effort=none and a reasoning_budget contradict each other")
    return effort, budget
