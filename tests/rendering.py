"""Show answers without a terminal and on a real one, and look at what was written."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from support import environment

from llmcli.events import Event, TextDelta
from llmcli.render import Display, Renderer, choose
from llmcli.render.blocks import Blocks
from llmcli.render.wrap import Lines
from llmcli.turn import Turn

SHOW = Path(__file__).with_name("show_on_terminal.py")
_SGR = re.compile(r"\x1b\[[0-9;]*m")


def turn(**fields: Any) -> Turn:
    """A finished turn, with these fields changed."""
    values: dict[str, Any] = {
        "id": "01A",
        "conversation": "01C",
        "provider": "fs",
        "model": "m",
        "prompt": "hi",
        "status": "complete",
        "total_s": 2.3456,
        **fields,
    }
    return Turn(**values)


def bare(text: str) -> str:
    """The text without colours."""
    return _SGR.sub("", text)


def markdown(
    text: str | Iterable[str], width: int = 80, *, color: bool = False, dumb: bool = False
) -> str:
    """What a terminal of this width is sent for a Markdown text, or for its pieces."""
    lines = Lines(lambda: width, color)
    blocks = Blocks(lines, color=color, dumb=dumb)
    shown = []
    for piece in [text] if isinstance(text, str) else text:
        blocks.feed(piece)
        shown.append(lines.take())
    blocks.end()
    return "".join([*shown, lines.take()])


class Streams:
    """A stdout and a stderr that remember what was written, and in how many writes."""

    def __init__(self) -> None:
        self.raw = _Counting()
        self.stdout = io.TextIOWrapper(self.raw, encoding="utf-8", newline="\n")
        self.stderr = io.StringIO()

    def renderer(self, mode: str, **settings: Any) -> Renderer:
        """A renderer that writes here."""
        return choose(Display(mode, self.stdout, self.stderr, **settings))  # type: ignore[arg-type]

    @property
    def out(self) -> str:
        """Stdout so far."""
        return self.raw.getvalue().decode()

    @property
    def err(self) -> str:
        """Stderr so far."""
        return self.stderr.getvalue()


class _Counting(io.BytesIO):
    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, data: Any) -> int:
        self.writes += 1
        return super().write(data)


def show(renderer: Renderer, events: Iterable[Event], **fields: Any) -> None:
    """Show the events, each flushed, and finish a turn that has their text."""
    text = []
    for event in events:
        if isinstance(event, TextDelta):
            text.append(event.text)
        renderer.show(event)
        renderer.flush()
    renderer.finish(turn(text="".join(text), **fields))


def on_terminal(
    tmp_path: Path,
    mode: str,
    commands: Sequence[Sequence[str]],
    size: tuple[int, int] = (24, 80),
    env: dict[str, str | None] | None = None,
) -> str:
    """What a terminal is sent for these commands, see `show_on_terminal.py`; newlines stay."""
    script = tmp_path / "commands.jsonl"
    script.write_text("".join(json.dumps(command) + "\n" for command in commands))
    merged = {**environment(tmp_path), "TERM": "xterm-256color", **(env or {})}
    ours, theirs = pty.openpty()
    settings = termios.tcgetattr(theirs)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    with subprocess.Popen(
        [sys.executable, str(SHOW), mode, str(script)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={name: value for name, value in merged.items() if value is not None},
    ) as process:
        os.close(theirs)
        written = b"".join(_until_closed(ours))
    os.close(ours)
    assert process.returncode == 0, written[-2000:]
    return written.decode()


def _until_closed(terminal: int) -> Iterable[bytes]:
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 1 << 16):
            yield piece
