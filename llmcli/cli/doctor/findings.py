"""What a check of `llm doctor` found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from llmcli.messages import EMPTY


class Finding(NamedTuple):
    """One finding; `mend` says what to do about it, a line for each way.

    `exit_code` is that of a call that meets this problem; only problems have one.
    """

    check: str
    state: Literal["ok", "warning", "problem"]
    message: str
    mend: str = ""
    exit_code: int = 0
    facts: Mapping[str, Any] = EMPTY


def good(check: str, message: str, **facts: Any) -> Finding:
    """All is well."""
    return Finding(check, "ok", message, facts=facts)


def warning(check: str, message: str, mend: str, **facts: Any) -> Finding:
    """Something that works and may surprise."""
    return Finding(check, "warning", message, mend, facts=facts)


def problem(check: str, message: str, mend: str, exit_code: int, **facts: Any) -> Finding:
    """Something that does not work."""
    return Finding(check, "problem", message, mend, exit_code, facts)
