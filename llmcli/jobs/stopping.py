"""Stops a job at the provider."""

from __future__ import annotations

from llmcli import jobs
from llmcli.adapters.batches.base import ENDED
from llmcli.files import locked
from llmcli.jobs import Job
from llmcli.jobs.submitting import found_there
from llmcli.service import BatchService


def stop(job: Job, service: BatchService) -> int | None:
    """Stop its batches; how many were told to, None where the provider has none of them.

    Raises ProviderError, ConfigError.
    """
    if job.standing == "submitting":
        job = _settled(job, service)
    batches = [lot.batch for lot in job.lots if lot.batch]
    if not batches:
        jobs.forget(job)
        return None
    running = [batch for batch in batches if service.look(batch).stage not in ENDED]
    for batch in running:
        service.cancel(batch)
    return len(running)


def _settled(job: Job, service: BatchService) -> Job:
    """The job as the provider has it: what it has not got is not handed over any more."""
    with locked(jobs.path_of(job)):
        job = jobs.find(job.id)
        lots = tuple(found_there(job, lot, service) for lot in job.lots)
        job = job._replace(lots=lots, standing="submitted")
        jobs.save(job)
        for lot in lots:
            jobs.words_path(lot).unlink(missing_ok=True)
    return job
