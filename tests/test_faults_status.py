"""Rows 7 to 16, 22 and 26 of the fault table: what the server says by its status."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from expect import failed
from fault_server import FaultServer
from faults import EMPTY, SHAPES
from running import Result
from support import KEY, Llm

Ask = Callable[..., Result]


def test_row_07_401(ask: Ask, faults: FaultServer) -> None:
    """A refused key: 4 after one request, the source of the key named and never the key."""
    failed(ask("http:401"), 4, "fs", "FS_KEY")
    assert len(faults.requests()) == 1
    assert faults.requests()[0].headers["authorization"] == f"Bearer {KEY}"


def test_row_07_401_with_the_key_echoed(ask: Ask) -> None:
    failed(ask("echo:401"), 4, "fs")


def test_row_08_403(ask: Ask, faults: FaultServer) -> None:
    failed(ask("http:403"), 4, "fs")
    assert len(faults.requests()) == 1


def test_row_09_402(ask: Ask, faults: FaultServer) -> None:
    failed(ask("http:402"), 5, "fs")
    assert len(faults.requests()) == 1


@pytest.mark.parametrize("code", ["insufficient_quota", "credit_balance_exhausted"])
def test_row_09_quota(ask: Ask, faults: FaultServer, code: str) -> None:
    """A used-up quota does not come back by waiting: one request."""
    failed(ask(f"quota:{code}"), 5, "exceeded your current quota")
    assert len(faults.requests()) == 1


def test_row_10_400(ask: Ask, faults: FaultServer) -> None:
    failed(ask("http:400"), 9, "no luck with 400", "fs")
    assert len(faults.requests()) == 1


def test_row_10_hostile_message(ask: Ask) -> None:
    """Escape sequences are shown, not obeyed; the key is masked in all its echoes."""
    result = ask("hostile")
    failed(result, 9, "^[]52", "<U+009B>", "<U+202E>")


def test_row_11_404(ask: Ask, faults: FaultServer) -> None:
    """An unknown model: 9, and the nearest name of the card's models is offered."""
    models: dict[str, object] = {"gpt-test-large": {}, "other": {}}
    result = ask("http:404", "-m", "fs/gpt-test-larg", "hi", models=models)
    failed(result, 9, "does not exist", "gpt-test-large")
    assert len(faults.requests()) == 1


@pytest.mark.parametrize("status", [405, 410, 451])
def test_row_12_405_410(ask: Ask, faults: FaultServer, status: int) -> None:
    failed(ask(f"http:{status}"), 9, f"no luck with {status}")
    assert len(faults.requests()) == 1


@pytest.mark.parametrize("status", [408, 409])
def test_row_13_14_408_409(ask: Ask, faults: FaultServer, status: int) -> None:
    failed(ask(f"http:{status}"), 7, f"no luck with {status}")
    assert len(faults.requests()) == 3


def test_row_15_413(ask: Ask, faults: FaultServer) -> None:
    failed(ask("http:413"), 9, "no luck with 413")
    assert len(faults.requests()) == 1


def test_row_16_422(ask: Ask, faults: FaultServer) -> None:
    failed(ask("http:422"), 9, "no luck with 422")
    assert len(faults.requests()) == 1


@pytest.mark.parametrize("status", [501, 505])
def test_row_22_501_505(ask: Ask, faults: FaultServer, status: int) -> None:
    failed(ask(f"http:{status}"), 7, f"no luck with {status}")
    assert len(faults.requests()) == 1


def test_row_26_html_502(ask: Ask, faults: FaultServer) -> None:
    """A proxy's page: tried again, then its status and title, not its text."""
    result = ask("html:502")
    failed(result, 7, "502", "Welcome to HotelNet")
    assert "padding" not in result.err
    assert "<" not in result.err
    assert len(faults.requests()) == 3


def test_html_403_is_told_without_its_text(ask: Ask) -> None:
    result = ask("html:403")
    failed(result, 4)
    assert "padding" not in result.err


@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "broken"])
def test_each_shape_of_an_error_body_is_understood(ask: Ask, shape: str) -> None:
    """The vendor's own words reach the user, whatever the body looks like."""
    result = ask(f"shape:{shape}")
    failed(result, 9, "MARK")
    assert "{" not in result.err


@pytest.mark.parametrize("body", [*EMPTY, "broken"])
def test_an_error_body_that_says_nothing_is_survived(ask: Ask, body: str) -> None:
    result = ask("shape:broken" if body == "broken" else f"odd-error:{body}")
    failed(result, 9, "400")
    assert len(result.err) < 1200


def test_a_refused_key_told_as_400(ask: Ask) -> None:
    failed(ask("key-as-400"), 4, "API key not valid")


def test_a_failure_as_json(ask: Ask, llm: Llm) -> None:
    """With --json the failure is one object on stdout."""
    result = ask("http:401", "--json", "hi")
    assert result.code == 4
    found = result.json
    expected = {
        "kind": "auth",
        "provider": "fs",
        "model": "m",
        "http_status": 401,
        "code": "invalid_api_key",
        "retryable": False,
        "request_id": "req-42",
        "partial": False,
        "exit_code": 4,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert KEY not in result.text
    (turn,) = llm.turns()
    assert (turn["status"], turn["exit_code"]) == ("failed", 4)
