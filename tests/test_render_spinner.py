"""The spinner: late, gone before anything else is shown, and no thread without need."""

from __future__ import annotations

import io
import re
import resource
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rendering import Streams, turn

from llmcli.errors import RateLimitError
from llmcli.events import Attempt, Retry, TextDelta
from llmcli.render.spinner import Spinner


class _Watched(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


def _spinners() -> int:
    return sum(thread.name.startswith("Thread-") for thread in threading.enumerate())


def _after_erasing(text: str) -> str:
    """What a terminal shows of text with carriage returns."""
    line: list[str] = []
    column = 0
    for character in text:
        if character == "\r":
            column = 0
            continue
        line[column : column + 1] = [character]
        column += 1
    return "".join(line).rstrip()


def test_the_spinner_comes_late_and_leaves_nothing() -> None:
    stream = _Watched()
    spinner = Spinner(stream, dim=False)
    begun = time.monotonic()
    spinner.start()
    assert stream.written.wait(20)
    assert time.monotonic() - begun >= 0.15
    assert re.fullmatch(
        r"\r[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] \d+ s",
        stream.getvalue().rpartition("\r")[1] + (stream.getvalue().rpartition("\r")[2]),
    )
    spinner.stop()
    assert _after_erasing(stream.getvalue()) == ""
    written = stream.getvalue()
    spinner.stop()
    assert stream.getvalue() == written


def test_the_spinner_is_not_seen_when_the_answer_is_quick() -> None:
    stream = _Watched()
    for _ in range(100):
        spinner = Spinner(stream, dim=True)
        spinner.start()
        spinner.stop()
    assert stream.getvalue() == ""


def test_the_spinner_can_be_started_again() -> None:
    stream = _Watched()
    spinner = Spinner(stream, dim=False)
    for _ in range(2):
        stream.written.clear()
        spinner.start()
        spinner.start()
        assert stream.written.wait(20)
        spinner.stop()
    assert _after_erasing(stream.getvalue()) == ""


@pytest.mark.parametrize("mode", ["plain", "markdown", "jsonl"])
def test_the_spinner_is_gone_before_the_first_byte_of_output(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    streams = Streams()
    streams.stderr = stream = _Watched()
    renderer = streams.renderer(mode, stderr_tty=True)
    renderer.show(Attempt("fs", "m", 1))
    assert stream.written.wait(20)
    renderer.show(TextDelta("x"))
    renderer.flush()
    written = stream.getvalue()
    assert streams.out
    assert _after_erasing(written) == ""
    renderer.finish(turn())
    assert stream.getvalue() == written


def test_the_spinner_goes_on_while_the_answer_goes_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else would tell that something happens; at the end it is gone."""
    monkeypatch.setenv("TERM", "xterm")
    streams = Streams()
    streams.stderr = stream = _Watched()
    with (tmp_path / "answer").open("w") as stdout:
        streams.stdout = stdout
        renderer = streams.renderer("plain", stderr_tty=True)
        renderer.show(Attempt("fs", "m", 1))
        renderer.show(TextDelta("x"))
        assert stream.written.wait(20)
        renderer.finish(turn())
    assert _after_erasing(stream.getvalue()) == ""
    assert (tmp_path / "answer").read_text() == "x"


def test_the_spinner_is_gone_when_the_file_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    streams = Streams()
    streams.stderr = stream = _Watched()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "answer").open("w") as stdout:
        streams.stdout = stdout
        renderer = streams.renderer("plain", stderr_tty=True)
        renderer.show(Attempt("fs", "m", 1))
        assert stream.written.wait(20)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))
        try:
            with pytest.raises(OSError, match="large"):
                renderer.show(TextDelta("too much"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _after_erasing(stream.getvalue()) == ""


def test_a_retry_line_takes_the_place_of_the_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    streams = Streams()
    streams.stderr = stream = _Watched()
    renderer = streams.renderer("plain", stderr_tty=True)
    renderer.show(Attempt("fs", "m", 1))
    assert stream.written.wait(20)
    error = RateLimitError("slow down", http_status=429)
    renderer.show(Retry(error, 2.0, 2, 3))
    renderer.finish(turn())
    assert re.search(r"\r *\r· retrying", stream.getvalue())


@pytest.mark.parametrize(
    ("settings", "term"),
    [
        ({}, "xterm"),
        ({"stderr_tty": True}, "dumb"),
        ({"stderr_tty": True, "quiet": True}, "xterm"),
        ({"stderr_tty": True, "width": 5}, "xterm"),
    ],
)
def test_no_thread_without_need(
    settings: dict[str, Any], term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stderr is no terminal, or a dumb or tiny one, or the user wants silence."""
    monkeypatch.setenv("TERM", term)
    before = _spinners()
    renderer = Streams().renderer("plain", **settings)
    renderer.show(Attempt("fs", "m", 1))
    assert _spinners() == before
    renderer.finish(turn())
