"""What Markdown and HTML both tell of a conversation, in safe words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from llmcli.moments import utc
from llmcli.redaction import redact
from llmcli.sanitize import one_line, sanitize
from llmcli.turn import Conversation, Turn
from llmcli.usage import Usage
from llmcli.wording import count, duration, money, price, tokens, total_price

_TITLE = 120
_NAMES = 400


class Setting(NamedTuple):
    """Something that is otherwise from this turn on; `text` is safe, and may have many lines."""

    label: str
    text: str
    is_code: bool = False


def shown(text: str) -> str:
    """Foreign text as it may be shown: newlines and tabs pass, other controls and keys do not."""
    return sanitize(redact(text.replace("\r\n", "\n")))


def title_of(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """Its name, else its title, else the first line of its first prompt."""
    prompts = (turn.prompt.strip().partition("\n")[0] for turn in turns[:1])
    found = next(filter(None, (conversation.name, conversation.title, *prompts)), "Conversation")
    return one_line(found, _TITLE) or "Conversation"


def about(conversation: Conversation, turns: Sequence[Turn]) -> list[str]:
    """Its id, the models, and from when to when."""
    models = dict.fromkeys(one_line(turn.spec, _TITLE) for turn in turns)
    days = list(dict.fromkeys(utc(turn.started)[:10] for turn in turns if turn.started))
    span = " to ".join(dict.fromkeys((min(days), max(days)))) if days else ""
    return [*filter(None, (one_line(conversation.id), one_line(", ".join(models), _NAMES), span))]


def in_total(turns: Sequence[Turn]) -> list[str]:
    """How many turns, tokens and how much money; "at least" where any of it is unknown."""
    asked = count(len(turns), "turn")
    sent = [turn for turn in turns if turn.charged]
    if not sent:
        return [asked]
    return [asked, *_all_tokens(sent), total_price([turn.cost for turn in sent])]


def _all_tokens(turns: Sequence[Turn]) -> list[str]:
    usages = [turn.usage or Usage() for turn in turns]
    sides = ([usage.input for usage in usages], [usage.output for usage in usages])
    known = [[count for count in side if count is not None] for side in sides]
    if not any(known):
        return ["usage unknown"]
    words = tokens(Usage(sum(known[0]), sum(known[1])))
    whole = [None not in side for side in sides]
    return [word if exact else f"at least {word}" for word, exact in zip(words, whole, strict=True)]


def of_turn(turn: Turn) -> list[str]:
    """When it was asked, what it took and cost, and how it ended unless that was well."""
    spent = [*tokens(turn.usage), price(turn.cost)] if turn.charged else []
    if turn.cached and turn.cached.stored:
        saved = turn.cached.saved
        spent = [f"from the cache of {utc(turn.cached.stored)}"]
        spent += [f"saved {money(saved.amount)}"] if saved and saved.amount else []
    took = duration(turn.total_s) if turn.total_s else ""
    return [*filter(None, (utc(turn.started), *spent, took, ending(turn)))]


def ending(turn: Turn) -> str:
    """How the turn ended, with the error; nothing where it ended well."""
    if turn.status == "complete":
        odd = turn.finish_reason not in (None, "stop", "tool_calls")
        words = f"ended by {turn.finish_reason}" if odd else ""
    else:
        words = "not finished" if turn.status == "running" else turn.status
    if turn.error_message and turn.status != "interrupted":
        words = ": ".join(filter(None, (words, turn.error_message)))
    return one_line(words)


def settings(turns: Sequence[Turn], number: int) -> list[Setting]:
    """What is otherwise at this turn than at the one before it."""
    turn = turns[number]
    before = turns[number - 1] if number else Turn("", "", "", "", "")
    found: list[Setting] = []
    if turn.system != before.system:
        found.append(Setting("System prompt", shown(turn.system) or "none"))
    if turn.options != before.options or turn.extra != before.extra:
        chosen = {**turn.options, **({"extra": dict(turn.extra)} if turn.extra else {})}
        found.append(_names("Options", _json(chosen) if chosen else ""))
    if turn.tools != before.tools:
        found.append(_names("Tools", ", ".join(tool.name for tool in turn.tools)))
    if turn.since and turn.since != before.since:
        found.append(Setting("No longer told to the model", _forgotten(turns, turn.since)))
    return found


def _names(label: str, text: str) -> Setting:
    return Setting(label, one_line(text) or "none", is_code=bool(text))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _forgotten(turns: Sequence[Turn], last: str) -> str:
    number = next((number for number, turn in enumerate(turns, 1) if turn.id == last), 0)
    if not number:
        return "some earlier turns"
    return "the first turn" if number == 1 else f"turns 1 to {number}"


def arguments(text: str) -> str:
    """The arguments of a tool call, indented where they are JSON."""
    try:
        return shown(json.dumps(json.loads(text), ensure_ascii=False, indent=2))
    except (ValueError, RecursionError):
        return shown(text)
