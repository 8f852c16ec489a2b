"""What was spent: sums over entries of the ledger, exact to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import NamedTuple

from llmcli.usage import DIGITS

_NOBODY: Mapping[float, int] = MappingProxyType({})


class Sums(NamedTuple):
    """Sums over some entries; `cost` in USD is that of all whose cost is known.

    Entries that were free because they failed before anything came count as requests only.
    `unsaid` of them did not tell their tokens, `unpriced` have no known cost; `guess` is what those
    have probably cost, where that was guessed. `first_seconds` and `paced_…` are over those
    that came as a stream, of which there are `first_count`.
    """

    requests: int = 0
    failures: int = 0
    interrupted: int = 0
    retries: int = 0
    fallbacks: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    audio: int = 0
    unsaid: int = 0
    unpriced: int = 0
    local: int = 0
    cost: Decimal = Decimal(0)
    guess: Decimal = Decimal(0)
    seconds: float = 0.0
    first_count: int = 0
    first_seconds: float = 0.0
    paced_output: int = 0
    paced_seconds: float = 0.0

    def plus(self, other: Sums) -> Sums:
        """The sums over both."""
        with localcontext() as context:
            context.prec = DIGITS
            return Sums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))  # type: ignore[operator]


class Group(NamedTuple):
    """The sums over the entries that have the same `key`, the values of the columns asked for.

    `first` and `speed` count the entries by their seconds to the first token and by their output
    tokens a second, each within 1 %; they are empty where nobody asked for them.
    """

    key: tuple[str, ...]
    sums: Sums
    first: Mapping[float, int] = _NOBODY
    speed: Mapping[float, int] = _NOBODY


class Unpriced(NamedTuple):
    """Calls of a model whose cost is unknown; `untold` of them did not tell their tokens."""

    provider: str
    model: str
    batch: bool
    calls: int
    untold: int
    input: int
    output: int


class Repriced(NamedTuple):
    """Entries of a model whose cost changes, in USD; `unknown` of them had none before."""

    spec: str
    entries: int
    unknown: int
    before: Decimal
    after: Decimal


class Window(NamedTuple):
    """Which entries to look at: local days, both included, and a provider, model or tag.

    Of an empty one all; a model may be `provider/model` too, a tag is `KEY=VALUE`, or `KEY` for any
    value of it. `after` is begun since that time, in seconds since 1970.
    """

    since: str = ""
    until: str = ""
    provider: str = ""
    model: str = ""
    tag: str = ""
    after: float = 0.0
