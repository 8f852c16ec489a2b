"""`llm history`: look at past exchanges."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from llmcli.cli.root import epilog, group
from llmcli.cli.terminal import clean, is_tty, note, out
from llmcli.errors import ConfigError
from llmcli.redaction import redact

LAST_EXAMPLES = """
llm history last                the last exchange; also a cut or failed one
llm history last --json | jq .status
"""


def register(program: typer.Typer) -> None:
    """Add the group."""
    history = group("Look at past exchanges.", LAST_EXAMPLES)
    history.command("last", epilog=epilog(LAST_EXAMPLES))(last)
    history.callback()(_only_group)
    program.add_typer(history, name="history")


def _only_group() -> None:
    """Look at past exchanges."""


def last(
    as_json: Annotated[bool, typer.Option("--json", help="Everything that is kept.")] = False,
) -> None:
    """Show the last exchange: the prompt, what arrived, and how it ended."""
    from llmcli.store import Store, default_path

    turn = None
    if default_path().exists():
        store = Store(default_path())
        turn = store.last()
        store.close()
    if turn is None:
        raise ConfigError("there is no exchange yet", hint='Ask something: llm "hello"')
    if as_json:
        out(redact(json.dumps(_readable(turn), ensure_ascii=False)))
        return
    note(f"{turn['provider']}/{turn['model']} · {turn['status']} · {turn['id']}")
    note(f"❯ {clean(turn['prompt'])}")
    text = clean(turn["text"]) if is_tty(sys.stdout) else redact(turn["text"])
    out(text.rstrip("\n"))
    if turn["error_message"]:
        note(f"llm: {turn['error_kind']}: {clean(turn['error_message'])}")


def _readable(turn: dict[str, Any]) -> dict[str, Any]:
    """The row with its JSON columns as values."""
    columns = ("options", "tool_calls", "opaque")
    return {**turn, **{name: json.loads(turn[name]) for name in columns}}
