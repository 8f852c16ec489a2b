"""Tags of a call, `KEY=VALUE`: what its cost is counted under."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from llmcli.errors import UsageError
from llmcli.sanitize import one_line

VARIABLE = "LLM_TAGS"
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST_VALUE = 200


def read(pairs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The tags of `--tag KEY=VALUE` over those of LLM_TAGS, which commas part; sorted by key.

    Raises UsageError.
    """
    given = [pair.strip() for pair in os.environ.get(VARIABLE, "").split(",")]
    found = dict(_read(pair, VARIABLE) for pair in given if pair)
    found.update(_read(pair, "--tag") for pair in pairs)
    return tuple(sorted(found.items()))


def _read(pair: str, where: str) -> tuple[str, str]:
    key, sign, value = pair.partition("=")
    value = value.strip()
    fits = _KEY.fullmatch(key) and 0 < len(value) <= _LONGEST_VALUE and value.isprintable()
    if not (sign and fits):
        raise UsageError(
            f"{where} {one_line(pair, 80)!r} is no tag",
            hint="Write KEY=VALUE, for example project=search; a key has letters, digits, . _ -",
        )
    return key, value
