"""`llm history last`: the newest turn, whatever became of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli.cli.history.lookup import opened
from llmcli.errors import ConfigError, Interrupted
from llmcli.redaction import redact
from llmcli.sanitize import one_line
from llmcli.terminal import clean, is_tty, note, out, out_json

if TYPE_CHECKING:
    from llmcli.ledger import Entry
    from llmcli.turn import Turn
    from llmcli.usage import Cost, Usage

EXAMPLES = """
llm history last                the last exchange; also a cut or failed one
llm history last --json | jq .status
"""
_PROMPT_SHOWN = 200


def last(
    as_json: Annotated[bool, typer.Option("--json", help="Everything that is kept.")] = False,
) -> None:
    """Show the last exchange.

    That is the prompt, what arrived, and how it ended, in whatever conversation.
    """
    with opened() as store:
        turn = store.last_turn()
    if turn is None:
        raise ConfigError("there is no exchange yet", hint='Ask something: llm "hello"')
    if as_json:
        out_json(_object(turn))
        return
    if is_tty(sys.stderr):
        note(clean(f"{turn.spec} · {_ending(turn)} · {turn.id}"))
        note(f"❯ {one_line(turn.prompt, _PROMPT_SHOWN)}")
    if turn.text or not turn.tool_calls:
        text = clean(turn.text) if is_tty(sys.stdout) else redact(turn.text)
        out(text.rstrip("\n"))
    for call in turn.tool_calls:
        note(f"· tool call {one_line(f'{call.name} {call.arguments}', _PROMPT_SHOWN)}")
    if turn.error_message and turn.error_kind != Interrupted.kind:
        note(clean(f"llm: {turn.error_kind}: {turn.error_message}"))


def _ending(turn: Turn) -> str:
    """How the turn ended, in words."""
    if turn.status == "complete" and turn.finish_reason not in ("stop", "tool_calls"):
        return f"complete, {turn.finish_reason}"
    return f"{turn.status}, from the cache" if turn.replayed else turn.status


def _object(turn: Turn) -> dict[str, Any]:
    """The turn for scripts; times in seconds since 1970."""
    from llmcli.render.objects import cache_object, call_object

    return {
        "id": turn.id,
        "conversation": turn.conversation,
        "parent": turn.parent,
        "started": turn.started,
        "ended": None if turn.status == "running" else turn.started + turn.total_s,
        "provider": turn.provider,
        "model": turn.model,
        "system": turn.system or None,
        "prompt": turn.prompt,
        "attachments": [
            {"name": media.name, "media_type": media.media_type, "bytes": len(media.data)}
            for media in turn.attachments
        ],
        "options": dict(turn.options),
        "extra": dict(turn.extra),
        "text": turn.text,
        "reasoning": turn.reasoning,
        "tool_calls": [call_object(call) for call in turn.tool_calls],
        "opaque": [[kept.provider, kept.model, dict(kept.data)] for kept in turn.opaque],
        "finish_reason": turn.finish_reason,
        "status": turn.status,
        "exit_code": turn.exit_code,
        "error_kind": turn.error_kind,
        "error_message": turn.error_message,
        **_figures(turn.usage, turn.cost),
        "cache": cache_object(turn.cached),
        "first_token_s": turn.first_token_s,
        "total_s": turn.total_s,
        "attempts": [_attempt(turn, entry) for entry in turn.attempts],
    }


def _attempt(turn: Turn, entry: Entry) -> dict[str, Any]:
    plain = {k: v for k, v in entry._asdict().items() if k not in ("usage", "cost", "guess")}
    plain["tags"] = dict(entry.tags)
    return {"turn": turn.id, **plain, **_figures(entry.usage, entry.cost)}


def _figures(usage: Usage | None, cost: Cost | None) -> dict[str, Any]:
    names = ("input", "output", "cache_read", "cache_write", "reasoning")
    tokens = {name: getattr(usage, name, None) for name in names}
    return {
        **{"reasoning_tokens" if name == "reasoning" else name: n for name, n in tokens.items()},
        "cost": f"{cost.amount:f}" if cost else None,
        "currency": cost.currency if cost else None,
        "basis": cost.basis if cost else None,
    }
