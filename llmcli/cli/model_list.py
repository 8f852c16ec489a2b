"""`llm models list`: the models of one provider, of yours or of all, and which of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from llmcli import config as configuration
from llmcli.errors import UsageError
from llmcli.terminal import clean, is_tty, note, out, table

if TYPE_CHECKING:
    from llmcli.cards import Card, Model
    from llmcli.cli.model_costs import Job

EXAMPLES = """
llm models list                  of the providers you have a key for, and of your own
llm models list --all --vision --tools --max-price 1
llm models list --refresh        ask the providers what they have now
llm models list --for report.txt --output 2000 --tools --all
llm models list | cut -f1        in a pipe: tab-separated, no header
llm models list --json | jq -r '.[] | select(.tools) | .model'
"""

MaxPrice = Annotated[
    float | None,
    typer.Option("--max-price", metavar="USD", help="At most so much for a million input tokens."),
]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="FILE", help="Rank by what it costs as input; - is stdin."),
]
Output = Annotated[
    int | None,
    typer.Option("--output", metavar="N", help="Count in an answer of so many tokens, with --for."),
]


class Wish(NamedTuple):
    """What a model has to be; what is not known of it does not fulfil a wish."""

    tools: bool = False
    vision: bool = False
    reasoning: bool = False
    max_price: Decimal | None = None

    def fulfilled(self, model: Model) -> bool:
        """Whether the model is known to be all of that."""
        return (
            (not self.tools or model.tools is True)
            and (not self.vision or "image" in (model.input or ()))
            and (not self.reasoning or model.reasoning is True)
            and (self.max_price is None or _cheap(model, self.max_price))
        )


def _cheap(model: Model, limit: Decimal) -> bool:
    from llmcli.cli.model_facts import price_now

    price = price_now(model)
    return price is not None and price.input is not None and price.input <= limit


def list_(
    provider: Annotated[
        str, typer.Option("--provider", metavar="NAME", help="Of this provider only.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Of every provider.")] = False,
    tools: Annotated[bool, typer.Option("--tools", help="Those that call tools.")] = False,
    vision: Annotated[bool, typer.Option("--vision", help="Those that see images.")] = False,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Those that reason.")] = False,
    max_price: MaxPrice = None,
    file: For = None,
    output: Output = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the providers first, and keep their lists.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """List the models you can ask, all or those that you need.

    Prices are USD per million tokens. What is not known stays empty; it is not zero, and it
    meets no filter. --refresh adds what your providers list now to what their cards say.
    --for ranks by the price of a file, the cheapest first: an estimate, within a quarter for most.
    """
    from llmcli import registry

    job = _job(file, output)
    wish = Wish(tools, vision, reasoning, _limit(max_price))
    config = configuration.load()
    chosen = _cards(provider, everything)
    if refresh:
        _refresh(chosen if provider else registry.configured())
    _tell_broken_lists(chosen)
    known = [
        (f"{card.id}/{model.id}", model)
        for card in chosen
        for model in registry.known_models(card, config).values()
    ]
    models = [(spec, model) for spec, model in known if wish.fulfilled(model)]
    if not models and not as_json:
        _explain_nothing(chosen, filtered=bool(known))
    _show(models, job, as_json)
    if models and not as_json and is_tty(sys.stderr):
        _tell_unlisted(chosen, {spec.partition("/")[0] for spec, _ in known})


def _job(file: str | None, output: int | None) -> Job | None:
    if file is None and output is None:
        return None
    from llmcli.cli import model_costs

    return model_costs.job(file, output)


def _show(models: Sequence[tuple[str, Model]], job: Job | None, as_json: bool) -> None:
    if job:
        from llmcli.cli import model_costs

        model_costs.show(model_costs.ranked(models, job), job, _row, as_json)
    elif as_json:
        from llmcli.cli import model_facts

        out(json.dumps([model_facts.listed(*item) for item in models], indent=2))
    else:
        rows = [_row(spec, model) for spec, model in models]
        table(("MODEL", "CONTEXT", "OUTPUT", "IN $/M", "OUT $/M", "CAPABILITIES"), rows)


def _limit(max_price: float | None) -> Decimal | None:
    if max_price is None:
        return None
    if not 0 <= max_price < float("inf"):
        raise UsageError("--max-price takes USD for a million input tokens, 0 or more")
    return Decimal(str(max_price))


def _refresh(chosen: Sequence[Card]) -> None:
    from llmcli.cli.refresh import refresh

    refresh(chosen)


def _tell_broken_lists(chosen: Sequence[Card]) -> None:
    from llmcli import catalogue

    for card in chosen:
        words = catalogue.trouble(card)
        if words:
            again = f"llm models list --refresh --provider {card.id}"
            note(clean(f"· the list kept of {card.id} {words}; for a new one: {again}"))


def _cards(provider: str, everything: bool) -> list[Card]:
    from llmcli import cards, registry

    if provider:
        return [registry.load_card(provider)]
    return list(cards.load_readable()) if everything else registry.configured()


def _explain_nothing(chosen: Sequence[Card], *, filtered: bool) -> None:
    if filtered:
        note("· no model is known to be all of that")
    elif chosen:
        names = ", ".join(clean(card.id) for card in chosen)
        note(f"· no model of {names} is known here; any id it has works: -m {chosen[0].id}/MODEL")
        note("  To ask for them: llm models list --refresh")
    else:
        note("· no provider is configured yet: llm providers add, or llm models list --all")


def _tell_unlisted(chosen: Sequence[Card], known: Collection[str]) -> None:
    """The providers that have models and none in the table, because nobody asked them yet."""
    names = [card.id for card in chosen if card.id not in known]
    if names:
        shown = clean(", ".join(names[:5])) + (f" and {len(names) - 5} more" if names[5:] else "")
        note(f"· not known yet are those of {shown}: llm models list --refresh")


def _row(spec: str, model: Model) -> list[str]:
    from llmcli.cli.model_facts import amount, price_now

    price = price_now(model)
    money = (price.input, price.output) if price else (None, None)
    return [
        spec,
        *(_tokens(size) for size in (model.context, model.output)),
        *("" if usd is None else amount(usd) for usd in money),
        " ".join(_capabilities(model)),
    ]


def _tokens(size: int | None) -> str:
    """A number of tokens: rounded for people, exact in a pipe."""
    if size is None:
        return ""
    if not is_tty(sys.stdout):
        return str(size)
    if size >= 1_000_000:
        return f"{size / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"
    return f"{size // 1000}k" if size >= 1000 else str(size)


def _capabilities(model: Model) -> list[str]:
    found = [name for name in ("tools", "reasoning") if getattr(model, name)]
    found += [kind for kind in model.input or () if kind != "text"]
    if model.retired:
        gone = model.retired <= datetime.now(UTC).date()
        found.append(f"{'retired' if gone else 'retires'} {model.retired}")
    return found
