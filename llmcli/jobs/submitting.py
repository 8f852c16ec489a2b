"""Hands prompts over to a provider's batch service.

What is to be handed over is written to files first, so that a run that is killed at any moment is
gone on with: whether the provider has got a lot is asked of the provider itself.
"""

from __future__ import annotations

import contextlib
import filecmp
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, NamedTuple

from llmcli import jobs
from llmcli.adapters.batches.base import Limits, Part
from llmcli.batch.inputs import Inputs, Item
from llmcli.batch.outputs import Asked
from llmcli.errors import (
    ConfigError,
    Failure,
    LocalIOError,
    ProviderError,
    UsageError,
)
from llmcli.files import locked, private_dir
from llmcli.jobs import Job, Lot
from llmcli.jobs.affording import Expected
from llmcli.jobs.opening import Opened
from llmcli.ledger import Tags
from llmcli.messages import Request
from llmcli.origins import origin
from llmcli.service import BatchService
from llmcli.turn import new_id


class Wish(NamedTuple):
    """What is to be handed over: `request` has the options and the system prompt of all."""

    request: Request
    tags: Tags = ()
    most: Decimal | None = None


def prepare(opened: Opened, inputs: Inputs, wish: Wish) -> tuple[Job, Expected]:
    """Write the files of a new job, and tell what it will cost; nothing is sent.

    Raises UsageError for prompts that cannot be sent, BudgetReached where they may cost more than
    `most` USD, LocalIOError.
    """
    jobs.tidy()
    service = opened.service
    job = Job(
        id=new_id(),
        provider=service.card.id,
        model=wish.request.model,
        origin=origin(service.card.base_url),
        created=time.time(),
        source=inputs.name,
        requests=0,
        options=wish.request.options,
        extra=wish.request.extra,
        tags=wish.tags,
    )
    try:
        inputs.check()
        with _explained():
            private_dir(jobs.folder())
            writer = _Writer(job, opened, wish)
            jobs.save_items(job, writer.written(inputs))
        likely = writer.expected.likely
        job = job._replace(
            lots=tuple(writer.lots),
            requests=writer.count,
            likely="" if likely is None else f"{likely:f}",
        )
        _check_new(job)
        jobs.save(job)
    except BaseException:
        jobs.forget(job)
        raise
    return job, writer.expected


def _check_new(job: Job) -> None:
    """Raise UsageError where a run that was cut off began to hand over the very same."""
    for other in jobs.every():
        begun = other.standing == "submitting" and other.spec == job.spec
        if begun and _same(jobs.items_path(other), jobs.items_path(job)):
            raise UsageError(
                f"these prompts are being handed over already, as job {other.short}",
                hint=f"{go_on(other)}\nTo begin anew: llm batch cancel {other.short}",
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


class _Writer:
    """Writes requests into the files of lots, each within the limits of the provider."""

    def __init__(self, job: Job, opened: Opened, wish: Wish) -> None:
        self._job = job
        self._service = opened.service
        self._wish = wish
        self._asked = Asked(job.provider, wish.request)
        self._limits: Limits = opened.service.limits
        self.expected = Expected(job.spec, opened.service.card)
        self._file: IO[bytes] | None = None
        self.lots: list[Lot] = []
        self.count = 0

    def written(self, inputs: Inputs) -> Iterator[jobs.Asked]:
        """Each prompt, once its request is in a file."""
        digest = self._asked.digest()
        try:
            for item in inputs.items():
                self._write(item, inputs.name)
                yield jobs.Asked(item.id, item.line, digest.of(item))
        finally:
            if self._file:
                self._file.close()

    def _write(self, item: Item, name: str) -> None:
        request = self._asked.request_for(item)
        where = f"{name}, line {item.line}"
        try:
            self.expected.add(request)
            line = self._service.line(f"{self._job.id}-{self.count}", request)
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}", hint=error.hint) from None
        if self._wish.most is not None:
            self.expected.hold_to(self._wish.most, where)
        if len(line) > self._limits.size:
            size = f"{self._limits.size // 1_000_000:,} MB"
            raise UsageError(f"{where}: a request larger than the {size} of a whole batch")
        file = self._fitting(len(line))
        file.write(line)
        self.count += 1

    def _fitting(self, size: int) -> IO[bytes]:
        """The file of the lot that has room for a request of that size, counted already."""
        lot = self.lots[-1] if self.lots else None
        full = lot is None or lot.requests >= self._limits.requests
        if lot is None or full or lot.size + size > self._limits.size:
            if self._file:
                self._file.close()
            lot = Lot(f"{self._job.id}-p{len(self.lots) + 1}", 0, 0)
            self.lots.append(lot)
            self._file = open(jobs.words_path(lot), "xb")  # noqa: SIM115
        self.lots[-1] = lot._replace(requests=lot.requests + 1, size=lot.size + size)
        assert self._file
        return self._file


def hand_over(job: Job, service: BatchService) -> Job:
    """Hand over every lot that the provider has not got, and return the job as it is then.

    A lot of an earlier run is looked for at the provider first. Raises ProviderError with a hint
    how to go on, ConfigError.
    """
    with locked(jobs.path_of(job)):
        job = jobs.find(job.id)
        for number, lot in enumerate(job.lots):
            if not lot.batch:
                job = _one(job, number, service)
        job = job._replace(standing="submitted")
        jobs.save(job)
    return job


def _one(job: Job, number: int, service: BatchService) -> Job:
    lot = found_there(job, job.lots[number], service)
    if not lot.batch:
        lot = lot._replace(since=time.time())
        job = _with(job, number, lot)
        try:
            made = service.submit(_part(job, lot))
        except ProviderError as error:
            _tell(error, job, number)
            raise
        expires = min(filter(None, (job.expires, made.expires)), default=None)
        job = job._replace(expires=expires)
        lot = lot._replace(batch=made.id)
    job = _with(job, number, lot)
    jobs.words_path(lot).unlink(missing_ok=True)
    return job


def found_there(job: Job, lot: Lot, service: BatchService) -> Lot:
    """The lot with the batch that an earlier run made of it, if it did.

    Raises ConfigError where that cannot be told, ProviderError.
    """
    if lot.batch or not lot.since:
        return lot
    taken = {other.batch for one in jobs.every() for other in one.lots if other.batch}
    found = [one for one in service.search(_part(job, lot)) if one.id not in taken]
    if len(found) > 1:
        raise ConfigError(
            f"{job.provider} has {len(found)} batches that may be of job {job.short}",
            hint="Cancel those there that are not wanted, then try again.",
        )
    return lot._replace(batch=found[0].id) if found else lot


def _part(job: Job, lot: Lot) -> Part:
    path = str(jobs.words_path(lot))
    return Part(lot.marker, job.model, path, lot.size, lot.requests, lot.since)


def _with(job: Job, number: int, lot: Lot) -> Job:
    """The job with this lot in place, written to its file."""
    job = job._replace(lots=(*job.lots[:number], lot, *job.lots[number + 1 :]))
    jobs.save(job)
    return job


def _tell(error: ProviderError, job: Job, number: int) -> None:
    """Add how to go on; a job of which the provider surely has nothing is forgotten."""
    if refused(error) and number == 0:
        jobs.forget(job)
        return
    error.hint = "\n".join(filter(None, (error.hint, go_on(job))))


def refused(error: Failure) -> bool:
    """Whether the provider surely made nothing: it said no."""
    status = error.http_status if isinstance(error, ProviderError) else None
    return status is not None and 400 <= status < 500 and status not in (408, 409)


def go_on(job: Job) -> str:
    """How a job that was interrupted is gone on with."""
    return f"To go on, nothing is handed over twice: llm batch submit --resume {job.short}"


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place: Path | str = error.filename or jobs.folder()
        raise LocalIOError(f"{place} cannot be written: {error.strerror}") from None
