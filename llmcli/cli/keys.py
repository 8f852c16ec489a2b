"""`llm keys`: store, list and remove keys in the OS keyring."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from llmcli import cards, keys
from llmcli.cards import Card
from llmcli.cli.root import epilog, group
from llmcli.errors import ConfigError, CredentialsError, UsageError
from llmcli.keys import index, sources, store
from llmcli.options import nearest
from llmcli.redaction import Secret
from llmcli.terminal import ask_hidden, can_ask, clean, note, table

HELP = """Store, list and remove keys in the OS keyring.

A key is looked for in this order: --key-env, the variables of the card, the OS keyring, the
card's `key = { command = [..] }`, the card's `key = { file = ".." }`. A stored key is bound to the
address it was saved for, and is not sent to another.
"""
EXAMPLES = """
llm keys set groq                   asks for the key, unseen
pass show groq | llm keys set groq  takes it from a pipe
llm keys where groq                 which source wins
"""
_READ_LIMIT = 1 << 16

Name = Annotated[str, typer.Argument(metavar="NAME", help="The provider's id.")]


def register(program: typer.Typer) -> None:
    """Add the group to the program."""
    commands = group(HELP, EXAMPLES)
    commands.command("set", epilog=epilog(_SET_EXAMPLES))(_set)
    commands.command("list", epilog=epilog("llm keys list\nllm keys list | cut -f1"))(_list)
    commands.command("rm", epilog=epilog("llm keys rm groq"))(_rm)
    commands.command("where", epilog=epilog("llm keys where\nllm keys where groq"))(_where)
    program.add_typer(commands, name="keys")


_SET_EXAMPLES = """
llm keys set groq            asks for the key, unseen
llm keys set groq < key.txt  takes it from stdin; so does a closing `-`
"""


def _set(
    name: Name,
    rest: Annotated[
        list[str] | None, typer.Argument(metavar="[-]", help="Read the key from stdin.")
    ] = None,
) -> None:
    """Store the key of a provider in the OS keyring.

    On a terminal it is asked for and not shown; else it is read from stdin. It cannot be given as
    an argument, because other programs can see those.
    """
    if rest not in (None, [], ["-"]):
        raise UsageError(
            "a key cannot be an argument: other programs and the shell's history see it",
            hint="Leave it out to be asked for it, or pipe it in. Revoke the one just typed.",
        )
    card = _card(name)
    value = _ask(card) if not rest and can_ask() else _read()
    trimmed = keys.check_value(value)
    if trimmed != value:
        note("· white space around the key was removed")
    keyring = keys.save(card, trimmed)
    note(f"· stored in the keyring ({clean(keyring)}) for {clean(keys.origin_of(card))}")
    _warn(card, trimmed)


def _ask(card: Card) -> str:
    keys.check_keyring(card)
    return ask_hidden(f"Key for {clean(card.name)} at {clean(keys.origin_of(card))} (not shown):")


def _read() -> str:
    data = sys.stdin.buffer.read(_READ_LIMIT)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise CredentialsError("what came from stdin is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _warn(card: Card, value: str) -> None:
    """Say what keeps the stored key from being used."""
    winner = keys.where(card) or ""
    if winner.startswith("env "):
        note(f"· {clean(winner)} is set and goes before the keyring")
    try:
        keys.check_origin(card, keys.Key(Secret(value), "keyring"))
    except CredentialsError as error:
        note(f"· as the card is, the key will not be sent: {clean(error.message)}")


def _list() -> None:
    """List the keys: provider, address, source.

    Values are never shown and the keyring is not asked. Stored keys that are not used are listed
    too, with the reason.
    """
    rows = [row for card in _cards() for row in _rows(card)]
    known = set(cards.names())
    for name, stored in index.read().items():
        if name not in known:
            rows += [(name, origin, f"{_keyring(b)}, no such card") for origin, b in stored.items()]
    if not rows:
        note("· no keys yet: llm keys set NAME, or llm providers add NAME")
    table(("NAME", "ADDRESS", "SOURCE"), sorted(rows))


def _rows(card: Card) -> Iterator[tuple[str, str, str]]:
    winner = keys.where(card)
    origin = _origin(card)
    if winner:
        yield card.id, origin, winner
    for place, backend in index.read().get(card.id, {}).items():
        source = _keyring(backend)
        if place != origin:
            yield card.id, place, f"{source}, not used: the card has another address"
        elif source != winner:
            yield card.id, place, f"{source}, not used: {winner} goes before it"


def _rm(name: Name) -> None:
    """Delete the stored keys of a provider.

    They are deleted from the OS keyring, for every address they were stored for.
    """
    if not keys.remove(name):
        raise ConfigError(
            f'no key is stored for "{_shown(name)}".{nearest(name, index.read())}',
            hint="llm keys list shows where keys come from.",
        )
    note(f"· removed the key of {clean(name)}")
    card = cards.load(name)
    left = keys.where(card) if card else None
    if left:
        note(f"· {clean(name)} still has one: {clean(left)}")


def _where(name: Annotated[str, typer.Argument(metavar="[NAME]", help="A provider.")] = "") -> None:
    """Show each source of a key and which is used.

    The sources are in the order they are asked. The last line is the path of the index of names.
    """
    chosen = [_card(name)] if name else [c for c in _cards() if keys.where(c) or _stored(c)]
    rows = [row for card in chosen for row in _sources(card)]
    place = index.path()
    rows.append(("", "index of names", str(place) if place.exists() else f"{place} (none yet)"))
    table(("NAME", "SOURCE", "STATE"), rows)


def _sources(card: Card) -> list[tuple[str, str, str]]:
    """The sources of one card in the order they are asked; the first that has a key is used."""
    found = [(f"env {name}", sources.variable_of((name,)) is not None) for name in card.key_env]
    found.append((keys.stored_in(card) or "keyring", keys.stored_in(card) is not None))
    for kind in ("command", "file"):
        label = sources.name_in_card({kind: card.key.get(kind)})
        found.append((label or f"{kind} in the card", bool(label) and _is_there(card, kind)))
    if card.key.get("aws"):
        label = keys.signs_with(card)
        found.append((label or "AWS credentials", label is not None))
    winner = next((label for label, present in found if present), "")
    states = {True: "present", False: "absent"}
    return [
        (card.id, label, "used" if label == winner else states[present]) for label, present in found
    ]


def _is_there(card: Card, kind: str) -> bool:
    """Whether the command or file exists; it is not run or opened."""
    if kind == "command":
        return shutil.which(str(Path(card.key["command"][0]).expanduser())) is not None
    return Path(card.key["file"]).expanduser().exists()


def _card(name: str) -> Card:
    card = cards.load(name)
    if card is None:
        raise ConfigError(
            f'unknown provider "{_shown(name)}".{nearest(name, cards.names())}',
            hint="llm providers list --all shows them; llm providers add NAME makes one.",
        )
    return card


def _cards() -> Iterator[Card]:
    """Every card that can be read; a note about each that cannot."""
    for name in cards.names():
        try:
            card = cards.load(name)
        except ConfigError as error:
            note(f"· {clean(error.message)}")
            continue
        if card is not None:
            yield card


def _origin(card: Card) -> str:
    try:
        return keys.origin_of(card)
    except ConfigError:
        return card.base_url


def _stored(card: Card) -> bool:
    return card.id in index.read()


def _keyring(backend: str) -> str:
    return f"keyring ({store.label(backend)})"


def _shown(name: str) -> str:
    """A name in a message, cut short: it may be a key in the wrong place."""
    return name if len(name) <= 20 else f"{name[:6]}…"
