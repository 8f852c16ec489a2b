"""TOML files: read with positions in the errors, written atomically under a lock."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from llmcli.errors import ConfigError
from llmcli.files import atomic_write, locked

SIZE_LIMIT = 1 << 20
_BROKEN = (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError)


class Document(NamedTuple):
    """A TOML file as read: where, its text, and its values with numbers as Decimal."""

    path: Path
    text: str
    values: Mapping[str, Any]


class Problem(NamedTuple):
    """One thing wrong with a file: the key it is about and what to say."""

    key: tuple[str, ...]
    message: str


def read(path: Path) -> Document | None:
    """The file's content, or None when there is no such file. Raises ConfigError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: not a regular file")
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    if len(data) > SIZE_LIMIT:
        raise ConfigError(f"{path}: larger than {SIZE_LIMIT >> 20} MiB")
    try:
        text = data.decode("utf-8")
        return Document(path, text, tomllib.loads(text, parse_float=Decimal))
    except _BROKEN as error:
        raise ConfigError(_broken(path, data, error)) from None


def _broken(path: Path, data: bytes, error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        line = data.count(b"\n", 0, error.start) + 1
        return f"{path}:{line}: not UTF-8 text (byte {error.start})"
    if isinstance(error, RecursionError):
        return f"{path}: nested too deeply"
    words = str(error)
    found = re.search(r"\(at line (\d+), column (\d+)\)", words)
    if found:
        return f"{path}:{found[1]}:{found[2]}: {words[: found.start()].strip()}"
    return f"{path}:{data.count(10) + 1}: {words}"


def report(document: Document, problems: list[Problem]) -> None:
    """Raise one ConfigError that lists every problem with file, line and key; none, no error."""
    if not problems:
        return
    lines = [
        f"{document.path}:{line_of(document.text, problem.key)}: "
        f"{'.'.join(problem.key)}: {problem.message}"
        for problem in problems
    ]
    raise ConfigError("\n     ".join(lines))


def line_of(text: str, key: tuple[str, ...]) -> int:
    """The line that sets the key, or the nearest line above it that can be told."""
    table: tuple[str, ...] = ()
    best, best_length = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?([^\]]+)\]\]?", line)
        if header and "=" not in line.split("]")[0]:
            table = _parts(header[1])
            full = table
        else:
            name, sign, _ = line.partition("=")
            if not sign or name.lstrip().startswith("#"):
                continue
            full = table + _parts(name)
        if len(full) > best_length and key[: len(full)] == full:
            best, best_length = number, len(full)
    return best


def _parts(name: str) -> tuple[str, ...]:
    found = re.findall(r'"([^"]*)"|\'([^\']*)\'|([^.\s"\']+)', name)
    return tuple(a or b or c for a, b, c in found)


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write a file this program owns. Raises ConfigError."""
    import tomli_w

    try:
        with locked(path):
            atomic_write(path, tomli_w.dumps(values).encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a file the user owns, comments and order kept; `change` gets a tomlkit document.

    The result is read again before it replaces the file. Raises ConfigError.
    """
    import tomlkit

    try:
        with locked(path):
            before = read(path)
            document = tomlkit.parse(before.text if before else "")
            change(document)
            text = tomlkit.dumps(document)
            tomllib.loads(text)
            atomic_write(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None
