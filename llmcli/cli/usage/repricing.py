"""`llm usage reprice`: costs of the past anew, with the prices of now."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from llmcli.cli.history.lookup import AsJson, DryRun, Yes, opened
from llmcli.cli.usage.asked import Model, Since, window
from llmcli.spending import Repriced
from llmcli.terminal import agreed, is_tty, note, out_json, table
from llmcli.usage import exact_sum
from llmcli.wording import count, money

EXAMPLES = """
llm usage reprice --dry-run              what would change
llm usage reprice --since 30d -m groq    only these calls
llm usage reprice --yes                  without asking, for scripts
"""
_HEADER = ("MODEL", "CALLS", "BEFORE", "AFTER", "DIFFERENCE")


def reprice(
    since: Since = "",
    model: Model = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Count past costs anew with the prices of now.

    It is for after a price was mended or added.

    Each call gets what the cards and the config say today of the prices at its own time. What a
    provider reported itself, what ran on this machine and what came from the cache stays as it
    is, and so does a cost for which there is no price any more. -m names a model or a provider.
    """
    from llmcli.cli.usage.prices import current

    meant = window(since, "", model=model)
    prices = current()
    with opened(changes=not dry_run) as store:
        wanted = yes and not dry_run
        found = store.accounts.reprice(meant, prices, write=wanted)
        if not as_json:
            _show(found)
        if found and not yes and not dry_run:
            wanted = _may(found, since, model)
            found = store.accounts.reprice(meant, prices, write=True) if wanted else found
    if as_json:
        out_json({"changed": wanted, "rows": [_object(one) for one in found]})
    elif found and wanted:
        note(f"· {count(sum(one.entries for one in found), 'call')} counted anew")


def _may(found: Sequence[Repriced], since: str, model: str) -> bool:
    """Whether the user wants it. Raises UsageError where nobody can be asked."""
    calls = count(sum(one.entries for one in found), "call")
    given = {"--since": since, "-m": model}
    options = [word for pair in given.items() if pair[1] for word in pair]
    return agreed(f"count {calls} anew", shlex.join(("llm", "usage", "reprice", *options)))


def _show(found: Sequence[Repriced]) -> None:
    if not found:
        note("· every cost is as the prices say")
        return
    if not is_tty(sys.stdout):
        table((), [list(map(str, _object(one).values())) for one in found])
        return
    lines = [_line(one.spec, one) for one in found]
    if len(found) > 1:
        lines.append(_line("TOTAL", _all(found)))
    table(_HEADER, lines)


def _line(name: str, one: Repriced) -> list[str]:
    before = money(one.before)
    if one.unknown:
        before = f"at least {before}" if one.before else "cost unknown"
    change = exact_sum((one.after, -one.before))
    sign = "+" if change > 0 else ""
    return [name, f"{one.entries:,}", before, money(one.after), f"{sign}{money(change)}"]


def _all(found: Sequence[Repriced]) -> Repriced:
    return Repriced(
        "",
        sum(one.entries for one in found),
        sum(one.unknown for one in found),
        exact_sum(one.before for one in found),
        exact_sum(one.after for one in found),
    )


def _object(one: Repriced) -> dict[str, Any]:
    """A model for scripts; amounts are exact, in USD."""
    return {
        "spec": one.spec,
        "calls": one.entries,
        "unknown_before": one.unknown,
        "before": f"{one.before:f}",
        "after": f"{one.after:f}",
    }
