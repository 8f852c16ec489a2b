"""The tree of a conversation's turns, drawn with lines."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from llmcli.cli.labels import fitted, shorts
from llmcli.sanitize import one_line
from llmcli.terminal import clean, is_tty, out, style, table

if TYPE_CHECKING:
    from llmcli.turn import Conversation, Turn

_PROMPT = 200


def show(conversation: Conversation, turns: Sequence[Turn]) -> None:
    """A turn a line, oldest first: where it hangs, its id, prompt and model.

    In a pipe the columns are id, parent, `head` or nothing, status, model and prompt.
    """
    if not is_tty(sys.stdout):
        table((), [_cells(turn, conversation.head) for turn in turns])
        return
    short = shorts([turn.id for turn in turns])
    columns = shutil.get_terminal_size().columns
    for lines, turn in drawn(turns):
        here = turn.id == conversation.head
        words = f"{one_line(turn.prompt, _PROMPT) or '(no words)'} · {one_line(turn.spec)}"
        if turn.status != "complete":
            words += f" · {turn.status}"
        room = columns - len(lines) - len(short[turn.id]) - 4
        text = fitted(words, max(room, 10))
        way = style(lines, "dim") if lines else ""
        name = style(clean(short[turn.id]), "dim")
        out(f"{way}{'●' if here else '○'} {name}  {style(text, 'bold') if here else text}")


def _cells(turn: Turn, head: str | None) -> tuple[str, ...]:
    here = "head" if turn.id == head else ""
    prompt = one_line(turn.prompt, _PROMPT)
    return (turn.id, turn.parent or "", here, turn.status, turn.spec, prompt)


def drawn(turns: Sequence[Turn]) -> Iterator[tuple[str, Turn]]:
    """Each turn behind its parent, with the lines that lead to it.

    Only where the tree branches do lines move to the right.
    """
    known = {turn.id for turn in turns}
    below: dict[str | None, list[Turn]] = {}
    for turn in turns:
        below.setdefault(turn.parent if turn.parent in known else None, []).append(turn)
    waiting = _branches("", below.get(None, []))
    while waiting:
        lines, after, turn = waiting.pop()
        yield lines, turn
        waiting += _branches(after, below.get(turn.id, []))


def _branches(lines: str, turns: Sequence[Turn]) -> list[tuple[str, str, Turn]]:
    """The turns that part here, the last one first; one alone goes straight on."""
    if len(turns) == 1:
        return [(lines, lines, turns[0])]
    parted = [(f"{lines}├─", f"{lines}│ ", turn) for turn in turns]
    parted[-1:] = [(f"{lines}└─", f"{lines}  ", turn) for turn in turns[-1:]]
    return parted[::-1]
