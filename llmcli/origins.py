"""Where a URL leads: its origin, and whether a key may be sent there. Nothing is looked up."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

_PORTS = {"https": 443, "http": 80}

# Addresses that hand out a machine's own credentials and are not link-local, read 2026-11-21:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
# https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata/
# https://cloud.google.com/compute/docs/metadata/querying-metadata
_METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("100.100.100.200")})
_METADATA_NAMES = frozenset({"metadata.google.internal"})


def origin(url: str) -> str:
    """Scheme, host and port, an IP address in its usual spelling; empty when there is no host."""
    parts, port = _split(url)
    host = _name(parts.hostname or "") if parts else ""
    if not parts or not host:
        return ""
    address = ip_of(host)
    if isinstance(address, IPv6Address):
        host = f"[{address}]"
    elif address:
        host = str(address)
    return f"{parts.scheme}://{host}:{port or _PORTS.get(parts.scheme, 0)}"


def is_loopback(host: str) -> bool:
    """Whether this host is surely this machine: `localhost`, 127.0.0.0/8 or ::1, spelt anyhow."""
    address = ip_of(host)
    return address.is_loopback if address else _name(host) == "localhost"


@lru_cache(maxsize=16)  # asked before each call of a batch
def is_clear(url: str) -> bool:
    """Whether what is sent to this URL can be read on the way: http to another machine."""
    parts, _ = _split(url)
    return parts is not None and parts.scheme == "http" and not is_loopback(parts.hostname or "")


def problem(url: str) -> str:
    """Why no key may ever be sent to this URL, to be put after its name, or nothing."""
    parts, _ = _split(url)
    if parts is None or any(char <= " " or char in "\\\x7f" for char in url):
        return "is not a URL"
    if parts.query or parts.fragment:
        return "has a ? or # in it"
    if "://" not in url:
        return "lacks https:// or http:// in front"
    if parts.scheme not in _PORTS:
        return f'must begin with https:// or http://, not "{parts.scheme}:"'
    if "@" in parts.netloc:
        return "has a user name or password in it"
    if not parts.hostname:
        return "names no host"
    if _is_forbidden(parts.hostname):
        return f"leads to {parts.hostname}, an address of this network's own machinery"
    return ""


def ip_of(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address in any spelling that a resolver takes (`0x7f.1`); None for a name."""
    text = _name(host)
    try:
        address = ip_address(text)
    except ValueError:
        return _loose_ipv4(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _loose_ipv4(text: str) -> IPv4Address | None:
    """One to four numbers, decimal, octal or hexadecimal, the last one filling what is left."""
    pieces = text.split(".")
    try:
        numbers = [_number(piece) for piece in pieces]
    except ValueError:
        return None
    *heads, last = numbers
    room = 4 - len(heads)
    if room < 1 or any(head > 255 for head in heads) or last >= 256**room:
        return None
    return IPv4Address(bytes(heads) + last.to_bytes(room, "big"))


def _number(piece: str) -> int:
    if not piece.isalnum() or not piece.isascii():
        raise ValueError(piece)
    if piece.startswith("0x"):
        return int(piece[2:] or "0", 16)
    return int(piece, 8 if piece.startswith("0") else 10)


def _name(host: str) -> str:
    """The host in lower case and plain characters, without brackets or a closing dot."""
    if not host.isascii():
        host = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    return host.strip("[]").lower().removesuffix(".")


def _is_forbidden(host: str) -> bool:
    address = ip_of(host)
    if address is None:
        return _name(host) in _METADATA_NAMES
    return address.is_link_local or address in _METADATA


def _split(url: str) -> tuple[SplitResult | None, int | None]:
    """The URL's parts and its port; no parts when it cannot be read."""
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        return None, None
