"""Charts as SVG inside a page: bars that stand on each other, and small lines.

They take their colours from the page's style by class; what a bar stands for is its title.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from html import escape

from llmcli.report.series import Series
from llmcli.sanitize import one_line
from llmcli.wording import money

_WIDE, _HIGH = 960, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 40, 12, 32
_LINES, _TIMES = 4, 8
_SPARK_WIDE, _SPARK_HIGH = 160, 28


def bars(found: Series) -> str:
    """The amounts of providers in the course of time."""
    inside = [*_scale(found), *_stacks(found), *_times(found)]
    label = escape(f"{found.unit} by {found.step} and provider")
    return (
        f'<svg class="bars" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{label}">\n'
        + "\n".join(inside)
        + "\n</svg>"
    )


def _height(amount: Decimal, top: Decimal) -> float:
    return float(amount / top) * (_HIGH - _TOP - _BOTTOM) if top > 0 else 0.0


def _scale(found: Series) -> Iterator[str]:
    """Lines across, and what they stand for."""
    top = found.top
    for number in range(_LINES + 1):
        amount = top * number / _LINES
        at = _HIGH - _BOTTOM - _height(amount, top)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        words = escape(found.words(amount))
        yield f'<text class="end" x="{_LEFT - 8}" y="{at + 4:.1f}">{words}</text>'


def _stacks(found: Series) -> Iterator[str]:
    step = (_WIDE - _LEFT - _RIGHT) / max(len(found.times), 1)
    wide = min(step * 0.8, 48.0)
    words = money if found.unit == "USD" else found.words
    names = [one_line(name) for name in found.providers]
    for place, column in enumerate(zip(*found.providers.values(), strict=True)):
        x = _LEFT + step * (place + 0.5) - wide / 2
        y = float(_HIGH - _BOTTOM)
        for number, (name, amount) in enumerate(zip(names, column, strict=True)):
            if amount <= 0:
                continue
            high = _height(amount, found.top)
            y -= high
            title = escape(f"{found.times[place]} · {name} · {words(amount)}")
            yield (
                f'<rect class="c{number}" x="{x:.2f}" y="{y:.2f}" width="{wide:.2f}"'
                f' height="{high:.2f}"><title>{title}</title></rect>'
            )


def _times(found: Series) -> Iterator[str]:
    """Some of the days, below."""
    last = len(found.times) - 1
    step = (_WIDE - _LEFT - _RIGHT) / max(len(found.times), 1)
    count = min(last, _TIMES)
    for place in sorted({round(last * n / count) for n in range(count + 1)}) if count else [0]:
        x = _LEFT + step * (place + 0.5)
        yield f'<text class="middle" x="{x:.1f}" y="{_HIGH - 10}">{found.times[place]}</text>'


def spark(amounts: Sequence[Decimal], label: str) -> str:
    """A small line of amounts, filled below."""
    top = max(amounts, default=Decimal(0))
    last = max(len(amounts) - 1, 1)
    points = [
        (
            _SPARK_WIDE * place / last,
            _SPARK_HIGH - 2 - (float(amount / top) * (_SPARK_HIGH - 4) if top > 0 else 0.0),
        )
        for place, amount in enumerate(amounts if len(amounts) > 1 else [*amounts] * 2)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<svg class="spark" viewBox="0 0 {_SPARK_WIDE} {_SPARK_HIGH}" role="img"'
        f' aria-label="{escape(label)}"><polygon points="0,{_SPARK_HIGH} {line}'
        f' {_SPARK_WIDE},{_SPARK_HIGH}"/><polyline points="{line}"/></svg>'
    )
