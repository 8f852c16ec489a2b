"""The usage line: who answered, how many tokens, for how much, how fast."""

from __future__ import annotations

from llmcli.moments import age
from llmcli.sanitize import one_line
from llmcli.turn import Turn
from llmcli.usage import Cost
from llmcli.wording import duration, money, price, tokens


def cached(stored: float, saved: Cost | None) -> list[str]:
    """How old a kept reply is, and what it saved; nothing of that where it is not known."""
    found = age(stored)
    when = "just now" if found == "now" else found if "-" in found else f"{found} ago"
    return [f"cached {when}", f"saved {money(saved.amount)}" if saved and saved.amount else "free"]


def usage_line(turn: Turn) -> str:
    """`groq/llama-3.3 · 1,204 in (800 cached) · 322 out · $0.0041 · 2.3 s`.

    What is not known is said to be unknown, never shown as 0. Of a kept reply
    `groq/llama-3.3 · cached 3 min ago · saved $0.0041`.
    """
    name = one_line(f"{turn.provider}/{turn.model}", 120)
    if turn.cached and turn.cached.stored:
        return " · ".join([name, *cached(turn.cached.stored, turn.cached.saved)])
    return " · ".join([name, *tokens(turn.usage), price(turn.cost), duration(turn.total_s)])
