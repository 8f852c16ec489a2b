"""What can be wrong on this machine: versions, config, files, keyring, history, network."""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shlex import quote
from urllib.request import getproxies

from llmcli import __version__, config, paths
from llmcli.cli.doctor.findings import Finding, good, problem, warning
from llmcli.errors import ConfigError, CredentialsError, ExitCode, LocalIOError

_PACKAGES = ("httpx", "httpcore", "typer", "rich", "keyring", "prompt-toolkit", "tomlkit")
_EXTRAS = {"local": "xllamacpp", "bedrock": "botocore"}
# They change what Python or the keyring library runs and whom TLS tells its secrets.
_TRUSTED = {
    "PYTHON_KEYRING_BACKEND": "chooses the keyring's code",
    "PYTHONPATH": "puts other code before ours",
    "PYTHONHOME": "puts another Python's code before ours",
    "SSLKEYLOGFILE": "writes every TLS key into a file",
}
_FOLDERS = {"config": paths.config_dir, "data": paths.data_dir, "cache": paths.cache_dir}


def findings() -> Iterator[Finding]:
    """Every check that needs no network."""
    yield _versions()
    yield from _config()
    yield _modes()
    yield _keyring()
    yield _history()
    yield from _network()
    yield from _environment()


def _versions() -> Finding:
    packages = {name: _version(name) for name in _PACKAGES}
    extras = {extra: _version(package) for extra, package in _EXTRAS.items()}
    python = platform.python_version()
    with_extras = [f"{name} {found}" for name, found in extras.items() if found]
    words = f"llm {__version__} · Python {python} · {platform.system()} {platform.machine()}"
    if with_extras:
        words += f" · extras: {', '.join(with_extras)}"
    facts = {"llm": __version__, "python": python, "executable": sys.executable}
    missing = [name for name, found in packages.items() if found is None]
    if missing:
        mend = "pip install --force-reinstall llmcli"
        words = f"not installed: {', '.join(missing)}"
        return problem("install", words, mend, ExitCode.INTERNAL, packages=packages, **facts)
    return good("install", words, packages=packages, extras=extras, **facts)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _config() -> Iterator[Finding]:
    from llmcli.cli import checkup

    found = checkup.problems()
    path = config.config_path()
    for words in found:
        own = words.startswith(f"{path}:")
        mend = "llm config edit" if own else "Edit that file, then: llm config check"
        yield problem("config", words, mend, ExitCode.CONFIG)
    if not found:
        there = "no problems" if path.exists() else "not there yet; the defaults hold"
        yield good("config", f"{path}: {there}", path=str(path), exists=path.exists())


def _modes() -> Finding:
    """Folders are for their owner only; what lies in a closed folder is closed."""
    if os.name != "posix":
        return good("files", "file modes mean nothing on this system")
    folders = {name: folder() for name, folder in _FOLDERS.items()}
    where = {name: str(folder) for name, folder in folders.items()}
    open_to_all = [str(folder) for folder in folders.values() if _is_open(folder)]
    if open_to_all:
        mend = "\n".join(f"chmod -R go= {quote(folder)}" for folder in open_to_all)
        return warning("files", f"others may read {', '.join(open_to_all)}", mend, folders=where)
    return good("files", "only you can read config, data and cache", folders=where)


def _is_open(folder: Path) -> bool:
    """Whether other users have rights to it."""
    try:
        return bool(stat.S_IMODE(folder.stat().st_mode) & 0o077)
    except OSError:
        return False


def _keyring() -> Finding:
    from llmcli.keys import store

    try:
        backend = store.check()
    except CredentialsError as error:
        ways = "Keys from environment variables, commands and files work all the same."
        mend = f"{error.hint}\n{ways}" if error.hint else ways
        return warning("keyring", error.message, mend, backend=None)
    return good("keyring", store.label(backend), backend=backend)


def _history() -> Finding:
    from llmcli import store
    from llmcli.wording import size

    path = store.default_path()
    try:
        if not path.exists():
            return good("history", f"{path}: not there yet", path=str(path), exists=False)
    except OSError as error:
        mend = f"Make {path.parent} a folder of your own."
        return problem("history", f"{path}: {error.strerror}", mend, ExitCode.LOCAL_IO)
    try:
        trouble = "; ".join(store.troubles(path))
    except LocalIOError as error:
        trouble = error.message.removeprefix("history: ")
    facts = {"path": str(path), "exists": True, "bytes": path.stat().st_size}
    if trouble:
        mend = "llm history check    says what to do about it"
        return problem("history", f"{path}: {trouble}", mend, ExitCode.LOCAL_IO, **facts)
    return good("history", f"{path}: whole, {size(path.stat().st_size)}", **facts)


def _network() -> Iterator[Finding]:
    from llmcli.http import routes

    proxies = {name: routes.without_login(value) for name, value in getproxies().items()}
    shown = ", ".join(f"{name} {value}" for name, value in sorted(proxies.items()) if name != "no")
    try:
        for scheme in ("http", "https"):
            routes.proxy_for(f"{scheme}://example.com/")
        yield good("proxy", shown or "none", proxies=proxies)
    except ConfigError as error:
        yield problem("proxy", error.message, error.hint, ExitCode.CONFIG, proxies=proxies)
    named = {k: os.environ[k] for k in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(k)}
    try:
        trusted = routes.tls_context("").cert_store_stats()["x509_ca"]
    except ConfigError as error:
        mend = "Set it to a file of certificates, or unset it."
        yield problem("certificates", error.message, mend, ExitCode.CONFIG, variables=named)
        return
    source = ", ".join(f"{name}={value}" for name, value in named.items()) or "the system's"
    if trusted or named.get("SSL_CERT_DIR"):  # those of a folder are read when they are needed
        yield good("certificates", f"{source} ({trusted} authorities)", variables=named)
    else:
        mend = "Install ca-certificates, or set SSL_CERT_FILE."
        words = f"{source}: no authority is trusted"
        yield problem("certificates", words, mend, ExitCode.NETWORK, variables=named)


def _environment() -> Iterator[Finding]:
    for name, words in _TRUSTED.items():
        value = os.environ.get(name)
        if value:
            mend = f"unset {name}, unless you set it on purpose"
            yield warning("environment", f"{name} {words}: {value}", mend)
