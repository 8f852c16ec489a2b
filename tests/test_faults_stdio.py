"""Rows 61 to 63, 82, 84 and 87: stdin, stdout and stderr in odd states."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import wire
from expect import answered, clean, failed, kept
from fault_server import FaultServer
from support import Llm

Provider = Callable[..., Path]
SPEC = ("-m", "fs/m")


@pytest.fixture(autouse=True)
def _good_provider(provider: Provider, faults: FaultServer) -> None:
    provider(faults.url("ok"))


def test_row_61_stdout_full(llm: Llm, faults: FaultServer) -> None:
    """10 with a message, and the history knows of it."""
    with open("/dev/full", "wb") as full:
        failed(llm(*SPEC, "hi", stdout=full), 10, "stdout", "No space left")
    (turn,) = llm.turns()
    assert turn["exit_code"] == 10
    assert turn["status"] != "running"


def test_row_61_stdout_full_with_json(llm: Llm) -> None:
    with open("/dev/full", "wb") as full:
        failed(llm(*SPEC, "--json", "hi", stdout=full), 10, "stdout")


def test_row_61_stdout_full_at_the_last_flush(llm: Llm) -> None:
    """A command without a stream finds out too."""
    with open("/dev/full", "wb") as full:
        failed(llm("--help", stdout=full), 10, "stdout")


def test_row_62_stdout_closed(llm: Llm, faults: FaultServer) -> None:
    """Nothing is sent for an answer that nobody can get."""
    failed(llm(*SPEC, "hi", wrap='exec "$@" >&-'), 10, "stdout")
    assert not faults.requests()
    assert not llm.turns()


def test_row_63_stderr_closed(llm: Llm) -> None:
    result = llm(*SPEC, "-v", "-u", "hi", wrap='exec "$@" 2>&-')
    assert (result.code, result.text, result.err) == (0, wire.TEXT, "")
    kept(llm, "complete", wire.TEXT)


def test_row_63_stdin_closed(llm: Llm) -> None:
    answered(llm(*SPEC, "hi", wrap='exec "$@" <&-'))


def test_row_63_stdin_and_stderr_closed(llm: Llm) -> None:
    """The database does not get the number of a standard stream."""
    result = llm(*SPEC, "-v", "hi", wrap='exec "$@" <&- 2>&-')
    assert (result.code, result.text) == (0, wire.TEXT)
    kept(llm, "complete", wire.TEXT)
    assert llm.query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def test_row_63_all_three_closed(llm: Llm, faults: FaultServer) -> None:
    result = llm(*SPEC, "hi", wrap='exec "$@" <&- >&- 2>&-')
    assert (result.code, result.out, result.err) == (10, b"", "")
    assert not faults.requests()


def test_a_failure_with_stderr_closed_keeps_its_code(llm: Llm, faults: FaultServer) -> None:
    llm.env["LLM_MODEL"] = "fs/m"
    assert llm("-m", "nobody/m", "hi", wrap='exec "$@" 2>&-').code == 3


def test_row_82_nul_in_stdin(llm: Llm, faults: FaultServer) -> None:
    """Sent as it is, and stored whole."""
    answered(llm(*SPEC, input=b"a\0b\n\x1b[1mc"))
    assert faults.requests()[0].prompt == "a\0b\n\x1b[1mc"
    assert llm.turns()[0]["prompt"] == "a\0b\n\x1b[1mc"


def test_piped_text_is_context_before_the_words(llm: Llm, faults: FaultServer) -> None:
    answered(llm(*SPEC, "what", "is this?", input="line é\n".encode()))
    assert faults.requests()[0].prompt == "line é\n\nwhat is this?"


def test_row_84_a_pipe_is_read_to_its_end(llm: Llm, faults: FaultServer) -> None:
    """It waits for a slow writer instead of asking too early."""
    running = llm.start(*SPEC, "words", stdin=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(0.7)
    assert not faults.requests()
    assert running.process.stdin
    running.process.stdin.write(b"late")
    running.process.stdin.close()
    answered(running.finish())
    assert faults.requests()[0].prompt == "late\n\nwords"


def test_row_84_a_terminal_is_not_waited_for(llm: Llm, faults: FaultServer) -> None:
    child = llm.spawn(*SPEC, "words", env={"TERM": "dumb"})
    child.expect("goodbye")
    child.wait()
    assert child.exitstatus == 0
    assert faults.requests()[0].prompt == "words"


LOCALES: dict[str, dict[str, str | None]] = {
    "c": {"LC_ALL": "C", "LANG": None},
    "posix": {"LC_ALL": "POSIX", "LANG": None},
    "unknown": {"LC_ALL": "xx_XX.UTF-9"},
    "latin": {"LC_ALL": "en_US.ISO-8859-1"},
    "ascii-io": {"PYTHONIOENCODING": "ascii"},
    "latin-io": {"PYTHONIOENCODING": "latin-1:strict"},
    "no-utf8-mode": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "none": {"LANG": None},
}


@pytest.mark.parametrize("name", LOCALES)
def test_row_87_locales(llm: Llm, faults: FaultServer, name: str) -> None:
    """UTF-8 in and out, whatever the locale says."""
    result = llm(*SPEC, "naïve 猫", input="ü\n".encode(), env=LOCALES[name])
    answered(result)
    assert result.err == ""
    assert faults.requests()[0].prompt == "ü\n\nnaïve 猫"


def test_row_87_an_argument_that_is_not_utf8(llm: Llm, faults: FaultServer) -> None:
    result = llm(*SPEC, wrap='"$@" "$(printf \'caf\\351\')"')
    answered(result)
    assert faults.requests()[0].prompt == "caf\ufffd"


def test_options_that_only_inform_write_nothing(llm: Llm, faults: FaultServer) -> None:
    """--version and --dry-run send nothing and keep nothing."""
    result = llm(*SPEC, "--dry-run", "hi")
    clean(result)
    assert result.code == 0
    assert "/chat/completions" in result.text
    assert not faults.requests()
    assert not llm.db.exists()
