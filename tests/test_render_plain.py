"""The plain renderer: byte for byte in a pipe, at once, with little ado."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rendering import Streams, show, turn
from support import environment

from llmcli.errors import IncompleteError
from llmcli.events import (
    Attempt,
    Finish,
    OpaqueData,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.render import Display, choose
from llmcli.usage import Usage

EXACT = [
    "Hello wörld 🌍",
    "no newline at the end",
    "two at the end\n\n",
    "crlf\r\nand cr\r",
    "\x1b[31mred\x1b[0m \x07\x00\x7f\x9b \u202e\u2066 \U000e0041",
    "\u2028\u2029\u0085\ufeff",
    "  spaces  \t\n\n\n  ",
    "\n",
    "",
    "# no *markdown* is read\n```\nx\n```",
]


@pytest.mark.parametrize("text", EXACT, ids=ascii)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_pipe_gets_the_bytes_of_the_model(text: str, size: int) -> None:
    streams = Streams()
    pieces = [TextDelta(text[at : at + size]) for at in range(0, len(text), size)]
    show(streams.renderer("plain"), [Attempt("fs", "m", 1), Start(), *pieces, Finish("stop")])
    assert streams.raw.getvalue() == text.encode()
    assert streams.err == ""


def test_a_terminal_gets_it_sanitised_and_the_last_line_ended() -> None:
    streams = Streams()
    show(streams.renderer("plain", stdout_tty=True), [TextDelta("\x1b[2Ja"), TextDelta("b\r")])
    assert streams.out == "^[[2Jab^M\n"


@pytest.mark.parametrize("text", ["a\n", "", "a\r\n"])
def test_a_line_that_ended_is_not_ended_again(text: str) -> None:
    streams = Streams()
    show(streams.renderer("plain", stdout_tty=True), [TextDelta(text)])
    assert streams.out == text.replace("\r", "")


def test_the_first_token_is_written_before_any_flush() -> None:
    streams = Streams()
    renderer = streams.renderer("plain")
    for event in (Start(), TextDelta(""), UsageReport(Usage(1)), TextDelta("One")):
        renderer.show(event)
    assert streams.out == "One"


def test_one_write_for_all_that_one_read_brought() -> None:
    streams = Streams()
    renderer = streams.renderer("plain")
    renderer.show(TextDelta("first"))
    before = streams.raw.writes
    for number in range(50):
        renderer.show(TextDelta(f" {number}"))
        renderer.show(UsageReport(Usage(1, number)))
        renderer.show(OpaqueData({}))
    assert streams.out == "first"
    renderer.flush()
    assert streams.raw.writes == before + 1
    assert streams.out == "first " + " ".join(map(str, range(50)))
    renderer.flush()
    assert streams.raw.writes == before + 1


def test_text_goes_out_at_once_again_after_reasoning() -> None:
    streams = Streams()
    renderer = streams.renderer("plain", stderr_tty=True)
    for event in (TextDelta("a"), ReasoningDelta("hm"), TextDelta("b")):
        renderer.show(event)
    assert (streams.out, streams.err) == ("ab", "hm\n")


def test_what_was_collected_is_written_when_the_answer_fails() -> None:
    streams = Streams()
    renderer = streams.renderer("plain", stdout_tty=True)
    renderer.show(TextDelta("a"))
    renderer.show(TextDelta("b"))
    renderer.fail(IncompleteError("cut"), None)
    assert streams.out == "ab\n"


def test_text_before_and_after_a_tool_call_stand_on_lines_of_their_own() -> None:
    streams = Streams()
    renderer = streams.renderer("plain", stdout_tty=True, stderr_tty=True)
    calls = [ToolCallStart("k", "1", "get"), ToolCallDelta("k", '{"a":1}'), ToolCallEnd("k")]
    show(renderer, [TextDelta("before"), *calls, TextDelta("after")])
    assert streams.out == "before\nafter\n"
    assert streams.err == '· tool call get {"a":1}\n'


def test_a_reader_that_went_away_is_told() -> None:
    """The error of the system comes through, as the caller expects it."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as stdout:
        renderer = choose(Display("plain", stdout, io.StringIO()))
        with pytest.raises(BrokenPipeError):
            renderer.show(TextDelta("x"))


def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "w") as stdout:
        renderer = choose(Display("plain", stdout, io.StringIO()))
        with pytest.raises(OSError, match="No space"):
            renderer.show(TextDelta("x"))


def test_a_pipe_someone_made_non_blocking_gets_everything() -> None:
    """It waits for the reader instead of failing."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    text = "x" * 1_000_000
    got = bytearray()

    def read() -> None:
        while piece := os.read(read_end, 65536):
            got.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(write_end, "w") as stdout:
        show(choose(Display("plain", stdout, io.StringIO())), [TextDelta(text)])
    reader.join()
    os.close(read_end)
    assert got.decode() == text


def test_a_lone_surrogate_does_not_stop_the_answer() -> None:
    streams = Streams()
    show(streams.renderer("plain"), [TextDelta("a\ud800b")])
    assert streams.out == "a?b"


def test_begin_shows_nothing() -> None:
    streams = Streams()
    streams.renderer("plain").begin(turn())
    assert (streams.out, streams.err) == ("", "")


def test_plain_text_loads_no_library_of_the_terminal(tmp_path: Path) -> None:
    """Neither rich nor pygments, even with stderr on a terminal and the usage line."""
    program = """
import io, sys
from llmcli.turn import Turn
from llmcli.events import Attempt, TextDelta
from llmcli.render import Display, choose
renderer = choose(Display("plain", sys.stdout, io.StringIO(), stderr_tty=True, usage=True))
renderer.show(Attempt("a", "b", 1))
renderer.show(TextDelta("x"))
renderer.finish(Turn("1", "2", "a", "b", "hi"))
sys.exit(sorted({m.partition(".")[0] for m in sys.modules} & {"rich", "pygments", "typer"}) or 0)
"""
    env = {**environment(tmp_path), "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "x", "")
