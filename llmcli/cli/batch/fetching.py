"""`llm batch fetch`: the answers of a job, into the same output as `llm batch` writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli.cli import options as opt
from llmcli.cli.json_errors import errors_as_json
from llmcli.errors import ExitCode, Interrupted, LlmError, UsageError
from llmcli.terminal import clean, note, out_json

if TYPE_CHECKING:
    from llmcli.batch.journal import Journal, Stream
    from llmcli.jobs import Job
    from llmcli.jobs.fetching import Tally
    from llmcli.jobs.opening import Opened

EXAMPLES = """
llm batch fetch -o answers.jsonl             the only open job, if its answers are there
llm batch fetch 01JD8 -o answers.jsonl --wait
llm batch fetch 01JD8 | jq -r .text          to stdout, in the order of the prompts
"""

Id = Annotated[
    str | None, typer.Argument(metavar="ID", help="The job; the only open one if left out.")
]
Output = Annotated[
    str,
    typer.Option("-o", "--output", metavar="OUT", help="Where the answers go; else to stdout."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until all of them are there.")]
Partial = Annotated[
    bool, typer.Option("--partial", help="Take the batches that have ended, if not all have.")
]
Json = Annotated[bool, typer.Option("--json", help="With -o: one object about it on stdout.")]


class NotReady(LlmError):
    """The provider is not done with a job."""

    kind = "not_ready"
    exit_code = ExitCode.INCOMPLETE


def fetch(
    job_id: Id = None,
    output: Output = "",
    wait: Wait = False,
    partial: Partial = False,
    as_json: Json = False,
    quiet: opt.Quiet = False,
    key_env: opt.KeyEnv = None,
) -> int:
    """Fetch the answers of a job: a line of JSON for each prompt, as `llm batch` writes them.

    Doing so again does no harm: what is in OUT stays, and nothing is counted twice. Exit 8 where
    a prompt has no answer, its line says why.
    """
    from llmcli import config as configs
    from llmcli import jobs
    from llmcli.batch.journal import is_stream
    from llmcli.files import locked
    from llmcli.jobs import opening

    with errors_as_json(as_json):
        if as_json and is_stream(output):
            raise UsageError("--json needs -o FILE: without it the answers go to stdout")
        job = jobs.find(job_id) if job_id is not None else jobs.only("fetch")
        if job.standing == "submitting":
            raise UsageError(
                f"job {job.short} is not handed over yet",
                hint=f"To go on with it: llm batch submit --resume {job.short}",
            )
        with locked(jobs.path_of(job)):
            opened = opening.reopen(job, configs.load(), key_env)
            try:
                if not (wait or partial):
                    _check_ready(job, opened)
                tally = _fetched(job, opened, output, wait=wait, quiet=quiet)
            finally:
                opened.service.close()
            if not tally.waiting:
                jobs.save(job._replace(standing="fetched", output=output))
    return _report(job, tally, as_json=as_json, quiet=quiet)


@contextmanager
def _opened(output: str) -> Iterator[Journal | Stream]:
    from llmcli.batch.journal import Journal, Stream, is_stream

    if is_stream(output):
        yield Stream(output, ordered=True)
        return
    journal = Journal(Path(output))
    try:
        yield journal
    finally:
        journal.close()


def _finish(sink: Journal | Stream) -> None:
    from llmcli.batch.journal import Journal

    if isinstance(sink, Journal):
        sink.sync()
        sink.arrange()
    else:
        sink.finish()


def _fetched(job: Job, opened: Opened, output: str, *, wait: bool, quiet: bool) -> Tally:
    from llmcli.batch.books import Books
    from llmcli.cli.asking import warn
    from llmcli.jobs.fetching import Fetching, Looking
    from llmcli.store import default_path

    def tell(words: str) -> None:
        if not quiet:
            note(clean(f"· {job.spec}: {words}"))

    with _opened(output) as sink:
        books = Books(default_path(), warn)
        try:
            tally = Fetching(job, opened, sink, books.add).run(Looking(wait, tell))
            _finish(sink)
            return tally
        except Interrupted:
            note(f"· the job goes on at {clean(job.provider)}: llm batch fetch {job.short} -o OUT")
            raise
        finally:
            books.close()


def _check_ready(job: Job, opened: Opened) -> None:
    from llmcli.adapters.batches.base import ENDED
    from llmcli.jobs.fetching import progress

    for number, lot in enumerate(job.lots, 1):
        remote = opened.service.look(lot.batch) if lot.batch else None
        if remote and remote.stage not in ENDED:
            part = "" if len(job.lots) == 1 else " --partial takes the batches that have ended."
            raise NotReady(
                f"{job.spec} is not done: {progress(remote, lot, number, len(job.lots))}",
                hint=f"To wait for it: llm batch fetch {job.short} -o OUT --wait.{part}",
            )


def _report(job: Job, tally: Tally, *, as_json: bool, quiet: bool) -> int:
    from llmcli.wording import count, money

    code = ExitCode.INCOMPLETE if tally.failed or tally.waiting else ExitCode.OK
    if as_json:
        spent = f"{tally.spent.amount:f}" if tally.spent.exact else None
        out_json(
            {
                "id": job.id,
                "done": tally.done,
                "failed": tally.failed,
                "waiting": tally.waiting,
                "cost": spent,
                "at_least": f"{tally.spent.amount:f}",
                "exit_code": int(code),
            }
        )
    if not quiet:
        least = "" if tally.spent.exact else "at least "
        cost = f"{least}{money(tally.spent.amount)}"
        unknown = not tally.spent.exact and not tally.spent.amount
        facts = [f"{tally.done:,} done", f"{tally.failed:,} failed"]
        facts += [f"{count(tally.waiting, 'prompt')} to wait for"] if tally.waiting else []
        note(f"· {' · '.join([*facts, 'cost unknown' if unknown else cost])} (batch price)")
    return int(code)
