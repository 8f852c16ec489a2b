"""How much of a model's context a chat fills, and with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from llmcli import estimate
from llmcli.cards import Model
from llmcli.messages import Media, Message, Request, Tool
from llmcli.turn import Turn, context, message_of
from llmcli.usage import Usage, cost_of

# More tokens than a picture is anywhere, and more in a byte than a sound or a document has.
_PICTURE = 5_000
_PER_BYTE = 0.1


class Size(NamedTuple):
    """About how many tokens; at least so many unless `whole`, for only text can be estimated."""

    tokens: int = 0
    whole: bool = True


def used(turns: Sequence[Turn], since: str | None) -> int | None:
    """The tokens that these turns will be in the next request; None when nobody can say.

    What the provider counted for the last turn, where that was told the same; else an estimate.
    """
    counted = _counted(turns, since)
    return estimate.of_request(Request("", context(turns, since))) if counted is None else counted


def _counted(turns: Sequence[Turn], since: str | None) -> int | None:
    """What the provider counted for the last turn, if that was told what the next one will be."""
    last = turns[-1] if turns else None
    usage = last and last.counted
    if last is None or not usage or last.since != since or last.id == since:
        return None
    if last.status != "complete":  # what is known of its answer was counted when that began
        return None
    told, said = usage.input, usage.output
    return None if told is None or said is None else told + said


def ahead(request: Request, turns: Sequence[Turn], since: str | None) -> Size:
    """How large a request is that follows these turns."""
    counted = _counted(turns, since)
    if counted is None:
        return estimated(request)
    new = estimated(Request("", request.messages[-1:]))
    head = request.messages[0]
    system = estimate.of_text(head.text) if head.role == "system" else 0
    last = turns[-1]
    told = _beside(Request("", (), options=last.options, tools=last.tools))
    grown = system - estimate.of_text(last.system) + _beside(request) - told
    return Size(counted + new.tokens + max(grown, 0), new.whole)


def _beside(request: Request) -> int:
    """The tokens of what stands beside the messages, such as tools."""
    return estimate.of_request(request._replace(messages=())) or 0


def estimated(request: Request) -> Size:
    """About how large a request is; of pictures, sounds and documents nobody can say."""
    tokens = estimate.of_request(request)
    if tokens is not None:
        return Size(tokens)
    texts = tuple(
        Message(role, tuple(part for part in parts if not isinstance(part, Media)))
        for role, parts in request.messages
    )
    return Size(estimate.of_request(request._replace(messages=texts)) or 0, whole=False)


def of_turn(turn: Turn) -> Size:
    """About how large a turn is that was asked before."""
    return estimated(Request("", turn.messages))


def of_media(media: Media) -> Size:
    """About how large an attachment is."""
    return estimated(Request("", (message_of("", (media,)),)))


def of_tools(tools: tuple[Tool, ...]) -> Size:
    """About how large the descriptions of tools are."""
    return estimated(Request("", (), tools=tools))


def at_most(size: Size, media: Sequence[Media]) -> int:
    """More tokens than it will be, with attachments of which nobody can say how large they are."""
    unsaid = [one for one in media if not one.media_type.startswith("text/")]
    guessed = sum(
        _PICTURE if one.kind == "image" else int(len(one.data) * _PER_BYTE) for one in unsaid
    )
    return int(size.tokens * 1.5) + guessed


def reserve(model: Model, options: Mapping[str, object]) -> int:
    """The tokens to leave for an answer: as many as were asked for, else a tenth of the window."""
    asked = options.get("max_output_tokens")
    if isinstance(asked, int):
        return asked
    tenth = (model.context or 0) // 10
    return min(model.output or tenth, tenth)


def excess(tokens: int, model: Model, options: Mapping[str, object]) -> int:
    """The tokens by which a request and its answer are too large; 0 where the window is unknown."""
    if not model.context:
        return 0
    return max(tokens + reserve(model, options) - model.context, 0)


def making_room(told: Sequence[Turn], tokens: float) -> int | None:
    """How many of the oldest turns are as large as this; None where all of them are not."""
    found = 0.0
    for number, turn in enumerate(told, 1):
        found += of_turn(turn).tokens
        if found >= tokens:
            return number
    return None


def input_price(model: Model, tokens: int) -> Decimal | None:
    """What so many input tokens cost now, in USD; None is unknown."""
    prices = tuple(price._replace(output=None) for price in model.prices)
    cost = cost_of(Usage(input=tokens), prices, datetime.now(UTC))
    return cost.amount if cost else None
