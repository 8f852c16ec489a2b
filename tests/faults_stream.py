"""Faults inside a stream that HTTP itself carries well: odd, broken, cut or false events."""

from __future__ import annotations

import json

import wire
from fault_server import Exchange, fault
from faults import OSC, error
from voices import recorded
from wire import DONE, chunk, counts, ends, event, says, texts


@fault("empty", "204", "200", "stream", "comments", "null-choices", "null-json")
def _empty(exchange: Exchange) -> None:
    """A success that says nothing."""
    match exchange.argument:
        case "204":
            exchange.reply(204, b"", media="")
        case "200":
            exchange.reply(200, b"")
        case "stream":
            exchange.stream()
        case "comments":
            exchange.stream(b": hello\n\n", b": bye\n\n")
        case "null-choices":
            exchange.reply(200, {**wire.body(), "choices": None, "usage": None})
        case _:
            exchange.reply(200, b"null")


@fault("whole")
def _whole(exchange: Exchange) -> None:
    """A JSON body although a stream was asked for."""
    exchange.reply(200, exchange.voice.json(exchange.voice.whole()))


@fault("media", "text/plain", "application/octet-stream", "application/json", "none", "text/html")
def _media(exchange: Exchange) -> None:
    """A good stream under another content type."""
    media = exchange.argument
    exchange.stream(wire.answer(), media="" if media == "none" else media)


@fault("no-end")
def _no_end(exchange: Exchange) -> None:
    """A stream that HTTP ends well, without its own end."""
    exchange.stream(exchange.voice.partial())


@fault("done-only")
def _done_only(exchange: Exchange) -> None:
    """A stream with `[DONE]` and no finish reason."""
    exchange.stream(*texts(), DONE)


@fault("finish-only")
def _finish_only(exchange: Exchange) -> None:
    """A stream with a finish reason and no `[DONE]`."""
    exchange.stream(*texts(), ends())


@fault("no-blank-line", "finish", "tail")
def _no_blank_line(exchange: Exchange) -> None:
    """The last event lacks its blank line."""
    voice = exchange.voice
    begun = voice.texts()
    last = voice.finish() if exchange.argument == "finish" else voice.ends()
    exchange.stream(*begun, last[: len(last) - voice.gap])


@fault("cut-json", "first", "later")
def _cut_json(exchange: Exchange) -> None:
    """An event whose JSON is cut."""
    voice = exchange.voice
    before = voice.partial() if exchange.argument == "later" else b""
    exchange.stream(before, voice.frame(b'{"id": "x", "choi'), *voice.texts(), voice.ends())


def _sse_variants() -> dict[str, bytes]:
    plain = wire.answer()
    lines = plain.split(b"\n")
    mixed = b"".join(line + (b"\n", b"\r", b"\r\n")[i % 3] for i, line in enumerate(lines))
    return {
        "cr": plain.replace(b"\n", b"\r"),
        "crlf": plain.replace(b"\n", b"\r\n"),
        "mixed": mixed,
        "bom": b"\xef\xbb\xbf" + plain,
        "comments": b": hi\n\n" + plain.replace(b"\n\n", b"\n: data: no\n\n:\n\n"),
        "fields": plain.replace(b"data:", b"id: 7\nretry: 5\nfoo: bar\nnocolon\ndata:"),
        "no-space": plain.replace(b"data: ", b"data:"),
        "multi-line": plain.replace(b'"choices": ', b'"choices":\ndata: '),
        "named": plain.replace(b"data:", b"event: message\ndata:"),
        "blank-first": b"\n\n\r\n" + plain,
    }


SSE = _sse_variants()


@fault("sse", *SSE)
def _sse(exchange: Exchange) -> None:
    """A good stream in another legal spelling, a few bytes at a time."""
    data = SSE[exchange.argument]
    exchange.stream(*[data[i : i + 11] for i in range(0, len(data), 11)])


@fault("bytewise")
def _bytewise(exchange: Exchange) -> None:
    """A good stream, one byte in each chunk."""
    exchange.stream(*[bytes([byte]) for byte in exchange.voice.answer()])


@fault("cut-at")
def _cut_at(exchange: Exchange) -> None:
    """The recorded stream up to a byte, then a clean end of the body."""
    exchange.stream(recorded(exchange.request.voice)[0][: int(exchange.argument or 0)])


SEPARATORS = "a\u2028b\u2029c\u0085d\x1ce\x0cf\x0bg"


@fault("separators")
def _separators(exchange: Exchange) -> None:
    """Characters inside the JSON that some take for the end of a line."""
    raw = json.dumps(chunk({"content": SEPARATORS}), ensure_ascii=False)
    exchange.stream(event(raw.encode()), ends(), DONE)


@fault("surrogates", "pair", "lone")
def _surrogates(exchange: Exchange) -> None:
    """An emoji cut in two escaped halves, or one half alone."""
    halves = ("\ud83c", "\udf0d") if exchange.argument == "pair" else ("\ud83c", "")
    events = [event(json.dumps(chunk({"content": half})).encode()) for half in halves]
    exchange.stream(says("<"), *events, says(">"), ends(), DONE)


@fault("bad-utf8")
def _bad_utf8(exchange: Exchange) -> None:
    """Bytes that are not UTF-8 in the text of one event."""
    broken = says("caf?!").replace(b"?", b"\xe9")
    exchange.stream(says("good "), broken, says(" good"), ends(), counts(), DONE)


ERRORS: dict[str, bytes] = {
    "object": event(error(f"MARK broke {OSC}", "server_error")) + DONE,
    "text": event({"error": "MARK broke"}),
    "groq": event({"error": {"message": "MARK broke", "status_code": 500}}, "error"),
    "openrouter": event(
        chunk(reason="error", error={"code": 502, "message": "MARK broke"}, usage=wire.USAGE)
    )
    + DONE,
    "anthropic": event(
        {"type": "error", "error": {"type": "overloaded_error", "message": "MARK broke"}}, "error"
    ),
    "field": b'error: {"code": 500, "message": "MARK broke", "type": "server_error"}\n\n',
    "x-groq": event({"x_groq": {"error": "MARK broke"}, "choices": []}),
}


@fault("error-first", *ERRORS)
def _error_first(exchange: Exchange) -> None:
    """An error in a 200 stream, before anything was said."""
    exchange.stream(ERRORS[exchange.argument])


@fault("error-later", *ERRORS)
def _error_later(exchange: Exchange) -> None:
    """An error in a 200 stream, after a part of the answer."""
    exchange.stream(wire.partial(), ERRORS[exchange.argument])


@fault("error-body")
def _error_body(exchange: Exchange) -> None:
    """A JSON error with status 200."""
    exchange.reply(200, error("MARK broke", "server_error"))


@fault("finish", "length", "content_filter", "error", "eos", "tool_calls", "", "novel")
def _finish(exchange: Exchange) -> None:
    """A whole text with another finish reason."""
    exchange.stream(wire.answer(reason=exchange.argument))


@fault("nothing", "content_filter", "refusal", "length")
def _nothing(exchange: Exchange) -> None:
    """No text, and a finish reason that tells why."""
    if exchange.argument == "refusal":
        exchange.stream(event(chunk({"refusal": "I cannot help with that."})), ends(), DONE)
    else:
        exchange.stream(event(chunk({"role": "assistant"})), ends(exchange.argument), DONE)


_TWICE = [counts({"prompt_tokens": n, "completion_tokens": n}) for n in (3, 9)]
_RISING = [
    event(chunk({"content": piece}, usage={"prompt_tokens": 9, "completion_tokens": n}))
    for n, piece in enumerate(wire.PIECES, 1)
]
USAGES: dict[str, list[bytes]] = {
    "none": [*texts(), ends(), DONE],
    "twice": [*texts(), ends(), *_TWICE, DONE],
    "rising": [*_RISING, ends(), DONE],
    "falling": [*texts(), ends(), *reversed(_TWICE), DONE],
    "x-groq": [*texts(), event(chunk(reason="stop", x_groq={"usage": wire.USAGE})), DONE],
}
BAD_COUNTS: dict[str, str] = {
    "negative": "-5",
    "nan": "NaN",
    "infinite": "1e999",
    "bool": "true",
    "digits": "9" * 5000,
    "text": '"12"',
    "fraction": "1.5",
    "null": "null",
    "list": "[1]",
}


@fault("usage", *USAGES)
def _usage(exchange: Exchange) -> None:
    """Usage that is missing or told more than once."""
    exchange.stream(*USAGES[exchange.argument])


@fault("bad-usage", *BAD_COUNTS, "whole-text")
def _bad_usage(exchange: Exchange) -> None:
    """Token counts that are none."""
    number = BAD_COUNTS.get(exchange.argument)
    usage = f'{{"prompt_tokens": {number}, "completion_tokens": {number}}}' if number else '"many"'
    raw = event(f'{{"id": "x", "choices": [], "usage": {usage}}}'.encode())
    exchange.stream(*texts(), ends(), raw, DONE)
