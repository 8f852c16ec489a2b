"""`llm compare -m SPEC -m SPEC PROMPT…`: one question, several models at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli import attachments, tags
from llmcli.cli import asking
from llmcli.cli import options as opt
from llmcli.cli import prompt as prompts
from llmcli.cli.json_errors import errors_as_json
from llmcli.cli.root import epilog
from llmcli.errors import UsageError
from llmcli.sanitize import one_line
from llmcli.wording import count

if TYPE_CHECKING:
    from llmcli.compare import Asked, View
    from llmcli.config import Config
    from llmcli.question import Question
    from llmcli.registry import Choice
    from llmcli.render import Display

Models = Annotated[
    list[str] | None,
    typer.Option("-m", "--model", metavar="SPEC", help="provider/model or an alias; two or more."),
]
_MOST = 20  # models: each has a thread, a connection and an open history
EXAMPLES = """
llm compare -m groq/openai/gpt-oss-120b -m openai/gpt-6-luna "why is the sky blue?"
git diff | llm compare -m fast -m good "review this" > reviews.md
llm compare -m fast -m good -u -a diagram.png "explain this"
llm compare -m fast -m good --json "one prime" | jq -r '.results[] | .model, .text'
llm history show --tree             the answers as branches of one conversation
llm -c "and at night?"              goes on from the first one that is whole
"""


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command("compare", epilog=epilog(EXAMPLES))(compare)


def compare(
    words: opt.Words = None,
    model: Models = None,
    system: opt.System = "",
    option: opt.Options = None,
    attach: opt.Attach = None,
    tools: opt.Tools = None,
    go_on: opt.Continue = False,
    conversation: opt.ConversationId = None,
    no_log: opt.NoLog = False,
    no_stream: opt.NoStream = False,
    as_json: opt.Json = False,
    usage: opt.ShowUsage = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    strict: opt.Strict = False,
    deadline: opt.Deadline = None,
    retries: opt.Retries = None,
    tag: opt.Tags = None,
    max_cost: opt.MaxCost = None,
    cache: opt.Cache = None,
    no_cache: opt.NoCache = False,
    color: opt.Color = None,
) -> int:
    """Ask several models the same question at once.

    Side by side on a terminal, then a table of time, tokens and cost; in a pipe each whole under a
    heading, in the order asked. One that fails stops no other: exit 0 where all answered, the code
    of all where they failed alike, else 8. Each may cost its share of --max-cost.
    """
    begun = time.monotonic()
    from llmcli import config as configs
    from llmcli.options import parse_options
    from llmcli.question import Question

    with errors_as_json(as_json):
        asking.check_numbers(deadline, retries)
        config = configs.load()
        asking.choose_color(color, config)
        choices = _choices(model or [], config)
        options, extra = parse_options(option or [])
        question = Question(
            prompt=prompts.take(words or [], bool(attach)),
            begun=begun,
            system=system or None,
            attachments=tuple(attachments.read(path) for path in attach or ()),
            options=options,
            extra=extra,
            tools=prompts.tools(tools),
            stream=not no_stream,
            strict=strict,
            deadline=deadline,
            retries=retries,
            tags=tags.read(tag or []),
            cache=asking.cache(cache, config, off=no_cache, no_log=no_log),
            max_cost=asking.max_cost(max_cost),
        )
        with asking.recorder(config, keep=not no_log) as recorder:
            earlier = asking.earlier(go_on, conversation, recorder, quiet=quiet)
        asked = _asked(choices, question, earlier, config, keep=recorder.keeps)
        _ready(choices, quiet=quiet, verbose=verbose)
    mode = "json" if as_json else "plain"
    shown = asking.display(mode, config, raw=True, usage=usage, quiet=quiet, verbose=verbose)
    return _answer(asked, config, shown)


def _ready(choices: Sequence[Choice], *, quiet: bool, verbose: bool) -> None:
    for choice in choices:
        asking.ready(choice, quiet=quiet, verbose=verbose)


def _answer(asked: Sequence[Asked], config: Config, shown: Display) -> int:
    from llmcli.compare import ask_all
    from llmcli.outcome import code_of

    return code_of(ask_all(asked, config, _view(shown, asked)))


def _view(shown: Display, asked: Sequence[Asked]) -> View:
    specs = [one.choice.spec for one in asked]
    if shown.mode == "json":
        from llmcli.render.compare.collected import Collected

        return Collected(shown, specs)
    if not shown.stdout_tty or shown.dumb:
        from llmcli.render.compare.stacked import Stacked

        return Stacked(shown, specs)
    from llmcli.render.compare.beside import Beside

    return Beside(shown, specs)


def _choices(specs: Sequence[str], config: Config) -> list[Choice]:
    """The models to ask. Raises UsageError, ConfigError."""
    choices = asking.chosen(specs, (), config)
    found = [choice.spec for choice in choices]
    twice = next((spec for spec in found if found.count(spec) > 1), None)
    if twice:
        raise UsageError(f"-m names {one_line(twice, 80)} twice", hint="Name each model once.")
    if not 2 <= len(choices) <= _MOST:
        words = f"2 to {_MOST} models can be compared, not {count(len(choices), 'model')}"
        raise UsageError(words, hint='llm compare -m SPEC -m SPEC "PROMPT"; see llm models list')
    return choices


def _asked(
    choices: Sequence[Choice],
    question: Question,
    earlier: asking.Earlier,
    config: Config,
    *,
    keep: bool,
) -> list[Asked]:
    """Each model with the question as it is put to it; all are turns of one conversation."""
    from llmcli.compare import Asked
    from llmcli.question import following
    from llmcli.turn import new_id

    conversation = earlier.conversation or new_id()
    if question.max_cost is not None:
        question = question._replace(max_cost=question.max_cost / len(choices))
    return [
        Asked(
            choice,
            following(question, conversation, earlier.turns, choice),
            asking.recorder(config, keep=keep),
        )
        for choice in choices
    ]
