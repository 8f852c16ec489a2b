"""`llm history search`: words in prompts and answers."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli.cli.history.lookup import AsJson, Limit, opened
from llmcli.cli.labels import shorts
from llmcli.errors import UsageError
from llmcli.moments import age, utc
from llmcli.redaction import redact
from llmcli.sanitize import one_line, sanitize
from llmcli.terminal import is_tty, note, out, out_json, style, table

if TYPE_CHECKING:
    from llmcli.store import Found

EXAMPLES = """
llm history search escape test       turns with both words, also as beginnings of longer ones
llm history search '"as one phrase"'
llm history search --json regex | jq -r '.[].conversation' | sort -u
"""
_TITLE = 60
_SNIPPET = 400

Words = Annotated[
    list[str], typer.Argument(metavar="WORDS…", help='What to look for; "in quotes" as it stands.')
]


def search(words: Words, limit: Limit = 20, as_json: AsJson = False) -> None:
    """Find turns by their words, the newest first.

    All words must be in the prompt or the answer; longer words that begin so count. In a pipe the
    columns are conversation, turn, time (UTC), model, name or title, and the words around what was
    found. Nothing found is no failure: nothing is printed, and the exit code is 0.
    """
    asked = " ".join(words)
    if not asked.strip():
        raise UsageError("there are no words to look for")
    with opened() as store:
        found = store.search(asked, limit)
    if as_json:
        out_json([_object(hit) for hit in found])
        return
    if not found:
        note(f"· nothing found for {one_line(asked, 80)}")
    elif is_tty(sys.stdout):
        _show(found)
    else:
        table((), [_cells(hit) for hit in found])
    if len(found) == limit and is_tty(sys.stderr):
        note(f"· the newest {limit}; there may be more: -n {limit * 5}")


def _show(found: list[Found]) -> None:
    """Two lines for each turn: where it is, and what was found, with the words in bold."""
    short = shorts(list(dict.fromkeys(hit.conversation for hit in found)))
    for hit in found:
        where = one_line(f"{age(hit.started)} · {hit.provider}/{hit.model} · {_title(hit)}")
        out(f"{style(short[hit.conversation], 'yellow')}  {style(where, 'dim')}")
        out(f"    {_marked(hit.snippet)}")


def _marked(snippet: str) -> str:
    """The snippet on one line, what was found in bold; without that where it holds a key."""
    from llmcli.store import MARK_END, MARK_START

    text = _plain(snippet)
    if redact(text) != text:
        return one_line(text, _SNIPPET)
    shown, bold = "", False
    for piece in re.split(f"([{MARK_START}{MARK_END}])", snippet[:_SNIPPET]):
        if piece in (MARK_START, MARK_END):
            bold = piece == MARK_START
        elif piece:
            line = re.sub(r"\s+", " ", sanitize(piece))
            shown += style(line, "bold") if bold else line
    return shown


def _plain(snippet: str) -> str:
    from llmcli.store import MARK_END, MARK_START

    return snippet.replace(MARK_START, "").replace(MARK_END, "")


def _title(hit: Found) -> str:
    return hit.name or one_line(hit.title, _TITLE)


def _cells(hit: Found) -> tuple[str, ...]:
    where = (hit.conversation, hit.turn, utc(hit.started), f"{hit.provider}/{hit.model}")
    return (*where, _title(hit), one_line(_plain(hit.snippet), _SNIPPET))


def _object(hit: Found) -> dict[str, Any]:
    """A turn that was found; `started` is in seconds since 1970."""
    return {
        "conversation": hit.conversation,
        "turn": hit.turn,
        "name": hit.name or None,
        "title": hit.title,
        "provider": hit.provider,
        "model": hit.model,
        "started": hit.started,
        "snippet": _plain(hit.snippet),
    }
