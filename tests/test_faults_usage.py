"""Rows 49 to 54 and 102: counts, prices, reasons to stop, and things nobody asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import wire
from expect import answered, clean, failed, incomplete
from faults_odd import CALLS, ODD, REASONING
from faults_stream import BAD_COUNTS
from running import Result
from support import Llm

Ask = Callable[..., Result]
PRICED = {"m": {"cost": {"input": 1, "output": 2}}}


def _counts(result: Result) -> tuple[Any, Any]:
    usage = result.json["usage"] or {}
    return usage.get("input"), usage.get("output")


def test_row_49_no_usage(ask: Ask, llm: Llm) -> None:
    """Unknown is null and never 0, nor is its cost."""
    result = ask("usage:none", "--json", "hi", models=PRICED)
    assert (result.code, _counts(result), result.json["cost"]) == (0, (None, None), None)
    (turn,) = llm.turns()
    assert (turn["input"], turn["output"], turn["cost"]) == (None, None, None)


def test_row_49_no_usage_in_the_usage_line(ask: Ask) -> None:
    result = ask("usage:none", "-u", "hi", models=PRICED)
    assert result.text == wire.TEXT
    assert "fs/m" in result.err
    assert not re.search(r"\$|\b0 (in|out)\b", result.err)


@pytest.mark.parametrize(
    ("kind", "counts"),
    [("twice", (9, 9)), ("rising", (9, 5)), ("falling", (3, 3)), ("x-groq", (9, 5))],
)
def test_row_50_usage_told_more_than_once(ask: Ask, kind: str, counts: tuple[int, int]) -> None:
    """The last report counts, once."""
    result = ask(f"usage:{kind}", "--json", "hi", models=PRICED)
    assert (result.code, _counts(result)) == (0, counts)
    expected = (counts[0] * 1 + counts[1] * 2) / 1e6
    assert float(result.json["cost"]["amount"]) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [*BAD_COUNTS, "whole-text"])
def test_row_51_counts_that_are_none(ask: Ask, llm: Llm, kind: str) -> None:
    result = ask(f"bad-usage:{kind}", "--json", "hi", models=PRICED)
    clean(result)
    assert (result.code, result.json["text"]) == (0, wire.TEXT), result.err
    assert (_counts(result), result.json["cost"]) == ((None, None), None)
    assert llm.turns()[0]["cost"] is None


def test_row_52_length(ask: Ask) -> None:
    """The answer is there, and a line says that it was cut."""
    result = ask("finish:length")
    answered(result)
    assert len(result.err.splitlines()) == 1


def test_row_52_length_with_strict(ask: Ask) -> None:
    result = ask("finish:length", "--strict", "hi")
    assert (result.code, result.text) == (8, wire.TEXT)
    clean(result)
    assert result.err


def test_row_53_filtered_and_empty(ask: Ask) -> None:
    failed(ask("nothing:content_filter"), 9, "fs")


def test_row_53_filtered_after_some_text(ask: Ask) -> None:
    result = ask("finish:content_filter")
    answered(result)
    assert len(result.err.splitlines()) == 1


def test_row_53_filtered_after_some_text_with_strict(ask: Ask) -> None:
    result = ask("finish:content_filter", "--strict", "hi")
    assert (result.code, result.text) == (8, wire.TEXT)


def test_row_53_refusal(ask: Ask) -> None:
    """The words of a refusal are shown, and it is told apart from an answer."""
    result = ask("nothing:refusal", "--json", "hi")
    clean(result)
    assert "I cannot help with that." in result.text
    assert "refus" in result.text.replace("I cannot help", "")


def test_an_empty_answer_cut_by_length_is_told(ask: Ask) -> None:
    result = ask("nothing:length")
    clean(result)
    assert result.code in (0, 8)
    assert result.err


@pytest.mark.parametrize("reason", ["eos", "novel", "", "tool_calls"])
def test_other_reasons_to_stop(ask: Ask, reason: str) -> None:
    answered(ask(f"finish:{reason}"))


def test_an_error_as_the_reason_to_stop(ask: Ask, llm: Llm) -> None:
    incomplete(llm, ask("finish:error"), text=wire.TEXT)


@pytest.mark.parametrize("kind", ODD)
def test_row_54_odd_chunks(ask: Ask, kind: str) -> None:
    answered(ask(f"odd:{kind}"))


def test_row_54_an_event_that_is_no_object(ask: Ask) -> None:
    failed(ask("scalar"), 7, "fs")


@pytest.mark.parametrize("kind", CALLS)
def test_row_54_a_call_of_a_tool_that_was_not_offered(ask: Ask, kind: str) -> None:
    result = ask(f"tool-call:{kind}", "--json", "hi")
    clean(result)
    assert result.code == 0
    (call,) = result.json["tool_calls"]
    assert (call["id"], call["name"]) == ("c1", "get_time")
    assert "UTC" in str(call["arguments"])


def test_row_54_a_tool_call_on_plain_stdout(ask: Ask) -> None:
    result = ask("tool-call:whole")
    clean(result)
    assert result.code == 0
    assert "get_time" in result.text + result.err


def test_a_cut_tool_call_is_incomplete(ask: Ask) -> None:
    failed(ask("tool-call:cut"), 8)


@pytest.mark.parametrize("kind", REASONING)
def test_reasoning_is_no_part_of_the_answer(ask: Ask, kind: str) -> None:
    result = ask(f"reasoning:{kind}", "--json", "hi", dialect={"think_tags": kind == "tag"})
    found = (result.code, result.json["text"], result.json["reasoning"])
    assert found == (0, wire.TEXT, "hmm")


def test_reasoning_is_not_on_stdout(ask: Ask) -> None:
    answered(ask("reasoning:content"))


@pytest.mark.parametrize(
    "models",
    [{}, {"m": {}}, {"m": {"cost": {"input": 1}}}, {"m": {"prices": [{"above": 9, "input": 1}]}}],
    ids=["no-model", "no-price", "half-a-price", "other-tier"],
)
def test_row_102_no_price(ask: Ask, llm: Llm, models: dict[str, Any]) -> None:
    """A missing price is an unknown cost, not a failure."""
    result = ask("ok", "--json", "hi", models=models)
    assert (result.code, result.json["cost"]) == (0, None)
    assert _counts(result) == (9, 5)
    assert llm.turns()[0]["cost"] is None


def test_row_102_damaged_price(ask: Ask) -> None:
    """A price that is no number is a mistake in the card: told, not guessed."""
    failed(ask("ok", models={"m": {"cost": {"input": "cheap"}}}), 3, "fs.toml:", "cost.input")
