"""Entries of the ledger for calls that are no turns: embeddings and counts of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from llmcli.cards import Card
from llmcli.engines.base import Provider, TokenCounter
from llmcli.errors import Failure, Interrupted, LlmError, ProviderError
from llmcli.events import Attempt, Event, Retry, Start, UsageReport
from llmcli.ledger import Cause, Entry, Kind, Ledger, Status, Tags
from llmcli.messages import Request
from llmcli.turn import new_id
from llmcli.usage import Cost, Usage

Keep = Callable[[str, Sequence[Entry]], object]

# Where a count costs nothing, as its provider's documentation said on 2026-11-21. Of others, OpenAI
# among them, none says so. https://platform.claude.com/docs/en/build-with-claude/token-counting,
# https://ai.google.dev/gemini-api/docs/billing, and
# https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html
_COUNTS_FOR_FREE = ("api.anthropic.com", "generativelanguage.googleapis.com")
_BEDROCK = ("bedrock-runtime.", ".amazonaws.com")


@runtime_checkable
class Telling(Protocol):
    """A provider that tells of its attempts at calls that are no streams, the retries too."""

    def on_event(self, call: Callable[[Event], object] | None) -> None:
        """Have `call` told of each Attempt, Start and Retry from now on; None ends that."""
        ...


class Meter:
    """The entries of one call while it happens; `used` is told what came back.

    `free` is what it costs where that is known beforehand, `guess` what it probably costs in USD.
    An attempt that was answered may have been charged, however little of that could be read.
    """

    def __init__(
        self, kind: Kind, tags: Tags, free: Cost | None = None, guess: Decimal | None = None
    ) -> None:
        self._kind, self._guess = kind, guess
        self._ledger = Ledger(tags)
        self._came = False
        self._cost = self._free = free

    def hear(self, event: Event) -> None:
        """Take an event of the provider."""
        if isinstance(event, Attempt):
            self._came, self._cost = False, self._free
        elif isinstance(event, Start):
            self._came = True
        elif isinstance(event, Retry):
            self._close(self._broken, event.error, "retry")
        self._ledger.hear(event)

    def used(self, usage: Usage | None, cost: Cost | None) -> None:
        """An answer came, which used and cost this as far as is known."""
        self._came, self._cost = True, cost
        if usage is not None:
            self._ledger.hear(UsageReport(usage))

    def end(self, error: BaseException | None = None) -> None:
        """The call ended, by an error unless None."""
        status: Status = "complete"
        if error is not None:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else self._broken
        self._close(status, error if isinstance(error, (LlmError, Interrupted)) else None)

    @property
    def _broken(self) -> Status:
        return "incomplete" if self._came else "failed"

    def _close(self, status: Status, error: Failure | None, following: Cause = "question") -> None:
        cost = None if status == "failed" else self._cost
        self._ledger.close(status, error, cost, following)

    @property
    def entries(self) -> list[Entry]:
        """What goes into the ledger."""
        entries = [entry._replace(kind=self._kind) for entry in self._ledger.entries]
        return [e if e.cost or not e.charged else e._replace(guess=self._guess) for e in entries]


@contextmanager
def metered(meter: Meter, provider: Provider, model: str, keep: Keep) -> Iterator[Meter]:
    """Have `keep` given the entries of the one call that is made meanwhile, however it ends."""
    telling = isinstance(provider, Telling)
    if isinstance(provider, Telling):
        provider.on_event(meter.hear)
    else:
        meter.hear(Attempt(provider.card.id, model, 1))
    asked = True
    try:
        yield meter
    except BaseException as error:
        meter.end(error)
        asked = telling or isinstance(error, (ProviderError, KeyboardInterrupt))
        raise
    else:
        meter.end()
    finally:
        if isinstance(provider, Telling):
            provider.on_event(None)
        if asked and (entries := meter.entries):
            keep(new_id(), entries)


def counted(provider: Provider, request: Request, tags: Tags, keep: Keep) -> int | None:
    """The provider's own count of a request's tokens, None where it has none; an entry is kept.

    One whose cost is unknown has probably cost nothing. Raises LlmError.
    """
    if not isinstance(provider, TokenCounter):
        return None
    free = count_cost(provider.card)
    meter = Meter("count", tags, free, guess=Decimal(0))
    with metered(meter, provider, request.model, keep):
        found = provider.count_tokens(request)
        meter.used(Usage(0, 0) if free else None, free)
    return found


def count_cost(card: Card) -> Cost | None:
    """What counting tokens costs: nothing where that is said, else nobody knows."""
    if card.adapter == "local":
        return Cost(Decimal(0), "local")
    host = urlsplit(card.base_url).hostname or ""
    amazon = host.startswith(_BEDROCK[0]) and host.endswith(_BEDROCK[1])
    return Cost(Decimal(0), "card") if amazon or host in _COUNTS_FOR_FREE else None
