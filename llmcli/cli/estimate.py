"""What `--estimate` prints: about how many tokens a prompt is, and what an answer would cost."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from llmcli import registry, window
from llmcli.candidates import request_for
from llmcli.cards import Model
from llmcli.cli.asking import Earlier
from llmcli.cli.tokens import share
from llmcli.config import Config
from llmcli.forecast import ends, longest, priced
from llmcli.messages import Request
from llmcli.question import Question, following
from llmcli.redaction import redact
from llmcli.registry import Choice
from llmcli.render.objects import cost_object
from llmcli.terminal import clean, is_tty, note, out, out_json, table
from llmcli.usage import Cost
from llmcli.window import Size
from llmcli.wording import money

_HEADER = ("MODEL", "INPUT", "CONTEXT", "OUTPUT", "COST", "AS A BATCH")


class Range(NamedTuple):
    """USD: with no answer at all, and with the longest one; None is unknown."""

    low: Decimal | None
    high: Decimal | None


class Estimate(NamedTuple):
    """What a request is on one model; `output` is its longest answer, None is unknown."""

    choice: Choice
    model: Model
    size: Size
    output: int | None
    cost: Range
    batch: Range

    @property
    def local(self) -> bool:
        """Whether it costs nothing because it is answered on this machine."""
        return self.choice.provider == registry.EMBEDDED


def tell(
    choices: Sequence[Choice], question: Question, earlier: Earlier, config: Config, mode: str
) -> None:
    """Print what the question would cost on each model; nothing is sent.

    Raises ConfigError, UsageError for what one of them cannot be sent.
    """
    moment = datetime.now(UTC)
    asked = {choice.spec: choice for choice in choices}.values()
    found = [_estimate(choice, question, earlier, config, moment) for choice in asked]
    found.sort(key=_rank)
    if mode:
        objects = [_object(one) for one in found]
        for value in objects if mode == "jsonl" else [objects]:
            out_json(value)
        return
    if len(found) == 1 and is_tty(sys.stdout):
        out(clean(_line(found[0])))
    else:
        _table(found)
    if not all(one.size.whole for one in found):
        note("· only text is counted; of pictures, sounds and documents nobody can say beforehand")


def _estimate(
    choice: Choice, question: Question, earlier: Earlier, config: Config, moment: datetime
) -> Estimate:
    asked = following(question, earlier.conversation, earlier.turns, choice)
    request = request_for(choice, asked, config)
    card = registry.card_for(choice, config)
    model, size = card.models[choice.model], _size(request, choice, asked, earlier)
    output = longest(request, card)
    if choice.provider == registry.EMBEDDED:
        free = Range(Decimal(0), Decimal(0))
        return Estimate(choice, model, size, output, free, free)
    usages = ends(request, size.tokens, output if size.whole else None)
    cost, batch = (Range(*priced(usages, model.prices, moment, batch=way)) for way in (False, True))
    return Estimate(choice, model, size, output, cost, batch)


def _size(request: Request, choice: Choice, asked: Question, earlier: Earlier) -> Size:
    """How large the request is; by what the same model counted for the last turn where it did."""
    if earlier.turns and earlier.turns[-1].spec == choice.spec:
        return window.ahead(request, earlier.turns, asked.since)
    return window.estimated(request)


def _rank(one: Estimate) -> tuple[bool, Decimal, Decimal]:
    """Cheapest first, by what the input costs; a price that is not known comes last."""
    low, high = one.cost
    return low is None, low or Decimal(0), high or Decimal(0)


def _line(one: Estimate) -> str:
    """`p/m · ~1,204 in · 3.1 % of 131,072 · at most 8,192 out · $0.0007 to $0.0041`."""
    size, output = one.size, one.output
    facts = [one.choice.spec, f"{_tokens(size)} in", share(one.model, size.tokens)]
    facts.append("longest answer unknown" if output is None else f"at most {output:,} out")
    facts.append(_price(one, one.cost))
    if _has_batch(one):
        facts.append(f"as a batch {_price(one, one.batch)}")
    return " · ".join(facts)


def _table(found: Sequence[Estimate]) -> None:
    """For people in words; in a pipe each number in a column of its own, unknown ones empty."""
    if not is_tty(sys.stdout):
        table((), [_facts(one) for one in found])
        return
    columns = len(_HEADER) if any(map(_has_batch, found)) else len(_HEADER) - 1
    table(_HEADER[:columns], [_row(one)[:columns] for one in found])


def _row(one: Estimate) -> list[str]:
    output = "unknown" if one.output is None else f"{one.output:,}"
    batch = _price(one, one.batch) if _has_batch(one) else ""
    used = _used(one.model, one.size.tokens)
    return [one.choice.spec, _tokens(one.size), used, output, _price(one, one.cost), batch]


def _used(model: Model, tokens: int) -> str:
    """The share of the context in few letters, so that a row fits into 80 columns."""
    if not model.context:
        return "unknown"
    if tokens > model.context:
        return "too long"
    percent = 100 * tokens / model.context
    return "<0.1 %" if percent < 0.1 else f"{percent:.1f} %"


def _facts(one: Estimate) -> list[str]:
    size, output = one.size, one.output
    tokens = size.tokens if size.whole else None
    batches = one.batch if _has_batch(one) else (None, None)
    facts = (tokens, one.model.context, output, *one.cost, *batches)
    return [one.choice.spec, *(_plain(fact) for fact in facts)]


def _plain(fact: int | Decimal | None) -> str:
    return "" if fact is None else f"{fact:f}" if isinstance(fact, Decimal) else str(fact)


def _has_batch(one: Estimate) -> bool:
    return one.batch.low is not None and not one.local


def _tokens(size: Size) -> str:
    return f"~{size.tokens:,}" if size.whole else f"at least ~{size.tokens:,}"


def _price(one: Estimate, cost: Range) -> str:
    low, high = cost
    if one.local:
        return "free (local)"
    if low is None:
        return "cost unknown"
    if high is None:
        return f"at least {money(low)}"
    return money(low) if low == high else f"{money(low)} to {money(high)}"


def _object(one: Estimate) -> dict[str, Any]:
    """As JSON: None is unknown, amounts are texts; where not `whole` only text is counted."""
    size, context = one.size, one.model.context
    return {
        "type": "estimate",
        "provider": one.choice.provider,
        "model": redact(one.choice.model),
        "input": size.tokens,
        "whole": size.whole,
        "context": context,
        "percent": round(100 * size.tokens / context, 3) if context else None,
        "output": one.output,
        "cost": _range_object(one, one.cost),
        "batch_cost": _range_object(one, one.batch) if _has_batch(one) else None,
    }


def _range_object(one: Estimate, cost: Range) -> dict[str, Any] | None:
    if cost.low is None:
        return None
    basis: Any = "local" if one.local else "card"
    low, high = (None if usd is None else Cost(usd, basis) for usd in cost)
    return {"low": cost_object(low), "high": cost_object(high)}
