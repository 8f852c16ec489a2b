"""Rows 13 to 21 and 56: when to ask again, how often, and how long to wait first."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import wire
from expect import answered, failed
from fault_server import FaultServer
from running import Result
from support import Llm

Ask = Callable[..., Result]


def _gap(faults: FaultServer) -> float:
    """Seconds between the first two requests."""
    first, second, *_ = faults.requests()
    return second.at - first.at


def test_row_17_retry_after_1(ask: Ask, faults: FaultServer) -> None:
    """The server's second is waited for, and not much more."""
    answered(ask("retry-after:1"))
    assert len(faults.requests()) == 2
    assert 1.0 <= _gap(faults) < 2.0


def test_row_18_retry_after_3600(ask: Ask, faults: FaultServer) -> None:
    """Too long to wait: 5 at once, and when to come back."""
    result = ask("retry-after:3600")
    failed(result, 5, "fs")
    assert re.search(r"3600 s|60 min|1 h", result.err), result.err
    assert len(faults.requests()) == 1


def test_row_18_retry_after_3600_as_json(ask: Ask) -> None:
    found = ask("retry-after:3600", "--json", "hi").json
    assert (found["kind"], found["retry_after_s"]) == ("rate_limit", 3600)


@pytest.mark.parametrize("value", ["garbage", "-1", "1e309", "nan"])
def test_row_19_odd_retry_after(ask: Ask, faults: FaultServer, value: str) -> None:
    """A hint that is none: the usual backoff instead."""
    answered(ask(f"retry-after:{value}"))
    assert len(faults.requests()) == 2
    assert _gap(faults) < 1.0


def test_row_19_retry_after_date(ask: Ask, faults: FaultServer) -> None:
    """A date counts from the server's own clock."""
    answered(ask("retry-date:soon"))
    assert 1.0 <= _gap(faults) < 2.0


def test_row_19_retry_after_past_date(ask: Ask, faults: FaultServer) -> None:
    answered(ask("retry-date:past"))
    assert _gap(faults) < 1.0


def test_row_19_retry_after_far_date(ask: Ask, faults: FaultServer) -> None:
    failed(ask("retry-date:far"), 5)
    assert len(faults.requests()) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_row_20_5xx(ask: Ask, faults: FaultServer, status: int) -> None:
    failed(ask(f"http:{status}"), 7, "fs")
    assert len(faults.requests()) == 3


def test_row_20_429(ask: Ask, faults: FaultServer) -> None:
    failed(ask("http:429"), 5, "fs")
    assert len(faults.requests()) == 3


@pytest.mark.parametrize("status", [503, 500, 429, 408])
def test_row_21_two_failures_then_an_answer(
    ask: Ask, faults: FaultServer, llm: Llm, status: int
) -> None:
    """Exactly one answer, one turn, its cost once, and every attempt in the ledger."""
    models = {"m": {"cost": {"input": 1, "output": 2}}}
    answered(ask(f"flaky:{status}", models=models))
    assert len(faults.requests()) == 3
    (turn,) = llm.turns()
    assert (turn["status"], turn["input"], turn["output"]) == ("complete", 9, 5)
    assert float(turn["cost"]) == pytest.approx((9 * 1 + 5 * 2) / 1e6)
    attempts = [(a["number"], a["status"], a["http_status"]) for a in llm.attempts()]
    assert attempts == [(1, "failed", status), (2, "failed", status), (3, "complete", 200)]


def test_the_same_request_is_sent_again(ask: Ask, faults: FaultServer) -> None:
    answered(ask("flaky:503"))
    assert len({request.body for request in faults.requests()}) == 1


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_the_number_of_retries_is_the_cards(ask: Ask, faults: FaultServer, retries: int) -> None:
    failed(ask("http:503", retries=retries), 7)
    assert len(faults.requests()) == retries + 1


def test_the_option_overrides_the_card(ask: Ask, faults: FaultServer) -> None:
    failed(ask("http:503", "--retries", "0", "hi", retries=4), 7)
    assert len(faults.requests()) == 1


def test_a_wait_in_milliseconds(ask: Ask, faults: FaultServer) -> None:
    answered(ask("hint:ms"))
    assert 0.3 <= _gap(faults) < 1.3


def test_milliseconds_come_before_seconds(ask: Ask, faults: FaultServer) -> None:
    answered(ask("hint:ms-first"))
    assert 0.3 <= _gap(faults) < 1.3


def test_zero_milliseconds_mean_look_further(ask: Ask, faults: FaultServer) -> None:
    """Azure sends `Retry-After-Ms: 0` beside `Retry-After: 1`."""
    answered(ask("hint:zero-ms"))
    assert 1.0 <= _gap(faults) < 2.0


def test_the_server_may_forbid_a_retry(ask: Ask, faults: FaultServer) -> None:
    failed(ask("hint:never"), 7)
    assert len(faults.requests()) == 1


def test_the_server_may_ask_for_a_retry(ask: Ask, faults: FaultServer) -> None:
    answered(ask("should-retry"))
    assert len(faults.requests()) == 2


@pytest.mark.parametrize("fault", ["error-later:object", "cut-json:later", "reset", "fin"])
def test_nothing_is_retried_after_the_first_content(
    ask: Ask, faults: FaultServer, fault: str
) -> None:
    failed(ask(fault, retries=5), 8)
    assert len(faults.requests()) == 1


def test_row_56_stale_connection(ask: Ask, faults: FaultServer, llm: Llm) -> None:
    """A kept connection that dies under the second request is replaced, free of charge."""
    answered(ask("stale", retries=1))
    seen = [(r.connection, r.on_connection) for r in faults.requests()]
    assert seen == [(1, 1), (1, 2), (2, 1)]
    assert len(llm.attempts()) == 2


def test_an_answer_that_nobody_asked_for(ask: Ask, faults: FaultServer, llm: Llm) -> None:
    """It is not taken for that to the next call, which goes out once, over a new connection."""
    answered(ask("two-at-once", retries=1))
    assert [(r.connection, r.on_connection) for r in faults.requests()] == [(1, 1), (2, 1)]
    assert len(llm.attempts()) == 2


def test_a_deadline_ends_the_retries(ask: Ask, faults: FaultServer) -> None:
    """No wait begins that the deadline would cut."""
    result = ask("retry-after:1", "--deadline", "0.9", "hi")
    failed(result, 5)
    assert len(faults.requests()) == 1


def test_a_fallback_is_asked_when_the_retries_are_used_up(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    provider(faults.url("http:503"), retries=1)
    provider(faults.url("ok"), name="spare")
    answered(llm("-m", "fs/m", "--fallback", "spare/m", "-q", "hi"))
    assert [r.fault for r in faults.requests()] == ["http:503", "http:503", "ok"]
    assert [a["provider"] for a in llm.attempts()] == ["fs", "fs", "spare"]
    (turn,) = llm.turns()
    assert (turn["provider"], turn["text"]) == ("spare", wire.TEXT)


def test_no_fallback_after_the_first_content(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    provider(faults.url("no-end"))
    provider(faults.url("ok"), name="spare")
    failed(llm("-m", "fs/m", "--fallback", "spare/m", "hi"), 8)
    assert not faults.requests("ok")


def test_each_retry_is_told_as_an_event(ask: Ask) -> None:
    events = ask("flaky:503", "--jsonl", "hi").events
    assert [e["type"] for e in events].count("retry") == 2
    assert events[-1]["type"] == "result"
    assert [a["http_status"] for a in events[-1]["attempts"]] == [503, 503, 200]
