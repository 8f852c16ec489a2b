"""Three wire formats against one server none of us wrote: the same model has to say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from llama_server import KEY, SECONDS, WEATHER, Server, running, running_with_tools
from support import Llm, write_card

pytestmark = pytest.mark.local

WIRES = ("openai-chat", "openai-responses", "anthropic")
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def tool_server() -> Iterator[Server]:
    with running_with_tools() as started:
        yield started


def lab(llm: Llm, server: Server, wire: str) -> None:
    """Make the server known as `lab` in this wire format."""
    llm.env["FS_KEY"] = KEY
    dialect = {"input_tokens": True} if wire == "openai-responses" else {}
    write_card(llm, server.base_url, "lab", adapter=wire, dialect=dialect)


def ask(llm: Llm, *words: str) -> dict[str, Any]:
    """The result of a question without chance in it."""
    done = llm(
        *("-m", "lab/smollm2", "--json", "-o", "temperature=0", "-o", "max_output_tokens=16"),
        *words,
        timeout=SECONDS,
    )
    assert done.code == 0, done.err
    return dict(done.json)


@pytest.mark.parametrize("how", [(), ("--no-stream",)])
def test_the_same_answer_and_usage(llm: Llm, server: Server, how: tuple[str, ...]) -> None:
    """Text, reason and tokens do not depend on the wire format, nor on streaming."""
    found = {}
    for wire in WIRES:
        lab(llm, server, wire)
        result = ask(llm, *how, QUESTION)
        usage = result["usage"]
        found[wire] = (
            result["text"],
            result["finish_reason"],
            usage["input"],
            usage["output"],
        )
    assert found["openai-chat"][0]
    assert len(set(found.values())) == 1, found


def test_a_cut_answer(llm: Llm, server: Server) -> None:
    """The limit is found in each wire format's own words for it."""
    for wire in WIRES:
        lab(llm, server, wire)
        result = ask(llm, "-o", "max_output_tokens=3", QUESTION)
        assert (result["finish_reason"], result["usage"]["output"]) == ("length", 3), wire


def test_a_system_text(llm: Llm, server: Server) -> None:
    """It reaches the model: the prompt grows by the same tokens everywhere."""
    grown = set()
    for wire in WIRES:
        lab(llm, server, wire)
        plain = ask(llm, QUESTION)["usage"]["input"]
        grown.add(ask(llm, "-s", "You are a very terse guide.", QUESTION)["usage"]["input"] - plain)
    assert len(grown) == 1
    assert grown.pop() != 0


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("how", [(), ("--no-stream",)])
def test_a_tool_call(llm: Llm, tool_server: Server, wire: str, how: tuple[str, ...]) -> None:
    """A required call arrives with its name and whole arguments, streamed or not."""
    lab(llm, tool_server, wire)
    (llm.root / "tools.json").write_text(json.dumps([WEATHER]))
    result = ask(
        llm,
        *("--tools", "tools.json", "-o", "tool_choice=required", "-o", "max_output_tokens=60"),
        *how,
        "What is the weather in Paris?",
    )
    (call,) = result["tool_calls"]
    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris"})
    assert result["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("wire", WIRES)
def test_what_the_server_refuses(llm: Llm, server: Server, wire: str) -> None:
    """A prompt that is too long is told as that, and asked once."""
    lab(llm, server, wire)
    done = llm("-m", "lab/smollm2", "--jsonl", input=b"hello " * 5000, timeout=SECONDS)
    assert done.code == 9, done.err
    assert done.events[-1]["kind"] == "context_length"
    assert len(llm.attempts()) == 1


@pytest.mark.parametrize("wire", WIRES)
def test_a_wrong_key(llm: Llm, tool_server: Server, wire: str) -> None:
    lab(llm, tool_server, wire)
    done = llm("-m", "lab/smollm2", "hi", env={"FS_KEY": "lab-canary-wrong-77"})
    assert (done.code, done.out) == (4, b"")
    assert "canary" not in done.err


@pytest.mark.parametrize("wire", WIRES)
def test_an_error_in_a_stream(llm: Llm, tool_server: Server, wire: str) -> None:
    """Status 200, then an error and no content: asked again, then exit 7."""
    lab(llm, tool_server, wire)
    done = llm(
        *("-m", "lab/smollm2", "--retries", "1", "-o", "temperature=0", "What is 2+2?"),
        timeout=SECONDS,
    )
    assert (done.code, done.out) == (7, b""), done.err
    assert len(llm.attempts()) == 2


@pytest.mark.parametrize("wire", WIRES)
def test_the_list_of_models(llm: Llm, server: Server, wire: str) -> None:
    lab(llm, server, wire)
    assert "smollm2" in llm("providers", "models", "lab", timeout=SECONDS).text


@pytest.mark.parametrize("wire", ["openai-responses", "anthropic"])
def test_tokens_counted_before_are_the_tokens_billed(llm: Llm, server: Server, wire: str) -> None:
    """The server's own count of a prompt is what its answer says it was."""
    lab(llm, server, wire)
    counted = llm("tokens", "-m", "lab/smollm2", "--json", QUESTION, timeout=SECONDS).json
    assert counted["exact"] is True
    assert counted["tokens"] == ask(llm, QUESTION)["usage"]["input"]
