"""`llm PROMPT…`: one question, one streamed answer."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import typer

from llmcli.cli import options as opt
from llmcli.cli import prompt as prompts
from llmcli.cli.explain import errors_as_json
from llmcli.cli.root import epilog
from llmcli.cli.terminal import clean, has_color, is_tty, note, out, set_color
from llmcli.errors import UsageError

if TYPE_CHECKING:
    from llmcli.config import Config
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
llm ask modles                      words that look like a command
"""
_COLORS = ("auto", "always", "never")


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command("ask", epilog=epilog(EXAMPLES))(ask)


def ask(
    words: opt.Words = None,
    model: opt.ModelSpec = None,
    system: opt.System = "",
    option: opt.Options = None,
    attach: opt.Attach = None,
    tools: opt.Tools = None,
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
    key_env: opt.KeyEnv = None,
    dry_run: opt.DryRun = False,
    color: opt.Color = None,
    debug: opt.Debug = False,
) -> int:
    """Ask a model. The answer goes to stdout, everything else to stderr."""
    begun = time.monotonic()
    if as_json + as_jsonl + extract > 1:
        raise UsageError("choose one of --json, --jsonl and -x")
    from llmcli import app, registry
    from llmcli import config as configs
    from llmcli.options import parse_options

    with errors_as_json(as_json or as_jsonl):
        _check_numbers(deadline, retries)
        config = configs.load()
        _choose_color(color, config)
        choices = [registry.resolve(spec, config) for spec in (model, *(fallback or ()))]
        settings, extra = parse_options(option or [])
        question = app.Question(
            prompt=prompts.take(words or [], bool(attach)),
            begun=begun,
            system=system,
            attachments=tuple(prompts.attachment(path) for path in attach or ()),
            options=settings,
            extra=extra,
            tools=prompts.tools(tools),
            stream=not no_stream,
            strict=strict,
            deadline=deadline,
            retries=retries,
            key_env=key_env,
        )
        if dry_run or debug:
            (out if dry_run else note)(clean(app.preview(choices[0], question, config)))
        if dry_run:
            return 0
        _ready(choices[0], quiet=quiet, verbose=verbose)
    mode = "json" if as_json else "jsonl" if as_jsonl else "code" if extract else ""
    display = _display(mode, config, raw=raw, usage=usage, quiet=quiet, verbose=verbose)
    from llmcli.render import choose

    return app.ask(choices, question, config, choose(display))


def _check_numbers(deadline: float | None, retries: int | None) -> None:
    if deadline is not None and not deadline > 0:
        raise UsageError("--deadline takes a number of seconds above 0")
    if retries is not None and retries < 0:
        raise UsageError("--retries takes a whole number, 0 or more")


def _choose_color(color: str | None, config: Config) -> None:
    chosen = color or str(config.get("display.color").value)
    if chosen not in _COLORS:
        raise UsageError(f"--color takes one of {', '.join(_COLORS)}")
    set_color(chosen)


def _ready(choice: Choice, *, quiet: bool, verbose: bool) -> None:
    """Say what is asked; before the demo model answers, offer to fetch it when it is not here."""
    from llmcli import registry

    if verbose:
        note(clean(f"· asking {choice.spec} (from {choice.source})"))
    if choice.provider != registry.EMBEDDED:
        return
    told = verbose or (is_tty(sys.stderr) and not quiet)
    if choice.spec == registry.DEMO and choice.source == "the demo model" and told:
        note(
            "· no provider yet: the demo model local/smollm2 answers."
            " A real one: llm providers add NAME"
        )
    from llmcli.engines import weights

    if choice.model not in weights.pulled():
        from llmcli.cli.local import offer_pull

        offer_pull(choice.model)


def _display(
    mode: str, config: Config, *, raw: bool, usage: bool, quiet: bool, verbose: bool
) -> Display:
    from llmcli.render import Display

    on_screen = is_tty(sys.stdout)
    if not mode:
        rich = on_screen and not raw and config.get("display.markdown").value
        mode = "markdown" if rich else "plain"
    asked = usage or (is_tty(sys.stderr) and config.get("display.usage").value)
    return Display(
        mode=mode,  # type: ignore[arg-type]
        stdout=sys.stdout,
        stderr=sys.stderr,
        stdout_tty=on_screen,
        stderr_tty=is_tty(sys.stderr),
        color_out=has_color(sys.stdout),
        color_err=has_color(sys.stderr),
        width=shutil.get_terminal_size().columns,
        quiet=quiet,
        usage=bool(asked) and not quiet,
        reasoning=verbose or bool(config.get("display.reasoning").value),
        verbose=verbose,
    )
