"""`llm history check`, `backup` and `path`: the state of the database itself."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from llmcli.cli.history.lookup import opened
from llmcli.errors import ExitCode, LocalIOError, UsageError
from llmcli.terminal import clean, note, out, style

CHECK_EXAMPLES = """
llm history check && llm history backup ~/history.bak
"""
BACKUP_EXAMPLES = """
llm history backup ~/history-2026-11.db
"""
PATH_EXAMPLES = """
llm history path
sqlite3 "$(llm history path)" "SELECT count(*) FROM turns"
"""
_WAYS = {
    "newer llm": "Use that llm, or another LLMCLI_HOME.",
    "index of words": "Make it anew: llm history check --reindex",
    "that is not there": "They are shown from where they begin. What is missing comes back by:\n"
    "llm history import FILE",
    "not a database": "The next question moves it aside, never deletes it, and begins a new one.\n"
    "If you have a backup: cp BACKUP {path}",
    "unable to open": "It must be yours to read and write: chmod -R u+rwX {folder}",
}
_SAVE = """Save what can be read, then begin a new history:
llm history export --all -o saved.jsonl
mv {path} {path}.old
llm history import saved.jsonl"""

File = Annotated[str, typer.Argument(metavar="FILE", help="A new file.")]
Reindex = Annotated[bool, typer.Option("--reindex", help="Make the index of words anew first.")]


def check(reindex: Reindex = False) -> int:
    """Check the history for damage.

    That is the database, the tree of turns, the index of words, and what lies beside them. Each
    problem comes with what to type. The exit code is 10 when there is one.
    """
    from llmcli.store import beside, default_path

    path = default_path()
    if reindex:
        with opened(changes=True) as store:
            store.reindex()
    problems = _problems(path)
    for words in problems:
        out(f"{style('✗', 'red')} {clean(words)}")
        for line in _way(words, path):
            out(f"  {clean(line)}")
    if not problems:
        out(f"{style('✓', 'green')} {clean(_state(path))}")
    for words in beside(path):
        out(f"· {clean(words)}")
    return ExitCode.LOCAL_IO if problems else ExitCode.OK


def _problems(path: Path) -> list[str]:
    from llmcli.store import troubles

    try:
        return troubles(path)
    except LocalIOError as error:
        return [error.message.removeprefix("history: ")]


def _way(words: str, path: Path) -> list[str]:
    """What to do about a problem."""
    found = next((way for part, way in _WAYS.items() if part in words), _SAVE)
    return found.format(path=quote(str(path)), folder=quote(str(path.parent))).splitlines()


def _state(path: Path) -> str:
    from llmcli.wording import size

    try:
        return f"{path}: whole, {size(path.stat().st_size)}"
    except FileNotFoundError:
        return f"{path}: not there yet"


def backup(target: File) -> None:
    """Copy the history to a new file.

    It is as at one moment, also while chats go on. The copy is a database of its own. To return to
    it, put it where `llm history path` says.
    """
    from llmcli.store import default_path

    if not default_path().exists():
        raise UsageError("there is no history yet, so nothing to copy")
    with opened() as store:
        store.backup(Path(target))
    note(f"· {clean(_state(Path(target)))}")


def path_() -> None:
    """Print where the history lies.

    The file is made with the first question.
    """
    from llmcli.store import default_path

    out(str(default_path()))
