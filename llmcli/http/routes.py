"""How a server is reached: through which proxy, trusting which certificates."""

from __future__ import annotations

import ipaddress
import os
import ssl
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from llmcli.errors import ConfigError
from llmcli.origins import is_loopback
from llmcli.redaction import redact

_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_for(url: str) -> str:
    """The proxy for this URL, or nothing. Loopback is never proxied. Raises ConfigError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return ""
    proxies = getproxies()
    name = parts.scheme if parts.scheme in proxies else "all"
    address = proxies.get(name, "")
    if not address or _excluded(host, proxies.get("no", "")):
        return ""
    return _checked(address, f"{name.upper()}_PROXY")


def _checked(address: str, variable: str) -> str:
    address = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in _SCHEMES and parts.hostname and (parts.port or True)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"{variable} is not a proxy address: {redact(without_login(address))}",
            hint=f"Write it as http://host:port, or unset {variable}.",
        )
    if address.startswith("socks") and not find_spec("socksio"):
        raise ConfigError(
            f"{variable} names a SOCKS proxy, which needs the package socksio",
            hint=f"pip install socksio, or unset {variable}.",
        )
    return address


def without_login(address: str) -> str:
    """A proxy's address to be shown, with or without `http://`: nothing of a name or password."""
    scheme, sign, rest = address.partition("://")
    if not sign:
        scheme, rest = "", address
    _, at, place = rest.rpartition("@")
    return f"{scheme}{sign}{'***@' if at else ''}{place}"


def _excluded(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host: exactly, by domain, or by network."""
    for item in no_proxy.split(","):
        name = item.strip().lower().strip("[]").lstrip("*.")
        if item.strip() == "*" or (name and (host == name or host.endswith("." + name))):
            return True
        if _in_network(host, name):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def tls_context(ca_file: str) -> ssl.SSLContext:
    """TLS as the system trusts it: `ca_file`, else SSL_CERT_FILE or SSL_CERT_DIR, else its store.

    Raises ConfigError that names the file and who asked for it.
    """
    cafile, capath = ca_file, os.environ.get("SSL_CERT_DIR", "")
    source = "ca_file"
    if not cafile and "SSL_CERT_FILE" in os.environ:
        cafile, source = os.environ["SSL_CERT_FILE"], "SSL_CERT_FILE"
    try:
        context = ssl.create_default_context(cafile=cafile or _bundle(), capath=capath or None)
    except (OSError, ssl.SSLError) as error:
        missing = cafile and not Path(cafile).exists()
        reason = "no such file" if missing else f"no certificates in it ({error})"
        raise ConfigError(f"{source} {cafile}: {reason}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _bundle() -> str | None:
    """The certificates shipped with Python's ecosystem, where the system has no store."""
    default = ssl.get_default_verify_paths()
    if default.cafile or default.capath or os.name == "nt":
        return None
    import certifi

    return certifi.where()
