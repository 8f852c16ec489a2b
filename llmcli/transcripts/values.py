"""The values of a document, read from what a stranger may have written."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import get_args

from llmcli.ledger import Cause, Entry, Kind, Status
from llmcli.messages import Media, Opaque, Tool, ToolCall
from llmcli.transcripts.fields import Fields, refuse
from llmcli.turn import Conversation, Turn
from llmcli.usage import Basis, Cached, Cost, Usage

_STATUSES: tuple[Status, ...] = get_args(Status)
_KINDS: tuple[Kind, ...] = get_args(Kind)
_CAUSES: tuple[Cause, ...] = get_args(Cause)
_BASES: tuple[Basis, ...] = get_args(Basis)


class Parts:
    """The bytes of attachments by their SHA-256, decoded when asked for."""

    def __init__(self, written: Fields) -> None:
        self._written = written
        self._read: dict[str, bytes] = {}

    def media(self, fields: Fields) -> Media:
        """An attachment with its bytes."""
        key = fields.name("sha256")
        if key not in self._read:
            self._read[key] = self._decoded(key, fields.at("sha256"))
        return Media(self._read[key], fields.text("media_type"), fields.text("name"))

    def _decoded(self, key: str, at: str) -> bytes:
        written = self._written.text_or_none(key)
        if written is None:
            refuse(at, "names a part that is not there")
        try:
            data = b64decode(written, validate=True)
        except ValueError:
            refuse(at, "names a part that is no base64")
        if sha256(data).hexdigest() != key:
            refuse(at, "names a part whose bytes were changed")
        return data


def conversation_in(fields: Fields) -> Conversation:
    """A conversation; only its id must be there."""
    return Conversation(
        id=fields.id("id"),
        created=fields.seconds("created") or 0.0,
        updated=fields.seconds("updated") or 0.0,
        name=fields.text("name"),
        title=fields.text("title"),
        head=fields.id_or_none("head"),
        terminal=fields.text("terminal"),
        turns=fields.count("turns") or 0,
        model=fields.text("model"),
    )


def turn_in(fields: Fields, conversation: str, parts: Parts) -> Turn:
    """A turn; its id, provider and model must be there.

    Attempts of older documents do not say when they began: their turn does.
    """
    started = fields.seconds("started") or 0.0
    return Turn(
        id=fields.id("id"),
        conversation=fields.id_or_none("conversation") or conversation,
        provider=fields.name("provider"),
        model=fields.name("model"),
        prompt=fields.text("prompt"),
        parent=fields.id_or_none("parent"),
        since=fields.id_or_none("since"),
        attachments=fields.items("attachments", parts.media),
        system=fields.text("system"),
        options=fields.mapping("options"),
        extra=fields.mapping("extra"),
        tools=fields.items("tools", _tool_in),
        started=started,
        status=fields.word("status", _STATUSES, "complete"),
        text=fields.text("text"),
        reasoning=fields.text("reasoning"),
        tool_calls=fields.items("tool_calls", _call_in),
        opaque=fields.items("opaque", _opaque_in),
        finish_reason=fields.text_or_none("finish_reason"),
        raw_finish=fields.text("raw_finish"),
        usage=fields.item("usage", _usage_in),
        cost=fields.item("cost", _cost_in),
        first_token_s=fields.seconds("first_token_s"),
        total_s=fields.seconds("total_s") or 0.0,
        attempts=fields.items("attempts", lambda entry: _entry_in(entry, started)),
        exit_code=fields.count("exit_code"),
        error_kind=fields.text_or_none("error_kind"),
        error_message=fields.text_or_none("error_message"),
        cached=fields.item("cached", _cached_in),
    )


def _cached_in(fields: Fields) -> Cached:
    return Cached(
        fields.seconds("stored"), fields.item("saved", _cost_in), fields.item("usage", _usage_in)
    )


def _tool_in(fields: Fields) -> Tool:
    return Tool(
        fields.name("name"),
        fields.text("description"),
        fields.mapping("parameters"),
        fields.flag("strict"),
    )


def _call_in(fields: Fields) -> ToolCall:
    return ToolCall(fields.text("id"), fields.text("name"), fields.text("arguments"))


def _opaque_in(fields: Fields) -> Opaque:
    return Opaque(fields.text("provider"), fields.text("model"), fields.mapping("data"))


def _usage_in(fields: Fields) -> Usage:
    counts = {name: fields.count(name) for name in Usage._fields if name != "cost"}
    return Usage(**counts, cost=fields.amount("cost"))


def _cost_in(fields: Fields) -> Cost:
    amount = fields.amount("amount")
    if amount is None:
        refuse(fields.at("amount"), "is missing")
    return Cost(amount, fields.word("basis", _BASES, "card"), fields.text("currency") or "USD")


def _entry_in(fields: Fields, started: float) -> Entry:
    began = fields.seconds("started")
    return Entry(
        number=fields.count("number") or 0,
        provider=fields.text("provider"),
        model=fields.text("model"),
        status=fields.word("status", _STATUSES, "complete"),
        http_status=fields.count("http_status"),
        request_id=fields.text_or_none("request_id"),
        error_kind=fields.text_or_none("error_kind"),
        error_message=fields.text_or_none("error_message"),
        usage=fields.item("usage", _usage_in),
        cost=fields.item("cost", _cost_in),
        seconds=fields.seconds("seconds") or 0.0,
        started=started if began is None else began,
        first_token_s=fields.seconds("first_token_s"),
        kind=fields.word("kind", _KINDS, "answer"),
        cause=fields.word("cause", _CAUSES, "question"),
        tags=tuple(sorted((key, str(value)) for key, value in fields.mapping("tags").items())),
        batch=bool(fields.flag("batch")),
        guess=fields.amount("guess"),
    )
