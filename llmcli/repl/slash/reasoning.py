"""The slash command about reasoning: whether it is shown, and how much there is of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from llmcli.errors import UsageError
from llmcli.options import OPTIONS
from llmcli.repl.chat import Chat
from llmcli.repl.commands import Command, Suggestion
from llmcli.repl.slash.options import apply, present, words

_BUDGET = re.compile(r"(\d[\d,_]{0,15}|[\d.]{1,16}(?=k))(k?)\s*(?:tokens?)?")
_EFFORT, _TOKENS = "reasoning_effort", "reasoning_budget"


def _reasoning(chat: Chat, text: str) -> None:
    word = text.lower()
    budget = _BUDGET.fullmatch(word)
    if not word:
        _tell(chat)
    elif word in ("show", "hide"):
        chat.display = chat.display._replace(reasoning=word == "show")
        chat.say("reasoning is shown" if word == "show" else "reasoning is hidden")
    elif word in OPTIONS[_EFFORT].choices:
        _think(chat, {_EFFORT: word})
    elif budget:
        _think(chat, {_TOKENS: _number(budget[1], budget[2])})
    elif word == "-":
        _think(chat, {})
    else:
        levels = ", ".join(OPTIONS[_EFFORT].choices)
        raise UsageError(
            f'"{text[:40]}" is no way to reason', hint=f"show, hide, {levels}, 4000 tokens, or -"
        )


def _number(digits: str, thousands: str) -> int:
    """`4000`, `4,000` and `4k`; of `1.2345k` nobody knows what it means. Raises UsageError."""
    try:
        number = Decimal(digits.replace("_", "").replace(",", "")) * (1000 if thousands else 1)
    except ArithmeticError:
        number = Decimal("NaN")
    if number != number.to_integral_value():
        raise UsageError(f'"{digits}{thousands}" is no number of tokens', hint="Try 4000 or 4k.")
    return int(number)


def _think(chat: Chat, new: Mapping[str, Any]) -> None:
    """Effort and budget exclude each other: each takes the other's place, nothing takes both."""
    kept = {k: v for k, v in chat.session.options.items() if k not in (_EFFORT, _TOKENS)}
    apply(chat, {**kept, **new})
    _tell(chat)


def _tell(chat: Chat) -> None:
    now = present(chat)
    facts = ["shown" if chat.display.reasons else "hidden"]
    facts += [
        f"{called} {words(now[name])}"
        for name, called in ((_EFFORT, "effort"), (_TOKENS, "budget in tokens"))
        if name in now
    ]
    if len(facts) == 1:
        facts.append("how much is up to the model")
    if chat.session.model.reasoning is False:
        facts.append(f"{chat.session.choice.spec} is not known to reason")
    chat.say(f"reasoning: {' · '.join(facts)}")


def _suggest(chat: Chat, text: str) -> Iterator[Suggestion]:
    if " " in text:
        return
    takes = chat.models.takes(chat.session.choice)
    yield Suggestion("hide" if chat.display.reasons else "show", "what the model reasons")
    for level in OPTIONS[_EFFORT].choices if _EFFORT in takes else ():
        yield Suggestion(level, OPTIONS[_EFFORT].help)
    for budget in ("4000", "16000") if _TOKENS in takes else ():
        yield Suggestion(budget, OPTIONS[_TOKENS].help)
    if {_EFFORT, _TOKENS} & set(chat.session.options):
        yield Suggestion("-", "as the provider has it")


COMMANDS = (
    Command(
        "reasoning",
        "[show|hide|AMOUNT]",
        "show what the model reasons, or say how much",
        _reasoning,
        suggest=_suggest,
    ),
)
