"""Where a key comes from besides the keyring: an environment variable, a command, a file."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from llmcli.errors import CredentialsError
from llmcli.keys.values import LENGTH_LIMIT, Key, loaded

COMMAND_SECONDS = 10.0
_OUTPUT_LIMIT = 2 * LENGTH_LIMIT
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def from_named_variable(name: str) -> Key:
    """The key in the variable of `--key-env`. Raises CredentialsError when it has none."""
    if not _VARIABLE.fullmatch(name):
        raise CredentialsError(
            "--key-env takes the name of an environment variable, not the key itself",
            hint="For example --key-env GROQ_API_KEY",
        )
    value = os.environ.get(name, "")
    if not value.strip():
        state = "is empty" if name in os.environ else "is not set"
        raise CredentialsError(f"--key-env: the environment variable {name} {state}")
    return loaded(value, f"env {name}")


def variable_of(names: Sequence[str]) -> str | None:
    """The first of these environment variables that has something in it."""
    return next((name for name in names if os.environ.get(name, "").strip()), None)


def from_environment(names: Sequence[str]) -> Key | None:
    """The key in the first of these variables that is set."""
    name = variable_of(names)
    return loaded(os.environ[name], f"env {name}") if name else None


def name_in_card(key: Mapping[str, Any]) -> str | None:
    """What the card's `key` table would be asked: `command pass`, `file ~/.key`, or None."""
    if key.get("command"):
        return f"command {key['command'][0]}"
    return f"file {key['file']}" if key.get("file") else None


def from_card(key: Mapping[str, Any]) -> Key | None:
    """The key from the card's `key` table. Raises CredentialsError when it does not give one."""
    source = name_in_card(key)
    if source is None:
        return None
    try:
        value = run(key["command"]) if key.get("command") else read(key["file"])
    except CredentialsError as error:
        raise CredentialsError(f"key {source}: {error.message}", hint=error.hint) from None
    return loaded(value, source)


def run(command: Sequence[str], seconds: float = COMMAND_SECONDS) -> str:
    """The one line that a command prints, run without a shell for at most `seconds`.

    Its stderr stays the user's, for questions and complaints. Raises CredentialsError.
    """
    import subprocess

    program = str(_absolute(command[0])) if os.sep in command[0] else command[0]
    try:
        child = subprocess.Popen(
            [program, *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
    except (OSError, ValueError) as error:
        raise CredentialsError(f"cannot be run: {getattr(error, 'strerror', error)}") from None
    assert child.stdout is not None
    try:
        output = _read_within(child.stdout, seconds)
        status = child.wait(1.0) if output is not None else None
    except subprocess.TimeoutExpired:
        output = status = None
    finally:
        child.kill()
        child.wait()
    if output is None:
        raise CredentialsError(f"did not end within {seconds:g} s")
    if status:
        raise CredentialsError(f"ended with exit code {status}")
    return _one_line(output)


def _read_within(pipe: IO[bytes], seconds: float) -> bytes | None:
    """All that comes through the pipe, up to a limit; None when it is not closed in time."""
    pieces: list[bytes] = []

    def read_all() -> None:
        with pipe:
            pieces.append(pipe.read(_OUTPUT_LIMIT))

    reader = threading.Thread(target=read_all, name="key command", daemon=True)
    reader.start()
    reader.join(seconds)
    return None if reader.is_alive() else pieces[0]


def _one_line(output: bytes) -> str:
    lines = _text(output).splitlines()
    if len(lines) != 1:
        raise CredentialsError(
            f"printed {len(lines) or 'no'} lines; the key must be the only one",
            hint='To take the first: command = ["sh", "-c", "… | head -n 1"]' if lines else "",
        )
    return lines[0]


def read(path: str) -> str:
    """The content of a file that only its owner can read. Raises CredentialsError."""
    place = _absolute(path)
    if place.is_symlink():
        raise CredentialsError(
            "is a symbolic link", hint=f"Name the file itself: {place.resolve()}"
        )
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(place, flags)
    except OSError as error:
        raise CredentialsError(f"cannot be read: {error.strerror}") from None
    try:
        _check_private(os.fstat(handle), place)
        return _text(os.read(handle, _OUTPUT_LIMIT))
    finally:
        os.close(handle)


def _check_private(facts: os.stat_result, place: Path) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise CredentialsError("is not a regular file")
    if os.name == "nt":  # pragma: no cover
        return
    if facts.st_uid != os.geteuid():
        raise CredentialsError(
            "belongs to another user", hint=f"Copy it to a file of your own, then {_chmod(place)}"
        )
    if facts.st_mode & 0o077:
        mode = stat.S_IMODE(facts.st_mode)
        raise CredentialsError(
            f"can be read by others (mode {mode:04o})", hint=f"Keep them out: {_chmod(place)}"
        )


def _chmod(place: Path) -> str:
    import shlex

    return f"chmod 600 {shlex.quote(str(place))}"


def _absolute(path: str) -> Path:
    try:
        place = Path(path).expanduser()
    except RuntimeError:
        raise CredentialsError("begins with ~, and the home folder is not known") from None
    if not place.is_absolute():
        raise CredentialsError("must be an absolute path or begin with ~/")
    return place


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CredentialsError("gave something that is not text") from None
