"""`--json` and `--jsonl`: the objects scripts rely on, key by key."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from escape_corpus import SEQUENCES
from rendering import Streams, show, turn
from test_sanitize import UNSAFE

from llmcli.errors import (
    ConfigError,
    IncompleteError,
    Interrupted,
    LlmError,
    RateLimitError,
    ServerError,
)
from llmcli.events import (
    Attempt,
    Event,
    Fallback,
    Finish,
    Notice,
    OpaqueData,
    ReasoningDelta,
    Retry,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.ledger import Entry
from llmcli.messages import ToolCall
from llmcli.redaction import Secret
from llmcli.render.objects import dump
from llmcli.usage import Cost, Usage

FULL = {
    "text": "Hi",
    "reasoning": "hm",
    "tool_calls": (ToolCall("c1", "get", '{"a": 1}'),),
    "finish_reason": "stop",
    "usage": Usage(10, 5, 2, None, 3),
    "cost": Cost(Decimal("0.00410"), "card"),
    "first_token_s": 0.12345,
    "total_s": 2.34567,
}


def _lines(streams: Streams) -> list[dict[str, Any]]:
    return [json.loads(line) for line in streams.out.splitlines()]


def test_the_result_object() -> None:
    streams = Streams()
    entry = Entry(1, "fs", "m", "complete", 200, "r1", None, None, FULL["usage"], FULL["cost"], 2.2)  # type: ignore[arg-type]
    renderer = streams.renderer("json")
    renderer.show(TextDelta("Hi"))
    renderer.flush()
    assert streams.out == ""
    renderer.finish(turn(**FULL, attempts=(entry,)), 8)
    assert streams.out.endswith("}\n")
    usage = {"input": 10, "output": 5, "cache_read": 2, "cache_write": None, "reasoning": 3}
    cost = {"amount": "0.0041", "currency": "USD", "basis": "card"}
    assert _lines(streams) == [
        {
            "type": "result",
            "id": "01A",
            "conversation": "01C",
            "provider": "fs",
            "model": "m",
            "text": "Hi",
            "reasoning": "hm",
            "tool_calls": [{"id": "c1", "name": "get", "arguments": '{"a": 1}'}],
            "finish_reason": "stop",
            "usage": usage,
            "cost": cost,
            "cache": None,
            "timing": {"first_token_s": 0.123, "total_s": 2.346},
            "attempts": [
                {
                    "number": 1,
                    "provider": "fs",
                    "model": "m",
                    "status": "complete",
                    "cause": "question",
                    "http_status": 200,
                    "request_id": "r1",
                    "error_kind": None,
                    "error_message": None,
                    "usage": usage,
                    "cost": cost,
                    "first_token_s": None,
                    "seconds": 2.2,
                }
            ],
            "exit_code": 8,
        }
    ]


def test_what_is_not_known_is_null() -> None:
    streams = Streams()
    show(streams.renderer("json"), [])
    (result,) = _lines(streams)
    assert set(result["usage"].values()) == {None}
    assert (result["cost"], result["finish_reason"], result["exit_code"]) == (None, None, 0)
    assert result["timing"]["first_token_s"] is None
    assert (result["text"], result["tool_calls"], result["attempts"]) == ("", [], [])


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("1E-7", "0.0000001"), ("0", "0"), ("0.000", "0"), ("1E+3", "1000"), ("12.50", "12.5")],
)
def test_money_is_plain_decimal_notation(amount: str, shown: str) -> None:
    streams = Streams()
    streams.renderer("json").finish(turn(cost=Cost(Decimal(amount), "reported")))
    assert _lines(streams)[0]["cost"]["amount"] == shown


def _error(error: LlmError, mode: str = "json", **fields: Any) -> dict[str, Any]:
    streams = Streams()
    streams.renderer(mode).fail(error, turn(**fields) if fields else None)
    return _lines(streams)[-1]


def test_the_error_object() -> None:
    error = RateLimitError(
        "slow down",
        hint="later",
        http_status=429,
        code="rate_limit_exceeded",
        request_id="r9",
        retry_after=42.0,
    )
    error.provider, error.model = "openai", "gpt"
    assert _error(error) == {
        "type": "error",
        "kind": "rate_limit",
        "message": "slow down",
        "hint": "later",
        "provider": "openai",
        "model": "gpt",
        "http_status": 429,
        "code": "rate_limit_exceeded",
        "retryable": True,
        "retry_after_s": 42.0,
        "request_id": "r9",
        "partial": False,
        "text": "",
        "id": None,
        "conversation": None,
        "attempts": [],
        "exit_code": 5,
    }


def test_the_partial_answer_of_an_error_is_there() -> None:
    found = _error(IncompleteError("cut"), text="half of it")
    assert (found["partial"], found["text"], found["exit_code"]) == (True, "half of it", 8)
    assert (found["provider"], found["model"], found["id"]) == ("fs", "m", "01A")


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [(ConfigError("x"), "config", 3), (Interrupted(2), "interrupted", 130)],
)
def test_errors_that_no_provider_made(error: LlmError, kind: str, code: int) -> None:
    found = _error(error)
    assert (found["kind"], found["exit_code"], found["provider"]) == (kind, code, None)
    assert (found["retry_after_s"], found["retryable"]) == (None, False)


def test_keys_are_kept_out_of_messages() -> None:
    key = Secret("fs9.CANARY.rendered").reveal()
    error = ServerError(f"bad key {key}", hint=f"was {key}")
    entry = Entry(1, "fs", "m", "failed", error_message=f"no {key}")
    for mode in ("json", "jsonl"):
        streams = Streams()
        renderer = streams.renderer(mode)
        renderer.show(Notice(f"warn {key}"))
        renderer.show(Retry(error, 1.0, 2, 3))
        renderer.show(Fallback(error, "b", "c"))
        renderer.fail(error, turn(text="x", attempts=(entry,)))
        assert key not in streams.out + streams.err


EVENTS: list[Event] = [
    Attempt("fs", "m", 1),
    Start("resp", "m-2026", "r1"),
    ReasoningDelta("hm"),
    ReasoningDelta(""),
    TextDelta("One"),
    TextDelta(""),
    TextDelta(" two"),
    ToolCallStart("k", "c1", "get"),
    ToolCallDelta("k", '{"a"'),
    ToolCallStart("j", "c2", "put"),
    ToolCallDelta("j", "{}"),
    ToolCallDelta("k", ":1}"),
    ToolCallEnd("k"),
    ToolCallEnd("j"),
    OpaqueData({"x": 1}),
    Notice("odd"),
    UsageReport(Usage(10, 5)),
    Finish("stop"),
]


def test_lines_as_things_happen() -> None:
    streams = Streams()
    renderer = streams.renderer("jsonl")
    renderer.begin(turn())
    show(renderer, EVENTS)
    *lines, last = _lines(streams)
    usage = {"input": 10, "output": 5, "cache_read": None, "cache_write": None, "reasoning": None}
    assert lines == [
        {"type": "start", "id": "01A", "conversation": "01C", "provider": "fs", "model": "m"},
        {"type": "reasoning", "text": "hm"},
        {"type": "text", "text": "One"},
        {"type": "text", "text": " two"},
        {"type": "tool_call", "id": "c1", "name": "get", "arguments": '{"a":1}'},
        {"type": "tool_call", "id": "c2", "name": "put", "arguments": "{}"},
        {"type": "warning", "message": "odd"},
        {"type": "usage", **usage},
    ]
    assert (last["type"], last["text"], last["exit_code"]) == ("result", "One two", 0)


def test_each_line_is_there_after_its_flush_and_not_before() -> None:
    streams = Streams()
    renderer = streams.renderer("jsonl")
    for number in range(3):
        renderer.show(TextDelta(str(number)))
        assert len(_lines(streams)) == number
        renderer.flush()
        assert len(_lines(streams)) == number + 1


def test_the_last_line_is_a_result_or_an_error() -> None:
    for end in (lambda r: r.finish(turn()), lambda r: r.fail(IncompleteError("x"), turn())):
        streams = Streams()
        renderer = streams.renderer("jsonl")
        for event in EVENTS:
            renderer.show(event)
        end(renderer)
        assert [line["type"] in ("result", "error") for line in _lines(streams)].index(True) == (
            len(_lines(streams)) - 1
        )


def test_retry_and_fallback() -> None:
    error = ServerError("busy", http_status=503, code="overloaded")
    error.provider, error.model = "fs", "m"
    streams = Streams()
    show(streams.renderer("jsonl"), [Retry(error, 2.04, 2, 3), Fallback(error, "b", "n")])
    failed = {
        "provider": "fs",
        "model": "m",
        "kind": "server",
        "message": "busy",
        "http_status": 503,
        "code": "overloaded",
    }
    assert _lines(streams)[:2] == [
        {"type": "retry", **failed, "delay_s": 2.04, "attempt": 2, "limit": 3},
        {"type": "fallback", "provider": "b", "model": "n", "failed": failed},
    ]


@pytest.mark.parametrize("text", SEQUENCES, ids=ascii)
def test_hostile_text_is_escaped_and_comes_back_the_same(text: str) -> None:
    """A terminal sees nothing to obey, a parser gets what the model sent."""
    line = dump({"text": text})
    assert not UNSAFE.search(line)
    assert line.count("\n") == 1
    expected = text if "\ud800" not in text else "\ufffd"
    assert json.loads(line)["text"] == expected


def test_other_scripts_are_readable() -> None:
    assert dump({"text": "wörld 中文 🌍"}) == '{"text":"wörld 中文 🌍"}\n'


def test_warnings_of_a_result_go_to_stderr() -> None:
    """The result object has no place for them; the lines of `--jsonl` do."""
    for mode, shown in (("json", "llm: warning: odd\n"), ("jsonl", "")):
        streams = Streams()
        show(streams.renderer(mode), [Notice("odd")])
        assert streams.err == shown
