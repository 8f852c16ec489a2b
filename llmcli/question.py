"""A question: what the user asks, before a model is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from llmcli.ledger import Tags
from llmcli.messages import EMPTY, Media, Message, Tool
from llmcli.registry import Choice
from llmcli.turn import Turn, context


class Question(NamedTuple):
    """What the user asks, before a model is chosen; `deadline` in seconds from `begun`.

    Without a `system` prompt of its own it takes the config's; an empty one is none at all.
    `earlier` are the messages before it: of the turns behind `since`, up to `parent`. What is
    `inherited` from the turn before counts as options of the config do, and goes before them.
    It may cost `max_cost` in USD; a reply of the `cache` may be so many seconds old, None is none.
    """

    prompt: str
    begun: float
    system: str | None = None
    attachments: tuple[Media, ...] = ()
    options: Mapping[str, Any] = EMPTY
    inherited: Mapping[str, Any] = EMPTY
    extra: Mapping[str, Any] = EMPTY
    tools: tuple[Tool, ...] = ()
    stream: bool = True
    strict: bool = False
    deadline: float | None = None
    retries: int | None = None
    key_env: str | None = None
    conversation: str = ""
    parent: str | None = None
    since: str | None = None
    earlier: tuple[Message, ...] = ()
    tags: Tags = ()
    max_cost: Decimal | None = None
    cache: float | None = None


def following(
    question: Question, conversation: str, turns: Sequence[Turn], choice: Choice
) -> Question:
    """The question as the next one of a conversation, with what its last turn was asked with.

    What the question says itself goes before that. What only the provider of that turn knows is
    left out where another one is chosen.
    """
    if not turns:
        return question._replace(conversation=conversation)
    last = turns[-1]
    return question._replace(
        conversation=conversation,
        parent=last.id,
        since=last.told_from,
        earlier=context(turns, last.told_from),
        system=last.system if question.system is None else question.system,
        inherited=last.options,
        extra={**(last.extra if last.provider == choice.provider else EMPTY), **question.extra},
        tools=question.tools or last.tools,
    )
