"""What holds for every failure: the code, a short clean message, the partial text kept."""

from __future__ import annotations

import re

import wire
from running import Result
from support import KEY, Llm

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(result: Result) -> None:
    """Stderr has no traceback, no control character and not the key."""
    assert "Traceback" not in result.err, result.err
    assert "internal error" not in result.err, result.err
    assert not _CONTROL.search(result.err), repr(result.err)
    assert KEY not in result.err + result.out.decode(errors="replace")


def failed(result: Result, code: int, *words: str) -> None:
    """It ended with this code and one to three clean lines that hold these words."""
    assert result.code == code, (result.code, result.err)
    clean(result)
    lines = result.err.splitlines()
    assert 1 <= len(lines) <= 3, result.err
    assert lines[0].startswith("llm: "), result.err
    for word in words:
        assert word.lower() in result.err.lower(), (word, result.err)


def incomplete(llm: Llm, result: Result, *words: str, text: str = wire.PARTIAL) -> None:
    """Exit 8: the partial text is on stdout exactly, and in the history as incomplete."""
    failed(result, 8, *words)
    assert result.text == text
    kept(llm, "incomplete", text)


def answered(result: Result, text: str = wire.TEXT) -> None:
    """Exit 0, the whole text and nothing else on stdout, nothing to complain about."""
    assert (result.code, result.text) == (0, text), result
    clean(result)


def kept(llm: Llm, status: str, text: str) -> None:
    """The history holds one turn with this status and text."""
    rows = [(turn["status"], turn["text"]) for turn in llm.turns()]
    assert rows == [(status, text)]
