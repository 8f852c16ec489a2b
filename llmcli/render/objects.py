"""The JSON objects of `--json` and `--jsonl`; the names of their keys are a stable interface.

Controls and invisible characters are escaped, so that a terminal is as safe as a parser.
"""

from __future__ import annotations

import re
from decimal import Decimal
from json import JSONEncoder
from typing import Any, TypeAlias

from llmcli.errors import Failure, ProviderError
from llmcli.events import Fallback, Retry
from llmcli.ledger import Entry
from llmcli.messages import ToolCall
from llmcli.moments import utc
from llmcli.redaction import redact
from llmcli.turn import Turn
from llmcli.usage import Cached, Cost, Usage

Object: TypeAlias = dict[str, Any]

_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_RISKY = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]")


def dump(value: Object) -> str:
    """One line of JSON, newline included."""
    return _RISKY.sub(_escape, _encode(value)) + "\n"


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return "".join(f"\\u{unit:04x}" for unit in _utf16(character))


def _utf16(character: str) -> list[int]:
    data = character.encode("utf-16-be")
    return [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]


def result_object(turn: Turn, exit_code: int) -> Object:
    """What `--json` prints, and the last line of `--jsonl`; what is not known is null."""
    return {
        "type": "result",
        "id": turn.id,
        "conversation": turn.conversation,
        "provider": turn.provider,
        "model": turn.model,
        "text": turn.text,
        "reasoning": turn.reasoning,
        "tool_calls": [call_object(call) for call in turn.tool_calls],
        "finish_reason": turn.finish_reason,
        "usage": usage_object(turn.usage),
        "cost": cost_object(turn.cost),
        "cache": cache_object(turn.cached),
        "timing": {
            "first_token_s": _seconds(turn.first_token_s),
            "total_s": _seconds(turn.total_s),
        },
        "attempts": [_entry_object(entry) for entry in turn.attempts],
        "exit_code": exit_code,
    }


def error_object(error: Failure, turn: Turn | None) -> Object:
    """What stands in place of the result; `text` is what had arrived, `partial` whether any had."""
    call = error if isinstance(error, ProviderError) else ProviderError("")
    started = turn is not None and bool(turn.text or turn.reasoning or turn.tool_calls)
    return {
        "type": "error",
        "kind": error.kind,
        "message": redact(error.message),
        "hint": redact(error.hint),
        "provider": call.provider or (turn.provider if turn else None),
        "model": call.model or (turn.model if turn else None),
        "http_status": call.http_status,
        "code": call.code,
        "retryable": error.retryable,
        "retry_after_s": _seconds(call.retry_after),
        "request_id": call.request_id,
        "partial": started,
        "text": turn.text if turn else "",
        "id": turn.id if turn else None,
        "conversation": turn.conversation if turn else None,
        "attempts": [_entry_object(entry) for entry in turn.attempts] if turn else [],
        "exit_code": int(error.exit_code),
    }


def usage_object(usage: Usage | None) -> Object:
    """The five numbers; null is unsaid."""
    usage = usage or Usage()
    return {
        "input": usage.input,
        "output": usage.output,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "reasoning": usage.reasoning,
    }


def cache_object(cached: Cached | None) -> Object | None:
    """What the kept replies gave, null where none was wanted; `usage` is what that one took."""
    if cached is None:
        return None
    if cached.stored is None:
        return {"hit": False, "stored_at": None, "saved": None, "usage": None}
    return {
        "hit": True,
        "stored_at": utc(cached.stored),
        "saved": cost_object(cached.saved),
        "usage": usage_object(cached.usage) if cached.usage else None,
    }


def cost_object(cost: Cost | None) -> Object | None:
    """The cost with its amount in plain decimal notation."""
    if cost is None:
        return None
    return {"amount": _plain(cost.amount), "currency": cost.currency, "basis": cost.basis}


def retry_object(event: Retry) -> Object:
    """The same model is asked again after `delay_s`; `attempt` counts from 1, to `limit`."""
    return {
        "type": "retry",
        **_failure(event.error),
        "delay_s": _seconds(event.delay),
        "attempt": event.number,
        "limit": event.limit,
    }


def fallback_object(event: Fallback) -> Object:
    """Another model is asked; `failed` says which one could not answer and why."""
    return {
        "type": "fallback",
        "provider": event.provider,
        "model": event.model,
        "failed": _failure(event.error),
    }


def _failure(error: ProviderError) -> Object:
    return {
        "provider": error.provider,
        "model": error.model,
        "kind": error.kind,
        "message": redact(error.message),
        "http_status": error.http_status,
        "code": error.code,
    }


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def call_object(call: ToolCall) -> Object:
    """A whole tool call; `arguments` is the JSON text exactly as the model sent it."""
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def _entry_object(entry: Entry) -> Object:
    return {
        "number": entry.number,
        "provider": entry.provider,
        "model": entry.model,
        "status": entry.status,
        "cause": entry.cause,
        "http_status": entry.http_status,
        "request_id": entry.request_id,
        "error_kind": entry.error_kind,
        "error_message": None if entry.error_message is None else redact(entry.error_message),
        "usage": usage_object(entry.usage),
        "cost": cost_object(entry.cost),
        "first_token_s": _seconds(entry.first_token_s),
        "seconds": _seconds(entry.seconds),
    }
