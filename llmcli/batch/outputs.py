"""What a batch answers: a line of JSON for each prompt, and how such lines are read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from llmcli.batch.inputs import Item
from llmcli.errors import Failure, IncompleteError, ProviderError
from llmcli.ledger import Entry
from llmcli.messages import Message, Request, Text
from llmcli.redaction import redact
from llmcli.render.objects import Object, call_object, cost_object, dump, usage_object
from llmcli.turn import Turn
from llmcli.usage import Cost, Usage

_DIGITS = 16  # of a request's hash, in hexadecimal: 64 bits


class Asked(NamedTuple):
    """What of a request is the same for every prompt of a batch; `request` has no user message."""

    provider: str
    request: Request

    def request_for(self, item: Item) -> Request:
        """The request of one prompt; its own system prompt takes the place of the batch's."""
        head = self.request.messages
        if item.system is not None:
            head = (Message("system", (Text(item.system),)),)
        said = Message("user", (Text(item.prompt),))
        return self.request._replace(messages=(*head, said))

    def system_of(self, item: Item) -> str:
        """The system prompt of one prompt, empty where it has none."""
        return item.system or "".join(message.text for message in self.request.messages)

    def digest(self) -> Digest:
        """What tells the requests of this batch from those of another."""
        one = self.request
        tools = [tool._asdict() for tool in one.tools]
        whole = [self.provider, one.model, dict(one.options), dict(one.extra), tools]
        text = json.dumps(whole, sort_keys=True, default=dict)
        return Digest(hashlib.sha256(text.encode("utf-8", "surrogatepass")), self)


class Digest:
    """Short names of requests: the same for the same question to the same model."""

    def __init__(self, begun: Any, asked: Asked) -> None:
        self._begun = begun
        self._asked = asked

    def of(self, item: Item) -> str:
        """The name of the request of one prompt, 16 hexadecimal digits."""
        found = self._begun.copy()
        for text in (self._asked.system_of(item), item.prompt):
            data = text.encode("utf-8", "surrogatepass")
            found.update(b"%d:" % len(data) + data)
        return str(found.hexdigest()[:_DIGITS])


class Row(NamedTuple):
    """What a line of the output says of its prompt; `failed` where it has an error."""

    id: str
    line: int
    request: str
    call: str
    failed: bool
    cost: Cost | None
    attempts: int
    kind: str = ""
    words: str = ""


def row(
    item: Item, request: str, turn: Turn, error: Failure | None = None, exit_code: int = 0
) -> Object:
    """The line of a prompt that was asked as this turn; `turn.id` is its call in the ledger."""
    entries = turn.attempts
    found = {
        "id": item.id,
        "line": item.line,
        "provider": turn.provider,
        "model": turn.model,
        "text": turn.text,
        **({"reasoning": turn.reasoning} if turn.reasoning else {}),
        "tool_calls": [call_object(call) for call in turn.tool_calls],
        "finish_reason": turn.finish_reason,
        "usage": usage_object(turn.usage),
        "cost": cost_object(turn.cost),
        "error": _error(error, exit_code) if error else None,
        "attempts": len(entries),
        "seconds": round(turn.total_s, 3),
        "first_token_s": None if turn.first_token_s is None else round(turn.first_token_s, 3),
        "started": round(turn.started, 3),
        "call": turn.id,
        "request": request,
    }
    if len(entries) > 1:
        found["entries"] = [_entry(entry) for entry in entries]
    return found


def unmet(words: str) -> IncompleteError:
    """The error of an answer that ended and is not what was asked for."""
    return IncompleteError(words)


def _error(error: Failure, exit_code: int) -> Object:
    call = error if isinstance(error, ProviderError) else ProviderError("")
    return {
        "kind": error.kind,
        "message": redact(error.message),
        "http_status": call.http_status,
        "exit_code": int(exit_code or error.exit_code),
    }


def _entry(entry: Entry) -> Object:
    """One of several attempts, as far as the ledger knows it."""
    return {
        "number": entry.number,
        "status": entry.status,
        "cause": entry.cause,
        "http_status": entry.http_status,
        "error_kind": entry.error_kind,
        "usage": None if entry.usage is None else usage_object(entry.usage),
        "cost": cost_object(entry.cost),
        "seconds": round(entry.seconds, 3),
        "started": round(entry.started, 3),
        "first_token_s": entry.first_token_s and round(entry.first_token_s, 3),
    }


def line(value: Object) -> bytes:
    """A row as it is written, newline included."""
    return dump(value).encode()


def parse(data: bytes) -> Object | None:
    """The row that a line of the output is, None where it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(value, dict) and isinstance(value.get("id"), str)
    return value if whole and isinstance(value.get("request"), str) else None


def known(value: Object) -> Row:
    """What a row says, without its text."""
    error = _table(value.get("error"))
    number = value.get("line")
    return Row(
        id=value["id"],
        line=number if isinstance(number, int) else 0,
        request=value["request"],
        call=str(value.get("call") or ""),
        failed=value.get("error") is not None,
        cost=_cost(value.get("cost")),
        attempts=_whole(value.get("attempts")) or 0,
        kind=str(error.get("kind") or ""),
        words=str(error.get("message") or ""),
    )


def entries(value: Object, tags: tuple[tuple[str, str], ...]) -> list[Entry]:
    """The attempts of a row as entries of the ledger, which may have missed them."""
    told = value.get("entries")
    if not isinstance(told, list):
        error = _table(value.get("error"))
        one = {
            **value, "number": 1, "status": "failed" if error else "complete",
            "error_kind": error.get("kind"), "http_status": error.get("http_status"),
        }  # fmt: skip
        told = [one] if _whole(value.get("attempts")) == 1 else []
    place = (str(value.get("provider")), str(value.get("model")))
    return [_entry_of(one, place, tags) for one in map(_table, told)]


def _entry_of(
    one: Mapping[str, Any], place: tuple[str, str], tags: tuple[tuple[str, str], ...]
) -> Entry:
    return Entry(
        number=_whole(one.get("number")) or 1,
        provider=place[0],
        model=place[1],
        status=one.get("status", "complete"),
        http_status=_whole(one.get("http_status")),
        error_kind=one.get("error_kind"),
        usage=_usage(one.get("usage")),
        cost=_cost(one.get("cost")),
        seconds=_seconds(one.get("seconds")) or 0.0,
        started=_seconds(one.get("started")) or 0.0,
        first_token_s=_seconds(one.get("first_token_s")),
        cause=one.get("cause", "question"),
        tags=tags,
    )


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _usage(value: Any) -> Usage | None:
    table = _table(value)
    found = Usage(
        input=_whole(table.get("input")),
        output=_whole(table.get("output")),
        cache_read=_whole(table.get("cache_read")),
        cache_write=_whole(table.get("cache_write")),
        reasoning=_whole(table.get("reasoning")),
    )
    return None if found == Usage() else found


def _cost(value: Any) -> Cost | None:
    table = _table(value)
    try:
        return Cost(Decimal(str(table["amount"])), table.get("basis", "card"))
    except (KeyError, InvalidOperation):
        return None
