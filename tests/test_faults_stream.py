"""Rows 23, 27 to 29 and 34 to 45: the answer itself, cut, garbled, or told in odd ways."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wire
from expect import answered, failed, incomplete, kept
from fault_server import FaultServer
from faults_stream import ERRORS, SEPARATORS, SSE
from running import Result
from support import Llm

Ask = Callable[..., Result]


def test_a_good_answer(ask: Ask, faults: FaultServer, llm: Llm) -> None:
    """Byte for byte on stdout, silence on stderr, one turn in the history."""
    result = ask("ok")
    answered(result)
    assert result.err == ""
    assert len(faults.requests()) == 1
    kept(llm, "complete", wire.TEXT)


@pytest.mark.parametrize("kind", ["204", "200", "stream", "comments"])
def test_row_23_empty_answer(ask: Ask, kind: str) -> None:
    failed(ask(f"empty:{kind}"), 7, "empty", "fs")


@pytest.mark.parametrize("kind", ["null-choices", "null-json"])
def test_row_23_json_without_an_answer(ask: Ask, kind: str) -> None:
    failed(ask(f"empty:{kind}"), 7, "fs")


def test_row_27_html_200(ask: Ask) -> None:
    """A captive portal is no answer, and its page is not shown."""
    result = ask("html:200")
    failed(result, 7, "not an API answer", "HTML")
    assert result.out == b""
    assert "padding" not in result.err


def test_row_28_json_though_a_stream_was_asked(ask: Ask, llm: Llm) -> None:
    answered(ask("whole"))
    (turn,) = llm.turns()
    assert (turn["status"], turn["input"], turn["output"]) == ("complete", 9, 5)


def test_row_28_json_when_no_stream_was_asked(ask: Ask, faults: FaultServer) -> None:
    answered(ask("whole", "--no-stream", "hi"))
    assert not faults.requests()[0].json.get("stream")


@pytest.mark.parametrize(
    "media", ["text/plain", "application/octet-stream", "application/json", "none", "text/html"]
)
def test_row_29_wrong_content_type(ask: Ask, media: str) -> None:
    answered(ask(f"media:{media}"))


def test_row_34_reset_mid_stream(ask: Ask, llm: Llm) -> None:
    incomplete(llm, ask("reset"), "reset")


@pytest.mark.parametrize("fault", ["fin", "bad-chunk", "short-length"])
def test_row_35_broken_body(ask: Ask, llm: Llm, fault: str) -> None:
    incomplete(llm, ask(fault), "fs")


def test_row_36_clean_end_without_end_marker(ask: Ask, llm: Llm) -> None:
    incomplete(llm, ask("no-end"), "end")


def test_row_37_close_delimited_truncated(ask: Ask, llm: Llm) -> None:
    incomplete(llm, ask("http-1.0:cut"), "end")


def test_a_close_delimited_whole_answer(ask: Ask) -> None:
    answered(ask("http-1.0:whole"))


@pytest.mark.parametrize("last", ["finish", "tail"])
def test_row_38_last_event_without_blank_line(ask: Ask, last: str) -> None:
    answered(ask(f"no-blank-line:{last}"))


@pytest.mark.parametrize(("fault", "reason"), [("done-only", "other"), ("finish-only", "stop")])
def test_either_end_marker_is_enough(ask: Ask, fault: str, reason: str) -> None:
    result = ask(fault, "--json", "hi")
    assert result.code == 0
    assert (result.json["text"], result.json["finish_reason"]) == (wire.TEXT, reason)


def test_row_39_cut_json_first(ask: Ask) -> None:
    result = ask("cut-json:first")
    failed(result, 7, "fs")
    assert result.out == b""


def test_row_39_cut_json_later(ask: Ask, llm: Llm) -> None:
    incomplete(llm, ask("cut-json:later"))


@pytest.mark.parametrize("variant", SSE)
def test_row_40_legal_spellings_of_a_stream(ask: Ask, variant: str) -> None:
    answered(ask(f"sse:{variant}"))


def test_row_41_line_separators_inside_json(ask: Ask) -> None:
    assert ask("separators").out == SEPARATORS.encode()


def test_row_42_one_byte_at_a_time(ask: Ask) -> None:
    answered(ask("bytewise"))


@pytest.mark.parametrize(("kind", "text"), [("pair", "<\U0001f30d>"), ("lone", "<\ufffd>")])
def test_row_43_surrogates(ask: Ask, kind: str, text: str) -> None:
    answered(ask(f"surrogates:{kind}"), text)


def test_row_44_invalid_utf8(ask: Ask) -> None:
    """The broken byte becomes U+FFFD, and one line says so."""
    result = ask("bad-utf8")
    assert (result.code, result.text) == (0, "good caf\ufffd! good")
    assert len(result.err.splitlines()) == 1
    assert "UTF-8" in result.err


@pytest.mark.parametrize("shape", ERRORS)
def test_row_45_error_before_content(ask: Ask, faults: FaultServer, shape: str) -> None:
    """Like a 5xx: tried again, then 7."""
    result = ask(f"error-first:{shape}")
    failed(result, 7, "MARK broke")
    assert result.out == b""
    assert len(faults.requests()) == 3


@pytest.mark.parametrize("shape", ERRORS)
def test_row_45_error_mid_stream(ask: Ask, faults: FaultServer, llm: Llm, shape: str) -> None:
    incomplete(llm, ask(f"error-later:{shape}"), "MARK broke")
    assert len(faults.requests()) == 1


def test_row_45_error_with_status_200(ask: Ask) -> None:
    failed(ask("error-body"), 7, "MARK broke")


def test_a_failure_after_content_as_json(ask: Ask) -> None:
    """The error object says that there is a part of the answer."""
    found = ask("no-end", "--jsonl", "hi").events
    assert [event["type"] for event in found][-1] == "error"
    assert "".join(e["text"] for e in found if e["type"] == "text") == wire.PARTIAL
    last = found[-1]
    assert (last["kind"], last["partial"], last["exit_code"]) == ("incomplete", True, 8)
