"""`llm chat`: a conversation in the terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Annotated

import typer

from llmcli import attachments, tags
from llmcli.cli import asking
from llmcli.cli import options as opt
from llmcli.cli import prompt as prompts
from llmcli.cli.root import epilog
from llmcli.errors import ConfigError, UsageError
from llmcli.messages import Media
from llmcli.terminal import is_tty

if TYPE_CHECKING:
    from llmcli.config import Config
    from llmcli.registry import Choice
    from llmcli.session import Session
    from llmcli.turn import Conversation

EXAMPLES = """
llm chat
llm chat -m anthropic/claude-sonnet-5-5 -s "You are a strict reviewer."
llm chat -a src/parser.py            asks about a file
git diff | llm chat                  talks about what is piped in
llm chat -c                          goes on where this terminal left off
llm chat --id 01JD8                  goes on in any conversation; names work, too
"""


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command("chat", epilog=epilog(EXAMPLES))(chat)


def chat(
    words: opt.Words = None,
    model: opt.ModelSpec = None,
    system: opt.System = "",
    option: opt.Options = None,
    attach: opt.Attach = None,
    tools: opt.Tools = None,
    go_on: opt.Continue = False,
    conversation: opt.ConversationId = None,
    no_log: opt.NoLog = False,
    raw: opt.Raw = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    vi: Annotated[bool, typer.Option("--vi", help="Edit with the keys of vi.")] = False,
    tag: opt.Tags = None,
    max_cost: opt.MaxCost = None,
    key_env: opt.KeyEnv = None,
    color: opt.Color = None,
) -> int:
    """Talk with a model. /help shows what can be typed; Ctrl-D leaves."""
    from llmcli import config as configs
    from llmcli import repl
    from llmcli.session import Session

    config = configs.load()
    asking.choose_color(color, config)
    with _keyboard() as keyboard:
        piped, prompt = prompts.read_stdin(), " ".join(words or ())
        if prompt == "-":
            piped, prompt = None, piped or ""
        recorder = asking.recorder(config, keep=not no_log)
        going = asking.conversation(go_on, conversation, recorder, quiet=True)
        choice = _first_choice(model, going, config)
        session = Session(config, choice, recorder, asking.warn)
        if going and (trouble := session.load(going)):
            asking.warn(trouble)
        if model:
            session.use(choice)
        session.tags = tags.read(tag or [])
        session.max_cost = asking.max_cost(max_cost)
        session.key_env = {session.choice.provider: key_env} if key_env else {}
        _lay_over(session, system, option or [], tools)
        session.attachments = [*_context(piped), *map(attachments.read, attach or ())]
        asking.ready(session.choice, quiet=quiet, verbose=verbose)
        vi = vi or config.get("display.keys").value == "vi"
        shown = asking.display("", config, raw=raw, usage=False, quiet=quiet, verbose=verbose)
        try:
            chat = repl.open_chat(session, shown, keyboard, vi=vi, remember=not no_log)
            repl.run(chat, prompt)
        finally:
            session.close()
    return 0


@contextlib.contextmanager
def _keyboard() -> Iterator[IO[str] | None]:
    """What is typed on when stdin is a pipe; None when stdin is the terminal itself."""
    from llmcli.repl.keyboard import open_keyboard

    if is_tty(sys.stdin) and is_tty(sys.stdout):
        yield None
        return
    try:
        if not is_tty(sys.stdout):
            raise OSError
        keyboard = open_keyboard()
    except OSError:
        raise UsageError(
            "llm chat needs a terminal",
            hint='One question: llm "…"   The next one of the same conversation: llm -c "…"',
        ) from None
    with keyboard:
        yield keyboard


def _first_choice(model: str | None, going: Conversation | None, config: Config) -> Choice:
    """What answers unless the conversation has a model that can still be asked."""
    from llmcli import registry

    if model is None and going and going.model:
        try:
            return registry.resolve(None, config)
        except ConfigError:
            model = going.model
    return registry.resolve(model, config)


def _lay_over(session: Session, system: str, option: list[str], tools: str | None) -> None:
    """What the command line says goes before what the conversation was asked with."""
    from llmcli.options import parse_options

    settings, extra = parse_options(option)
    session.system = system or session.system
    session.options = {**session.options, **settings}
    session.extra = {**session.extra, **extra}
    session.tools = prompts.tools(tools) or session.tools


def _context(piped: str | None) -> list[Media]:
    """What was piped in, as a file that goes along with the first message."""
    if not piped or not piped.strip():
        return []
    return [Media(piped.encode("utf-8", "replace"), "text/plain", "stdin")]
