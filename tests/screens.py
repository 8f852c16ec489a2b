"""A real terminal, tmux, whose screens are compared with those kept in `data/screens`.

`UPDATE_SCREENS=1 pytest …` writes the files anew: look at what has changed before you keep it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from running import SECONDS

FOLDER = Path(__file__).parent / "data" / "screens"
_UPDATE = bool(os.environ.get("UPDATE_SCREENS"))
_CHANGING = (
    (re.compile(r"\b0[0-9A-HJKMNP-TV-Z]{9}\b"), "01ARZ3NDEK"),  # an id
    (re.compile(r"· (\d+ ms|\d+\.\d s)$", re.MULTILINE), "· 0.1 s"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8080"),
)


class Terminal:
    """A command in a terminal of this size, of which nothing but its own server is touched."""

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        env: Mapping[str, str],
        rows: int = 24,
        columns: int = 80,
    ) -> None:
        if not shutil.which("tmux"):
            pytest.skip("tmux is not installed")
        self._socket = f"llmcli-{uuid.uuid4().hex[:8]}"
        config = folder / "tmux.conf"
        config.write_text(
            "set -g history-limit 20000\nset -g default-terminal tmux-256color\n"
            "set -g status off\nset -g remain-on-exit on\n"
        )
        size = ["-x", str(columns), "-y", str(rows)]
        self._env = {**env, "TMUX_TMPDIR": str(folder), "LANG": "C.UTF-8"}
        self._run("-f", str(config), "new-session", "-d", *size, shlex.join(command))

    def type(self, text: str) -> None:
        """Type this text."""
        self._run("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: `Enter`, `C-c`."""
        self._run("send-keys", *keys)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the terminal."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def until(self, pattern: str, *, all_lines: bool = False) -> str:
        """The screen, or all lines there ever were, once it matches; a line each, no blanks."""
        wanted = re.compile(pattern, re.MULTILINE)
        end = time.monotonic() + SECONDS
        while not wanted.search(screen := self.screen(all_lines=all_lines)):
            assert time.monotonic() < end, f"{pattern!r} is not on the screen:\n{screen}"
            time.sleep(0.02)
        return screen

    def screen(self, *, all_lines: bool = False) -> str:
        """What is on the screen now, with what was scrolled away if `all_lines`."""
        where = ["-J", "-S", "-", "-E", "-"] if all_lines else []
        lines = self._run("capture-pane", "-p", *where).splitlines()
        return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"

    def close(self) -> None:
        """End the terminal."""
        command = ["tmux", "-L", self._socket, "kill-server"]
        subprocess.run(command, env=self._env, check=False, timeout=20, capture_output=True)

    def _run(self, *words: str) -> str:
        command = ["tmux", "-L", self._socket, *words]
        done = subprocess.run(command, env=self._env, check=True, capture_output=True, text=True)
        return done.stdout


def golden(name: str, screen: str) -> None:
    """The screen is the one that is kept under this name, but for ids, ports and seconds."""
    for pattern, instead in _CHANGING:
        screen = pattern.sub(instead, screen)
    path = FOLDER / f"{name}.txt"
    if _UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(screen, encoding="utf-8")
    assert screen == path.read_text(encoding="utf-8")
