"""Times as they are typed and shown."""

from __future__ import annotations

import time

import pytest

from llmcli.errors import UsageError
from llmcli.moments import age, ago, utc

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0m", 0), ("30m", 1800), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)],
)
def test_a_span_is_so_long_ago(text: str, seconds: int) -> None:
    before = time.time()
    assert before - seconds <= ago(text, "--since") <= time.time() - seconds


def test_a_date_is_its_beginning_here() -> None:
    moment = time.localtime(ago("2026-03-01", "--since"))
    assert moment[:6] == (2026, 3, 1, 0, 0, 0)


def test_before_the_beginning_of_time_is_its_beginning() -> None:
    assert ago("999999999w", "--since") == 0.0
    assert ago("1900-01-01", "--since") == 0.0


@pytest.mark.parametrize(
    "text",
    ["", "30", "d", "3 d", "-3d", "1.5h", "3D", "2026-2-1", "2026-02-30", "٣d", "9" * 20 + "d"],
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        ago(text, "--since")


def test_the_future_is_yet_to_come() -> None:
    with pytest.raises(UsageError, match="yet to come"):
        ago("9999-12-31", "--since")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "now"), (0, "now"), (9, "now"), (10, "10 s"), (59, "59 s"), (60, "1 min"),
        (3599, "59 min"), (3600, "1 h"), (86_399, "23 h"), (86_400, "1 d"), (29 * 86_400, "29 d"),
    ],
)  # fmt: skip
def test_age_is_a_number_and_a_unit(seconds: float, words: str) -> None:
    assert age(NOW - seconds, NOW) == words


def test_what_is_old_has_a_date_and_what_is_unknown_a_dash() -> None:
    assert age(NOW - 30 * 86_400, NOW) == "2026-12-16"
    assert age(0) == "—"
    assert (utc(0), utc(NOW), utc(1e300)) == ("", "2027-01-15T08:00:00Z", "")
