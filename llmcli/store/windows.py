"""A window on the ledger as a condition for rows of its tables."""

from __future__ import annotations

from typing import Any, NamedTuple

from llmcli.spending import Window

ENDED = "attempts.status <> 'running'"
_TAGGED = (
    "EXISTS (SELECT 1 FROM json_each(iif(tags = '', '{}', tags))"
    " WHERE ? IN (key, key || '=' || value))"
)


class Where(NamedTuple):
    """A condition in SQL, and the values for its question marks."""

    words: str
    values: tuple[Any, ...]


def condition(window: Window) -> Where:
    """For entries, and for sums over them; those of days know nothing of `after`."""
    conditions = {
        "day >= ?": window.since,
        "day <= ?": window.until,
        "started >= ?": window.after,
        "provider = ?": window.provider,
        "? IN (provider, model, provider || '/' || model)": window.model,
        _TAGGED: window.tag,
    }
    asked = {words: value for words, value in conditions.items() if value}
    return Where(" AND ".join(("1", *asked)), tuple(asked.values()))
