"""What was typed before, in a private file that all terminals share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from pathlib import Path

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.history import History

from llmcli.errors import LlmError
from llmcli.files import atomic_write, locked
from llmcli.redaction import redact

KEPT = 10_000
_SLACK = 1_000  # entries over KEPT before the file is written anew
_ENTRY_CHARACTERS = 100_000
_FILE_BYTES = 8 << 20
_SECRET = re.compile(
    r"""(?ix)
    -----BEGIN\ [A-Z ]*PRIVATE\ KEY
    | (?:api[_-]?key|token|secret|passw(?:or)?d)["']?\s*[=:]\s*["']?[^\s"']{12,}
    | ^(?=\S*\d)(?=\S*[a-z])[a-z0-9_.+=-]{20,}$   # a single word that nobody types
    """
)


def is_private(text: str) -> bool:
    """Whether the text is not to be kept: it starts with a space, or has a key in it."""
    return text.startswith(" ") or redact(text) != text or bool(_SECRET.search(text.strip()))


class PromptHistory(History):
    """The prompts of all chats, newest first; loaded in a thread from the moment it is made.

    `expand` turns what stands in the line into what is stored. Without a path nothing is stored.
    The format of the file is that of prompt_toolkit's FileHistory.
    """

    def __init__(self, path: Path | None, expand: Callable[[str], str] = str) -> None:
        super().__init__()
        self._path = path
        self._expand = expand
        self._loading = threading.Thread(target=self._load, daemon=True)
        self._loading.start()

    async def load(self) -> AsyncGenerator[str, None]:
        """All entries, newest first, as soon as they are there."""
        while self._loading.is_alive():
            await asyncio.sleep(0.005)
        for number, text in enumerate(list(self._loaded_strings)):
            if number % 500 == 499:
                await asyncio.sleep(0)  # keys go first
            yield text

    def append_string(self, string: str) -> None:
        """Remember a prompt, unless it is private or was the last one too."""
        text = self._expand(string)
        if not text.strip() or self._loaded_strings[:1] == [string] or is_private(text):
            return
        super().append_string(string)

    def load_history_strings(self) -> Iterable[str]:
        """The entries of the file, newest first."""
        return _newest(_entries(_content(self._path)))

    def store_string(self, string: str) -> None:
        """Append a prompt to the file; one that cannot be written is remembered here only."""
        text = self._expand(string)
        if self._path is None or len(text) > _ENTRY_CHARACTERS:
            return
        with contextlib.suppress(OSError, LlmError), locked(self._path):
            _append(self._path, _entry(text))

    def suggestion(self, start: str) -> str | None:
        """The rest of the newest prompt that starts so."""
        for text in self._loaded_strings:
            if text.startswith(start) and len(text) > len(start):
                return text[len(start) :]
        return None

    def _load(self) -> None:
        loaded = list(self.load_history_strings())
        self._loaded_strings.extend(loaded[:KEPT])
        self._loaded = True
        size = sum(map(len, loaded))
        if self._path is not None and (len(loaded) > KEPT + _SLACK or size > _FILE_BYTES):
            with contextlib.suppress(OSError, LlmError), locked(self._path):
                _shorten(self._path)


class FromHistory(AutoSuggest):
    """Suggest the newest prompt that starts with what was typed."""

    def __init__(self, history: PromptHistory) -> None:
        self._history = history

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:  # noqa: ARG002
        """The rest of that prompt."""
        rest = self._history.suggestion(document.text) if document.text.strip() else None
        return Suggestion(rest) if rest else None


def _content(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _entries(content: str) -> Iterator[str]:
    """The prompts, oldest first; what does not look like one separates them."""
    lines: list[str] = []
    for line in content.split("\n"):
        if line.startswith("+"):
            lines.append(line[1:])
        elif lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _newest(entries: Iterable[str]) -> list[str]:
    return list(entries)[::-1]


def _entry(text: str) -> bytes:
    lines = "".join(f"+{line}\n" for line in text.split("\n"))
    return f"\n# {time.strftime('%Y-%m-%d %H:%M:%S')}\n{lines}".encode("utf-8", "replace")


def _append(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(handle, 0o600)
        os.write(handle, data)
    finally:
        os.close(handle)


def _shorten(path: Path) -> None:
    """Keep the newest KEPT entries, and of them what fits into half of _FILE_BYTES."""
    kept: list[bytes] = []
    size = 0
    for text in _newest(_entries(_content(path)))[:KEPT]:
        entry = _entry(text)
        size += len(entry)
        if size > _FILE_BYTES // 2:
            break
        kept.append(entry)
    atomic_write(path, b"".join(reversed(kept)))
