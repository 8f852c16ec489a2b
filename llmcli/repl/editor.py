"""The user's own editor on a private file."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO

from llmcli.errors import LocalIOError, UsageError

_USUAL = ("editor", "nano", "vim", "vi", "notepad")


def edit(
    text: str,
    suffix: str = ".md",
    *,
    keyboard: IO[str] | None = None,
    screen: IO[str] | None = None,
) -> str | None:
    """The text after the user edited it; None when nothing came of it.

    Nothing came of it when the editor failed or left the file as it was, or empty. Raises
    UsageError when there is no editor, LocalIOError when the file cannot be written.
    """
    command = _command()
    try:
        with tempfile.TemporaryDirectory(prefix="llm-") as folder:  # its swap files go with it
            path = Path(folder) / f"text{suffix}"
            path.touch(mode=0o600)
            path.write_bytes(text.encode("utf-8", "replace"))
            if not _ran([*command, str(path)], keyboard, screen):
                return None
            edited = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise LocalIOError(f"the text cannot be handed to an editor: {error}") from None
    if edited.endswith("\n") and not text.endswith("\n"):  # editors end the last line
        edited = edited[:-1]
    return edited if edited.strip() and edited != text else None


def _command() -> list[str]:
    """`$VISUAL`, `$EDITOR` or a usual editor, as words."""
    for name in ("VISUAL", "EDITOR"):
        if value := os.environ.get(name, "").strip():
            return _words(name, value)
    found = next(filter(None, map(shutil.which, _USUAL)), None)
    if found is None:
        raise UsageError("no editor was found", hint="Set EDITOR to one, such as EDITOR=nano.")
    return [found]


def _words(name: str, value: str) -> list[str]:
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise UsageError(f"{name} is no command: {error}", hint=f"Set {name} anew.") from None
    if not words or not shutil.which(words[0]):
        raise UsageError(
            f"the editor of {name} was not found: {value}",
            hint=f"Set {name} to a program that is installed, such as {name}=nano.",
        )
    return words


def _ran(command: list[str], keyboard: IO[str] | None, screen: IO[str] | None) -> bool:
    with _deaf_to_ctrl_c():
        return not subprocess.call(command, stdin=keyboard, stdout=screen or sys.stdout)


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Leave Ctrl-C to the editor: the terminal sends it to both of us."""

    def ignore(_signum: int, _frame: FrameType | None) -> None:
        pass  # a handler, for SIG_IGN would go on to the editor

    before = signal.signal(signal.SIGINT, ignore)
    wake_up = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wake_up)
        signal.signal(signal.SIGINT, before)
