"""Rows 49 to 54 in every wire format: counts, reasons to stop, odd frames, tool calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from faults_stream import BAD_COUNTS
from hearing import Heard, each, hear, said
from spoken import CALL, PIECES, TEXT, THOUGHTS
from voices import NAMES, VOICES, Voice

voice = pytest.mark.parametrize("name", NAMES)


def _told(name: str, usage: tuple[Any, Any] | None) -> Heard:
    heard = hear(name, [VOICES[name](usage).answer()])
    said(heard)
    return heard


@voice
def test_row_49_no_usage(name: str) -> None:
    heard = _told(name, None)
    assert heard.usage is None or heard.usage[:2] == (None, None)


@voice
def test_row_50_usage_told_twice_is_not_added(name: str) -> None:
    """A report replaces the one before, also within one answer."""
    spoken: Voice = VOICES[name]((3, 2))
    begun = b"".join(spoken.texts())
    spoken.usage = (9, 5)
    heard = hear(name, [begun + spoken.ends()])
    assert heard.usage is not None
    assert heard.usage.output == 5
    assert heard.usage.input == (3 if name == "anthropic" else 9)  # told once, at the start


@voice
@pytest.mark.parametrize("kind", BAD_COUNTS)
def test_row_51_counts_that_are_none(name: str, kind: str) -> None:
    number = BAD_COUNTS[kind]
    value = number.strip('"') if kind == "text" else f"raw:{number}"
    usage = _told(name, (value, value)).usage
    assert usage is None or usage[:2] == (None, None)
    usage = _told(name, (9, value)).usage
    assert usage is not None
    assert usage[:2] == (9, None)


def _reasons() -> list[tuple[str, str]]:
    ours = ("length", "content_filter", "refusal", "other")
    return [(name, reason) for name in NAMES for reason in ours if reason in VOICES[name].reasons]


@pytest.mark.parametrize(("name", "reason"), _reasons())
def test_rows_52_and_53_reasons_to_stop(name: str, reason: str) -> None:
    """In a stream and in one piece."""
    body = VOICES[name]().json(VOICES[name]().whole(TEXT, reason))
    told = [(VOICES[name]().answer(PIECES, reason), True), (body, True), (body, False)]
    for data, stream in told:
        heard = hear(name, [data], stream=stream)
        assert (heard.text, heard.error) == (TEXT, None)
        assert heard.finish == reason


@each("oddities")
def test_row_54_odd_frames(name: str, kind: str) -> None:
    """What is unknown or null is passed over, wherever it comes."""
    spoken = VOICES[name]()
    begin, *pieces = spoken.texts()
    odd = spoken.oddities()[kind]
    said(hear(name, [begin, odd, *pieces[:2], odd, *pieces[2:], odd, spoken.ends()]))


@voice
def test_row_54_reasoning_and_a_call_of_a_tool_that_was_not_offered(name: str) -> None:
    spoken = VOICES[name]()
    thoughts = b"".join(map(spoken.thinks, THOUGHTS))
    text = b"".join(map(spoken.says, PIECES))
    calls = spoken.calls(*CALL)
    heard = hear(name, [spoken.begin() + thoughts + text + calls + spoken.ends("tool_calls")])
    found = (heard.reasoning, heard.text, heard.finish)
    assert found == ("".join(THOUGHTS), TEXT, "tool_calls")
    ((_, call_id, tool, arguments, _),) = heard.calls
    assert (call_id == CALL[0]) or (call_id and not spoken.tells_ids)
    assert (tool, json.loads(arguments)) == (CALL[1], json.loads("".join(CALL[2])))


@voice
def test_row_54_a_call_without_arguments(name: str) -> None:
    """Empty arguments are an empty object."""
    spoken = VOICES[name]()
    heard = hear(name, [spoken.begin(), spoken.calls("c", "now", []), spoken.ends("tool_calls")])
    ((_, _, tool, arguments, state),) = heard.calls
    assert (tool, json.loads(arguments), state) == ("now", {}, "ended")
    assert heard.finish == "tool_calls"
