"""What the commands that ask a model have in common: colours, display, the demo model."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from llmcli.cli.labels import label
from llmcli.errors import ConfigError, UsageError
from llmcli.moments import span
from llmcli.sanitize import one_line
from llmcli.terminal import clean, has_color, identity, is_tty, note, set_color
from llmcli.turn import SHORT_ID
from llmcli.wording import count

if TYPE_CHECKING:
    from decimal import Decimal

    from llmcli.config import Config
    from llmcli.recorder import Recorder
    from llmcli.registry import Choice
    from llmcli.render import Display
    from llmcli.store import Store
    from llmcli.turn import Conversation, Turn

_CACHE_TTL = "1h"
_COLORS = ("auto", "always", "never")


def choose_color(color: str | None, config: Config) -> None:
    """Colour as the option says, else the config. Raises UsageError."""
    chosen = color or str(config.get("display.color").value)
    if chosen not in _COLORS:
        raise UsageError(f"--color takes one of {', '.join(_COLORS)}")
    set_color(chosen)


def recorder(config: Config, *, keep: bool) -> Recorder:
    """What keeps the turns of this terminal, or with `keep` off only reads earlier ones."""
    from llmcli.recorder import Recorder

    return Recorder(config, warn, enabled=keep, terminal=identity())


def conversation(
    go_on: bool, text: str | None, recorded: Recorder, *, quiet: bool
) -> Conversation | None:
    """The conversation of `-c` or `--id`, and a line that says which; None for a new one.

    Raises UsageError, ConfigError where there is none, LocalIOError.
    """
    if go_on and text is not None:
        raise UsageError("choose one of -c and --id")
    if not go_on and text is None:
        return None
    store = recorded.past()
    found = _last_here(store) if text is None else store.find(text)
    if not quiet:
        facts = (clean(found.id[:SHORT_ID]), count(found.turns, "turn"), one_line(label(found), 60))
        note(f"· going on with {' · '.join(facts)}")
    return found


class Earlier(NamedTuple):
    """What a question follows: a conversation's id, and its turns."""

    conversation: str = ""
    turns: Sequence[Turn] = ()


def earlier(go_on: bool, text: str | None, recorded: Recorder, *, quiet: bool) -> Earlier:
    """What `-c` or `--id` goes on with; raises as `conversation` does."""
    found = conversation(go_on, text, recorded, quiet=quiet)
    return Earlier(found.id, recorded.past().path(found.head)) if found else Earlier()


def _last_here(store: Store) -> Conversation:
    found = store.last_here(identity())
    if found is None:
        newest = store.conversations(1)
        if not newest:
            raise ConfigError("there is no conversation yet", hint='Begin one: llm "hello"')
        hint = f"The last one elsewhere: --id {newest[0].id[:SHORT_ID]}"
        raise ConfigError("this terminal has no conversation yet", hint=hint)
    return found


def chosen(specs: Sequence[str | None], turns: Sequence[Turn], config: Config) -> list[Choice]:
    """The models of these specs; None is the one that answered last, else the default.

    Raises ConfigError.
    """
    from llmcli import registry

    return [
        _last_one(turns[-1], config) if spec is None and turns else registry.resolve(spec, config)
        for spec in specs
    ]


def _last_one(turn: Turn, config: Config) -> Choice:
    from llmcli import registry

    last = registry.Choice(turn.provider, turn.model, "the conversation")
    try:
        registry.card_for(last, config)
    except ConfigError as error:
        words = f"the conversation was with {last.spec}: {error.message}"
        raise ConfigError(words, hint="Another model can go on: -m SPEC") from None
    return last


def cache(ttl: str | None, config: Config, *, off: bool, no_log: bool) -> float | None:
    """How many seconds old a kept reply may be, by `--cache`, else the config; None asks anew.

    An empty `ttl` is the config's. With `--no-log` no reply is kept or given. Raises UsageError.
    """
    if ttl is not None and (off or no_log):
        raise UsageError(f"choose one of --cache and {'--no-cache' if off else '--no-log'}")
    text = ttl or config.get("cache.ttl").value
    if off or no_log or (ttl is None and text is None):
        return None
    seconds = span(str(text or _CACHE_TTL))
    if not seconds:
        words = f"--cache={one_line(str(text), 40)} is no time"
        raise UsageError(words, hint="Write 30m, 12h or 7d; --cache alone is 1h.")
    return seconds


def max_cost(text: str | None) -> Decimal | None:
    """The amount of `--max-cost`, in USD. Raises UsageError."""
    if text is None:
        return None
    from llmcli import budgets

    return budgets.usd(text, "--max-cost")


def check_numbers(deadline: float | None, retries: int | None) -> None:
    """Raises UsageError for what `--deadline` and `--retries` cannot be."""
    if deadline is not None and not deadline > 0:
        raise UsageError("--deadline takes a number of seconds above 0")
    if retries is not None and retries < 0:
        raise UsageError("--retries takes a whole number, 0 or more")


def warn(words: str) -> None:
    """A warning on stderr."""
    note(clean(f"llm: warning: {words}"))


def ready(choice: Choice, *, quiet: bool, verbose: bool) -> None:
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


def display(
    mode: str, config: Config, *, raw: bool, usage: bool, quiet: bool, verbose: bool
) -> Display:
    """Where an answer goes and how it looks, by what the user asked for and what stdout is."""
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
        reasoning=_reasoning(config, quiet=quiet, verbose=verbose),
        verbose=verbose,
    )


def _reasoning(config: Config, *, quiet: bool, verbose: bool) -> bool | None:
    """Never when quiet; where it is asked for, in a pipe too; else as the display has it."""
    wanted = verbose or config.get("display.reasoning").value
    return False if quiet else (True if wanted else None)
