"""A report as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import NamedTuple

from llmcli.page import page
from llmcli.report import figures, grouping, svg
from llmcli.report.grouping import Row
from llmcli.report.series import Series
from llmcli.sanitize import one_line
from llmcli.spending import Group
from llmcli.wording import count, duration

_ROWS = 60  # of a table; a page is for readers, --csv is for the rest
_HEADER = (
    "Calls", "Input (cached)", "Output (reasoning)", "Cost", "Failed", "Retried", "First token",
    "p95", "Tokens/s",
)  # fmt: skip
_FOOT = (
    "Every call that was sent is counted. A price that is not known never counts as zero. "
    "p95 is within 1 %."
)


class Report(NamedTuple):
    """What is on the page: a line about which calls, their sums, charts, tables by heading."""

    about: str
    total: Group
    series: Series
    tables: Mapping[str, Sequence[Row]]


def to_html(report: Report) -> str:
    """The page."""
    tables = (_table(name, rows, report) for name, rows in report.tables.items() if rows)
    return page(
        "What the models cost",
        escape(" · ".join(_facts(report))),
        "\n".join((_chart(report), *tables)),
        Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        foot=_FOOT,
    )


def _facts(report: Report) -> list[str]:
    sums = report.total.sums
    return [one_line(report.about), figures.cost(sums), count(sums.requests, "call")]


def _chart(report: Report) -> str:
    found = report.series
    if not found.providers:
        return "<p>There is nothing to draw.</p>"
    entries = "".join(
        f'<li><svg viewBox="0 0 12 12"><rect class="c{number}" width="12" height="12"/></svg>'
        f"{escape(one_line(name))}</li>"
        for number, name in enumerate(found.providers)
    )
    left_out = report.total.sums.unpriced if found.unit == "USD" else 0
    without = f" · without {left_out:,} of unknown cost" if left_out else ""
    heading = escape(f"{found.unit} by {found.step}{without}")
    return (
        f'<figure>\n<figcaption>{heading}</figcaption>\n<div class="wide">{svg.bars(found)}</div>\n'
        f'<ul class="legend">{entries}</ul>\n</figure>'
    )


def _table(name: str, rows: Sequence[Row], report: Report) -> str:
    """A table; that of models has a small chart in each line."""
    charted = name == "Model"
    header = [name, *_HEADER, *(["In the course of time"] if charted else [])]
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    shown = rows if len(rows) <= _ROWS else rows[: _ROWS - 1]
    lines = [_line(row, report.series.models if charted else None) for row in shown]
    rest = rows[len(shown) :]
    if rest:
        together = Row(f"{len(rest):,} more", grouping.together([row.group for row in rest]))
        lines.append(_line(together, {} if charted else None))
    body = "\n".join(lines)
    return (
        f"<section>\n<h2>By {escape(name.lower())}</h2>\n"
        f'<div class="wide"><table>\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>\n</section>"
    )


def _line(row: Row, charts: Mapping[str, Sequence[Decimal]] | None) -> str:
    sums, pace = row.sums, figures.pace(row.group)
    cells = [
        f"{sums.requests:,}",
        figures.read(sums),
        figures.written(sums),
        figures.cost(sums),
        f"{sums.failures:,}",
        f"{sums.retries:,}",
        *("—" if s is None else duration(s) for s in (pace.first_mean, pace.first_p95)),
        "—" if pace.speed_mean is None else f"{pace.speed_mean:,.0f}",
    ]
    name = one_line(row.name)
    chart = "" if charts is None else f"<td>{_spark(row.name, charts)}</td>"
    figures_ = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th dir="auto">{escape(name)}</th>{figures_}{chart}</tr>'


def _spark(name: str, charts: Mapping[str, Sequence[Decimal]]) -> str:
    amounts = charts.get(name, ())
    return svg.spark(amounts, one_line(name)) if any(amounts) else ""
