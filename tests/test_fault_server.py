"""The test tools themselves: the fault server sends what it says, the command runs in private."""

from __future__ import annotations

import os
import sys

import httpx
import pytest
from fault_server import FAULTS, SAMPLES, FaultServer
from support import Llm
from voices import NAMES, VOICES, recorded

ENDLESS = ("pings", "silent", "slow-head", "stall", "lines", "huge", "empty-deltas", "endless")


def _ask(faults: FaultServer, fault: str, times: int = 1) -> list[object]:
    """What a plain client sees of a fault: statuses or names of errors."""
    seen: list[object] = []
    with httpx.Client(trust_env=False, timeout=2) as client:
        for _ in range(times):
            try:
                answer = client.post(faults.url(fault) + "/chat/completions", json={"a": 1})
                seen.append(answer.status_code)
            except httpx.HTTPError as error:
                seen.append(type(error).__name__)
    return seen


@pytest.mark.parametrize("fault", [s for s in SAMPLES if not s.startswith(ENDLESS)])
def test_each_fault_runs_and_is_logged(faults: FaultServer, fault: str) -> None:
    assert _ask(faults, fault)
    (request,) = faults.requests(fault)
    assert (request.method, request.json, request.number) == ("POST", {"a": 1}, 1)
    assert fault.partition(":")[0] in FAULTS


def test_faults_do_what_their_names_say(faults: FaultServer) -> None:
    seen = {
        fault: _ask(faults, fault)
        for fault in ("ok", "http:503", "reset", "hang-up", "fin", "http-1.0:cut", "headers:huge")
    }
    assert seen == {
        "ok": [200],
        "http:503": [503],
        "reset": ["ReadError"],
        "hang-up": ["RemoteProtocolError"],
        "fin": ["RemoteProtocolError"],
        "http-1.0:cut": [200],
        "headers:huge": ["RemoteProtocolError"],
    }


def test_requests_are_counted_per_fault_and_connection(faults: FaultServer) -> None:
    assert _ask(faults, "flaky:503", 3) == [503, 503, 200]
    assert [r.number for r in faults.requests("flaky:503")] == [1, 2, 3]
    assert [r.on_connection for r in faults.requests("flaky:503")] == [1, 2, 3]
    assert _ask(faults, "stale", 2) == [503, "RemoteProtocolError"]


def test_a_client_that_leaves_is_noticed(faults: FaultServer) -> None:
    with httpx.Client(trust_env=False) as client:
        url = faults.url("stall") + "/chat/completions"
        with client.stream("POST", url, json={}) as answer:
            assert next(answer.iter_bytes())
    assert faults.requests("stall")[0].left.wait(2)


@pytest.mark.parametrize("name", NAMES)
def test_a_voice_knows_its_end_marker(name: str) -> None:
    """What may be missing after the marker is only what ends a line."""
    data, marker = recorded(name)
    voice = VOICES[name]()
    ending = data[marker : marker + voice.gap]
    assert ending.strip(b"\r\n") == b""
    assert marker > 1500
    assert data.endswith(ending) or voice.tail()


def test_a_fault_is_told_in_the_voice_that_is_asked_for(faults: FaultServer) -> None:
    for name in NAMES:
        with httpx.Client(trust_env=False) as client:
            answer = client.post(faults.url("ok:x", voice=name) + "/any/path", json={})
        assert answer.headers["content-type"] == VOICES[name].media
        assert answer.content == VOICES[name]().answer()
    assert [request.voice for request in faults.requests("ok:x")] == list(NAMES)


def test_the_command_runs_in_private(llm: Llm) -> None:
    result = llm("--version")
    assert (result.code, result.err) == (0, "")
    assert result.text.startswith("llm ")
    assert 0 < result.rss_kb < 100_000
    assert str(llm.home) == llm.env["LLMCLI_HOME"] == os.environ["LLMCLI_HOME"]
    assert not any(name.endswith("_API_KEY") for name in llm.env)


def test_peak_memory_is_that_of_the_command_alone(llm: Llm) -> None:
    ballast = b"x" * 200_000_000
    assert llm("--version").rss_kb < len(ballast) // 1024 // 2


def test_a_death_by_signal_is_a_negative_code(llm: Llm) -> None:
    assert llm("--version", wrap="kill -TERM $$").code == -15


def test_a_run_that_hangs_fails_its_test(llm: Llm) -> None:
    with pytest.raises(AssertionError, match="still running"):
        llm("--version", wrap="sleep 60", timeout=0.5)


def test_stdout_can_be_closed(llm: Llm) -> None:
    result = llm("--version", wrap='exec "$@" >&-')
    assert result.out == b""
    assert sys.executable
