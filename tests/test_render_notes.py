"""What stderr says, and to whom: a person, a log, or nobody."""

from __future__ import annotations

from typing import Any

import pytest
from rendering import Streams, show, turn

from llmcli.errors import IncompleteError, RateLimitError
from llmcli.events import (
    Event,
    Fallback,
    Notice,
    ReasoningDelta,
    Retry,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from llmcli.messages import ToolCall
from llmcli.usage import Usage

CALL: list[Event] = [
    ToolCallStart("k", "c1", "get_weather"),
    ToolCallDelta("k", '{"city":'),
    ToolCallDelta("k", '"Paris"}'),
    ToolCallEnd("k"),
]


def _failure() -> RateLimitError:
    error = RateLimitError("slow down", http_status=429, code="rate_limit_exceeded")
    error.provider, error.model = "openai", "gpt-5.6"
    return error


RETRY = Retry(_failure(), 2.04, 2, 3)
RETRY_LINE = "· retrying openai/gpt-5.6 in 2.0 s (429 rate_limit_exceeded, attempt 2 of 3)\n"


def _stderr(events: list[Event], mode: str = "plain", **settings: Any) -> str:
    """What stderr gets; the terminal is dumb, so that no spinner comes between."""
    streams = Streams()
    show(streams.renderer(mode, **settings), events)
    return streams.err


@pytest.fixture(autouse=True)
def _dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


@pytest.mark.parametrize("mode", ["plain", "markdown", "code", "json"])
def test_retries_are_told_on_a_terminal_or_when_verbose(mode: str) -> None:
    assert _stderr([RETRY], mode, stderr_tty=True) == RETRY_LINE
    assert _stderr([RETRY], mode, verbose=True) == RETRY_LINE
    assert _stderr([RETRY], mode) == ""
    assert _stderr([RETRY], mode, stderr_tty=True, quiet=True) == ""
    assert _stderr([RETRY], mode, verbose=True, quiet=True) == ""


def test_a_fallback_says_why_and_to_what() -> None:
    shown = _stderr([Fallback(_failure(), "groq", "llama")], stderr_tty=True)
    assert shown == ("· openai/gpt-5.6 failed (429 rate_limit_exceeded); asking groq/llama\n")


def test_warnings_are_told_unless_quiet() -> None:
    assert _stderr([Notice("odd\nthing")]) == "llm: warning: odd thing\n"
    assert _stderr([Notice("odd")], quiet=True) == ""


def test_a_warning_does_not_tear_a_line_of_the_answer() -> None:
    """On one screen it waits for the end of the answer; anywhere else it is told at once."""
    for mode in ("plain", "markdown"):
        streams = Streams()
        renderer = streams.renderer(mode, stdout_tty=True, stderr_tty=True)
        renderer.show(TextDelta("half a "))
        renderer.show(Notice("odd"))
        assert streams.err == ""
        renderer.show(TextDelta("line"))
        renderer.finish(turn())
        assert (streams.out, streams.err) == ("half a line\n", "llm: warning: odd\n")
    streams = Streams()
    renderer = streams.renderer("plain", stderr_tty=True)
    renderer.show(TextDelta("half"))
    renderer.show(Notice("odd"))
    assert streams.err == "llm: warning: odd\n"


def test_a_late_warning_is_told_when_the_answer_fails_too() -> None:
    streams = Streams()
    renderer = streams.renderer("plain", stdout_tty=True, stderr_tty=True)
    renderer.show(TextDelta("half"))
    renderer.show(Notice("odd"))
    renderer.fail(IncompleteError("cut"), None)
    assert streams.err == "llm: warning: odd\n"


def test_reasoning_is_shown_on_a_terminal_or_when_asked_for() -> None:
    events: list[Event] = [ReasoningDelta("let me"), ReasoningDelta(" think"), TextDelta("Yes")]
    assert _stderr(events, stderr_tty=True) == "let me think\n"
    assert _stderr(events, reasoning=True) == "let me think\n"
    assert _stderr(events) == ""
    assert _stderr(events, stderr_tty=True, quiet=True) == ""


def test_reasoning_is_dim_and_a_line_away_from_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    streams = Streams()
    renderer = streams.renderer("plain", stdout_tty=True, stderr_tty=True, color_err=True)
    show(renderer, [ReasoningDelta("a"), ReasoningDelta(" b"), TextDelta("Yes")])
    assert streams.err == "\x1b[2ma\x1b[0m\x1b[2m b\x1b[0m\n\n"


def test_the_first_reasoning_is_shown_before_any_flush() -> None:
    streams = Streams()
    streams.renderer("plain", stderr_tty=True).show(ReasoningDelta("hm"))
    assert streams.err == "hm"


def test_reasoning_that_ended_its_line_is_not_ended_again() -> None:
    assert _stderr([ReasoningDelta("a\n"), TextDelta("b")], stderr_tty=True) == "a\n"
    assert _stderr([ReasoningDelta("a")], stderr_tty=True) == "a\n"


def test_a_tool_call_is_one_line_on_a_terminal() -> None:
    line = '· tool call get_weather {"city":"Paris"}\n'
    events = [TextDelta("x"), *CALL]
    assert _stderr(events, stderr_tty=True) == line
    assert _stderr(events, verbose=True) == line
    assert _stderr(events) == ""


def test_an_answer_of_nothing_but_tool_calls_is_not_silent_in_a_pipe() -> None:
    calls = (ToolCall("c1", "get_weather", '{"city":"Paris"}'),)
    for settings, shown in (
        ({}, '· tool call get_weather {"city":"Paris"}\n'),
        ({"quiet": True}, ""),
    ):
        streams = Streams()
        show(streams.renderer("plain", **settings), CALL, tool_calls=calls)
        assert (streams.out, streams.err) == ("", shown)


def test_the_usage_line() -> None:
    for mode in ("plain", "markdown", "code", "json", "jsonl"):
        streams = Streams()
        show(streams.renderer(mode, usage=True), [], usage=Usage(1, 2))
        assert streams.err == "· fs/m · 1 in · 2 out · cost unknown · 2.3 s\n"


def test_trouble_with_stderr_is_no_trouble_for_the_answer() -> None:
    streams = Streams()
    streams.stderr = open("/dev/full", "w")  # type: ignore[assignment]  # noqa: SIM115
    events = [RETRY, ReasoningDelta("a"), TextDelta("Yes"), Notice("odd"), *CALL]
    renderer = streams.renderer("plain", stderr_tty=True, usage=True)
    show(renderer, events)
    assert streams.out == "Yes"
    with pytest.raises(OSError, match="No space"):
        streams.stderr.close()
