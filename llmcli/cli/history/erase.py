"""`llm history rm`, `prune` and `redact`: what takes words out of the history for good."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli.cli.cache import replies
from llmcli.cli.history import masking
from llmcli.cli.history.lookup import DryRun, Yes, opened
from llmcli.cli.labels import label, shorts
from llmcli.errors import ConfigError, UsageError
from llmcli.moments import METAVAR, age, ago
from llmcli.redaction import MASK
from llmcli.terminal import agreed, ask_hidden, can_ask, clean, note
from llmcli.wording import count

if TYPE_CHECKING:
    from llmcli.store import Store
    from llmcli.turn import Conversation

RM_EXAMPLES = """
llm history rm 01JD8 parser
llm history rm parser --yes              without asking, for scripts
"""
PRUNE_EXAMPLES = """
llm history prune --older-than 30d --dry-run
llm history prune --older-than 2026-01-01 --yes
"""
REDACT_EXAMPLES = """
llm history redact                       asks for the text, unseen
llm history redact --key groq            the key of groq, wherever it was pasted
pass show old-token | llm history redact - --yes
"""
_SHOWN = 20
_FOR_GOOD = " for good"
_READ_LIMIT = 1 << 20
_LEAST = 3  # letters: what is shorter stands in every text

Ids = Annotated[
    list[str], typer.Argument(metavar="ID…", help="Conversations: names or beginnings of ids.")
]
OlderThan = Annotated[
    str, typer.Option("--older-than", metavar=METAVAR, help="Last used before: 12h, 30d, a date.")
]
Dash = Annotated[list[str] | None, typer.Argument(metavar="[-]", help="Read the text from stdin.")]
KeyOf = Annotated[
    str, typer.Option("--key", metavar="NAME", help="The key of this provider is the text.")
]


def rm(ids: Ids, yes: Yes = False) -> None:
    """Remove conversations for good.

    All their words go, and kept replies that say the same. Turns that a fork shares stay with it.
    What was spent stays known. Backups and the prompts that chats remember for the arrow keys are
    not touched.
    """
    with opened(changes=True) as store:
        going = list({one.id: one for one in map(store.find, ids)}.values())
        if _agreed("remove", going, f"llm history rm {shlex.join(ids)}", yes=yes):
            _remove(store, going)


def prune(older_than: OlderThan, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Remove what was not used for long.

    It goes for good, as with `rm`.
    """
    moment = ago(older_than, "--older-than")
    with opened(changes=not dry_run) as store:
        going = store.older_than(moment)
        if not going:
            note("· there is nothing so old")
        elif dry_run:
            _tell(going)
            note(f"· {count(len(going), 'conversation')} would be removed")
        elif _agreed("remove", going, f"llm history prune --older-than {older_than}", yes=yes):
            _remove(store, going)


def redact(dash: Dash = None, key: KeyOf = "", dry_run: DryRun = False, yes: Yes = False) -> None:
    """Mask a text everywhere in the history.

    Wherever it stands, in the prompts typed in chats too, [redacted] takes its place. On a terminal
    the text is asked for and not shown; else it is read from stdin. It cannot be an argument,
    because other programs can see those. Kept replies in which it stands are removed. Backups and
    what was exported keep it.
    """
    if dash not in (None, [], ["-"]):
        raise UsageError(
            "the text cannot be an argument: other programs and the shell's history see it",
            hint="Leave it out to be asked for it, or pipe it in.",
        )
    if key and dash:
        raise UsageError("the text is --key or what comes from stdin, not both")
    text = _text(key, piped=bool(dash))
    with opened(changes=True) as store:
        places = store.mentions(text) + masking.count_in_prompts(text)
        places += masking.count_in_replies(text)
        if not places:
            note("· it stands nowhere in the history")
        elif dry_run:
            note(f"· it stands in {count(places, 'place')}")
        elif yes or agreed(f"mask it in {count(places, 'place')}", _again(key), _FOR_GOOD):
            masking.mask_prompts(text)
            masking.forget_replies(text)
            store.redact(text)
            note(f"· masked in {count(places, 'place')}")
    masking.tell_rest()


def _text(key: str, *, piped: bool) -> str:
    """What is to be masked. Raises UsageError, ConfigError, CredentialsError."""
    if key:
        return _key(key)
    if not piped and can_ask():
        text = ask_hidden("Text to mask (not shown):")
    else:
        data = sys.stdin.buffer.read(_READ_LIMIT)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise UsageError("what came from stdin is not UTF-8 text") from None
        text = text.removesuffix("\n").removesuffix("\r")
    if len(text.strip()) < _LEAST:
        raise UsageError(f"the text has fewer than {_LEAST} characters; it stands everywhere")
    if text in MASK:
        raise UsageError(f"the text stands in {MASK}, which would take its place")
    return text


def _key(name: str) -> str:
    from llmcli import keys, registry

    found = keys.find(registry.load_card(name))
    if found is None:
        raise ConfigError(f"{clean(name)} has no key", hint="To mask a text: llm history redact")
    return found.secret.reveal()


def _again(key: str) -> str:
    return f"llm history redact --key {shlex.quote(key)}" if key else "llm history redact -"


def _agreed(act: str, going: Sequence[Conversation], command: str, *, yes: bool) -> bool:
    """Whether to go on with these conversations; they are listed unless that was said before."""
    if not yes:
        _tell(going)
    return yes or agreed(f"{act} {count(len(going), 'conversation')}", command, _FOR_GOOD)


def _tell(going: Sequence[Conversation]) -> None:
    short = shorts([one.id for one in going])
    for one in going[:_SHOWN]:
        facts = f"{count(one.turns, 'turn')}, {age(one.updated)}"
        note(f"  {clean(short[one.id])}  {label(one)} ({facts})")
    if len(going) > _SHOWN:
        note(f"  and {len(going) - _SHOWN:,} more")


def _remove(store: Store, going: Sequence[Conversation]) -> None:
    ids = [one.id for one in going]
    said = masking.answers(store, ids)
    turns = store.remove(ids)
    note(f"· removed {count(len(ids), 'conversation')}, {count(turns, 'turn')}")
    masking.tell_rest()
    if kept := masking.forget_answers(said):
        note(f"· removed {replies(kept)}")
