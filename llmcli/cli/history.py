"""`llm history`: look at past exchanges."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from llmcli.cli.root import epilog, group
from llmcli.cli.terminal import clean, is_tty, note, out, out_json
from llmcli.errors import ConfigError, Interrupted
from llmcli.messages import ToolCall
from llmcli.redaction import redact
from llmcli.sanitize import one_line

_PROMPT_SHOWN = 200

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
        out_json(_readable(turn))
        return
    if is_tty(sys.stderr):
        note(clean(f"{turn['provider']}/{turn['model']} · {_ending(turn)} · {turn['id']}"))
        note(f"❯ {one_line(redact(turn['prompt']), _PROMPT_SHOWN)}")
    calls = _calls(turn)
    if turn["text"] or not calls:
        text = clean(turn["text"]) if is_tty(sys.stdout) else redact(turn["text"])
        out(text.rstrip("\n"))
    for call in calls:
        note(f"· tool call {one_line(redact(f'{call.name} {call.arguments}'), _PROMPT_SHOWN)}")
    if turn["error_message"] and turn["error_kind"] != Interrupted.kind:
        note(f"llm: {turn['error_kind']}: {clean(turn['error_message'])}")


def _ending(turn: dict[str, Any]) -> str:
    """How the turn ended, in words."""
    if turn["status"] == "complete" and turn["finish_reason"] not in ("stop", "tool_calls"):
        return f"complete, {turn['finish_reason']}"
    return str(turn["status"])


def _readable(turn: dict[str, Any]) -> dict[str, Any]:
    """The row with its JSON columns as values."""
    from llmcli.render.objects import call_object

    columns = {name: json.loads(turn[name]) for name in ("options", "opaque")}
    return {**turn, **columns, "tool_calls": [call_object(call) for call in _calls(turn)]}


def _calls(turn: dict[str, Any]) -> list[ToolCall]:
    return [ToolCall(*row) for row in json.loads(turn["tool_calls"])]
