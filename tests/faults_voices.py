"""Faults that every wire format can tell, each in its own way."""

from __future__ import annotations

from fault_server import Exchange, fault
from faults import OSC
from faults_stream import BAD_COUNTS
from spoken import CALL, PIECES, THOUGHTS
from voices import VOICES


@fault("tells-error", "first", "later")
def _tells_error(exchange: Exchange) -> None:
    """An error in a 200 stream, before the answer or after a part of it."""
    said = exchange.voice.partial() if exchange.argument == "later" else b""
    exchange.stream(said, exchange.voice.error(f"MARK broke {OSC}"))


@fault("tells-oddities")
def _tells_oddities(exchange: Exchange) -> None:
    """A good answer after all the frames that mean nothing."""
    begin, *said = exchange.voice.texts()
    exchange.stream(begin, *exchange.voice.oddities().values(), *said, exchange.voice.ends())


@fault("tells-counts", *BAD_COUNTS, "none")
def _tells_counts(exchange: Exchange) -> None:
    """A good answer whose token counts are none."""
    number = BAD_COUNTS.get(exchange.argument, "").strip('"')
    quoted = exchange.argument == "text"
    value = number if quoted else f"raw:{number}"
    usage = (value, value) if number else None
    exchange.stream(VOICES[exchange.request.voice](usage).answer())


@fault("tells-all")
def _tells_all(exchange: Exchange) -> None:
    """Reasoning, text and a tool call."""
    voice = exchange.voice
    exchange.begin()
    exchange.chunk(voice.begin())
    for thought in THOUGHTS:
        exchange.chunk(voice.thinks(thought))
    for piece in PIECES:
        exchange.chunk(voice.says(piece))
    exchange.chunk(voice.calls(*CALL) + voice.ends("tool_calls"))
    exchange.end()
