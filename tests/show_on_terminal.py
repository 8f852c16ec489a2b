"""Show answers on the terminal this runs on: `show_on_terminal.py MODE FILE`.

Each line of the file, which may be a named pipe, is a JSON list: `["text", …]` and `["reasoning",
…]` are pieces of an answer, `["tool", name, arguments]`, `["notice", …]` and `["retry", …]` stand
between them; `["end"]` finishes the answer, `["fail"]` ends it in an error, and the next begins.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator

from llmcli.errors import ProviderError
from llmcli.events import (
    Attempt,
    Event,
    Notice,
    ReasoningDelta,
    Retry,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmcli.render import Display, Renderer, choose
from llmcli.turn import Turn


def new_renderer(mode: str) -> Renderer:
    color = not os.environ.get("NO_COLOR")
    return choose(
        Display(
            mode=mode,  # type: ignore[arg-type]
            stdout=sys.stdout,
            stderr=sys.stderr,
            stdout_tty=sys.stdout.isatty(),
            stderr_tty=sys.stderr.isatty(),
            color_out=color,
            color_err=color,
            width=shutil.get_terminal_size().columns,
            usage="SHOW_USAGE" in os.environ,
        )
    )


def events(kind: str, *values: str) -> Iterator[Event]:
    match kind:
        case "text":
            yield TextDelta(values[0])
        case "reasoning":
            yield ReasoningDelta(values[0])
        case "notice":
            yield Notice(values[0])
        case "attempt":
            yield Attempt(values[0], values[1], 1)
        case "retry":
            error = ProviderError(values[0], code=values[0])
            error.provider = error.model = values[0]
            yield Retry(error, 1.0, 2, 3)
        case "tool":
            yield ToolCallStart("k", "c1", values[0])
            yield ToolCallDelta("k", values[1])
            yield ToolCallEnd("k")


def main() -> None:
    mode, path = sys.argv[1:]
    turn = Turn("01A", "01C", "fs", "m", "hi", total_s=1.0)
    renderer = new_renderer(mode)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, *values = json.loads(line)
            if kind in ("end", "fail"):
                if kind == "end":
                    renderer.finish(turn)
                else:
                    renderer.fail(ProviderError("broken"), turn)
                renderer = new_renderer(mode)
                continue
            for event in events(kind, *values):
                renderer.show(event)
            renderer.flush()


if __name__ == "__main__":
    main()
