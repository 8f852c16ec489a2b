"""How each family of models is told to think.

Levels and budgets: https://ai.google.dev/gemini-api/docs/thinking; what an effort is as a budget:
https://ai.google.dev/gemini-api/docs/openai#thinking (2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from llmcli.adapters import asked
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Request


class Family(NamedTuple):
    """What models of one family take: a level, a budget in tokens, or neither.

    `lowest` is the nearest to no thinking, `highest` the largest budget. `signs` says that a tool
    call of the current turn is refused without its signature.
    """

    takes: Literal["level", "budget", "nothing"]
    lowest: Any = None
    highest: int = 0
    signs: bool = False


_BY_PREFIX = (
    ("gemini-2.5-pro", Family("budget", 128, 32_768)),
    ("gemini-2.5", Family("budget", 0, 24_576)),
    ("gemini-robotics-er-1", Family("budget", 0, 24_576)),
    ("gemini-2", Family("nothing")),
    ("gemini-1", Family("nothing")),
    ("gemma-3", Family("nothing")),
    ("gemma", Family("level", "MINIMAL")),
)
_LATEST = Family("level", "MINIMAL", signs=True)
_LATEST_PRO = Family("level", "LOW", signs=True)
_LEVELS = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}


def family_of(model: str) -> Family:
    """The family of a model by its name; whatever is not known is as the newest."""
    name = model.rpartition("/")[2]
    for prefix, family in _BY_PREFIX:
        if name.startswith(prefix):
            return family
    return _LATEST_PRO if "-pro" in name else _LATEST


def config(request: Request, card: Card) -> dict[str, Any]:
    """The `thinkingConfig`, empty when nothing is asked and the card knows of no reasoning.

    Raises UsageError for what the model's family cannot be told.
    """
    options = request.options
    found = _amount(request.model, options)
    asked = options.keys() & {"reasoning_effort", "reasoning_budget"}
    off = options.get("reasoning_budget", options.get("reasoning_effort")) in (0, "none")
    model = card.models.get(request.model)
    if (asked and not off) or (not asked and model is not None and model.reasoning):
        found["includeThoughts"] = True
    return found


def _amount(model: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Level or budget, never both: the server refuses that."""
    family = family_of(model)
    effort, budget = asked.reasoning(options)
    if budget == 0 and family.takes == "nothing":
        return {}
    if budget is not None:
        return {"thinkingBudget": _budget(model, family, budget)}
    if effort is None or (effort == "none" and family.takes == "nothing"):
        return {}
    if family.takes == "nothing":
        raise UsageError(f"{model} does not think: reasoning_effort cannot be sent")
    if family.takes == "budget":
        lowest, highest = family.lowest, family.highest
        return {"thinkingBudget": lowest if effort == "none" else _BUDGETS.get(effort, highest)}
    return {"thinkingLevel": _LEVELS.get(effort, family.lowest)}


def _budget(model: str, family: Family, budget: int) -> int:
    if family.takes == "level":
        raise UsageError(f"{model} takes no reasoning_budget; set reasoning_effort instead")
    if family.takes == "nothing":
        raise UsageError(f"{model} does not think: reasoning_budget cannot be sent")
    if budget < family.lowest:
        raise UsageError(f"{model} always thinks: reasoning_budget is at least {family.lowest}")
    return budget
