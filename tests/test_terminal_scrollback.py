"""Row 90 in a real terminal with scrollback: every line of a long answer is there once."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rendering import SHOW
from support import environment


class Tmux:
    """A terminal with scrollback, of which nothing but its own server is touched."""

    def __init__(self, tmp_path: Path, rows: int, columns: int) -> None:
        self._socket = f"llmcli-{uuid.uuid4().hex[:8]}"
        self._pipe = tmp_path / "commands"
        os.mkfifo(self._pipe)
        shown = f"'{sys.executable}' '{SHOW}' markdown '{self._pipe}'"
        script = f"{shown}; tmux -L {self._socket} wait-for -S over; exec cat"
        config = tmp_path / "tmux.conf"
        config.write_text("set -g history-limit 5000\nset -g default-terminal tmux-256color\n")
        size = ["-x", str(columns), "-y", str(rows)]
        self._env = {**environment(tmp_path), "TMUX_TMPDIR": str(tmp_path), "LANG": "C.UTF-8"}
        self._run("-f", str(config), "new-session", "-d", *size, script)
        self._commands = self._pipe.open("w", encoding="utf-8")

    def _run(self, *words: str) -> str:
        command = ["tmux", "-L", self._socket, *words]
        done = subprocess.run(command, env=self._env, check=True, capture_output=True, text=True)
        return done.stdout

    def send(self, *commands: list[str]) -> None:
        """Have these shown."""
        for command in commands:
            self._commands.write(json.dumps(command) + "\n")
        self._commands.flush()

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the window."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def finish(self) -> str:
        """All that is on the screen and above it, once everything is shown."""
        self._commands.close()
        self._run("wait-for", "over")
        return self._run("capture-pane", "-p", "-J", "-S", "-", "-E", "-")

    def close(self) -> None:
        """End the terminal."""
        if not self._commands.closed:
            self._commands.close()
        subprocess.run(
            ["tmux", "-L", self._socket, "kill-server"], env=self._env, check=False, timeout=20
        )


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[[int, int], Tmux]]:
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    opened: list[Tmux] = []

    def start(rows: int, columns: int) -> Tmux:
        opened.append(Tmux(tmp_path, rows, columns))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def _long_answer() -> list[str]:
    """Blocks of all kinds, each with its number on every line."""
    kinds = (
        "Line <{0}> with **bold** and `code`.\n\n",
        "- item <{0}> in a list\n",
        "\n## Heading <{0}>\n\n",
        "```python\nx = '<{0}>'  # code\n```\n",
        "> quote <{0}>\n\n",
        "| a | b |\n|--|--|\n| <{0}> | x |\n\n",
    )
    return [kinds[number % len(kinds)].format(number) for number in range(240)]


@pytest.mark.tmux
def test_row_90_each_line_once_in_scrollback(tmux: Callable[[int, int], Tmux]) -> None:
    """An answer ten screens tall, in pieces of seven characters."""
    terminal = tmux(24, 80)
    text = "".join(_long_answer())
    terminal.send(*(["text", text[at : at + 7]] for at in range(0, len(text), 7)), ["end"])
    found = re.findall(r"<(\d+)>", terminal.finish())
    assert found == [str(number) for number in range(240)]


@pytest.mark.tmux
def test_row_90_each_line_once_after_resizes(tmux: Callable[[int, int], Tmux]) -> None:
    """The window gets narrower, wider and lower while the answer arrives."""
    terminal = tmux(24, 80)
    pieces = _long_answer()
    sizes = [(24, 50), (10, 120), (40, 80)]
    for number, piece in enumerate(pieces):
        if number % 60 == 59:
            terminal.resize(*sizes[number // 60 % 3])
        terminal.send(["text", piece])
    terminal.send(["end"])
    found = re.findall(r"<(\d+)>", terminal.finish())
    assert found == [str(number) for number in range(240)]
