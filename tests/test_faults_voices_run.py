"""Rows of the fault table that show most, in every other wire format, through the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from expect import answered, clean, failed, incomplete, kept
from fault_server import FaultServer
from running import Result
from spoken import CALL, TEXT, THOUGHTS
from support import KEY, Llm
from voices import NEW, VOICES

Ask = Callable[..., Result]
PRICED = {"m": {"cost": {"input": 1, "output": 2}}}

voice = pytest.mark.parametrize("voice", NEW)


@voice
def test_a_good_answer(ask: Ask, faults: FaultServer, llm: Llm, voice: str) -> None:
    """Byte for byte on stdout, silence on stderr, one turn with its counts and cost."""
    result = ask("ok", voice=voice, models=PRICED)
    answered(result)
    assert result.err == ""
    (request,) = faults.requests()
    assert KEY in " ".join(request.headers.values())
    assert KEY not in request.target
    (turn,) = llm.turns()
    found = (turn["status"], turn["text"], turn["input"], turn["output"])
    assert found == ("complete", TEXT, 9, 5)
    assert float(turn["cost"]) == pytest.approx((9 * 1 + 5 * 2) / 1e6)


@voice
def test_row_07_401(ask: Ask, faults: FaultServer, voice: str) -> None:
    failed(ask("http:401", voice=voice), 4, "fs", "FS_KEY")
    assert len(faults.requests()) == 1


@voice
def test_row_20_always_503(ask: Ask, faults: FaultServer, voice: str) -> None:
    failed(ask("http:503", voice=voice), 7, "fs")
    assert len(faults.requests()) == 3


@voice
@pytest.mark.parametrize("flags", [(), ("--no-stream",)])
def test_row_28_a_whole_body(ask: Ask, llm: Llm, voice: str, flags: tuple[str, ...]) -> None:
    answered(ask("whole", *flags, "hi", voice=voice))
    (turn,) = llm.turns()
    assert (turn["status"], turn["input"], turn["output"]) == ("complete", 9, 5)


@voice
def test_row_34_reset_mid_stream(ask: Ask, llm: Llm, voice: str) -> None:
    incomplete(llm, ask("reset", voice=voice), "reset")


@voice
def test_row_36_clean_end_without_end_marker(ask: Ask, llm: Llm, voice: str) -> None:
    incomplete(llm, ask("no-end", voice=voice), "end")


@voice
def test_row_38_last_event_without_blank_line(ask: Ask, voice: str) -> None:
    answered(ask("no-blank-line:finish", voice=voice))


@voice
def test_row_39_cut_json(ask: Ask, llm: Llm, voice: str) -> None:
    name = "http-1.0:cut" if voice == "bedrock" else "cut-json:later"  # its frames have sums
    incomplete(llm, ask(name, voice=voice))


@voice
def test_row_45_error_before_content(ask: Ask, faults: FaultServer, voice: str) -> None:
    """Like a 5xx: tried again, then 7."""
    result = ask("tells-error:first", voice=voice)
    failed(result, 7, "MARK broke")
    assert result.out == b""
    assert len(faults.requests()) == 3


@voice
def test_row_45_error_mid_stream(ask: Ask, faults: FaultServer, llm: Llm, voice: str) -> None:
    incomplete(llm, ask("tells-error:later", voice=voice), "MARK broke")
    assert len(faults.requests()) == 1


@voice
@pytest.mark.parametrize("kind", ["none", "negative", "digits"])
def test_rows_49_and_51_counts_that_are_none(ask: Ask, llm: Llm, voice: str, kind: str) -> None:
    """Unknown is null and never 0, nor is its cost."""
    result = ask(f"tells-counts:{kind}", "--json", "hi", voice=voice, models=PRICED)
    clean(result)
    assert (result.code, result.json["text"]) == (0, TEXT), result.err
    usage: dict[str, Any] = result.json["usage"] or {}
    found = (usage.get("input"), usage.get("output"), result.json["cost"])
    assert found == (None, None, None)
    assert llm.turns()[0]["cost"] is None


@voice
def test_row_54_odd_frames(ask: Ask, voice: str) -> None:
    """They are passed over, or told in one line where they might have held some of the answer."""
    result = ask("tells-oddities", voice=voice)
    answered(result)
    assert len(result.err.splitlines()) <= (voice == "gemini")


@voice
def test_reasoning_and_tool_calls(ask: Ask, voice: str) -> None:
    result = ask("tells-all", "--json", "hi", voice=voice)
    found = result.json
    assert (result.code, found["text"], found["reasoning"]) == (0, TEXT, "".join(THOUGHTS))
    assert found["finish_reason"] == "tool_calls"
    (call,) = found["tool_calls"]
    assert call["name"] == CALL[1]
    assert call["id"] == CALL[0] or not VOICES[voice].tells_ids
    arguments = call["arguments"]
    given = json.loads(arguments) if isinstance(arguments, str) else arguments
    assert given == json.loads("".join(CALL[2]))


@pytest.mark.parametrize("when", ["first", "later"])
def test_row_31_pings_that_are_events(ask: Ask, llm: Llm, when: str) -> None:
    """Anthropic's pings are events, and no progress all the same."""
    clocks = {"connect": 60, "first_event": 60, "silence": 60, "stall": 0.4}
    result = ask(f"pings:{when}", voice="anthropic", timeout=clocks, retries=0)
    if when == "first":
        failed(result, 6, "0.4 s")
    else:
        incomplete(llm, result, "0.4 s")
        kept(llm, "incomplete", result.text)
    assert result.seconds < 15
