"""`llm batch IN -o OUT`: every prompt of a file, asked by several workers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli import tags
from llmcli.cli import asking
from llmcli.cli import options as opt
from llmcli.cli.json_errors import errors_as_json
from llmcli.errors import UsageError

if TYPE_CHECKING:
    from llmcli.question import Question

EXAMPLES = """
llm batch prompts.txt -o answers.jsonl           one prompt a line
llm batch reviews.csv -p "Praise or blame? {text}" -o answers.jsonl -j 32
llm batch rows.jsonl --schema person.json --max-cost 2 -o people.jsonl
llm batch rows.jsonl -o people.jsonl             goes on where it was
llm batch rows.jsonl -o people.jsonl --retry-failed
git log --format=%s | llm batch - -p "In French: {text}" | jq -r .text
"""
_MOST_WORKERS = 512

Input = Annotated[
    str,
    typer.Argument(metavar="IN", help="JSON lines, CSV, or one prompt a line; - is stdin."),
]
Output = Annotated[
    str,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Where answers go, a line each; else stdout."
    ),
]
Template = Annotated[
    str,
    typer.Option("-p", "--prompt", metavar="TEXT", help='The prompt, as "Summarise: {text}".'),
]
Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="jsonl, csv, tsv or lines, else by name.")
]
Options = Annotated[
    list[str] | None,
    typer.Option("-O", "--option", metavar="KEY=VALUE", help="A model option; repeatable."),
]
Schema = Annotated[
    str, typer.Option("--schema", metavar="FILE", help="JSON Schema that every answer has to meet.")
]
Workers = Annotated[
    int, typer.Option("-j", "--jobs", metavar="N", help="How many are asked at once.")
]
Rpm = Annotated[
    float,
    typer.Option("--rpm", metavar="N", help="Calls in a minute, at most.", show_default=False),
]
Tpm = Annotated[
    float,
    typer.Option("--tpm", metavar="N", help="Tokens in a minute, at most.", show_default=False),
]
Retries = Annotated[
    int, typer.Option("--retries", metavar="N", help="How often a failed prompt is asked again.")
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Ask those again that failed in an earlier run.")
]
Ordered = Annotated[
    bool,
    typer.Option(
        "--ordered/--as-completed", help="In the order of IN at the end, or as they come."
    ),
]
Limit = Annotated[
    int,
    typer.Option("--limit", metavar="N", help="Only the first N prompts.", show_default=False),
]
Deadline = Annotated[
    float | None, typer.Option("--deadline", metavar="SECONDS", help="Give up on a prompt then.")
]
Summary = Annotated[bool, typer.Option("--json", help="A summary as one object on stdout.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Neither bar nor summary.")]


def run(
    path: Input,
    output: Output = "",
    template: Template = "",
    model: opt.ModelSpec = None,
    system: opt.System = "",
    option: Options = None,
    schema: Schema = "",
    jobs: Workers = 8,
    rpm: Rpm = 0,
    tpm: Tpm = 0,
    max_cost: opt.MaxCost = None,
    tag: opt.Tags = None,
    retries: Retries = 5,
    retry_failed: RetryFailed = False,
    ordered: Ordered = True,
    limit: Limit = 0,
    form: Format = "",
    strict: opt.Strict = False,
    deadline: Deadline = None,
    no_stream: opt.NoStream = False,
    cache: opt.Cache = None,
    no_cache: opt.NoCache = False,
    key_env: opt.KeyEnv = None,
    as_json: Summary = False,
    quiet: Quiet = False,
) -> int:
    """Ask every prompt of a file; `llm batch IN -o OUT` is the same.

    A line of IN is a prompt, or has columns that -p puts into one; `id`, `prompt` and `system` are
    read by name. Each answer is a line of OUT the moment it is there, with its id, usage and cost.
    When the same command is run again, only what has no line yet is asked. Exit 8: some failed.
    """
    from llmcli import config as configs
    from llmcli.cli.batch.job import Job, Wishes

    with errors_as_json(as_json):
        _check(jobs, rpm, tpm, retries, limit, deadline)
        if as_json and output in ("", "-"):
            raise UsageError("--json needs -o FILE: without it stdout is for the answers")
        config = configs.load()
        wishes = Wishes(
            path, output, template, form, jobs, rpm, tpm, asking.max_cost(max_cost), retries,
            retry_failed, ordered, limit, strict, deadline, as_json, quiet,
        )  # fmt: skip
        question = question_of(system, option or [], schema, tag or [])
        question = question._replace(
            stream=not no_stream,
            key_env=key_env,
            cache=asking.cache(cache, config, off=no_cache, no_log=False),
        )
        choice = asking.chosen((model,), (), config)[0]
        asking.ready(choice, quiet=quiet, verbose=False)
        job = Job(choice, question, config, wishes)
    return job.run()


def question_of(system: str, pairs: list[str], schema: str, tag: list[str]) -> Question:
    """What is asked with every prompt of a file. Raises UsageError."""
    from llmcli.options import parse_options
    from llmcli.question import Question

    try:
        options, extra = parse_options(pairs)
    except UsageError as error:
        error.message = error.message.replace("-o ", "-O ")
        error.hint = error.hint.replace("-o ", "-O ")
        raise
    if schema:
        options["response_schema"] = _schema(schema)
    return Question(
        prompt="x",
        begun=time.monotonic(),
        system=system or None,
        options=options,
        extra=extra,
        retries=0,
        tags=tags.read(tag),
    )


def _schema(path: str) -> dict[str, object]:
    import json
    from pathlib import Path

    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--schema {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError(f"--schema {path}: not a JSON Schema: an object of JSON is needed")
    return value


def _check(
    jobs: int, rpm: float, tpm: float, retries: int, limit: int, deadline: float | None
) -> None:
    if not 1 <= jobs <= _MOST_WORKERS:
        raise UsageError(f"-j takes a whole number from 1 to {_MOST_WORKERS}")
    for name, value in (("--rpm", rpm), ("--tpm", tpm), ("--retries", retries), ("--limit", limit)):
        if not 0 <= value < 10**12:
            raise UsageError(f"{name} takes a number above 0")
    if deadline is not None and not deadline > 0:
        raise UsageError("--deadline takes a number of seconds above 0")
