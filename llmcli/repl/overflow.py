"""Before a message is sent that the model's window cannot hold: what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from llmcli import registry, window
from llmcli.cards import Model
from llmcli.errors import LlmError
from llmcli.plan import Plan
from llmcli.window import Size
from llmcli.wording import short

if TYPE_CHECKING:
    from llmcli.repl.chat import Chat

TRIM, SUMMARISE, ANYWAY, CANCEL = "trim", "summarise", "anyway", "cancel"


class Measured(NamedTuple):
    """How a planned message fits: `excess` tokens are too many, with the `room` for an answer.

    `counted` is whether its size is the provider's own count.
    """

    plan: Plan
    model: Model
    size: Size
    counted: bool
    room: int
    excess: int


def fits(chat: Chat, make: Callable[[], Plan]) -> Plan | None:
    """The plan to send, which the user may have changed so that it fits; None to send nothing.

    `make` gives the plan anew after each change. Raises ConfigError, UsageError.
    """
    summarised = False
    while True:
        measured = measure(chat, make())
        if not measured.excess:
            return measured.plan
        chat.warn(_trouble(measured))
        chosen = _choose(chat, measured, summarised=summarised)
        if chosen == TRIM:
            chat.say("the model is told nothing more of them; /clear - tells it all again")
            return measured.plan.without_oldest(_surplus(measured) or 0)
        if chosen == SUMMARISE:
            if chat.answer(chat.session.summarise, "") is None:
                return None
            chat.say("the summary stands for all before it; undoing it tells all that again")
            summarised = True
            continue
        return measured.plan if chosen == ANYWAY else None


def measure(chat: Chat, plan: Plan) -> Measured:
    """How large the message will be: by the provider's count where an estimate comes near."""
    session = chat.session
    card = registry.card_for(plan.choice, session.config)
    model = card.models[plan.choice.model]
    request = session.request(plan)
    size = window.ahead(request, plan.turns, plan.question.since)
    most = window.at_most(size, plan.question.attachments)
    counted = None
    if window.excess(most, model, request.options):
        try:
            counted = session.count(plan)
        except LlmError:
            counted = None  # asking will say it better
    if counted is not None:
        size = Size(counted)
    room = window.reserve(model, request.options)
    excess = window.excess(size.tokens, model, request.options)
    return Measured(plan, model, size, counted is not None, room, excess)


def _trouble(measured: Measured) -> str:
    size, model = measured.size, measured.model
    mark = "" if measured.counted else "about " if size.whole else "at least "
    return (
        f"too long for {measured.plan.choice.spec}: {mark}{short(size.tokens)} tokens, and"
        f" {short(measured.room)} for the answer, where {short(model.context or 0)} fit"
    )


def _choose(chat: Chat, measured: Measured, *, summarised: bool) -> str | None:
    choices = [
        (ANYWAY, "send it as it is; the provider may refuse or cut it"),
        (CANCEL, "send nothing; the text comes back"),
    ]
    plan = measured.plan
    if plan.fresh and plan.told and not summarised and _can_be_told(measured):
        turns = "turn" if len(plan.told) == 1 else f"{len(plan.told)} turns"
        choices.insert(0, (SUMMARISE, f"{plan.choice.spec} sums up the {turns} so far"))
    if count := _surplus(measured):
        turns = "the oldest turn" if count == 1 else f"the oldest {count} turns"
        choices.insert(0, (TRIM, f"tell nothing more of {turns}; nothing is deleted"))
    return chat.screen.choose("What now?", choices)


def _can_be_told(measured: Measured) -> bool:
    """Whether the turns so far, without the new message, leave room for an answer."""
    plan = measured.plan
    told = window.used(plan.turns, plan.question.since)
    return told is not None and not window.excess(told, measured.model, plan.question.options)


def _surplus(measured: Measured) -> int | None:
    """How many of the oldest turns to leave out; None where that is not enough."""
    plan = measured.plan
    guessed = sum(window.of_turn(turn).tokens for turn in plan.told)
    known = window.used(plan.turns, plan.question.since) or guessed
    return window.making_room(plan.told, measured.excess * min(guessed / max(known, 1), 1))
