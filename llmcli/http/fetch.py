"""Fetch what an address on the web holds, to be sent to a model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.message import Message
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin

from llmcli import origins
from llmcli.cards import Card, Timeouts
from llmcli.errors import ProtocolError, UsageError
from llmcli.http import Http, Response
from llmcli.sanitize import one_line

LIMIT = 20 << 20
SECONDS = 60.0
_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_ACCEPT = "text/html, text/plain, text/*, image/*, application/pdf, */*;q=0.5"
_CLOCKS = Timeouts(connect=5, first_event=30, silence=15, stall=SECONDS)


class Fetched(NamedTuple):
    """What lay at `url`, and what its server says it is; nothing where it says nothing."""

    url: str
    data: bytes
    media_type: str
    charset: str


def fetch(url: str, limit: int = LIMIT) -> Fetched:
    """Get it with neither key nor cookie, within SECONDS in all.

    Redirects are followed within its own origin only. Raises UsageError for what is no address,
    NetworkError, ProtocolError, TimedOut.
    """
    url = urldefrag(url).url
    if problem := _problem(url):
        raise UsageError(f"{one_line(url, 200)} {problem}")
    client = Http(Card(id="fetch", name="fetch", adapter="", timeout=_CLOCKS))
    client.clock.set_deadline(SECONDS, time.monotonic())
    try:
        for place, response in _hops(client, url):
            if response.status not in _MOVED:
                return _read(client, place, response, limit)
            response.close()
    finally:
        client.close()
    raise ProtocolError(f"{one_line(url, 200)}: more than {_REDIRECTS} redirects")


def _problem(url: str) -> str:
    """Why this is no address to fetch, or nothing; unlike one for keys it may have a query."""
    return origins.problem(url.replace("?", "/"))


def _hops(client: Http, url: str) -> Iterator[tuple[str, Response]]:
    """The answers of the address and of those it leads to."""
    for _ in range(_REDIRECTS + 1):
        response = client.open("GET", url, {"accept": _ACCEPT})
        yield url, response
        target = urldefrag(urljoin(url, response.headers.get("location", ""))).url
        if origins.origin(target) != origins.origin(url):
            raise ProtocolError(
                f"{one_line(url, 200)} leads to another server, which is not followed",
                hint=f"If you trust it: /url {one_line(target, 500)}",
            )
        if problem := _problem(target):
            raise ProtocolError(f"{one_line(url, 200)} leads to an address that {problem}")
        url = target


def _read(client: Http, url: str, response: Response, limit: int) -> Fetched:
    if response.status != 200:
        raise ProtocolError(f"{one_line(url, 200)}: the server answered {response.status}")
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise ProtocolError(f"{one_line(url, 200)}: larger than {limit >> 20} MiB")
    client.clock.event_came()
    data = response.whole(limit)
    kind = Message()
    kind["content-type"] = response.headers.get("content-type", "")
    named = "content-type" in response.headers
    charset = kind.get_content_charset("") if named else ""
    return Fetched(url, data, kind.get_content_type() if named else "", charset or "")
