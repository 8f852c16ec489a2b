"""What an adapter makes of bytes, driven as a provider drives it, without a connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from spoken import MODEL, TEXT
from voices import NAMES, VOICES

from llmcli import adapters
from llmcli.adapters.base import Adapter
from llmcli.cards import Card
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import (
    AnswerEvent,
    Finish,
    Notice,
    OpaqueData,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.messages import Message, Request, Text
from llmcli.usage import Usage

PROMPT = Message("user", (Text("hi"),))
REQUEST = Request(MODEL, (PROMPT,))


def card(name: str, dialect: Mapping[str, Any] | None = None) -> Card:
    """A card of a provider that speaks this wire format."""
    base = f"http://127.0.0.1:9{VOICES[name].base}"
    spoken = VOICES[name].dialect if dialect is None else dialect
    return Card(id="fs", name="fs", adapter=name, base_url=base, dialect=spoken)


def adapter(name: str) -> Adapter[Any]:
    """A new adapter for this wire format."""
    found: Adapter[Any] = adapters.find(name)()
    return found


@dataclass
class Heard:
    """What came of an answer: what it said, and its `finish` or its `error`."""

    text: str = ""
    reasoning: str = ""
    calls: list[list[str]] = field(default_factory=list)  # key, id, name, arguments, state
    usage: Usage | None = None
    notices: list[str] = field(default_factory=list)
    starts: int = 0
    opaque: int = 0
    finish: str = ""
    error: ProviderError | None = None

    def add(self, event: AnswerEvent) -> None:
        """Take one event in; text that cannot be shown as UTF-8 raises."""
        match event:
            case Start():
                self.starts += 1
            case TextDelta(text):
                text.encode()
                self.text += text
            case ReasoningDelta(text):
                text.encode()
                self.reasoning += text
            case ToolCallStart() | ToolCallDelta() | ToolCallEnd():
                self._add_call(event)
            case UsageReport(usage):
                self.usage = usage
            case Notice(message):
                self.notices.append(message)
            case OpaqueData():
                self.opaque += 1
            case Finish(reason):
                self.finish = reason

    def _add_call(self, event: ToolCallStart | ToolCallDelta | ToolCallEnd) -> None:
        if isinstance(event, ToolCallStart):
            self.calls.append([*event, "", "open"])
            return
        call = next(call for call in reversed(self.calls) if call[0] == event.key)
        assert call[-1] == "open", "nothing after the end of a call"
        if isinstance(event, ToolCallDelta):
            call[3] += event.fragment
        else:
            call[4] = "ended"


def said(heard: Heard, text: str = TEXT) -> None:
    """Check that the answer began once, said this text and nothing else, and stopped by itself."""
    assert (heard.text, heard.finish, heard.error) == (text, "stop", None), heard
    assert heard.starts == 1


def each(method: str) -> Any:
    """Parametrize by (name, kind): every voice with every entry of a table of its own."""
    tables = ((name, getattr(VOICES[name](), method)) for name in NAMES)
    pairs = [
        (name, kind)
        for name, table in tables
        for kind in (table("x") if method == "errors" else table())
    ]
    return pytest.mark.parametrize(("name", "kind"), pairs)


def hear(
    name: str,
    pieces: Iterable[bytes],
    *,
    stream: bool = True,
    dialect: Mapping[str, Any] | None = None,
) -> Heard:
    """All that these bytes say to the adapter, as far as the finish or a ProviderError."""
    heard = Heard()
    try:
        for event in events(name, pieces, stream=stream, dialect=dialect):
            heard.add(event)
            if isinstance(event, Finish):
                break
    except ProviderError as error:
        heard.error = error
    return heard


def events(
    name: str,
    pieces: Iterable[bytes],
    *,
    stream: bool = True,
    dialect: Mapping[str, Any] | None = None,
) -> Iterator[AnswerEvent]:
    """The events of these bytes. Raises ProviderError."""
    request = REQUEST._replace(stream=stream)
    listener = adapter(name)
    decoder = listener.decoder(request)
    state = listener.begin(request, card(name, dialect))
    for piece in pieces:
        for frame in decoder.feed(piece):
            yield from listener.parse(frame, state)
    try:
        for frame in decoder.close():
            yield from listener.parse(frame, state)
    except ProtocolError as error:
        yield from _rescued(listener, state, error)
        return
    yield from listener.end(state)


def _rescued(listener: Adapter[Any], state: Any, error: ProtocolError) -> list[AnswerEvent]:
    """Rubbish after the answer's own end does not make it incomplete."""
    try:
        return list(listener.end(state))
    except ProviderError:
        raise error from None
