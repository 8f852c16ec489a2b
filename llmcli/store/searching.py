"""Full-text search over prompts and answers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

# They stand around each word that was found in a snippet.
MARK_START, MARK_END = "\x02", "\x03"
_WORDS = r'"([^"]*)"?|(\S+)'
# Chinese, Japanese, Thai, Lao, Khmer, Burmese: the index has their sentences as one word.
_SPACELESS = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_WIDTH = 16  # words of a snippet
_AROUND = 40  # characters on either side of what a scan found
_WHOLE = 3  # a word of this many letters also finds those that begin so


class Found(NamedTuple):
    """A turn that has the words; `started` in seconds since 1970."""

    turn: str
    conversation: str
    name: str
    title: str
    provider: str
    model: str
    started: float
    snippet: str


def search(db: sqlite3.Connection, words: str, limit: int, conversation: str | None) -> list[Found]:
    """The turns that have all the words, newest first."""
    asked = _tokens(words)
    if not asked:
        return []
    if any(_unsplit(token) for token in asked):
        return _scan(db, asked, limit, conversation)
    return _match(db, " ".join(map(_term, asked)), limit, conversation)


def _tokens(words: str) -> list[str]:
    """The words, what stands in quotes as one; without what has neither letter nor digit."""
    found = [quoted or word for quoted, word in re.findall(_WORDS, words.replace("\0", " "))]
    told = [token.strip() for token in found if re.search(r"\w", token)]
    return told or [token.strip() for token in found if token.strip()]


def _unsplit(token: str) -> bool:
    """Whether the index cannot know it: signs only, or a script without spaces between words."""
    return not re.search(r"[^\W_]", token) or bool(re.search(_SPACELESS, token))


def _term(token: str) -> str:
    """The token as the query language has it, where nothing in it means anything."""
    quoted = '"' + token.replace('"', '""') + '"'
    return f"{quoted}*" if len(token) >= _WHOLE and token[-1].isalnum() else quoted


_COLUMNS = """turns.id, turns.conversation, coalesce(conversations.name, ''), conversations.title,
    turns.provider, turns.model, turns.started"""
_JOINED = """JOIN turns ON turns.key = found.key
    JOIN conversations ON conversations.id = turns.conversation"""
_MATCH = f"""
WITH found AS MATERIALIZED (
    SELECT rowid AS key, snippet(search, -1, '{MARK_START}', '{MARK_END}', '…', {_WIDTH}) AS snippet
    FROM search WHERE search MATCH :query
    AND (:conversation IS NULL
        OR rowid IN (SELECT key FROM turns WHERE conversation = :conversation))
    ORDER BY rowid DESC LIMIT :limit
)
SELECT {_COLUMNS}, snippet FROM found {_JOINED} ORDER BY found.key DESC
"""  # noqa: S608
_SCAN = f"""
SELECT {_COLUMNS}, found.prompt, answer FROM searchable AS found {_JOINED}
WHERE (:conversation IS NULL OR turns.conversation = :conversation)
    AND has_all(found.prompt, answer)
ORDER BY turns.key DESC LIMIT :limit
"""  # noqa: S608


def _match(db: sqlite3.Connection, query: str, limit: int, conversation: str | None) -> list[Found]:
    values = {"query": query, "limit": limit or -1, "conversation": conversation}
    return [Found(*row) for row in db.execute(_MATCH, values)]


def _scan(
    db: sqlite3.Connection, tokens: list[str], limit: int, conversation: str | None
) -> list[Found]:
    """Look into every text: slower, but it finds anything, wherever it stands."""
    wanted = [re.compile(re.escape(token), re.IGNORECASE) for token in tokens]

    def has_all(prompt: str, answer: str) -> bool:
        return all(one.search(prompt) or one.search(answer) for one in wanted)

    db.create_function("has_all", 2, has_all, deterministic=True)
    values = {"limit": limit or -1, "conversation": conversation}
    found = db.execute(_SCAN, values).fetchall()
    return [Found._make((*row[:-2], _snippet(row[-2:], wanted[0]))) for row in found]


def _snippet(texts: Iterable[str], wanted: re.Pattern[str]) -> str:
    """What stands around the first place in the texts."""
    at = next(filter(None, map(wanted.search, texts)))
    start, end = max(at.start() - _AROUND, 0), at.end() + _AROUND
    text = at.string
    before = ("…" if start else "") + text[start : at.start()]
    after = text[at.end() : end] + ("…" if len(text) > end else "")
    return f"{before}{MARK_START}{at.group()}{MARK_END}{after}"
