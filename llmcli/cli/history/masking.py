"""Where words of the history lie besides the database."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from llmcli.errors import LocalIOError
from llmcli.files import atomic_write, locked
from llmcli.paths import prompts_path
from llmcli.redaction import MASK
from llmcli.terminal import clean, note

if TYPE_CHECKING:
    from llmcli.store import Store


def count_in_prompts(text: str) -> int:
    """How often the text was typed in chats."""
    try:
        return prompts_path().read_bytes().count(_typed(text))
    except OSError:
        return 0


def mask_prompts(text: str) -> None:
    """Put the mask in its place there."""
    path = prompts_path()
    if count_in_prompts(text):
        with locked(path):
            atomic_write(path, path.read_bytes().replace(_typed(text), MASK.encode()))


def _typed(text: str) -> bytes:
    return text.replace("\n", "\n+").encode()


def count_in_replies(text: str) -> int:
    """In how many kept replies the text stands; where that cannot be told it stands in none."""
    from llmcli.replies.shelf import Shelf

    with contextlib.suppress(LocalIOError):
        return Shelf().mentions(text)
    return 0


def forget_replies(text: str) -> None:
    """Remove the kept replies it stands in: it may be what was paid for, but it can be had again.

    Raises LocalIOError.
    """
    from llmcli.replies.shelf import Shelf

    Shelf().forget(text)


def answers(store: Store, conversations: Iterable[str]) -> set[bytes]:
    """What kept replies are known by that say what was answered in these conversations."""
    from llmcli.replies.shelf import Shelf
    from llmcli.replies.values import mark

    if not Shelf().path.exists():
        return set()
    turns = (turn for one in conversations for turn in store.tree(one))
    return {mark(t.text, t.reasoning, (call.name for call in t.tool_calls)) for t in turns}


def forget_answers(marks: Collection[bytes]) -> int:
    """Remove the kept replies known by these; how many. Raises LocalIOError."""
    from llmcli.replies.shelf import Shelf

    return Shelf().forget_answers(marks)


def tell_rest() -> None:
    """Name what still holds the words: copies that nobody but the user may remove."""
    for path in _copies():
        note(f"· an older copy keeps its words: rm {clean(quote(str(path)))}")


def _copies() -> list[Path]:
    from llmcli.store import default_path, spools, waiting

    path = default_path()
    places = (
        (path.parent, f"{path.name}.v*.bak"),
        (path.parent, f"{path.name}.corrupt-*"),
        *((folder, "*.unreadable") for folder in spools()),
    )
    found = waiting()
    for folder, pattern in places:
        with contextlib.suppress(OSError):
            found += folder.glob(pattern)
    return sorted(found)
