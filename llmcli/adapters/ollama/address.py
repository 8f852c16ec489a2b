"""Every spelling of `OLLAMA_HOST` to a base URL.

Written after `_parse_host` of the official client, ollama 0.6.3 (MIT), read 2026-11-21.
"""

from __future__ import annotations

_PORT = 11434
_HERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104
_PATHS = ("/v1", "/api")


def base_url(text: str) -> str:
    """`host`, `:port`, `host:port/path` or a URL as a URL without a slash at its end.

    Without a scheme it is http on port 11434; with one its own port counts. An address that a
    server listens on everywhere is dialled on this machine. `/v1` and `/api` at the end are other
    doors of the same server.
    """
    text = text.strip().strip("\"'")
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    place, slash, path = rest.partition("/")
    host, port = _split(place)
    if not port and not mark:
        port = str(_PORT)
    path = (slash + path).rstrip("/")
    for door in _PATHS:
        path = path.removesuffix(door)
    return f"{scheme}://{_HERE.get(host, host)}{':' if port else ''}{port}{path}"


def _split(place: str) -> tuple[str, str]:
    """Host and port; an IPv6 address without brackets has no port and gets them."""
    if place.startswith("["):
        host, bracket, port = place.partition("]")
        return host + bracket, port.removeprefix(":")
    if place.count(":") > 1:
        return f"[{place}]", ""
    host, _, port = place.partition(":")
    return host, port
