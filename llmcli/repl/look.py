"""The look of what we draw: attributes only, so that it fits light and dark terminals."""

from __future__ import annotations

import os
import sys
from typing import IO, TextIO, cast

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

STYLE = Style.from_dict(
    {
        "prompt": "bold",
        "chip": "noinherit reverse",
        "control": "noinherit dim",
        "control-character": "noinherit dim",
        "nbsp": "noinherit",
        "auto-suggestion": "noinherit dim",
        "note": "dim",
        "toolbar": "dim",
        "choice.current": "reverse",
        "choice.about": "dim",
        "search": "noinherit underline",
        "incsearch": "noinherit underline",
        "incsearch.current": "noinherit reverse",
        "window-too-small": "noinherit",
        "multiple-cursors": "noinherit reverse",
        "digraph": "noinherit dim",
    }
)
_USUAL_SIZE = (80, 24)


def is_dumb() -> bool:
    """Whether the terminal can do no more than print."""
    return os.environ.get("TERM", "").lower() in ("", "dumb", "unknown") and os.name != "nt"


def drawn_on(keyboard: IO[str]) -> IO[str]:
    """The terminal to draw on: stdout, else stderr, else the one the keys come from."""
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            return stream
    return open(os.ttyname(keyboard.fileno()), "w", encoding="utf-8")


def output_on(stream: IO[str], color: bool) -> Output:
    """Where prompt_toolkit draws, without ever asking where the cursor is.

    A terminal that answers late would type its answer into the next program.
    """
    if sys.platform == "win32":  # pragma: no cover
        return create_output(cast(TextIO, stream))
    depth = ColorDepth.DEPTH_8_BIT if color else ColorDepth.DEPTH_1_BIT
    return Vt100_Output(
        cast(TextIO, stream),
        lambda: _size(stream),
        term=os.environ.get("TERM"),
        default_color_depth=depth,
        enable_cpr=False,
    )


def _size(stream: IO[str]) -> Size:
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, rows = 0, 0
    return Size(rows=rows or _USUAL_SIZE[1], columns=columns or _USUAL_SIZE[0])
