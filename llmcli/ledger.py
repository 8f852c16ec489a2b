"""The ledger: one entry per physical attempt, whatever became of it."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Literal, NamedTuple

from llmcli.errors import Failure, ProviderError
from llmcli.events import Attempt, Event, Start, UsageReport
from llmcli.redaction import redact
from llmcli.usage import Cost, Usage

Status = Literal["running", "complete", "interrupted", "incomplete", "failed"]
Kind = Literal["answer", "embed", "count"]
Cause = Literal["question", "retry", "fallback", "pause"]
Tags = tuple[tuple[str, str], ...]


class Entry(NamedTuple):
    """One attempt; unknown facts are None, `seconds` is its duration.

    `cause` is why it was made: a pause is gone on from. `started` is in seconds since 1970. A
    `batch` has its own prices. `guess` is what one of unknown cost has probably cost, in USD.
    """

    number: int
    provider: str
    model: str
    status: Status = "running"
    http_status: int | None = None
    request_id: str | None = None
    error_kind: str | None = None
    error_message: str | None = None
    usage: Usage | None = None
    cost: Cost | None = None
    seconds: float = 0.0
    started: float = 0.0
    first_token_s: float | None = None
    kind: Kind = "answer"
    cause: Cause = "question"
    tags: Tags = ()
    batch: bool = False
    guess: Decimal | None = None

    @property
    def charged(self) -> bool:
        """Whether it may have cost something: not where it failed before anything came."""
        return self.status != "failed" or self.usage is not None or self.cost is not None


class Ledger:
    """Keeps the entries of one turn by listening to its events; all get these `tags`."""

    def __init__(self, tags: Tags = ()) -> None:
        self._tags = tags
        self._closed: list[Entry] = []
        self._cause: Cause = "question"
        self._started = 0.0
        self._first: float | None = None
        self._open: Attempt | None = None
        self._since = 0.0
        self._request_id: str | None = None
        self._http_status: int | None = None
        self._usage: Usage | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every entry so far, the running one last."""
        running = (self._entry("running", None, None),) if self._open else ()
        return (*self._closed, *running)

    def hear(self, event: Event) -> None:
        """Take an event; only those about attempts matter here."""
        if isinstance(event, Attempt):
            self._open, self._since, self._started = event, time.monotonic(), time.time()
            self._request_id = self._http_status = self._usage = self._first = None
        elif isinstance(event, Start):
            self._request_id, self._http_status = event.request_id, event.http_status
        elif isinstance(event, UsageReport):
            self._usage = event.usage

    def first(self, moment: float) -> None:
        """The first content of the running attempt came at this monotonic time."""
        self._first = moment - self._since

    def close(
        self,
        status: Status,
        error: Failure | None = None,
        cost: Cost | None = None,
        following: Cause = "question",
    ) -> None:
        """End the running attempt, if there is one; `following` is why the next one is made."""
        if self._open:
            self._closed.append(self._entry(status, error, cost))
            self._open = None
        self._cause = following

    def _entry(self, status: Status, error: Failure | None, cost: Cost | None) -> Entry:
        assert self._open
        failure = error if isinstance(error, ProviderError) else None
        return Entry(
            number=len(self._closed) + 1,
            provider=self._open.provider,
            model=self._open.model,
            status=status,
            http_status=(failure.http_status if failure else None) or self._http_status,
            request_id=(failure.request_id if failure else None) or self._request_id,
            error_kind=error.kind if error else None,
            error_message=redact(error.message) if error else None,
            usage=self._usage,
            cost=cost,
            seconds=time.monotonic() - self._since,
            started=self._started,
            first_token_s=self._first,
            cause=self._cause,
            tags=self._tags,
        )
