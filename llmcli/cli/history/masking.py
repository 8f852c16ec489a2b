"""Where words of the history lie besides the database."""

from __future__ import annotations

import contextlib
from pathlib import Path
from shlex import quote

from llmcli.files import atomic_write, locked
from llmcli.paths import prompts_path
from llmcli.redaction import MASK
from llmcli.terminal import clean, note


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
