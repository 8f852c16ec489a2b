"""How much a model may think and write: three options to `max_tokens`, `thinking` and effort.

Written after https://platform.claude.com/docs/en/build-with-claude/extended-thinking and
.../adaptive-thinking (2026-11-21): newer models take an effort and refuse budgets, older ones the
other way round. Thinking counts towards `max_tokens`.
"""

from __future__ import annotations

from typing import Any

from llmcli.adapters import asked
from llmcli.adapters.anthropic.dialect import takes_budget
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Request

_UNKNOWN_MODEL = 8192
_ENOUGH = 32_000  # tokens of an answer, unless the user says otherwise
_ENOUGH_WHOLE = 21_333  # ten minutes without a stream; the vendor's client refuses more
_LEAST_BUDGET = 1024
_BUDGETS = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 65_536,
}


def settings(request: Request, card: Card) -> dict[str, Any]:
    """The fields that limit the answer and its reasoning. Raises UsageError."""
    effort, budget = _asked(request)
    by_budget = takes_budget(request.model, card.dialect)
    if effort and by_budget and budget is None:
        budget = _budget_for(effort, request, card)
    adaptive = bool(effort) and not by_budget and budget is None
    limit = _max_tokens(request, card, budget or (_ENOUGH if adaptive else 0))
    sent: dict[str, Any] = {"max_tokens": limit}
    if budget:
        _check_budget(budget, limit)
        sent["thinking"] = {"type": "enabled", "budget_tokens": budget}
    elif budget == 0:
        sent["thinking"] = {"type": "disabled"}
    elif adaptive:
        sent["thinking"] = {"type": "adaptive", "display": "summarized"}
    if effort and not by_budget:
        sent["output_config"] = {"effort": "low" if effort == "minimal" else effort}
    return sent


def _asked(request: Request) -> tuple[str | None, int | None]:
    """Effort and budget as the user asked for them; no effort is a budget of 0."""
    effort, budget = asked.reasoning(request.options)
    return (None, 0) if effort == "none" else (effort, budget)


def _budget_for(effort: str, request: Request, card: Card) -> int:
    """The budget that stands for an effort, at most half of a known limit."""
    limit: Any = request.options.get("max_output_tokens") or _output(request, card)
    budget = _BUDGETS[effort]
    return budget if limit is None else min(budget, max(_LEAST_BUDGET, limit // 2))


def _check_budget(budget: int, limit: int) -> None:
    if budget < _LEAST_BUDGET:
        raise UsageError(f"reasoning_budget={budget}: must be 0 or at least {_LEAST_BUDGET}")
    if budget >= limit:
        raise UsageError(
            f"{budget} tokens of reasoning do not fit into an answer of at most {limit}",
            hint="Reasoning counts as output: raise -o max_output_tokens.",
        )


def _max_tokens(request: Request, card: Card, reasoning: int) -> int:
    """The limit that every request must name: what was asked for, else what the model allows."""
    asked: Any = request.options.get("max_output_tokens")
    if asked is not None:
        return int(asked)
    output = _output(request, card)
    if output is None:
        return _UNKNOWN_MODEL + (reasoning if reasoning != _ENOUGH else 0)
    return min(output, (_ENOUGH if request.stream else _ENOUGH_WHOLE) + reasoning)


def _output(request: Request, card: Card) -> int | None:
    model = card.models.get(request.model)
    return model.output if model else None
