"""The tokens of a `usageMetadata` object in our terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcli.adapters.base import count
from llmcli.usage import Usage


def parse_usage(value: Mapping[str, Any]) -> Usage:
    """Totals and their parts, None for unsaid.

    The wire counts thoughts apart from candidates and tool results apart from the prompt. It
    leaves out zeros, so a total that equals the input says that nothing was written yet.
    """
    get = value.get
    given = count(get("promptTokenCount"))
    tools = count(get("toolUsePromptTokenCount"))
    if given is not None and tools:
        given += tools
    said = count(get("candidatesTokenCount"))
    thoughts = count(get("thoughtsTokenCount"))
    output = said
    if thoughts is not None:
        output = thoughts + (said or 0)
    elif said is None and given is not None and count(get("totalTokenCount")) == given:
        output = 0
    cached = count(get("cachedContentTokenCount"))
    if cached is not None and given is not None and cached > given:
        cached = given
    audio = _of_sound(get("promptTokensDetails"))
    if audio is not None and given is not None and audio > given:
        audio = given
    return Usage(given, output, cache_read=cached, reasoning=thoughts, audio=audio)


def _of_sound(details: Any) -> int | None:
    """The prompt's tokens that are sound, which some models bill apart; None when unsaid."""
    rows = details if isinstance(details, list) else ()
    found = (row for row in rows if isinstance(row, dict) and row.get("modality") == "AUDIO")
    return next((count(row.get("tokenCount")) for row in found), None)
