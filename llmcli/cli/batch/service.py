"""`llm batch submit | status | fetch | cancel | list`: the providers' own batch services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from llmcli.cli import options as opt
from llmcli.cli.batch.looking import job_object
from llmcli.cli.batch.run import Format, Options, Schema, Template, question_of
from llmcli.cli.json_errors import errors_as_json
from llmcli.errors import Interrupted, LlmError, UsageError
from llmcli.terminal import clean, note, out, out_json

if TYPE_CHECKING:
    from llmcli.jobs import Job
    from llmcli.jobs.affording import Expected
    from llmcli.jobs.opening import Opened
    from llmcli.question import Question

SUBMIT_EXAMPLES = """
llm batch submit prompts.jsonl -m openai/gpt-6-luna          prints the id of the job
llm batch submit reviews.csv -m anthropic/claude-sonnet-5-5 -p "Sum up: {text}" --max-cost 2
llm batch submit --resume 01JD8                              after a crash: nothing is sent twice
"""
CANCEL_EXAMPLES = """
llm batch cancel 01JD8                       what was answered before can be fetched
"""

Input = Annotated[
    str | None, typer.Argument(metavar="FILE", help="The prompts: JSONL, CSV or lines; - is stdin.")
]
MaxCost = Annotated[
    str | None,
    typer.Option("--max-cost", metavar="USD", help="Send nothing if it may cost more than this."),
]
Resume = Annotated[
    str | None, typer.Option("--resume", metavar="ID", help="Go on with a job that was cut off.")
]
Id = Annotated[str | None, typer.Argument(metavar="ID", help="The job; the only one if left out.")]
Named = Annotated[str, typer.Argument(metavar="ID", help="The job.")]


def submit(
    path: Input = None,
    model: opt.ModelSpec = None,
    template: Template = "",
    system: opt.System = "",
    option: Options = None,
    schema: Schema = "",
    form: Format = "",
    tag: opt.Tags = None,
    max_cost: MaxCost = None,
    key_env: opt.KeyEnv = None,
    resume: Resume = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> int:
    """Hand prompts over to a provider's batch service, for about half the price; prints the job.

    The answers are there within a day: llm batch fetch ID -o OUT. The file is the same as for
    `llm batch FILE -o OUT`, and so is the output.
    """
    with errors_as_json(as_json):
        if resume is not None:
            job, opened = _resumed(resume, path, key_env)
            expected = None
        elif path is None:
            raise UsageError("no file of prompts", hint="llm batch submit FILE -m SPEC; - is stdin")
        else:
            question = question_of(system, option or [], schema, tag or [])
            wanted = _Wanted(path, template, form, max_cost, key_env)
            job, opened, expected = _prepared(model, question, wanted)
        job = _handed_over(job, opened)
    if as_json:
        out_json(job_object(job))
        return 0
    out(job.id)
    if not quiet:
        _tell(job, expected)
    return 0


class _Wanted(NamedTuple):
    """What `submit` was asked for."""

    path: str
    template: str
    form: str
    max_cost: str | None
    key_env: str | None


def _prepared(
    model: str | None, question: Question, wanted: _Wanted
) -> tuple[Job, Opened, Expected]:
    from llmcli import config as configs
    from llmcli import jobs, registry
    from llmcli.batch.inputs import Inputs
    from llmcli.candidates import request_for
    from llmcli.cli import asking
    from llmcli.jobs import affording, opening, submitting

    config = configs.load()
    most = asking.max_cost(wanted.max_cost)
    choice = registry.resolve(model, config)
    opening.check(choice, config)
    with Inputs(wanted.path, wanted.template, wanted.form) as inputs:
        request = request_for(choice, question._replace(stream=False), config)
        inputs.check()
        opened = opening.open_service(choice, request, config, wanted.key_env)
        request = request._replace(messages=request.messages[:-1])
        wish = submitting.Wish(request, question.tags, most)
        job, expected = submitting.prepare(opened, inputs, wish)
    try:
        for words in affording.check_budgets(config, expected, job):
            asking.warn(words)
    except LlmError:
        jobs.forget(job)
        raise
    return job, opened, expected


def _resumed(text: str, path: str | None, key_env: str | None) -> tuple[Job, Opened]:
    from llmcli import config as configs
    from llmcli import jobs
    from llmcli.jobs import opening

    if path is not None:
        raise UsageError("choose one of FILE and --resume")
    job = jobs.find(text)
    if job.standing != "submitting":
        raise UsageError(f"job {job.short} is handed over already", hint=_fetch_hint(job))
    return job, opening.reopen(job, configs.load(), key_env)


def _handed_over(job: Job, opened: Opened) -> Job:
    from llmcli.jobs import submitting

    try:
        return submitting.hand_over(job, opened.service)
    except Interrupted:
        note(f"· {submitting.go_on(job)}")
        raise
    finally:
        opened.service.close()


def _tell(job: Job, expected: Expected | None) -> None:
    from llmcli.wording import count

    facts = [job.spec, count(job.requests, "request")]
    if len(job.lots) > 1:
        facts.append(f"{len(job.lots)} batches")
    if expected is not None:
        facts.append(_price(expected))
    note(clean(f"· handed over: {' · '.join(facts)}"))
    note(f"· {_fetch_hint(job)}")


def _price(expected: Expected) -> str:
    """`≈ $0.0012, $0.0060 at most`."""
    from llmcli.wording import money

    most = "" if expected.most is None else f"{money(expected.most)} at most"
    if expected.likely is None:
        return "cost unknown"
    likely = "" if expected.likely == expected.most else f"≈ {money(expected.likely)}"
    return ", ".join(filter(None, (likely, most)))


def _fetch_hint(job: Job) -> str:
    return f"To get the answers: llm batch fetch {job.short} -o OUT --wait"


def cancel(job_id: Named, key_env: opt.KeyEnv = None) -> int:
    """Stop a job. What was answered before can be fetched, and is paid for.

    A job that never reached the provider is forgotten.
    """
    from llmcli import config as configs
    from llmcli import jobs
    from llmcli.jobs import opening
    from llmcli.jobs.stopping import stop

    job = jobs.find(job_id)
    opened = opening.reopen(job, configs.load(), key_env)
    try:
        stopped = stop(job, opened.service)
    finally:
        opened.service.close()
    if stopped is None:
        note(f"· {clean(job.provider)} has nothing of job {job.short}; it is forgotten")
        return 0
    batches = f"{stopped} of {len(job.lots)} batches" if len(job.lots) > 1 else "the batch"
    done = f"was told to stop {batches}" if stopped else "has nothing of it left to stop"
    note(f"· {clean(job.provider)} {done}. {_fetch_hint(job)}")
    return 0
