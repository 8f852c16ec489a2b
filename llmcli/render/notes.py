"""What stderr says while an answer arrives: reasoning, tool calls, retries, warnings, a spinner."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from typing import IO

from llmcli.errors import ProviderError
from llmcli.events import (
    Attempt,
    Event,
    Fallback,
    Notice,
    ReasoningDelta,
    Replay,
    Retry,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmcli.redaction import redact
from llmcli.render.display import Display
from llmcli.render.spinner import Spinner
from llmcli.render.summary import cached, usage_line
from llmcli.sanitize import Incoming, one_line
from llmcli.turn import Turn

_DIM, _YELLOW, _RESET = "\x1b[2m", "\x1b[33m", "\x1b[0m"
_NARROWEST = 10  # columns a spinner needs


class Notes:
    """The stderr side of a renderer.

    `midline` is set by the renderer while its text stands in the middle of a line of the same
    terminal; `break_line` is called to end that line. Trouble with stderr never harms the answer.
    """

    def __init__(self, display: Display, break_line: Callable[[], None] | None = None) -> None:
        on_screen = display.stderr_tty and not display.quiet
        self.midline = False
        self._break = break_line
        self._stream = display.stderr
        self._dim = display.styled_err
        self._lines = not display.quiet and (display.stderr_tty or display.verbose)
        self._warnings = not display.quiet
        self._usage = display.usage
        self._reasons = display.reasons
        self._same_screen = display.stdout_tty and display.stderr_tty
        self._keep_spinning = not display.stdout_tty and _is_file(display.stdout)
        self._spinner: Spinner | None = None
        if on_screen and not display.dumb and display.width >= _NARROWEST:
            self._spinner = Spinner(display.stderr, dim=self._dim)
        self._late: list[str] = []
        self._incoming = Incoming()
        self._reasoning: list[str] = []
        self._thinking = ""
        self._calls: dict[str, list[str]] = {}

    def hear(self, event: Event) -> None:
        """Take an event that is not text."""
        match event:
            case ReasoningDelta(text) if self._reasons:
                self._reason(text)
            case Attempt():
                self.spin()
            case Replay(kept) if kept.stored and not self._usage:
                self.line(f"· {', '.join(cached(kept.stored, kept.saved))}")
            case Retry() | Fallback():
                self.line(_trouble(event))
                self.spin()
            case Notice(message):
                self.warn(message)
            case ToolCallStart() | ToolCallDelta() | ToolCallEnd() if self._lines:
                self._tool_call(event)
            case _:
                pass

    def spin(self) -> None:
        """Show a sign of life until something else is shown."""
        if self._spinner and not self.midline and not self._thinking:
            self._spinner.start()

    def clear(self) -> None:
        """Leave the screen to the answer, which begins a line of its own."""
        self.flush()
        if self._thinking:
            self._write(self._end_thought() + ("\n" if self._same_screen else ""))
        if self._spinner and not self._keep_spinning:
            self._spinner.stop()

    def flush(self) -> None:
        """Show the reasoning received so far."""
        if self._reasoning:
            text = "".join(self._reasoning)
            self._reasoning.clear()
            self._thinking = text[-1:] or self._thinking
            self._write(self._faint(text))

    def line(self, text: str) -> None:
        """A dim line; the caller cleans foreign text."""
        if self._lines:
            self._own_line()
            self._write(self._faint(text) + "\n")

    def warn(self, message: str) -> None:
        """A warning; it waits for the end where it would tear a line of the answer."""
        if not self._warnings:
            return
        label = f"{_YELLOW}llm: warning:{_RESET}" if self._dim else "llm: warning:"
        line = f"{label} {one_line(redact(message))}\n"
        if self.midline:
            self._late.append(line)
            return
        self._own_line()
        self._write(line)

    def calls(self, turn: Turn) -> None:
        """An answer that is nothing but tool calls is not left unsaid, in a pipe either."""
        if turn.text or self._lines or not self._warnings:
            return
        for call in turn.tool_calls:
            self._write(_called(call.name, call.arguments) + "\n")

    def end(self, turn: Turn | None = None) -> None:
        """Nothing more comes; the answer ended its last line. A turn gets its usage line."""
        self.flush()
        if self._spinner:
            self._spinner.stop()
        if self._thinking:
            self._write(self._end_thought())
        self._write("".join(self._late))
        self._late.clear()
        if turn is not None and self._usage:
            self._write(self._faint(f"· {usage_line(turn)}") + "\n")

    def _own_line(self) -> None:
        """Be at the start of a line that nobody else writes on."""
        if self._spinner:
            self._spinner.stop()
        self.flush()
        if self._thinking:
            self._write(self._end_thought())
        if self.midline and self._break:
            self._break()

    def _reason(self, text: str) -> None:
        safe = self._incoming.feed(text)
        if not safe:
            return
        first = not self._thinking and not self._reasoning
        if first:
            self._own_line()
        self._reasoning.append(safe)
        if first:
            self.flush()

    def _end_thought(self) -> str:
        last = self._incoming.end() or self._thinking
        self._thinking = ""
        return "" if last.endswith("\n") else "\n"

    def _tool_call(self, event: ToolCallStart | ToolCallDelta | ToolCallEnd) -> None:
        match event:
            case ToolCallStart(key, _, name):
                self._calls[key] = [name]
                self._own_line()
                self.spin()
            case ToolCallDelta(key, fragment):
                self._calls[key].append(fragment)
            case ToolCallEnd(key):
                name, *fragments = self._calls.pop(key)
                self.line(_called(name, "".join(fragments)))

    def _faint(self, text: str) -> str:
        return f"{_DIM}{text}{_RESET}" if self._dim else text

    def _write(self, text: str) -> None:
        if text:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()


def _called(name: str, arguments: str) -> str:
    return f"· tool call {one_line(name, 80)} {one_line(redact(arguments), 200)}".rstrip()


def _trouble(event: Retry | Fallback) -> str:
    error = event.error
    who = one_line(f"{error.provider}/{error.model}", 120)
    if isinstance(event, Fallback):
        following = one_line(f"{event.provider}/{event.model}", 120)
        return f"· {who} failed ({_reason(error)}); asking {following}"
    count = f"attempt {event.number} of {event.limit}"
    return f"· retrying {who} in {event.delay:.1f} s ({_reason(error)}, {count})"


def _reason(error: ProviderError) -> str:
    """`429 rate_limit_exceeded`, or as much of it as is known."""
    status = str(error.http_status) if error.http_status else ""
    return one_line(redact(f"{status} {error.code or error.kind}"), 120)


def _is_file(stream: IO[str]) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):
        return False
