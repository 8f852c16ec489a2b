"""`llm PROMPT…`: one question, one streamed answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from llmcli import attachments, tags
from llmcli.cli import asking
from llmcli.cli import options as opt
from llmcli.cli import prompt as prompts
from llmcli.cli.json_errors import errors_as_json
from llmcli.cli.root import epilog
from llmcli.errors import UsageError
from llmcli.sanitize import one_line
from llmcli.terminal import clean, note, out

if TYPE_CHECKING:
    from llmcli.cli.asking import Earlier
    from llmcli.config import Config
    from llmcli.question import Question
    from llmcli.recorder import Recorder
    from llmcli.registry import Choice
    from llmcli.render import Display

EXAMPLES = """
llm "why is the sky blue?"
git diff | llm "write a commit message" > message.txt
llm -m groq/openai/gpt-oss-120b -o temperature=0.2 "three names for a cat"
llm -a diagram.png "explain this"
llm --json "one prime number" | jq -r .text
llm -x "bash one-liner that counts files by extension"
llm -m groq/openai/gpt-oss-120b --fallback openai/gpt-6-luna hello
git diff | llm --estimate -m openai/gpt-6-luna -m anthropic/claude-sonnet-5-5 "review this"
llm ask modles                      words that look like a command
"""


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command("ask", epilog=epilog(EXAMPLES))(ask)


def ask(
    words: opt.Words = None,
    model: opt.ModelSpecs = None,
    system: opt.System = "",
    option: opt.Options = None,
    attach: opt.Attach = None,
    tools: opt.Tools = None,
    go_on: opt.Continue = False,
    conversation: opt.ConversationId = None,
    no_log: opt.NoLog = False,
    no_stream: opt.NoStream = False,
    as_json: opt.Json = False,
    as_jsonl: opt.Jsonl = False,
    extract: opt.Extract = False,
    raw: opt.Raw = False,
    usage: opt.ShowUsage = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    strict: opt.Strict = False,
    deadline: opt.Deadline = None,
    retries: opt.Retries = None,
    fallback: opt.Fallbacks = None,
    tag: opt.Tags = None,
    max_cost: opt.MaxCost = None,
    cache: opt.Cache = None,
    no_cache: opt.NoCache = False,
    key_env: opt.KeyEnv = None,
    estimate: opt.Estimate = False,
    dry_run: opt.DryRun = False,
    color: opt.Color = None,
    debug: opt.Debug = False,
) -> int:
    """Ask a model. The answer goes to stdout, everything else to stderr."""
    begun = time.monotonic()
    mode = _mode(as_json, as_jsonl, extract)
    from llmcli import config as configs
    from llmcli.options import parse_options
    from llmcli.question import Question, following

    with errors_as_json(as_json or as_jsonl):
        _check(model, estimate, extract or dry_run, deadline, retries)
        config = configs.load()
        asking.choose_color(color, config)
        recorder = asking.recorder(config, keep=not (no_log or dry_run or estimate))
        earlier = asking.earlier(go_on, conversation, recorder, quiet=quiet)
        choices = asking.chosen((*(model or (None,)), *(fallback or ())), earlier.turns, config)
        settings, extra = parse_options(option or [])
        question = Question(
            prompt=prompts.take(words or [], bool(attach)),
            begun=begun,
            system=system or None,
            attachments=tuple(attachments.read(path) for path in attach or ()),
            options=settings,
            extra=extra,
            tools=prompts.tools(tools),
            stream=not no_stream,
            strict=strict,
            deadline=deadline,
            retries=retries,
            key_env=key_env,
            cache=asking.cache(cache, config, off=no_cache, no_log=no_log),
            tags=tags.read(tag or []),
            max_cost=asking.max_cost(max_cost),
        )
        if estimate:
            return _estimate(choices, question, earlier, config, mode)
        question = following(question, earlier.conversation, earlier.turns, choices[0])
        if _previewed(choices[0], question, config, dry_run, debug):
            return 0
        asking.ready(choices[0], quiet=quiet, verbose=verbose)
    shown = asking.display(mode, config, raw=raw, usage=usage, quiet=quiet, verbose=verbose)
    return _answer(choices, question, config, shown, recorder)


def _estimate(
    choices: list[Choice], question: Question, earlier: Earlier, config: Config, mode: str
) -> int:
    from llmcli.cli import estimate

    estimate.tell(choices, question, earlier, config, mode)
    return 0


def _previewed(
    choice: Choice, question: Question, config: Config, dry_run: bool, debug: bool
) -> bool:
    """Show the request if that is wanted; whether that was all."""
    if dry_run or debug:
        from llmcli.candidates import preview

        (out if dry_run else note)(clean(preview(choice, question, config)))
    return dry_run


def _answer(
    choices: list[Choice],
    question: Question,
    config: Config,
    shown: Display,
    recorder: Recorder,
) -> int:
    from llmcli import app
    from llmcli.render import choose

    with recorder:
        return app.ask(choices, question, config, choose(shown), recorder).exit_code or 0


def _mode(as_json: bool, as_jsonl: bool, extract: bool) -> str:
    if as_json + as_jsonl + extract > 1:
        raise UsageError("choose one of --json, --jsonl and -x")
    return "json" if as_json else "jsonl" if as_jsonl else "code" if extract else ""


def _check(
    specs: list[str] | None,
    estimate: bool,
    other: bool,
    deadline: float | None,
    retries: int | None,
) -> None:
    asking.check_numbers(deadline, retries)
    if estimate and other:
        raise UsageError("--estimate sends nothing: leave out -x and --dry-run")
    if specs and len(specs) > 1 and not estimate:
        from shlex import quote

        named = " ".join(f"-m {quote(one_line(spec, 80))}" for spec in specs)
        raise UsageError(
            "one model answers, and -m is there several times",
            hint=f"To ask all of them: llm compare {named} …\nTo see what they cost: --estimate",
        )
