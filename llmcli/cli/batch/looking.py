"""`llm batch status | list`: how far the jobs at batch services are."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from llmcli.cli import options as opt
from llmcli.cli.json_errors import errors_as_json
from llmcli.errors import LlmError
from llmcli.moments import age, utc
from llmcli.terminal import is_tty, note, out_json, table

if TYPE_CHECKING:
    from llmcli.adapters.batches.base import Remote
    from llmcli.config import Config
    from llmcli.jobs import Job

STATUS_EXAMPLES = """
llm batch status                             every job that is open
llm batch status 01JD8 --json | jq -r '.[0].batches[].stage'
"""
LIST_EXAMPLES = """
llm batch list
llm batch list --all | cut -f1               in a pipe: tab-separated, no header
"""
HEADER = ("ID", "AGE", "STANDING", "REQUESTS", "MODEL", "FILE")
STATUS_HEADER = ("ID", "STAGE", "DONE", "FAILED", "OF", "EXPIRES", "MODEL", "REASON")

Id = Annotated[str | None, typer.Argument(metavar="ID", help="The job; all open ones if left out.")]
Everything = Annotated[bool, typer.Option("--all", help="Those that are fetched, too.")]
Json = Annotated[bool, typer.Option("--json", help="A JSON list.")]


def list_(everything: Everything = False, as_json: Json = False) -> None:
    """List the jobs of this machine, the oldest first; nobody is asked.

    In a pipe the columns are id, time it was submitted (UTC), standing, requests, model and file.
    """
    from llmcli import jobs
    from llmcli.terminal import is_tty

    found = [job for job in jobs.every() if everything or job.open]
    if as_json:
        out_json([job_object(job) for job in found])
        return
    if not found:
        note("· no job" if everything else "· no open job: llm batch list --all")
        return
    shown = is_tty(sys.stdout)
    table(HEADER, [_row(job, shown=shown) for job in found])


def _row(job: Job, *, shown: bool) -> list[str]:
    begun = age(job.created) if shown else utc(job.created)
    name = job.short if shown else job.id
    return [
        name,
        begun,
        job.standing,
        f"{job.requests:,}" if shown else str(job.requests),
        job.spec,
        job.source,
    ]


def status(job_id: Id = None, as_json: Json = False, key_env: opt.KeyEnv = None) -> int:
    """Ask the providers how far their batches are; a line for each batch.

    In a pipe the columns are job, stage, requests done, failed and in all, when it expires (UTC),
    model and, where it failed, why.
    """
    from llmcli import config as configs
    from llmcli import jobs

    with errors_as_json(as_json):
        config = configs.load()
        found = [jobs.find(job_id)] if job_id is not None else [j for j in jobs.every() if j.open]
        looked = [(job, _look(job, config, key_env, alone=len(found) == 1)) for job in found]
    code = max((look.exit_code for _, look in looked), default=0)
    if as_json:
        out_json([{**job_object(job), "batches": _batches(job, look)} for job, look in looked])
        return code
    if not found:
        note("· no open job: llm batch list --all")
        return code
    shown = is_tty(sys.stdout)
    table(STATUS_HEADER, [row for job, look in looked for row in _rows(job, look, shown=shown)])
    for job, _ in looked:
        if job.standing == "submitting":
            note(f"· job {job.short} was cut off: llm batch submit --resume {job.short}")
    return code


class _Look(NamedTuple):
    """What the provider says of each lot, None of one that it may not have got; or an error."""

    lots: list[Remote | None]
    error: str = ""
    exit_code: int = 0


def _look(job: Job, config: Config, key_env: str | None, *, alone: bool) -> _Look:
    """Ask about a job; of several jobs one that fails does not hide the others."""
    from llmcli.explain import reason
    from llmcli.jobs import opening

    try:
        opened = opening.reopen(job, config, key_env)
        try:
            return _Look([opened.service.look(x.batch) if x.batch else None for x in job.lots])
        finally:
            opened.service.close()
    except LlmError as error:
        if alone:
            raise
        return _Look([None] * len(job.lots), reason(error), int(error.exit_code))


def _rows(job: Job, look: _Look, *, shown: bool) -> list[list[str]]:
    return [
        [
            job.short if shown else job.id,
            _stage(remote, look, job),
            _number(remote.done if remote else None),
            _number(remote.failed if remote else None),
            _number(lot.requests),
            _until(remote.expires if remote else None, shown=shown),
            job.spec,
            remote.error if remote else look.error,
        ]
        for lot, remote in zip(job.lots, look.lots, strict=True)
    ]


def _stage(remote: Remote | None, look: _Look, job: Job) -> str:
    if remote:
        return remote.stage
    if look.error:
        return "unknown"
    return "submitting" if job.standing == "submitting" else "cancelled"


def _number(number: int | None) -> str:
    return "—" if number is None else str(number)


def _until(moment: float | None, *, shown: bool) -> str:
    """`in 3 h`, or when it is or was."""
    if moment is None:
        return "—"
    left = moment - time.time()
    return f"in {age(1, left + 1)}" if shown and left > 0 else utc(moment)


def _batches(job: Job, look: _Look) -> list[dict[str, Any]]:
    return [
        {
            "id": lot.batch or None,
            "stage": _stage(remote, look, job),
            "requests": lot.requests,
            "done": remote.done if remote else None,
            "failed": remote.failed if remote else None,
            "expires": utc(remote.expires) if remote and remote.expires else None,
            "error": (remote.error if remote else look.error) or None,
        }
        for lot, remote in zip(job.lots, look.lots, strict=True)
    ]


def job_object(job: Job) -> dict[str, Any]:
    """A job for scripts; the names of the keys are a stable interface."""
    return {
        "id": job.id,
        "provider": job.provider,
        "model": job.model,
        "standing": job.standing,
        "requests": job.requests,
        "submitted": utc(job.created),
        "expires": utc(job.expires) if job.expires else None,
        "file": job.source,
        "tags": dict(job.tags),
        "batches": [{"id": lot.batch or None, "requests": lot.requests} for lot in job.lots],
    }
