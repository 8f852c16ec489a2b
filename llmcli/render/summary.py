"""The usage line: who answered, how many tokens, for how much, how fast."""

from __future__ import annotations

from llmcli.sanitize import one_line
from llmcli.turn import Turn
from llmcli.wording import duration, price, tokens


def usage_line(turn: Turn) -> str:
    """`groq/llama-3.3 · 1,204 in (800 cached) · 322 out · $0.0041 · 2.3 s`.

    What is not known is said to be unknown, never shown as 0.
    """
    name = one_line(f"{turn.provider}/{turn.model}", 120)
    return " · ".join([name, *tokens(turn.usage), price(turn.cost), duration(turn.total_s)])
