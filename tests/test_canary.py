"""The key is nowhere: every fault is run once with --debug, then all that is left is searched."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fault_server import SAMPLES, FaultServer
from running import Result
from support import KEY, Llm, write_card

SLOW = ("endless-answer", "huge-body", "lines")
CODES = {0, 3, 4, 5, 6, 7, 8, 9}
_CLOCKS = {"connect": 1, "first_event": 1.5, "silence": 0.5, "stall": 0.5}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
FORMS = [KEY, KEY[4:], base64.b64encode(KEY.encode()).decode().rstrip("="), KEY.encode().hex()]


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Llm, dict[str, Result]]]:
    """The home after every fault was met once, and how each run ended."""
    llm = Llm(tmp_path_factory.mktemp("canary"))
    with FaultServer() as server, ThreadPoolExecutor(3) as pool:
        runs = {}
        for number, fault in enumerate(s for s in SAMPLES if not s.startswith(SLOW)):
            name = f"fs{number}"
            write_card(llm, server.url(fault), name, timeout=_CLOCKS, retries=1)
            command = ("-m", f"{name}/m", "--debug", "-v", "-u", "hi")
            runs[fault] = pool.submit(llm, *command, timeout=60)
        results = {fault: run.result() for fault, run in runs.items()}
        seen = {request.headers.get("authorization") for request in server.requests()}
        assert seen == {f"Bearer {KEY}"}, "the key was never sent: the search proves nothing"
        yield llm, results


Sweep = tuple[Llm, dict[str, Result]]


def test_row_s8_no_key_on_stdout_or_stderr(sweep: Sweep) -> None:
    for fault, result in sweep[1].items():
        shown = result.out.decode(errors="replace") + result.err
        assert not [form for form in FORMS if form in shown], fault


def test_row_s8_no_key_in_any_file(sweep: Sweep) -> None:
    """History with its journal, config, whatever else was written."""
    files = sweep[0].files()
    assert sweep[0].db in files
    for path in files:
        data = path.read_bytes()
        assert not [form for form in FORMS if form.encode() in data], path


def test_the_search_finds_a_key(sweep: Sweep, tmp_path: Path) -> None:
    """The test above can fail: the same search finds a key that was put there."""
    planted = tmp_path / "planted"
    planted.write_bytes(b"\0" + KEY.encode())
    assert any(form.encode() in planted.read_bytes() for form in FORMS)


def test_no_fault_is_an_internal_error(sweep: Sweep) -> None:
    """Every fault ends with a code of the table and a message of the right kind."""
    bad = {f: (r.code, r.err[-300:]) for f, r in sweep[1].items() if r.code not in CODES}
    assert not bad
    told = {f: r.err for f, r in sweep[1].items() if r.code and "llm: " not in r.err}
    assert not told
    assert not [f for f, r in sweep[1].items() if "internal error" in r.err]


def test_no_control_character_on_stderr(sweep: Sweep) -> None:
    assert not [f for f, r in sweep[1].items() if _CONTROL.search(r.err)]


def test_every_turn_is_closed(sweep: Sweep) -> None:
    """One turn for each run, none left running, its code the exit code."""
    llm, results = sweep
    turns = llm.turns()
    assert len(turns) == len(results)
    assert not [turn for turn in turns if turn["status"] == "running"]
    assert sorted(t["exit_code"] for t in turns) == sorted(r.code for r in results.values())
    good = [turn for turn in turns if turn["exit_code"] == 0]
    assert {turn["status"] for turn in good} == {"complete"}


def test_files_are_private(sweep: Sweep) -> None:
    """What the program itself made is for its user alone."""
    made = [path for path in sweep[0].files() if path.suffix != ".toml"]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert sweep[0].db.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "fault", ["hostile", "echo:401", "redirect:307", "html:502", "reset-first"]
)
def test_no_key_in_other_commands(llm: Llm, faults: FaultServer, fault: str) -> None:
    """What lists models or tries a provider out sends the key too."""
    write_card(llm, faults.url(fault), timeout=_CLOCKS, retries=0)
    for command in (
        ("providers", "test", "fs"),
        ("models", "list", "--provider", "fs"),
        ("config", "show"),
    ):
        result = llm(*command)
        shown = result.out.decode() + result.err
        assert not [form for form in FORMS if form in shown], command
        assert not _CONTROL.search(shown.replace("\r", "")), command
        assert "Traceback" not in shown
        assert "internal error" not in shown
    assert faults.requests(fault)
    assert not [path for path in llm.files() if KEY.encode() in path.read_bytes()]


def test_the_key_is_not_in_the_command_line(llm: Llm, faults: FaultServer) -> None:
    """Nor in what other users can see of the running process."""
    write_card(llm, faults.url("stall"))
    running = llm.start("-m", "fs/m", "hi")
    running.wait_for(b"Hello")
    shown = Path(f"/proc/{running.process.pid}/cmdline").read_bytes()
    assert KEY.encode() not in shown
