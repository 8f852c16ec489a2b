"""`llm usage --plot`: bars by day and provider in the terminal, and a line for each model."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Sequence
from decimal import Decimal

from llmcli.cli.history.lookup import opened
from llmcli.cli.labels import fitted
from llmcli.cli.usage.asked import Asked
from llmcli.report import figures, grouping
from llmcli.report.series import COLUMNS, Series, series, sparkline
from llmcli.spending import Group
from llmcli.terminal import clean, has_color, note, out, padded, style, width
from llmcli.usage import exact_sum

_HEIGHT, _NARROWEST = 16, 40
_AXIS = 12  # columns that are no bars
_MODELS = 10
_NAME = 36
_WIDTH = 0.8  # of a bar, in steps
_TINY = Decimal("1e-12")  # a height where there is none at all
# Each with a mark of its own: there may be no colour, and not everybody sees them apart.
_LOOKS = (
    ("█", "blue"), ("▓", "orange"), ("░", "green"), ("▒", "magenta"), ("#", "cyan"), ("+", "red"),
)  # fmt: skip
_ANSI = {"blue": 34, "orange": 33, "green": 32, "magenta": 35, "cyan": 36, "red": 31}


def show(asked: Asked) -> None:
    """Draw what was spent; where nothing cost anything, tokens."""
    with opened() as store:
        groups = store.accounts.totals(asked.window, COLUMNS)
    columns = max(shutil.get_terminal_size().columns, _NARROWEST)
    found = series(groups, columns - _AXIS)
    if not found.times:
        note("· nothing was used")
        return
    total = grouping.together(groups)
    what = figures.cost(total.sums) if found.unit == "USD" else found.words(_sum(found))
    out(style(f"{found.unit} by {found.step}, {what} in all", "bold"))
    out(_bars(found, columns))
    out(_legend(found))
    out()
    _show_models(found, columns, _unpriced(groups))
    _tell_rest(total, found)


def _bars(found: Series, columns: int) -> str:
    """The chart as text; one provider stands on the other."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(columns - 1, _HEIGHT)
    heights = [Decimal(0)] * len(found.times)
    layers: list[list[Decimal]] = []
    for amounts in found.providers.values():
        heights = [low + more for low, more in zip(heights, amounts, strict=True)]
        layers.append(heights)
    for layer, (mark, color) in reversed(list(zip(layers, _LOOKS, strict=False))):
        places = [place for place, height in enumerate(layer) if height > 0]
        values = [float(layer[place]) for place in places]
        # plotext's width is a part of the mean distance of the bars it is given.
        width = _WIDTH * (len(places) - 1) / (places[-1] - places[0]) if places[1:] else _WIDTH
        plotext.bar(places, values, marker=mark, color=color, width=width, minimum=0)
    plotext.xlim(-0.6, len(found.times) - 0.4)
    plotext.ylim(0, float(found.top or _TINY))
    _ticks(found, columns)
    text = str(plotext.build()).rstrip("\n")
    return text if has_color(sys.stdout) else str(plotext.uncolorize(text))


def _ticks(found: Series, columns: int) -> None:
    import plotext

    last = len(found.times) - 1
    labels = min(last, max(columns // 16, 1))
    places = sorted({round(last * n / labels) for n in range(labels + 1)}) if labels else [0]
    plotext.xticks(places, [_time(found, place) for place in places])
    heights = [found.top * n / 4 for n in range(5)]
    plotext.yticks([float(height) for height in heights], [found.words(h) for h in heights])


def _time(found: Series, place: int) -> str:
    """A day without its year where the years before it have been told."""
    name = found.times[place]
    return name[5:] if found.step == "day" and place else name


def _legend(found: Series) -> str:
    """`█ anthropic  ▓ openai`."""
    words = []
    for name, (mark, color) in zip(found.providers, _LOOKS, strict=False):
        shown = f"\x1b[{_ANSI[color]}m{mark}\x1b[0m" if has_color(sys.stdout) else mark
        words.append(f"{shown} {clean(name)}")
    return "  ".join(words)


def _unpriced(groups: Sequence[Group]) -> set[str]:
    """The models of which some cost is unknown."""
    return {"/".join(group.key[1:]) for group in groups if group.sums.unpriced}


def _amount(found: Series, name: str, *, unpriced: bool) -> str:
    """What a model cost or used: `$0.25`, `≥ $0.25`, `unknown`."""
    amount = exact_sum(found.models[name])
    if not unpriced or found.unit != "USD":
        return found.words(amount)
    return f"≥ {found.words(amount)}" if amount else "unknown"


def _show_models(found: Series, columns: int, unpriced: Collection[str]) -> None:
    models = list(found.models.items())[:_MODELS]
    room = min(max(width(clean(name)) for name, _ in models), _NAME, columns // 3)
    amounts = [_amount(found, name, unpriced=name in unpriced) for name, _ in models]
    most = max(map(len, amounts))
    for (name, values), amount in zip(models, amounts, strict=True):
        line = sparkline(values, max(columns - room - most - 5, 1))
        out(f"{padded(fitted(clean(name), room), room)}  {amount:>{most}}  {line}")
    if len(found.models) > _MODELS:
        note(f"· and {len(found.models) - _MODELS:,} more: llm usage")


def _tell_rest(total: Group, found: Series) -> None:
    if found.unit == "USD" and total.sums.unpriced:
        note(f"· not in it: {total.sums.unpriced:,} of unknown cost: llm usage --unpriced")
    if found.unit == "tokens" and total.sums.unsaid:
        note(f"· not in it: {total.sums.unsaid:,} that did not tell their tokens")


def _sum(found: Series) -> Decimal:
    return exact_sum(amount for amounts in found.models.values() for amount in amounts)
