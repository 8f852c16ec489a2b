"""What was spent in the course of time: amounts by day, week or month, for charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from llmcli.report.grouping import week
from llmcli.spending import Group
from llmcli.usage import exact_sum
from llmcli.wording import money, short

COLUMNS = ("day", "provider", "model")  # what the groups must be made by
OTHERS = "others"
_STEPS: dict[str, Callable[[str], str]] = {"day": str, "week": week, "month": lambda day: day[:7]}
_LONGEST = 36_525  # days: a clock that was wrong does not fill the memory
_ROUND = tuple(map(Decimal, ("1", "1.2", "1.6", "2", "2.4", "3.2", "4", "6", "8", "10")))
_SPARKS = "▁▂▃▄▅▆▇█"


class Series(NamedTuple):
    """Amounts by `step` (day, week or month), in `unit`, for providers and for models.

    The dearest come first. Where nothing cost anything the unit is tokens, in and out.
    """

    step: str
    unit: str
    times: Sequence[str]
    providers: Mapping[str, Sequence[Decimal]]
    models: Mapping[str, Sequence[Decimal]]

    @property
    def top(self) -> Decimal:
        """A round amount that no step exceeds, of which a quarter is round too."""
        columns = zip(*self.providers.values(), strict=True)
        most = max((exact_sum(column) for column in columns), default=Decimal(0))
        if most <= 0:
            return Decimal(0)
        unit = Decimal(1).scaleb(most.adjusted())
        return next(unit * number for number in _ROUND if unit * number >= most)

    def words(self, amount: Decimal) -> str:
        """An amount beside the chart: `$0.25`, `$1,500`, `12.4 k`."""
        if self.unit == "tokens":
            return short(round(amount))
        if amount < 1:
            return money(amount)
        return f"${amount:,.0f}" if amount >= 100 or amount == int(amount) else f"${amount:.2f}"


def series(groups: Sequence[Group], most: int, providers: int = 6) -> Series:
    """The amounts in at most so many steps, the longest of which is a month.

    Of the providers those that follow the first ones are taken together.
    """
    dated = [group for group in groups if group.key[0]]
    paid = any(group.sums.cost for group in dated)
    step, names = _steps([group.key[0] for group in dated], most)
    at = {name: number for number, name in enumerate(dict.fromkeys(names.values()))}
    by_provider: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(at))
    by_model: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(at))
    for group in dated:
        day, provider, model = group.key
        place = at.get(names.get(day, ""))
        if place is None:
            continue
        sums = group.sums
        amount = sums.cost if paid else Decimal(sums.input + sums.output)
        for found in (by_provider[provider], by_model[f"{provider}/{model}"]):
            found[place] = exact_sum((found[place], amount))
    return Series(
        step,
        "USD" if paid else "tokens",
        list(at),
        _fewer(_dearest({n: some for n, some in by_provider.items() if any(some)}), providers),
        _dearest(by_model),
    )


def _steps(days: Iterable[str], most: int) -> tuple[str, dict[str, str]]:
    """The shortest step that gives no more than so many, and its name for every day."""
    known = sorted(days)
    if not known:
        return "day", {}
    first, last = date.fromisoformat(known[0]), date.fromisoformat(known[-1])
    first = max(first, last - timedelta(min(_LONGEST, last.toordinal() - 1)))
    every = [(first + timedelta(n)).isoformat() for n in range((last - first).days + 1)]
    found = [(step, {day: name(day) for day in every}) for step, name in _STEPS.items()]
    return next((one for one in found if len(set(one[1].values())) <= most), found[-1])


def _dearest(found: Mapping[str, Sequence[Decimal]]) -> dict[str, Sequence[Decimal]]:
    order = sorted(found, key=lambda name: (-exact_sum(found[name]), name))
    return {name: found[name] for name in order}


def _fewer(found: dict[str, Sequence[Decimal]], most: int) -> dict[str, Sequence[Decimal]]:
    """The first ones, and the rest as one."""
    if len(found) <= most:
        return found
    kept = dict(list(found.items())[: most - 1])
    rest = [found[name] for name in found if name not in kept]
    return {**kept, OTHERS: [exact_sum(column) for column in zip(*rest, strict=True)]}


def sparkline(amounts: Sequence[Decimal], columns: int) -> str:
    """Amounts as blocks of eight heights, a dot for nothing; neighbours share one if need be."""
    width = -(-len(amounts) // columns) if amounts else 1
    sums = [exact_sum(amounts[at : at + width]) for at in range(0, len(amounts), width)]
    top = max(sums, default=Decimal(0))
    if top <= 0:
        return "·" * len(sums)
    last = len(_SPARKS) - 1
    return "".join(_SPARKS[round(last * float(s / top))] if s > 0 else "·" for s in sums)
