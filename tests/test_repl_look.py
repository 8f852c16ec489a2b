"""How the prompt looks: the screen of a real terminal as golden text."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import SECONDS
from support import environment
from typing_support import RUNNER

TOOLBAR = "claude-sonnet · 12.4 k / 200 k (6 %) · $0.0512 this chat"


class Window:
    """A window of a tmux of its own, in which messages are read."""

    def __init__(self, tmp_path: Path, rows: int, columns: int) -> None:
        self._socket = f"llmcli-{uuid.uuid4().hex[:8]}"
        self._env = {**environment(tmp_path), "TMUX_TMPDIR": str(tmp_path)}
        (tmp_path / "tmux.conf").write_text("set -g default-terminal tmux-256color\n")
        size = ["-x", str(columns), "-y", str(rows)]
        command = [sys.executable, str(RUNNER), f"toolbar={TOOLBAR}"]
        self.tmux("-f", str(tmp_path / "tmux.conf"), "new-session", "-d", *size, *command)

    def tmux(self, *words: str) -> str:
        """Run a command of tmux."""
        command = ["tmux", "-L", self._socket, *words]
        done = subprocess.run(command, env=self._env, check=True, capture_output=True, text=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press keys by their names; a text in quotation marks is typed."""
        for key in keys:
            self.tmux("send-keys", *(["-l", key[1:-1]] if key[0] == '"' else [key]))

    def paste(self, text: str) -> None:
        """Paste as a user does."""
        self.tmux("set-buffer", text)
        self.tmux("paste-buffer", "-p")

    def becomes(self, *lines: str) -> None:
        """Wait until the screen shows exactly these lines."""
        end = time.monotonic() + SECONDS
        while (shown := self._screen()) != list(lines):
            assert time.monotonic() < end, "\n".join(["", *shown])
            time.sleep(0.02)

    def styles(self) -> set[str]:
        """The numbers of all styles and colours on the screen."""
        sequences = re.findall(r"\x1b\[([0-9;]*)m", self.tmux("capture-pane", "-p", "-e"))
        return {number for sequence in sequences for number in sequence.split(";")}

    def close(self) -> None:
        """End it."""
        command = ["tmux", "-L", self._socket, "kill-server"]
        subprocess.run(command, env=self._env, check=False, timeout=SECONDS)

    def _screen(self) -> list[str]:
        lines = [line.rstrip() for line in self.tmux("capture-pane", "-p").splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        return lines


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    (tmp_path / "home").mkdir()
    opened = Window(tmp_path, 16, 60)
    yield opened
    opened.close()


@pytest.mark.tmux
def test_lines_menu_and_toolbar(window: Window) -> None:
    """The toolbar is below what is typed; the menu between them comes and goes."""
    window.becomes(">", TOOLBAR)
    window.press('"/"')
    menu = [
        " /model      switch the model",
        " /multiline  swap Enter",
        " /undo       ^[[31mstep back^[[0m",
    ]
    window.becomes("> /", *menu, TOOLBAR)
    window.press("Tab")
    window.becomes("> /model", *menu, TOOLBAR)
    assert window.styles() == {"0", "1", "2", "7", "39", "49"}  # 39 and 49: no colour
    window.press("C-c", "C-c")
    window.becomes(">", "Ctrl-D leaves", TOOLBAR)
    window.press('"one"', "M-Enter", '"two 日本"')
    window.becomes("> one", "  two 日本", TOOLBAR)


@pytest.mark.tmux
def test_what_is_sent_stays_without_the_rest(window: Window) -> None:
    """Neither a suggestion, nor the menu, nor the toolbar is left above an answer."""
    window.becomes(">", TOOLBAR)
    window.press('"tell me a story"', "M-Enter", '"now"', "Enter")
    got = ["> tell me a story", "  now", r"got 'tell me a story\nnow'"]
    window.becomes(*got, ">", TOOLBAR)
    window.press('"tell"')
    window.becomes(*got, "> tell me a story…", TOOLBAR)
    window.press("Enter")
    window.becomes(*got, "> tell", "got 'tell'", ">", TOOLBAR)


@pytest.mark.tmux
def test_chip_and_resize(window: Window) -> None:
    """A paste is a chip; lines wrap anew and the toolbar is cut to the width."""
    window.becomes(">", TOOLBAR)
    window.paste("\n".join(str(number) for number in range(240)))
    window.press('" explain"')
    window.becomes("> [paste 1: 240 lines] explain", TOOLBAR)
    window.tmux("resize-window", "-x", "20", "-y", "8")
    window.becomes("> [paste 1: 240 line", "  s] explain", "claude-sonnet · 12.…")
    window.tmux("resize-window", "-x", "60", "-y", "4")
    window.becomes("> [paste 1: 240 lines] explain")
