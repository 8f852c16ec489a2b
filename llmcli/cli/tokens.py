"""`llm tokens`: how many tokens a prompt is, before it is sent to be answered."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli import attachments, tags
from llmcli.cli import asking
from llmcli.cli import options as opt
from llmcli.cli import prompt as prompts
from llmcli.cli.json_errors import errors_as_json
from llmcli.cli.root import epilog
from llmcli.errors import CredentialsError, NotFound, UsageError
from llmcli.explain import explain
from llmcli.terminal import clean, is_tty, note, out

if TYPE_CHECKING:
    from llmcli.cards import Card, Model
    from llmcli.ledger import Entry
    from llmcli.messages import Request
    from llmcli.meter import Keep
    from llmcli.question import Question
    from llmcli.recorder import Recorder
    from llmcli.registry import Choice

EXAMPLES = """
llm tokens "why is the sky blue?"
git diff | llm tokens -m anthropic/claude-sonnet-5-5 -s "review this"
llm tokens -m local/smollm2 -a notes.txt
llm tokens --estimate --json "nothing is sent" | jq .tokens
"""

Estimate = Annotated[
    bool, typer.Option("--estimate", help="Send nothing: tell about how many there are.")
]


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command("tokens", epilog=epilog(EXAMPLES))(tokens)


def tokens(
    words: opt.Words = None,
    model: opt.ModelSpec = None,
    system: opt.System = "",
    attach: opt.Attach = None,
    tools: opt.Tools = None,
    estimate: Estimate = False,
    as_json: Annotated[bool, typer.Option("--json", help="One object with all facts.")] = False,
    usage: Annotated[
        bool, typer.Option("-u", "--usage", help="Show the share of the context, and the price.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only the number.")] = False,
    retries: opt.Retries = None,
    tag: opt.Tags = None,
    key_env: opt.KeyEnv = None,
) -> int:
    """Count the input tokens of what `llm ask` would send with the same words and options.

    The provider's own count, where it has one; the prompt is sent for that, no model answers.
    Elsewhere an estimate, printed as ~123: within a quarter for most texts, languages and code.
    """
    from llmcli import config as configs
    from llmcli import registry
    from llmcli.candidates import request_for
    from llmcli.question import Question

    with ExitStack() as later:  # the ledger is written when the number is told
        with errors_as_json(as_json):
            _check(retries)
            config = configs.load()
            choice = registry.resolve(model, config)
            question = Question(
                prompt=prompts.take(words or [], bool(attach)),
                begun=time.monotonic(),
                system=system or None,
                attachments=tuple(attachments.read(path) for path in attach or ()),
                tools=prompts.tools(tools),
                retries=retries,
                key_env=key_env,
                tags=tags.read(tag or []),
            )
            request = request_for(choice, question, config)
            card = registry.card_for(choice, config)
            known = card.models[choice.model]
            recorder = later.enter_context(asking.recorder(config, keep=True))
            keep = partial(_later, later, recorder)
            exact = None if estimate else _counted(card, request, question, keep, quiet=quiet)
            number = _estimated(choice, request) if exact is None else exact
        if as_json:
            _print_json(choice, known, number, exact is not None)
        else:
            told = (usage or is_tty(sys.stderr)) and not quiet
            _print(choice, known, number, exact is not None, summary=told)
    return 0


def _later(later: ExitStack, recorder: Recorder, call: str, entries: Sequence[Entry]) -> None:
    later.callback(recorder.keep, call, entries)


def _check(retries: int | None) -> None:
    if retries is not None and retries < 0:
        raise UsageError("--retries takes a whole number, 0 or more")


def _counted(
    card: Card, request: Request, question: Question, keep: Keep, *, quiet: bool
) -> int | None:
    """The provider's own count, None where it has none."""
    from llmcli import registry
    from llmcli.meter import counted

    provider = registry.open_provider(card, question.key_env, question.retries, key_needed=False)
    try:
        return counted(provider, request, question.tags, keep)
    except NotFound as error:  # a server in another's shape may lack this call
        if not quiet:
            note(clean(f"· {explain(error)[0]}: estimated"))
        return None
    except CredentialsError as error:
        error.hint = f"{error.hint}\nWithout a key: llm tokens --estimate".lstrip()
        raise
    finally:
        provider.close()


def _estimated(choice: Choice, request: Request) -> int:
    from llmcli import estimate

    number = estimate.of_request(request)
    if number is None:
        raise UsageError(
            f"{choice.provider} has no count of tokens, and only those of text can be estimated",
            hint="Leave out the attachment, or ask a provider that counts, such as anthropic.",
        )
    return number


def _print(choice: Choice, known: Model, number: int, exact: bool, *, summary: bool) -> None:
    out(f"{'' if exact else '~'}{number}")
    if summary:
        note(_summary(choice, known, number, exact))


def _print_json(choice: Choice, known: Model, number: int, exact: bool) -> None:
    from llmcli import window
    from llmcli.render.objects import cost_object, dump
    from llmcli.usage import Cost

    usd = window.input_price(known, number)
    facts = {
        "type": "result",
        "provider": choice.provider,
        "model": choice.model,
        "tokens": number,
        "exact": exact,
        "context": known.context,
        "percent": round(100 * number / known.context, 3) if known.context else None,
        "input_cost": cost_object(None if usd is None else Cost(usd, "card")),
        "exit_code": 0,
    }
    sys.stdout.write(dump(facts))


def _summary(choice: Choice, known: Model, number: int, exact: bool) -> str:
    """`groq/llama-3.3 · estimated · 3.1 % of 131,072 · $0.0024 in`."""
    from llmcli import registry, window
    from llmcli.wording import money

    usd = window.input_price(known, number)
    price = "cost unknown" if usd is None else f"{money(usd)} in"
    if choice.provider == registry.EMBEDDED:
        price = "free (local)"
    facts = [choice.spec, "counted" if exact else "estimated", share(known, number), price]
    return clean("· " + " · ".join(facts))


def share(known: Model, number: int) -> str:
    """`3.1 % of 131,072`, with a word more where it is too much."""
    if not known.context:
        return "context unknown"
    share = 100 * number / known.context
    words = "under 0.1" if share < 0.1 else f"{share:,.1f}"
    return f"{words} % of {known.context:,}" + (": too long" if share > 100 else "")
