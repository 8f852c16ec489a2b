"""`llm usage --html FILE`: the report as a page for the browser."""

from __future__ import annotations

from pathlib import Path

from llmcli.cli.history.lookup import opened
from llmcli.cli.usage.asked import Asked
from llmcli.errors import LocalIOError, UsageError
from llmcli.files import write_out
from llmcli.moments import utc
from llmcli.report import grouping
from llmcli.report.html import Report, to_html
from llmcli.report.series import COLUMNS, series
from llmcli.spending import Window
from llmcli.terminal import clean, note

_BARS = 92  # a quarter by day
_TABLES = ("model", "provider", "month", "tag")


def write(asked: Asked, path: str, *, force: bool) -> None:
    """Write the page. Raises UsageError where there is a file, LocalIOError where it cannot."""
    page = to_html(_report(asked.window))
    try:
        write_out(Path(path), page.encode("utf-8", "replace"), replace=force)
    except FileExistsError:
        raise UsageError(f"{path} exists", hint="Another name, or --force to replace it.") from None
    except OSError as error:
        raise LocalIOError(f"{path}: {error.strerror}") from None
    note(f"· written to {clean(path)}")


def _report(window: Window) -> Report:
    with opened() as store:
        dated = store.accounts.totals(window, COLUMNS)
        groups = {
            by: store.accounts.totals(window, grouping.columns(by), paced=True) for by in _TABLES
        }
    total = grouping.together(groups["provider"])
    tables = {by.capitalize(): grouping.rows(groups[by], by, window.tag) for by in _TABLES}
    if [row.name for row in tables["Tag"]] == [grouping.UNTAGGED]:
        del tables["Tag"]
    return Report(_about(window), total, series(dated, _BARS), tables)


def _about(window: Window) -> str:
    """Which calls they are: `2026-11-01 to 2026-11-21 · groq · project=search`."""
    since = window.since or utc(window.after)
    span = f"{since or 'ever'} to {window.until or 'now'}" if since or window.until else "all time"
    names = (window.provider, window.model, window.tag)
    return " · ".join((span, *(clean(name) for name in names if name)))
