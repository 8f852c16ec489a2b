"""Run the installed command as a user does: in a subprocess, with a home of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from running import SECONDS, Result, Running

COMMAND = (sys.executable, "-m", "llmcli")
KEY = "fs9.CANARY.7d1f4ab2c6e35"  # no usual shape: only the redaction of loaded keys can catch it

# The peak memory of a process counts from the memory of the one that started it, so a small
# process starts the command and reports its status and peak. Python ignores SIGPIPE; users do not.
_STARTER = """
import os, signal, sys
report = int(sys.argv[1])
os.set_inheritable(report, False)
command = sys.argv[2:]
pid = os.posix_spawn(command[0], command, os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
_, status, usage = os.wait4(pid, 0)
os.write(report, b"%d %d" % (status, usage.ru_maxrss))
"""


@dataclass
class Llm:
    """The command with a private home under `root`; `env` is what each run gets."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    _running: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.root / "llm"
        self.env = {**environment(self.root), **self.env}
        (self.root / "home").mkdir(exist_ok=True)

    @property
    def db(self) -> Path:
        """The history database."""
        return self.home / "data" / "history.db"

    @property
    def config(self) -> Path:
        """The user's config file."""
        return self.home / "config" / "config.toml"

    def __call__(
        self,
        *args: str,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str | None] | None = None,
        timeout: float = SECONDS,
        wrap: str = "",
        **popen: Any,
    ) -> Result:
        """Run to the end. Stdin is empty and no terminal, unless `input` or `stdin` says else.

        `wrap` is a shell command around it, where `"$@"` stands for the command.
        """
        report, write_end = os.pipe()
        starter = [sys.executable, "-I", "-S", "-c", _STARTER, str(write_end)]
        starter += [*_wrapped(wrap), *COMMAND, *args]
        settings = self._popen(input, env, popen)
        begun = time.monotonic()
        try:
            with subprocess.Popen(
                starter, pass_fds=(write_end,), start_new_session=True, **settings
            ) as process:
                os.close(write_end)
                out, err = _communicate(process, input, timeout)
            seconds = time.monotonic() - begun
            status, rss = os.read(report, 100).split()
        finally:
            os.close(report)
        code = os.waitstatus_to_exitcode(int(status))
        return Result(out or b"", (err or b"").decode(errors="replace"), code, seconds, int(rss))

    def start(
        self,
        *args: str,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str | None] | None = None,
        **popen: Any,
    ) -> Running:
        """Start it and return at once; it is ended with the test."""
        process = subprocess.Popen([*COMMAND, *args], **self._popen(input, env, popen))
        if input is not None:
            assert process.stdin
            process.stdin.write(input)
            process.stdin.close()
        running = Running(process)
        self._running.append(running)
        return running

    def spawn(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        dimensions: tuple[int, int] = (24, 80),
        wrap: str = "",
        **options: Any,
    ) -> Any:
        """Start it on a terminal of its own: a `pexpect.spawn` that is ended with the test.

        `wrap` is a shell command around it, where `"$@"` stands for the command.
        """
        import pexpect

        terminal = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        program, *arguments = [*_wrapped(wrap), *COMMAND, *args]
        child = pexpect.spawn(
            program,
            arguments,
            env=self._environment({**terminal, **(env or {})}),
            dimensions=dimensions,
            timeout=options.pop("timeout", SECONDS),
            cwd=options.pop("cwd", str(self.root)),
            **options,
        )
        child.ptyproc.delayafterclose = child.ptyproc.delayafterterminate = 0.01
        self._running.append(child)
        return child

    def turns(self) -> list[dict[str, Any]]:
        """The turns in the history, oldest first; none when there is no database."""
        return self.query(
            "SELECT asked.body AS prompt, told.body AS system, turns.* FROM turns"
            " JOIN parts asked ON asked.number = turns.prompt"
            " LEFT JOIN parts told ON told.number = turns.system ORDER BY turns.key"
        )

    def attempts(self) -> list[dict[str, Any]]:
        """The physical attempts in the history, oldest first."""
        return self.query("SELECT * FROM attempts ORDER BY turn, number")

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the history database, read without changing it."""
        if not self.db.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql)]

    def files(self) -> list[Path]:
        """Every file under the private home."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def close(self) -> None:
        """End what still runs."""
        for running in self._running:
            if isinstance(running, Running):
                running.kill()
            else:
                running.close(force=True)

    def _environment(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        merged = {**self.env, **changes}
        return {name: value for name, value in merged.items() if value is not None}

    def _popen(
        self,
        data: bytes | None,
        env: Mapping[str, str | None] | None,
        given: Mapping[str, Any],
    ) -> dict[str, Any]:
        return {
            "stdin": subprocess.DEVNULL if data is None else subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "cwd": self.root,
            "env": self._environment(env or {}),
            **given,
        }


def _communicate(
    process: subprocess.Popen[bytes], data: bytes | None, timeout: float
) -> tuple[bytes, bytes]:
    try:
        return process.communicate(data, timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(
            f"still running after {timeout} s\n{(out or b'')[-500:]!r}\n{(err or b'')[-500:]!r}"
        ) from None


def _wrapped(shell: str) -> list[str]:
    return ["/bin/sh", "-c", shell, "sh"] if shell else []


def environment(root: Path) -> dict[str, str]:
    """A scrubbed environment with every home under `root`: no proxies, no keys, no keyring."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        **kept,
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(root / "home"),
        "LLMCLI_HOME": str(root / "llm"),
        "XDG_CONFIG_HOME": str(root / "home" / "config"),
        "XDG_DATA_HOME": str(root / "home" / "data"),
        "XDG_CACHE_HOME": str(root / "home" / "cache"),
        "XDG_RUNTIME_DIR": str(root / "home" / "run"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def write_card(llm: Llm, base_url: str, name: str = "fs", **card: Any) -> Path:
    """Write a user's card that points at `base_url`, with one model `m` and short clocks.

    A value of None removes a key. The key of the provider is put into the environment.
    """
    import tomli_w

    values: dict[str, Any] = {
        "adapter": "openai-chat",
        "base_url": base_url,
        "key_env": ["FS_KEY"],
        "timeout": {"connect": 2, "first_event": 4, "silence": 3, "stall": 3},
        "backoff": 0.01,
        "models": {"m": {}},
        **card,
    }
    path = llm.home / "config" / "providers" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps({k: v for k, v in values.items() if v is not None}))
    llm.env.setdefault("FS_KEY", KEY)
    return path
