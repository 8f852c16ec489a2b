"""`llm models list --for FILE`: models ranked by what a file would cost them as input."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from llmcli import attachments, registry, window
from llmcli.cards import Model
from llmcli.cli import model_facts, prompt
from llmcli.errors import UsageError
from llmcli.messages import Media, Message, Request, Text
from llmcli.render.objects import cost_object
from llmcli.sanitize import one_line
from llmcli.terminal import is_tty, note, out, table
from llmcli.turn import message_of
from llmcli.usage import Cost, Usage, cost_of
from llmcli.window import Size
from llmcli.wording import money, price

HEADER = ("MODEL", "COST", "CONTEXT", "OUTPUT", "IN $/M", "OUT $/M", "CAPABILITIES")


class Job(NamedTuple):
    """What is to be read and how many tokens are to be written; `kinds` are those of its media."""

    name: str
    size: Size
    kinds: tuple[str, ...]
    output: int


class Ranked(NamedTuple):
    """A model, what the job would cost on it, and why it could not do it after all."""

    spec: str
    model: Model
    cost: Cost | None
    marks: list[str]


def job(path: str | None, output: int | None) -> Job | None:
    """The job of `--for` and `--output`, None without a file. Raises UsageError."""
    if output is not None and (path is None or output < 0):
        raise UsageError("--output takes a number of tokens, 0 or more, and goes with --for FILE")
    if path is None:
        return None
    message = _piped() if path == "-" else message_of("", (attachments.read(path),))
    kinds = tuple(part.kind for part in message.parts if isinstance(part, Media))
    size = window.estimated(Request("", (message,)))
    return Job("stdin" if path == "-" else path, size, kinds, output or 0)


def _piped() -> Message:
    text = prompt.read_stdin(typed=True)
    if not text:
        raise UsageError("there is nothing on stdin", hint="llm models list --for FILE")
    return Message("user", (Text(text),))


def ranked(models: Sequence[tuple[str, Model]], asked: Job) -> list[Ranked]:
    """The cheapest first; then those that cannot do it, then those whose price is not known."""
    moment = datetime.now(UTC)
    found = [
        Ranked(spec, model, _cost(spec, model, asked, moment), _marks(model, asked))
        for spec, model in models
    ]
    return sorted(found, key=lambda one: _rank(one, moment))


def _cost(spec: str, model: Model, asked: Job, moment: datetime) -> Cost | None:
    if spec.partition("/")[0] == registry.EMBEDDED:
        return Cost(Decimal(0), "local")
    usage = Usage(asked.size.tokens if asked.size.whole else None, asked.output)
    return cost_of(usage, model.prices, moment)


def _marks(model: Model, asked: Job) -> list[str]:
    """Why the model cannot do it, as far as is known."""
    marks = [f"takes no {kind}" for kind in asked.kinds if model.input and kind not in model.input]
    if model.context is not None and asked.size.tokens + asked.output > model.context:
        marks.append("context too small")
    if model.output is not None and asked.output > model.output:
        marks.append("output too small")
    if model.prices and all(price.output is None for price in model.prices):
        marks.append("only embeds")
    return marks


def _rank(one: Ranked, moment: datetime) -> tuple[bool, bool, Decimal, bool, Decimal]:
    """Where the tokens of a picture are not known, the price of tokens tells which is cheap."""
    gone = one.model.retired is not None and one.model.retired <= moment.date()
    now = model_facts.price_now(one.model)
    each = now.input if now else None
    cost = one.cost.amount if one.cost else Decimal(0)
    unfit = bool(one.marks) or gone
    return one.cost is None, unfit, cost, each is None, each or Decimal(0)


def _facts(one: Ranked, asked: Job) -> dict[str, Any]:
    return {
        "input_tokens": asked.size.tokens,
        "whole": asked.size.whole,
        "output_tokens": asked.output,
        "cost": cost_object(one.cost),
        "unfit": one.marks,
    }


def show(
    found: Sequence[Ranked],
    asked: Job,
    row: Callable[[str, Model], Sequence[str]],
    as_json: bool,
) -> None:
    """The list with what it costs; `row` makes the other columns of its table."""
    if as_json:
        rows = [model_facts.listed(one.spec, one.model) | _facts(one, asked) for one in found]
        out(json.dumps(rows, indent=2))
        return
    table(HEADER, [_cells(one, row(one.spec, one.model)) for one in found])
    if not asked.size.whole:
        note("· only text can be priced beforehand: ranked by the price of a token")
    elif is_tty(sys.stderr):
        way = f"with {asked.output:,} out" if asked.output else "without an answer: --output N"
        note(f"· {one_line(asked.name, 60)}: ~{asked.size.tokens:,} in; COST is {way}")


def _cells(one: Ranked, row: Sequence[str]) -> list[str]:
    spec, *cells, able = row
    return [spec, _price(one.cost), *cells, " ".join(filter(None, (*one.marks, able)))]


def _price(cost: Cost | None) -> str:
    """In words for people; in a pipe exact, and empty where it is not known."""
    if is_tty(sys.stdout):
        return price(cost) if cost is None or cost.basis == "local" else money(cost.amount)
    return "" if cost is None else model_facts.amount(cost.amount)
