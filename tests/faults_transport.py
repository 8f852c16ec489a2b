"""Faults below the stream: bytes, clocks, connections, sizes, codings."""

from __future__ import annotations

import gzip
import itertools
import zlib

import wire
from fault_server import Exchange, fault
from faults import CODES, error
from wire import DONE, ends, event, says

_MEGABYTE = 1 << 20
_MOST = 30 * _MEGABYTE


@fault("banner")
def _banner(exchange: Exchange) -> None:
    """A server that does not speak HTTP."""
    exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n")


@fault("hang-up")
def _hang_up(exchange: Exchange) -> None:
    """The connection is closed instead of an answer."""


@fault("reset-first")
def _reset_first(exchange: Exchange) -> None:
    """The connection is reset instead of an answer."""
    exchange.reset()


@fault("reset")
def _reset(exchange: Exchange) -> None:
    """The connection is reset within the answer."""
    exchange.begin()
    exchange.chunk(exchange.voice.partial())
    exchange.reset()


@fault("fin")
def _fin(exchange: Exchange) -> None:
    """The connection is closed within a chunk."""
    exchange.begin()
    exchange.chunk(exchange.voice.partial())
    exchange.send(b"400\r\ndata: {")


@fault("bad-chunk")
def _bad_chunk(exchange: Exchange) -> None:
    """A chunk whose length is no number."""
    exchange.begin()
    exchange.chunk(exchange.voice.partial())
    exchange.send(b"zz\r\ndata: {}\r\n")


@fault("http-1.0", "whole", "cut")
def _http_1_0(exchange: Exchange) -> None:
    """A body that ends with the connection, whole or cut."""
    exchange.head(version="1.0")
    exchange.send(
        exchange.voice.answer() if exchange.argument == "whole" else exchange.voice.partial()
    )


@fault("short-length")
def _short_length(exchange: Exchange) -> None:
    """Less body than the length promised."""
    exchange.head(200, {"Content-Length": "9999"})
    exchange.send(exchange.voice.partial())


@fault("silent", "before-head", "after-head")
def _silent(exchange: Exchange) -> None:
    """Nothing at all, or headers and then nothing."""
    if exchange.argument == "after-head":
        exchange.begin()
    exchange.hang()


@fault("slow-head")
def _slow_head(exchange: Exchange) -> None:
    """The headers come letter by letter, for ever."""
    for letter in itertools.chain(b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(0x78)):
        exchange.send(bytes([letter]))
        exchange.pause(0.05)


@fault("pings", "first", "later", "whitespace")
def _pings(exchange: Exchange) -> None:
    """Keep-alive comments and no content, for ever."""
    exchange.begin()
    if exchange.argument == "later":
        exchange.chunk(exchange.voice.partial())
    while True:
        exchange.chunk(b"\n" if exchange.argument == "whitespace" else exchange.voice.keepalive())
        exchange.pause(0.05)


@fault("empty-deltas")
def _empty_deltas(exchange: Exchange) -> None:
    """Events without content, for ever, after a part of the answer."""
    exchange.begin()
    exchange.chunk(exchange.voice.partial())
    while True:
        exchange.chunk(event(wire.chunk({"content": ""})))
        exchange.pause(0.05)


@fault("stall")
def _stall(exchange: Exchange) -> None:
    """Nothing more after a part of the answer."""
    exchange.begin()
    exchange.chunk(exchange.voice.partial())
    exchange.hang()


@fault("slow")
def _slow(exchange: Exchange) -> None:
    """A good answer that takes its time between the pieces."""
    exchange.begin()
    for piece in [*exchange.voice.texts(), exchange.voice.ends()]:
        exchange.chunk(piece)
        exchange.pause(0.15)
    exchange.end()


@fault("lines")
def _lines(exchange: Exchange) -> None:
    """Numbered lines, for ever."""
    exchange.begin()
    for number in itertools.count(1):
        exchange.chunk(says(f"line {number}\n"))
        exchange.pause(0.02)


@fault("huge-line", "ended", "endless")
def _huge_line(exchange: Exchange) -> None:
    """A line of 30 MB in the middle of the answer; `endless` never ends it."""
    exchange.begin()
    exchange.chunk(exchange.voice.partial())
    exchange.chunk(b'data: {"x": "')
    for _ in range(_MOST // 65536):
        exchange.chunk(b"x" * 65536)
    if exchange.argument == "endless":
        exchange.hang()
    exchange.chunk(b'"}\n\n' + ends() + DONE)
    exchange.end()


@fault("many-lines")
def _many_lines(exchange: Exchange) -> None:
    """An event of 30 MB in short lines."""
    exchange.begin()
    exchange.chunk(exchange.voice.partial())
    for _ in range(_MOST // 65536):
        exchange.chunk(b"data: xxxxxxxxx\n" * 4096)
    exchange.end()


@fault("huge-body")
def _huge_body(exchange: Exchange) -> None:
    """A body that is no stream and never ends, as far as 90 MB."""
    exchange.begin(media="application/json")
    exchange.chunk(b'{"choices": [{"message": {"content": "')
    for _ in range(90):
        exchange.chunk(b"x" * _MEGABYTE)
    exchange.hang()


@fault("endless-answer")
def _endless_answer(exchange: Exchange) -> None:
    """An answer that never stops, in events of half a megabyte."""
    exchange.begin()
    exchange.chunk(exchange.voice.begin())
    while True:
        exchange.chunk(exchange.voice.says("x" * (_MEGABYTE // 2)))


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    line = b": " + b" " * 65533 + b"\n"
    parts = [packer.compress(line) for _ in range(_MOST // len(line))]
    return b"".join([*parts, packer.flush()])


@fault("gzip", "small", "bomb", "error-bomb", "false", "br")
def _gzip(exchange: Exchange) -> None:
    """A coding nobody asked for, once around 30 MB of nothing."""
    coding = {"Content-Encoding": "br" if exchange.argument == "br" else "gzip"}
    match exchange.argument:
        case "small":
            data = gzip.compress(exchange.voice.answer())
        case "bomb" | "error-bomb":
            data = _bomb()
        case _:
            data = exchange.voice.answer()
    status = 500 if exchange.argument == "error-bomb" else 200
    exchange.reply(status, data, coding, "text/event-stream")


@fault("headers", "huge", "many")
def _headers(exchange: Exchange) -> None:
    """200 KB of headers, in one or in 2,000."""
    size, times = (200_000, 1) if exchange.argument == "huge" else (80, 2000)
    exchange.head(200, {f"X-Filler-{i}": "x" * size for i in range(times)})
    exchange.send(exchange.voice.answer())


@fault("bad-head", "status", "header", "version")
def _bad_head(exchange: Exchange) -> None:
    """Headers that are not HTTP's."""
    heads = {
        "status": b"HTTP/1.1 9999999 OK\r\n\r\n",
        "header": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        "version": b"HTTP/7.3 200 OK\r\n\r\n",
    }
    exchange.send(heads[exchange.argument])


@fault("stale")
def _stale(exchange: Exchange) -> None:
    """The kept connection is closed as its second request arrives; a new one gets the answer."""
    if exchange.request.number == 1:
        exchange.reply(503, error(*CODES[503]))
    elif exchange.request.on_connection == 1:
        exchange.stream(exchange.voice.answer())


@fault("two-at-once")
def _two_at_once(exchange: Exchange) -> None:
    """Behind the first answer lies another one, which nobody has asked for."""
    if exchange.request.number > 1:
        exchange.stream(exchange.voice.answer())
        return
    refused = b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"
    exchange.send(refused + b"HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\n")
    exchange.keep = True


@fault("long")
def _long(exchange: Exchange) -> None:
    """A whole answer that no pipe can hold."""
    exchange.stream(*[says("x" * 4_000)] * 100, ends(), DONE)
