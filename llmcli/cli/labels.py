"""How conversations are called in lists, menus and completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmcli.terminal import clean, width
from llmcli.turn import SHORT_ID

if TYPE_CHECKING:
    from llmcli.turn import Conversation


def label(conversation: Conversation) -> str:
    """Its name, else its title; safe to show, on one line."""
    return " ".join(clean(conversation.name or conversation.title).split()) or "(no words)"


def shorts(ids: Sequence[str]) -> dict[str, str]:
    """Ids as they are listed: their beginnings, so long that no two are alike."""
    whole = max(map(len, ids), default=SHORT_ID)
    fit = (n for n in range(SHORT_ID, whole) if len({one[:n] for one in ids}) == len(set(ids)))
    length = next(fit, whole)
    return {one: one[:length] for one in ids}


def fitted(text: str, columns: int) -> str:
    """As much of the text as fits into so many columns, with an … where it was cut."""
    widths = [width(character) for character in text]
    if sum(widths) <= columns:
        return text
    used, kept = 1, 0
    while used + widths[kept] <= columns:
        used += widths[kept]
        kept += 1
    return text[:kept] + "…"
