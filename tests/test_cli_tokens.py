"""`llm tokens`: counts and estimates, run as the installed command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_weights import give
from loopback import Asked, Loopback
from support import Llm, write_card

from llmcli import estimate
from llmcli.messages import Media, Message, Opaque, Request, Text, Tool, ToolCall, ToolResult

COUNTS = json.loads((Path(__file__).parent / "data" / "token_counts.json").read_text())
MODELS = {"m": {"context": 1000, "cost": {"input": 5, "output": 25}}}


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server that counts as Anthropic does, and always 250."""
    with Loopback(lambda _: (200, {"input_tokens": 250})) as found:
        yield found


@pytest.fixture
def counting(llm: Llm, server: Loopback) -> Llm:
    """The command with a provider `fs` that counts."""
    write_card(llm, server.url.removesuffix("/v1"), adapter="anthropic", models=MODELS)
    return llm


class TestCounted:
    def test_prints_the_number_of_the_provider(self, counting: Llm, server: Loopback) -> None:
        result = counting("tokens", "-m", "fs/m", "-s", "be brief", "hello")
        assert (result.code, result.out, result.err) == (0, b"250\n", "")
        [asked] = server.asked
        assert asked.path == "/v1/messages/count_tokens"
        assert "be brief" in json.dumps(asked.body["system"])
        assert "hello" in json.dumps(asked.body["messages"])

    def test_json(self, counting: Llm) -> None:
        assert counting("tokens", "-m", "fs/m", "--json", "hello").json == {
            "type": "result",
            "provider": "fs",
            "model": "m",
            "tokens": 250,
            "exact": True,
            "context": 1000,
            "percent": 25.0,
            "input_cost": {"amount": "0.00125", "currency": "USD", "basis": "card"},
            "exit_code": 0,
        }

    def test_share_and_price_on_stderr(self, counting: Llm) -> None:
        result = counting("tokens", "-m", "fs/m", "-u", "hello")
        assert result.err == "· fs/m · counted · 25.0 % of 1,000 · $0.00125 in\n"
        assert counting("tokens", "-m", "fs/m", "-u", "-q", "hello").err == ""

    def test_a_person_is_told_without_asking(self, counting: Llm) -> None:
        child = counting.spawn("tokens", "-m", "fs/m", "hello")
        child.expect("250\r\n")
        child.expect("counted .+ 25.0 % of 1,000")

    def test_more_than_the_context_is_said(self, llm: Llm, server: Loopback) -> None:
        base = server.url.removesuffix("/v1")
        write_card(llm, base, adapter="anthropic", models={"m": {"context": 100}})
        result = llm("tokens", "-m", "fs/m", "-u", "hello")
        assert (result.code, result.out) == (0, b"250\n")
        assert "250.0 % of 100: too long · cost unknown" in result.err

    def test_a_server_without_the_call_is_estimated_and_that_is_said(
        self, counting: Llm, server: Loopback
    ) -> None:
        server.answer = lambda _: (404, {"error": {"message": "no such path"}})
        result = counting("tokens", "-m", "fs/m", "hello")
        assert (result.code, result.out[:1]) == (0, b"~")
        assert "no such path" in result.err
        assert "estimated" in result.err
        assert counting("tokens", "-m", "fs/m", "-q", "hello").err == ""

    @pytest.mark.parametrize(("status", "code"), [(401, 4), (429, 5), (500, 7), (400, 9)])
    def test_failures_are_not_estimated(
        self, counting: Llm, server: Loopback, status: int, code: int
    ) -> None:
        server.answer = lambda _: (status, {"error": {"message": "no"}})
        result = counting("tokens", "-m", "fs/m", "--retries", "0", "hello")
        assert (result.code, result.out) == (code, b"")

    @pytest.mark.parametrize(
        "body", [{}, {"input_tokens": "250"}, {"input_tokens": True}, [], None]
    )
    def test_a_count_that_is_none_is_refused(
        self, counting: Llm, server: Loopback, body: Any
    ) -> None:
        server.answer = lambda _: (200, body)
        result = counting("tokens", "-m", "fs/m", "hello")
        assert (result.code, result.out) == (7, b"")

    def test_without_a_key_nothing_is_sent(self, counting: Llm, server: Loopback) -> None:
        result = counting("tokens", "-m", "fs/m", "hello", env={"FS_KEY": None})
        assert (result.code, server.asked) == (4, [])
        assert "llm tokens --estimate" in result.err

    def test_it_tries_again(self, counting: Llm, server: Loopback) -> None:
        def once(_: Asked) -> tuple[int, Any]:
            return (503, {}) if len(server.asked) == 1 else (200, {"input_tokens": 3})

        server.answer = once
        assert counting("tokens", "-m", "fs/m", "hello").out == b"3\n"


class TestEstimated:
    def test_is_marked(self, llm: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1", models=MODELS)
        result = llm("tokens", "-m", "fs/m", "-u", "hello", env={"FS_KEY": None})
        assert (result.code, result.out) == (0, b"~5\n")
        assert result.err == "· fs/m · estimated · 0.5 % of 1,000 · $0.000025 in\n"
        facts = llm("tokens", "-m", "fs/m", "--json", "hello").json
        assert (facts["tokens"], facts["exact"]) == (5, False)

    def test_when_it_is_asked_for_nothing_is_sent(self, counting: Llm, server: Loopback) -> None:
        result = counting("tokens", "-m", "fs/m", "--estimate", "hello", env={"FS_KEY": None})
        assert (result.code, result.out[:1], server.asked) == (0, b"~", [])

    def test_everything_that_would_be_sent_counts(self, llm: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1")
        (llm.root / "notes.txt").write_text("a few more words")
        (llm.root / "tools.json").write_text('[{"name": "find", "description": "finds"}]')

        def count(*args: str, data: bytes | None = None) -> int:
            result = llm("tokens", "-m", "fs/m", "--json", *args, input=data)
            return int(result.json["tokens"])

        bare = count("hello")
        assert count("hello", data=b"piped words") > bare
        assert count("-s", "be brief", "hello") > bare
        assert count("-a", "notes.txt", "hello") > bare
        assert count("--tools", "tools.json", "hello") > bare
        assert count("-a", "notes.txt") > 0

    def test_an_image_cannot_be_estimated(self, llm: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1")
        (llm.root / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
        result = llm("tokens", "-m", "fs/m", "-a", "dot.png", "hello")
        assert (result.code, result.out) == (2, b"")
        assert "only those of text can be estimated" in result.err

    @pytest.mark.parametrize("name", COUNTS)
    def test_is_near_the_count_of_o200k_base(self, name: str) -> None:
        text, counted = COUNTS[name]["text"], COUNTS[name]["tokens"]
        assert 0.8 < estimate.of_text(text) / counted < 1.2

    def test_bounds(self) -> None:
        assert estimate.of_text("") == 0
        assert estimate.of_text(" ") == 1
        assert estimate.of_text("\ud800") == 1

    def test_every_part_is_looked_at(self) -> None:
        def of(*parts: Any, tools: tuple[Tool, ...] = ()) -> int | None:
            return estimate.of_request(Request("m", (Message("user", parts),), tools=tools))

        bare = of(Text("hello"))
        assert bare == 5
        assert of(Text("hello"), ToolCall("id", "find", '{"what": "x"}')) > bare  # type: ignore[operator]
        assert of(Text("hello"), ToolResult("id", "found")) > bare  # type: ignore[operator]
        assert of(Text("hello"), Opaque("p", "m", {"signature": "x" * 99})) == bare
        assert of(Text("hello"), tools=(Tool("find", "finds", {"type": "object"}),)) > bare  # type: ignore[operator]
        assert of(Text("hello"), Media(b"", "image/png")) is None


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ((), 2, "the prompt is empty"),
        (("-a", "no-such-file", "x"), 2, "no-such-file"),
        (("--tools", "no-such-file", "x"), 2, "--tools no-such-file"),
        (("--retries", "-1", "x"), 2, "--retries"),
        (("--retries", "two", "x"), 2, "--retries"),
        (("--key-env", "NO_SUCH_VARIABLE", "x"), 4, "NO_SUCH_VARIABLE"),
        (("-m", "nowhere/m", "x"), 3, "nowhere"),
        (("--no-such", "x"), 2, "--no-such"),
    ],
)
def test_bad_command_lines(
    counting: Llm, server: Loopback, args: tuple[str, ...], code: int, words: str
) -> None:
    result = counting("tokens", "-m", "fs/m", *args)
    assert (result.code, result.out, server.asked) == (code, b"", [])
    assert words in result.err


def test_errors_are_json_for_json(counting: Llm) -> None:
    result = counting("tokens", "-m", "fs/m", "--json")
    assert (result.code, result.json["kind"]) == (2, "usage")


def test_the_default_model_is_counted_for(counting: Llm) -> None:
    assert counting("tokens", "hello", env={"LLM_MODEL": "fs/m"}).out == b"250\n"


def test_help_has_examples(llm: Llm) -> None:
    assert "git diff | llm tokens" in llm("tokens", "--help").text


@pytest.mark.local
def test_the_engine_on_this_machine_counts_as_it_bills(llm: Llm) -> None:
    give(llm)
    question = ("-m", "local/smollm2", "-s", "be brief", "Grüße aus Köln, wie geht's?")
    counted = int(llm("tokens", *question, timeout=60).out)
    answer = llm("ask", "--json", "-o", "max_output_tokens=1", *question, timeout=60).json
    assert counted == answer["usage"]["input"]
    long = llm("tokens", "-m", "local/smollm2", "-u", input=b"word " * 20_000, timeout=60)
    assert int(long.out) > 20_000
    assert "too long · free (local)" in long.err
