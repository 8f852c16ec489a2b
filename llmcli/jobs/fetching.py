"""Fetches what a job was answered with: rows for the output, entries for the ledger.

Every step may be done again without harm: a row that is there stays, an entry is written over.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from llmcli import jobs
from llmcli.adapters.batches.base import (
    ENDED,
    Cancelled,
    Expired,
    Remote,
    Result,
    Unanswered,
)
from llmcli.batch.inputs import Item
from llmcli.batch.journal import Journal
from llmcli.batch.outputs import known, row, unmet
from llmcli.connection import ANSWER_LIMIT
from llmcli.conversation import Asking, Candidate
from llmcli.errors import (
    BadRequest,
    LlmError,
    NetworkError,
    ProtocolError,
    ProviderError,
    UsageError,
)
from llmcli.jobs import Asked, Job, Lot
from llmcli.jobs.opening import Opened
from llmcli.ledger import Entry
from llmcli.render.objects import Object
from llmcli.sanitize import one_line
from llmcli.turn import Turn
from llmcli.usage import Spent, cost_of
from llmcli.verdict import verdict
from llmcli.wording import count

_MOST_PAUSE = 60.0
_FOREIGN = "the provider's results are those of another batch"
_FAILURES = 10  # looks at a batch that may fail one after another while it is waited for

Keep = Callable[[str, Entry], None]


class Sink(Protocol):
    """Where the rows go."""

    def add(self, number: int, value: Object) -> None:
        """Take the row of a prompt; `number` counts the prompts from 0. Raises LocalIOError."""
        ...


class Tally(NamedTuple):
    """How many prompts were answered, how many failed, and how many still wait."""

    done: int = 0
    failed: int = 0
    waiting: int = 0
    spent: Spent = Spent()


class Looking(NamedTuple):
    """How lots that have not ended are dealt with: `wait` for them; `tell` gets lines to show."""

    wait: bool
    tell: Callable[[str], None]


class Fetching:
    """Fetches one job; `keep` writes an entry of a call."""

    def __init__(self, job: Job, opened: Opened, sink: Sink, keep: Keep) -> None:
        self._job = job
        self._service = opened.service
        self._prices = opened.model.prices
        self._sink = sink
        self._keep = keep
        self._items = jobs.items(job)
        journal = sink if isinstance(sink, Journal) else None
        self._places = journal.places if journal else {}
        rows = map(known, journal.rows()) if journal else ()
        self._calls = {row.id: row.call for row in rows}
        self._told: set[int] = set()
        self.tally = Tally()
        self._check_output()

    def _check_output(self) -> None:
        """Refuse an output that has answers to other questions under the same ids."""
        for item in self._items:
            place = self._places.get(item.id)
            if place and place.request != item.request:
                raise UsageError(
                    f'the output has an answer to another prompt under the id "'
                    f'{one_line(item.id, 40)}" (line {place.line})',
                    hint="Choose another file: -o FILE",
                )

    def run(self, looking: Looking) -> Tally:
        """Fetch every lot that has ended. Raises ProviderError, LocalIOError."""
        begun = 0
        for number, lot in enumerate(self._job.lots, 1):
            remote = self._ended(lot, number, looking)
            if remote is None:
                self.tally = self.tally._replace(waiting=self.tally.waiting + lot.requests)
            else:
                self._take(lot, remote, begun)
            begun += lot.requests
        return self.tally

    def _ended(self, lot: Lot, number: int, looking: Looking) -> Remote | None:
        """What the provider says of a lot that has ended, None while it has not."""
        if not lot.batch:
            return Remote("", "cancelled")
        pause, failures, said = self._service.card.backoff, 0, ""
        while True:
            try:
                remote = self._service.look(lot.batch)
                failures = 0
            except (NetworkError, ProviderError) as error:
                failures += 1
                passing = error.retryable or isinstance(error, NetworkError)
                if not (looking.wait and passing) or failures > _FAILURES:
                    raise
            else:
                if remote.stage in ENDED:
                    return remote
                if not looking.wait:
                    return None
                now = progress(remote, lot, number, len(self._job.lots))
                if now != said:
                    looking.tell(now)
                    said = now
            time.sleep(pause)
            pause = min(pause * 1.5, _MOST_PAUSE)

    def _take(self, lot: Lot, remote: Remote, begun: int) -> None:
        """All rows of a lot; `begun` is the number of its first request."""
        paths = [jobs.results_path(lot, n) for n in range(len(remote.results))]
        for name, path in zip(remote.results, paths, strict=True):
            self._service.download(name, path, lot.requests * ANSWER_LIMIT)
        numbers = range(begun, begun + lot.requests)
        odd = ""
        for result in itertools.chain.from_iterable(map(self._service.read, paths)):
            number = self._number(result)
            if number in numbers:
                self._one(result, number)
            else:
                odd = odd or (result.error.message if result.error else _FOREIGN)
        for path in paths:
            path.unlink(missing_ok=True)
        missing = [number for number in numbers if number not in self._told]
        if odd and len(missing) == len(numbers):
            raise ProtocolError(odd)
        for number in missing:
            self._one(Result("", error=ProtocolError(odd) if odd else _why(remote)), number)

    def _number(self, result: Result) -> int:
        """Which request of the job this is the result of, -1 for none."""
        job, _, text = result.custom_id.rpartition("-")
        ours = job == self._job.id and text.isdecimal() and len(text) < 10
        return int(text) if ours else -1

    def _one(self, result: Result, number: int) -> None:
        if number in self._told:
            return
        self._told.add(number)
        item = self._items[number]
        turn, error = self._turn(result, number)
        for entry in turn.attempts:
            self._keep(turn.id, entry)
        self._count(turn, error)
        if self._is_there(item, turn.id, error):
            return
        value = row(Item(item.id, item.line, ""), item.request, turn, error)
        value["seconds"] = None  # how long one of them took is not told
        self._sink.add(number, {**value, "batch": self._job.id})

    def _turn(self, result: Result, number: int) -> tuple[Turn, LlmError | None]:
        """The result as a turn, read as the answer to a call is."""
        job, service = self._job, self._service
        service.deliver(result)
        request = service.asked
        asked = Turn("", "", job.provider, job.model, prompt="", options=job.options)
        candidate = Candidate(job.provider, job.model, lambda: service, request, keep=True)
        asking = Asking([candidate], asked, time.monotonic(), job.tags)
        error: LlmError | None = None
        try:
            for _ in asking.events():
                pass
        except LlmError as failure:
            error = failure
        turn = asking.turn()
        if error is None:
            code, words = verdict(turn, strict=False)
            error = unmet(words) if code else None
        moment = datetime.fromtimestamp(job.created, UTC)
        cost = turn.usage and cost_of(turn.usage, self._prices, moment, batch=True)
        asked_there = not isinstance(error, Unanswered)
        entries = tuple(
            entry._replace(
                started=job.created, seconds=0.0, first_token_s=None, batch=True, cost=cost
            )
            for entry in turn.attempts
            if asked_there
        )
        turn = turn._replace(
            id=f"{job.id}-{number}",
            cost=cost,
            attempts=entries,
            started=job.created,
            first_token_s=None,
            total_s=0.0,
        )
        return turn, error

    def _count(self, turn: Turn, error: LlmError | None) -> None:
        tally = self.tally
        spent = tally.spent.plus(turn.cost) if turn.charged and turn.attempts else tally.spent
        done, failed = (0, 1) if error else (1, 0)
        self.tally = tally._replace(
            done=tally.done + done, failed=tally.failed + failed, spent=spent
        )

    def _is_there(self, item: Asked, call: str, error: LlmError | None) -> bool:
        """Whether the output has an answer, or this failure already."""
        place = self._places.get(item.id)
        if place is None:
            return False
        return not place.failed or (error is not None and self._calls.get(item.id) == call)


def progress(remote: Remote, lot: Lot, number: int, lots: int) -> str:
    """`batch 2 of 3: running, 12 of 50 requests done`."""
    which = f"batch {number} of {lots}: " if lots > 1 else ""
    ready = (remote.done or 0) + (remote.failed or 0)
    told = (
        f", {ready:,} of {count(lot.requests, 'request')} done" if remote.done is not None else ""
    )
    return f"{which}{remote.stage}{told}"


def _why(remote: Remote) -> ProviderError:
    """Why a request of a batch that has ended has no result."""
    if remote.stage == "expired":
        return Expired("the batch expired before it was answered")
    if remote.stage == "cancelled":
        return Cancelled("the batch was cancelled before it was answered")
    if remote.stage == "failed":
        return BadRequest(f"the batch failed: {remote.error or 'no reason is told'}")
    return Unanswered("the provider gave no result for it")
