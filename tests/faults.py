"""Plain faults: statuses, redirects, error bodies, hints when to come back."""

from __future__ import annotations

import json
from typing import Any

from fault_server import Exchange, fault
from support import KEY


def error(message: str, kind: str = "invalid_request_error", code: str | None = None) -> Any:
    """An error body as OpenAI words it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


OSC = "\x1b]52;c;aGFja2Vk\x07\x1b[31mred\x9b2J\u202e"
CODES = {
    401: ("Incorrect API key provided", "invalid_request_error", "invalid_api_key"),
    404: ("The model `m` does not exist", "invalid_request_error", "model_not_found"),
    429: ("Rate limit reached for m", "requests", "rate_limit_exceeded"),
    503: ("The server is overloaded", "server_error", "server_is_overloaded"),
    529: ("Overloaded", "overloaded_error", None),
}


@fault("ok")
def _ok(exchange: Exchange) -> None:
    """A good answer."""
    exchange.stream(exchange.voice.answer())


@fault("proxy")
def _proxy(exchange: Exchange) -> None:
    """What a request that was meant for a proxy gets."""
    exchange.reply(502, error("this is a proxy"))


@fault("models")
def _models(exchange: Exchange) -> None:
    """A list of models, and 404 for every chat."""
    if exchange.request.method == "GET":
        exchange.reply(200, {"object": "list", "data": [{"id": "m-large"}, {"id": "m-small"}]})
    else:
        exchange.reply(404, error(*CODES[404]))


_STATUSES: tuple[int, ...] = (400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 422, 429, 451)
_STATUSES += (500, 501, 502, 503, 504, 505, 529)


@fault("http", *map(str, _STATUSES))
def _http(exchange: Exchange) -> None:
    """Always this status, with an error body of OpenAI's shape."""
    status = int(exchange.argument)
    message, kind, code = CODES.get(status, (f"no luck with {status}", "server_error", None))
    exchange.reply(status, error(message, kind, code))


@fault("flaky", "503", "500", "429", "408")
def _flaky(exchange: Exchange) -> None:
    """Twice this status, then a good answer."""
    (_http if exchange.request.number <= 2 else _ok)(exchange)


@fault("quota", "insufficient_quota", "credit_balance_exhausted")
def _quota(exchange: Exchange) -> None:
    """A 429 that waiting does not cure."""
    exchange.reply(
        429, error("You exceeded your current quota", exchange.argument, exchange.argument)
    )


@fault("hostile")
def _hostile(exchange: Exchange) -> None:
    """Escape sequences and the caller's own key in an error message and a header."""
    headers = {"X-Request-Id": "req-\x1b[31m", "X-Seen": KEY}
    seen = exchange.request.headers.get("authorization", "")
    exchange.reply(400, error(f"bad {OSC} key {KEY} in {seen}"), headers)


@fault("echo", "400", "401", "403", "500")
def _echo(exchange: Exchange) -> None:
    """The caller's key in the error message, as some servers do."""
    seen = exchange.request.headers.get("authorization", "")
    exchange.reply(int(exchange.argument), error(f"Incorrect API key provided: {seen}"))


@fault("retry-after", "1", "3600", "garbage", "-1", "1e309", "nan")
def _retry_after(exchange: Exchange) -> None:
    """A 429 with this Retry-After, then a good answer."""
    if exchange.request.number > 1:
        return _ok(exchange)
    return exchange.reply(429, error(*CODES[429]), {"Retry-After": exchange.argument})


_DATES = {
    "soon": ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:01 GMT"),
    "past": ("Fri, 01 Jan 2038 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"),
    "far": ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 01:00:00 GMT"),
}


@fault("retry-date", *_DATES)
def _retry_date(exchange: Exchange) -> None:
    """A 429 whose Retry-After is a date, by a clock that is not ours; then a good answer."""
    if exchange.request.number > 1:
        return _ok(exchange)
    now, then = _DATES[exchange.argument]
    return exchange.reply(429, error(*CODES[429]), {"Date": now, "Retry-After": then})


_HINTS = {
    "ms": {"Retry-After-Ms": "300"},
    "zero-ms": {"Retry-After-Ms": "0", "Retry-After": "1"},
    "ms-first": {"Retry-After-Ms": "300", "Retry-After": "3600"},
    "never": {"x-should-retry": "false"},
}


@fault("hint", *_HINTS)
def _hint(exchange: Exchange) -> None:
    """A 503 with other headers that say when, or whether, to come back; then a good answer."""
    if exchange.request.number > 1:
        return _ok(exchange)
    return exchange.reply(503, error(*CODES[503]), _HINTS[exchange.argument])


@fault("should-retry")
def _should_retry(exchange: Exchange) -> None:
    """A 400 that says it should be tried again; then a good answer."""
    if exchange.request.number > 1:
        return _ok(exchange)
    return exchange.reply(400, error("try again"), {"x-should-retry": "true"})


@fault("html", "200", "502", "403")
def _html(exchange: Exchange) -> None:
    """A page of a proxy or a captive portal."""
    page = "<!DOCTYPE html><html><head><title>Welcome to HotelNet</title></head><body>"
    page += "<h1>Log in</h1>" + "<p>padding</p>" * 500 + "</body></html>"
    exchange.reply(int(exchange.argument), page.encode(), media="text/html; charset=utf-8")


@fault("redirect", "301", "302", "303", "307", "308")
def _redirect(exchange: Exchange) -> None:
    """Sends the caller to another origin."""
    target = exchange.server.second.url("ok") + "/chat/completions"
    exchange.reply(int(exchange.argument), b"", {"Location": target}, "")


_TARGETS = {"self": "", "file": "file:///etc/passwd", "relative": "chat", "garbage": "http://["}


@fault("redirect-to", *_TARGETS)
def _redirect_to(exchange: Exchange) -> None:
    """Sends the caller in a circle, to a file, or nowhere."""
    target = _TARGETS[exchange.argument] or exchange.request.target
    exchange.reply(307, b"", {"Location": target}, "")


SHAPES: dict[str, tuple[Any, dict[str, str]]] = {
    "openai": (error("MARK openai", code="context_length_exceeded"), {}),
    "router": (
        {"error": {"message": "Provider returned error", "metadata": {"raw": "MARK raw"}}},
        {},
    ),
    "int-code": ({"error": {"message": "MARK int", "code": 400, "metadata": {"raw": "x"}}}, {}),
    "anthropic": ({"type": "error", "error": {"type": "api_error", "message": "MARK a"}}, {}),
    "gemini": ({"error": {"code": 400, "message": "MARK g", "status": "INVALID_ARGUMENT"}}, {}),
    "gemini-list": ([{"error": {"code": 400, "message": "MARK gl", "status": "X"}}], {}),
    "error-text": ({"error": "MARK text"}, {}),
    "xai": ({"code": "Client specified an invalid argument", "error": "MARK xai"}, {}),
    "detail": ({"detail": "MARK detail"}, {}),
    "detail-list": ({"detail": [{"loc": ["body", "x"], "msg": "MARK loc", "type": "extra"}]}, {}),
    "flat": ({"object": "error", "message": "MARK flat", "type": "bad", "code": 400}, {}),
    "cohere": ({"id": "1", "message": "MARK cohere"}, {}),
    "errors": ({"errors": [{"message": "MARK errors"}]}, {}),
    "aws": ({"Message": "MARK aws"}, {"x-amzn-errortype": "ValidationException:http://x"}),
    "plain": (b"MARK plain text", {}),
    "broken": (b'{"error": {"message": "MARK bro', {}),
}
EMPTY: dict[str, Any] = {
    "nothing": b"",
    "null": b"null",
    "no-message": b'{"error": {}}',
    "deep": b"[" * 5000,
    "bytes": b"\xff\xfe\x00\x01" * 50,
    "huge": json.dumps(error("x" * 1_000_000)).encode(),
}


@fault("shape", *SHAPES)
def _shape(exchange: Exchange) -> None:
    """A 400 with the error body of one vendor or another."""
    value, headers = SHAPES[exchange.argument]
    exchange.reply(400, value, headers)


@fault("odd-error", *EMPTY)
def _odd_error(exchange: Exchange) -> None:
    """A 400 whose body says nothing, or far too much."""
    exchange.reply(400, EMPTY[exchange.argument])


@fault("key-as-400")
def _key_as_400(exchange: Exchange) -> None:
    """A refused key with status 400, as Gemini says it."""
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    value = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}
    exchange.reply(400, {"error": {**value, "details": [detail]}})
