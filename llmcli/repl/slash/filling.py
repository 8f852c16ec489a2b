"""Slash commands about the model's window: how large the next message is, and what fills it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.utils import get_cwidth

from llmcli import registry, window
from llmcli.cards import Model
from llmcli.errors import LlmError
from llmcli.messages import Request
from llmcli.repl.commands import Command
from llmcli.repl.rows import fitted, shown
from llmcli.terminal import out, style
from llmcli.turn import Turn
from llmcli.window import Size
from llmcli.wording import money, short

if TYPE_CHECKING:
    from llmcli.repl.chat import Chat

_TURNS = 8  # of more only the largest are told one by one
_BAR = 20
_LABEL = 40
_LEAST = 12  # columns for a label
_FRAME = 4  # tokens of a message without words
_FIGURES = 34  # columns of tokens, share and price


class _Row(NamedTuple):
    """A line of `/context`; what is `sent` costs something."""

    label: str
    size: Size
    sent: bool = True


def _tokens(chat: Chat, text: str) -> None:
    session = chat.session
    plan = session.next(text)
    request = session.request(plan)
    try:
        counted = session.count(plan)
    except LlmError as error:
        counted = None
        chat.fail(error)
    size = (
        Size(counted) if counted is not None else window.ahead(request, plan.turns, session.since)
    )
    mark = "" if counted is not None else "~" if size.whole else "at least ~"
    facts = [f"{mark}{size.tokens:,} tokens", "counted" if counted is not None else "estimated"]
    facts += [_share_of(size.tokens, session.model), _price_of(chat, size)]
    out(" · ".join(filter(None, facts)))


def _share_of(tokens: int, model: Model) -> str:
    if not model.context:
        return "context unknown"
    share = 100 * tokens / model.context
    return f"{share:.1f} % of {short(model.context)}" + (": too long" if share > 100 else "")


def _price_of(chat: Chat, size: Size) -> str:
    """What it costs to send so much once, at the prices of now."""
    session = chat.session
    if session.choice.provider == registry.EMBEDDED:
        return "free (local)"
    price = window.input_price(session.model, size.tokens)
    if price is None:
        return "cost unknown"
    return f"{'' if size.whole else 'at least '}{money(price)} in"


def _context(chat: Chat, _text: str) -> None:
    session = chat.session
    plan = session.next("")
    request = session.request(plan)
    size = window.ahead(request, plan.turns, session.since)
    told = [turn for turn in plan.told if turn.answered]
    mark = "~" if size.whole else "at least ~"
    facts = [session.choice.spec, f"{mark}{short(size.tokens)} tokens"]
    facts += [_share_of(size.tokens, session.model), f"{_price_of(chat, size)} each time"]
    out(style(shown(" · ".join(facts)), "bold"))
    rows = [*_head(request), *_largest(chat, told)]
    rows += [_Row(f"queued: {one.name}", window.of_media(one)) for one in session.attachments]
    _show(chat, [*rows, *_rest(chat, size, request)], size)
    if left := len(session.turns) - len(told):
        chat.say(f"not told: {left} of {len(session.turns)} turns; /clear - tells them again")


def _head(request: Request) -> Iterator[_Row]:
    if request.messages[0].role == "system":
        yield _Row("system prompt", window.estimated(Request("", request.messages[:1])))
    if request.tools:
        yield _Row(f"tools ({len(request.tools)})", window.of_tools(request.tools))


def _largest(chat: Chat, told: Sequence[Turn]) -> list[_Row]:
    """The turns in order; of many only the largest, and the others as one."""
    first = len(chat.session.turns) - len(told) + 1
    rows = [
        _Row(f"turn {number}: {turn.prompt}", window.of_turn(turn))
        for number, turn in enumerate(told, first)
    ]
    if len(rows) <= _TURNS:
        return rows
    large = sorted(range(len(rows)), key=lambda at: rows[at].size.tokens, reverse=True)
    chosen, others = sorted(large[:_TURNS]), [rows[at].size for at in large[_TURNS:]]
    size = Size(sum(one.tokens for one in others), all(one.whole for one in others))
    return [*(rows[at] for at in chosen), _Row(f"{len(others)} other turns", size)]


def _rest(chat: Chat, size: Size, request: Request) -> Iterator[_Row]:
    """What is left for the answer, and what is free then; nothing where the window is unknown."""
    model = chat.session.model
    if model.context:
        room = window.reserve(model, request.options)
        yield _Row("for the answer", Size(room), sent=False)
        yield _Row("free", Size(max(model.context - size.tokens - room, 0)), sent=False)


def _show(chat: Chat, rows: Sequence[_Row], whole: Size) -> None:
    """Label, tokens, share of the window and price of each, and a bar where there is room."""
    columns = shutil.get_terminal_size().columns
    bar = _BAR if columns >= _FIGURES + _BAR + _LEAST else 0
    labels = [fitted(shown(row.label), _LABEL) for row in rows]
    room = max(columns - _FIGURES - bar, _LEAST)
    width = min(max(map(get_cwidth, labels), default=0), room)
    model = chat.session.model
    price = window.input_price(model, whole.tokens) if whole.tokens else None
    for row, label in zip(rows, labels, strict=True):
        tokens, context = row.size.tokens, model.context
        share = tokens / context if context else None
        name = fitted(label, width)
        cells = [
            name + " " * (width - get_cwidth(name)),
            f"{_amount(row.size, exact=not row.sent):>11}",
            f"{100 * share:>6.1f} %" if share is not None else " " * 8,
            f"{_part(price, tokens, whole) if row.sent else '':>11}",
            "█" * round(min(share or 0, 1) * bar),
        ]
        out(" ".join(cells).rstrip())


def _amount(size: Size, *, exact: bool) -> str:
    if not size.whole:
        return f"≥ {short(size.tokens)}" if size.tokens > _FRAME else "?"
    return f"{'' if exact else '~'}{short(size.tokens)}"


def _part(price: Decimal | None, tokens: int, whole: Size) -> str:
    return "" if price is None else money(price * tokens / max(whole.tokens, tokens, 1))


COMMANDS = (
    Command("tokens", "[TEXT]", "how many tokens the next message would be", _tokens),
    Command("context", "", "what fills the model's window, by part", _context),
)
