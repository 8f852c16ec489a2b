"""`llm embed`: texts to vectors."""

from __future__ import annotations

import base64
import json
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli.cli import asking
from llmcli.cli import options as opt
from llmcli.cli import prompt as prompts
from llmcli.cli.json_errors import errors_as_json
from llmcli.cli.root import epilog
from llmcli.errors import BudgetReached, IncompleteError, ProviderError, UsageError
from llmcli.explain import explain
from llmcli.terminal import clean, is_tty, note, out

if TYPE_CHECKING:
    from llmcli.cli.embed_rows import Row
    from llmcli.cli.embed_run import Run

EXAMPLES = """
llm embed -m openai/text-embedding-3-small --tag run=7 "some words"
git log --format=%s | llm embed -m openai/text-embedding-3-small --lines > vectors.jsonl
llm embed -m openai/text-embedding-3-small --lines --max-cost 0.10 < words.txt > vectors.jsonl
llm embed -m openai/text-embedding-3-large -d 256 --jsonl < texts.jsonl > vectors.jsonl
llm embed -m lab/nomic-embed-text --encoding base64 "some words" | base64 -d > words.f32
"""
_ENCODINGS = ("float", "base64")

Words = Annotated[
    list[str] | None, typer.Argument(metavar="TEXT…", help="The text; - reads it from stdin.")
]
Lines = Annotated[bool, typer.Option("--lines", help="Each line of stdin is a text.")]
Jsonl = Annotated[
    bool, typer.Option("--jsonl", help='Each line of stdin is {"id": …, "text": …} or a string.')
]
Encoding = Annotated[
    str,
    typer.Option(
        "--encoding", metavar="ENCODING", help="float, or base64 of little-endian float32."
    ),
]
Dimensions = Annotated[
    int | None, typer.Option("-d", "--dimensions", metavar="N", help="The length of the vectors.")
]
Query = Annotated[
    bool, typer.Option("--query", help="The text is a search, not what is to be found.")
]
Extra = Annotated[
    list[str] | None,
    typer.Option("-o", "--option", metavar="KEY=VALUE", help="extra.KEY=JSON; repeatable."),
]


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command("embed", epilog=epilog(EXAMPLES))(embed)


def embed(
    words: Words = None,
    model: opt.ModelSpec = None,
    lines: Lines = False,
    jsonl: Jsonl = False,
    as_json: opt.Json = False,
    encoding: Encoding = "float",
    dimensions: Dimensions = None,
    query: Query = False,
    option: Extra = None,
    usage: opt.ShowUsage = False,
    quiet: opt.Quiet = False,
    retries: opt.Retries = None,
    tag: opt.Tags = None,
    max_cost: opt.MaxCost = None,
    key_env: opt.KeyEnv = None,
) -> int:
    """Turn a text into a vector, printed as a JSON list; or many texts, in order.

    With --lines a vector is printed for each line of stdin, with --jsonl an object with its id,
    or the line's number, and its vector. Texts are sent in batches, printed as they are done.
    """
    from llmcli import config as configs
    from llmcli import tags
    from llmcli.cli import embed_run
    from llmcli.embeddings import EmbeddingRequest

    with errors_as_json(as_json):
        form = _form(words, lines, jsonl, as_json)
        _check(encoding, dimensions, retries)
        config = configs.load()
        purpose = "query" if query else ""
        request = EmbeddingRequest("", (), dimensions, purpose, _extra(option or []))
        most = asking.max_cost(max_cost)
        known = tags.read(tag or [])
        with asking.recorder(config, keep=True) as recorder:
            run = embed_run.begin(
                model, config, request, retries, key_env, recorder.keep, known, most
            )
            try:
                batches = _batches(form, words or [], run)
                if as_json:
                    _result(batches, run, form, encoding)
                else:
                    _rows(batches, run, form, encoding)
            finally:
                run.close()
    if (usage or (is_tty(sys.stderr) and config.get("display.usage").value)) and not quiet:
        note(_summary(run))
    return 0


def _form(words: list[str] | None, lines: bool, jsonl: bool, as_json: bool) -> str:
    """`lines` or `jsonl` for many texts of stdin, `` for one. Raises UsageError."""
    if jsonl and (lines or as_json):
        raise UsageError("choose one of --jsonl, --lines and --json; --lines goes with --json")
    form = "lines" if lines else "jsonl" if jsonl else ""
    if form and words:
        raise UsageError(f"--{form} reads the texts from stdin: leave out the words")
    return form


def _check(encoding: str, dimensions: int | None, retries: int | None) -> None:
    if encoding not in _ENCODINGS:
        raise UsageError(f"--encoding takes one of {', '.join(_ENCODINGS)}")
    if dimensions is not None and dimensions < 1:
        raise UsageError("--dimensions takes a whole number, 1 or more")
    if retries is not None and retries < 0:
        raise UsageError("--retries takes a whole number, 0 or more")


def _extra(pairs: list[str]) -> dict[str, Any]:
    from llmcli.options import parse_options

    options, extra = parse_options(pairs)
    if options:
        raise UsageError(f"-o {next(iter(options))}: embeddings have no such option")
    return extra


def _batches(form: str, words: list[str], run: Run) -> Iterator[list[Row]]:
    from llmcli.cli import embed_rows

    if form:
        return embed_rows.batches(embed_rows.read(form), run.provider.embedding_limit)
    piped = prompts.read_stdin(typed=words == ["-"])
    try:
        text = prompts.build(words, piped)
    except UsageError:
        hint = 'Try: llm embed -m SPEC "some words"'
        raise UsageError("there is no text to embed", hint=hint) from None
    return iter([[embed_rows.Row(1, 1, text.removesuffix("\n"))]])


def _rows(batches: Iterable[Sequence[Row]], run: Run, form: str, encoding: str) -> None:
    """Print each batch when it is done. Raises IncompleteError when one fails after others."""
    done = 0
    try:
        for batch in batches:
            vectors = run.vectors(tuple(row.text for row in batch))
            for row, vector in zip(batch, vectors, strict=True):
                out(_line(row, _text(vector, encoding), form, encoding))
            sys.stdout.flush()
            done = batch[-1].line
    except ProviderError as error:
        _tell_lines(error, batch, form)
        if not done:
            raise
        raise _incomplete(error, done) from error
    except (UsageError, BudgetReached) as error:  # a line that is no text, or no money for it
        if done:
            error.hint = "\n".join(filter(None, (error.hint, _done(done))))
        raise


def _line(row: Row, words: str, form: str, encoding: str) -> str:
    if form != "jsonl":
        return words
    quoted = f'"{words}"' if encoding == "base64" else words
    return f'{{"id":{json.dumps(row.id)},"embedding":{quoted}}}'


def _tell_lines(error: ProviderError, batch: Sequence[Row], form: str) -> None:
    if form:
        error.message = f"lines {batch[0].line} to {batch[-1].line}: {error.message}"


def _incomplete(error: ProviderError, done: int) -> IncompleteError:
    return IncompleteError(
        f"incomplete: {explain(error)[0]}",
        hint=_done(done),
        http_status=error.http_status,
        code=error.code,
    )


def _done(line: int) -> str:
    return f"Lines 1 to {line} are done. To go on after them: tail -n +{line + 1} FILE"


def _result(batches: Iterable[Sequence[Row]], run: Run, form: str, encoding: str) -> None:
    """Print one object when all is done."""
    from llmcli.render.objects import cost_object, dump, usage_object
    from llmcli.usage import Usage

    found: list[Any] = []
    for batch in batches:
        try:
            vectors = run.vectors(tuple(row.text for row in batch))
        except ProviderError as error:
            _tell_lines(error, batch, form)
            raise
        texts = (_text(vector, encoding) for vector in vectors)
        found += texts if encoding == "base64" else map(json.loads, texts)
    result = {
        "type": "result",
        "provider": run.choice.provider,
        "model": run.choice.model,
        **({"embeddings": found} if form else {"embedding": found[0]}),
        "dimensions": run.dimensions,
        "usage": usage_object(Usage(input=run.tokens, output=0)),
        "cost": cost_object(run.cost),
        "timing": {"total_s": round(time.monotonic() - run.begun, 3)},
        "exit_code": 0,
    }
    sys.stdout.write(dump(result))


def _text(vector: Sequence[float], encoding: str) -> str:
    """Base64, or a JSON list: nine digits are all that a 32-bit float holds."""
    if encoding == "float":
        return f"[{','.join(map('%.9g'.__mod__, vector))}]"
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except OverflowError:
        raise UsageError(
            "a number of the vector is too large for 32 bits: leave out --encoding"
        ) from None


def _summary(run: Run) -> str:
    """`openai/text-embedding-3-small · 3 texts · 1,204 in · $0.0001 · 0.4 s`."""
    from llmcli.wording import count, duration, price

    texts = count(run.texts, "text")
    tokens = "usage unknown" if run.tokens is None else f"{run.tokens:,} in"
    took = duration(time.monotonic() - run.begun)
    return clean(f"· {run.choice.spec} · {texts} · {tokens} · {price(run.cost)} · {took}")
