"""The command against a server none of us wrote: llama.cpp's own, with the demo weights."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from llama_server import KEY, SECONDS, WEATHER, Server, running, running_with_tools
from support import Llm

pytestmark = pytest.mark.local

STORY = "Write a very long story about a dog."


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A plain server that is ready."""
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def tool_server() -> Iterator[Server]:
    """A server that wants a key and whose template is good for required tool calls only."""
    with running_with_tools() as started:
        yield started


def add(llm: Llm, server: Server, *options: str) -> None:
    """Make the server known to the command as `lab`."""
    done = llm(
        *("providers", "add", "lab", "--base-url", server.base_url, *options),
        env={"LAB_KEY": KEY},
        timeout=SECONDS,
    )
    assert done.code == 0, done.err


def lab(llm: Llm, server: Server, *options: str) -> None:
    """Write the card of a server that need not be there."""
    add(llm, server, *(options or ("--no-key",)), "--no-test", "--model", "smollm2")


def test_a_provider_of_ones_own(llm: Llm, server: Server) -> None:
    """One command makes it known, the next one streams an answer from it."""
    add(llm, server, "--no-key")
    done = llm("-m", "lab", "--jsonl", "-o", "max_output_tokens=12", "Say hello.", timeout=SECONDS)
    assert done.code == 0, done.err
    pieces = [event["text"] for event in done.events if event["type"] == "text"]
    assert len(pieces) > 1
    assert done.events[-1]["type"] == "result"
    assert done.events[-1]["text"] == "".join(pieces)


def test_usage_is_what_the_server_says(llm: Llm, server: Server) -> None:
    """The same body sent by hand has the same tokens, cached ones too, and the same text."""
    lab(llm, server)
    question = ("-m", "lab", "-o", "temperature=0", "-o", "max_output_tokens=15", "Count to five.")
    preview = llm(*question, "--dry-run").text
    body = json.loads(preview[preview.index("\n{") :])
    llm(*question, timeout=SECONDS)  # from here on the prompt is in the server's cache
    raw = server.ask({**body, "stream": False, "stream_options": None})
    result = llm(*question, "--json", timeout=SECONDS).json
    said = raw["usage"]
    assert result["usage"]["input"] == said["prompt_tokens"]
    assert result["usage"]["output"] == said["completion_tokens"]
    assert result["usage"]["cache_read"] == said["prompt_tokens_details"]["cached_tokens"] > 0
    assert result["text"] == raw["choices"][0]["message"]["content"]
    assert result["cost"] is None


@pytest.mark.parametrize("how", [(), ("--no-stream",)])
def test_a_tool_call(llm: Llm, tool_server: Server, how: tuple[str, ...]) -> None:
    """A required call arrives with its name and whole arguments, streamed or not."""
    lab(llm, tool_server, "--key-env", "LAB_KEY")
    (llm.root / "tools.json").write_text(json.dumps([WEATHER]))
    done = llm(
        *("-m", "lab", "--json", "--tools", "tools.json", *how),
        *("-o", "tool_choice=required", "-o", "temperature=0"),
        "What is the weather in Paris?",
        env={"LAB_KEY": KEY},
        timeout=SECONDS,
    )
    assert done.code == 0, done.err
    (call,) = done.json["tool_calls"]
    assert call["name"] == "get_weather"
    assert json.loads(call["arguments"]) == {"city": "Paris"}
    assert done.json["finish_reason"] == "tool_calls"


def test_a_wrong_key(llm: Llm, tool_server: Server) -> None:
    """401 is exit 4, tells where the key came from and never shows it."""
    lab(llm, tool_server, "--key-env", "LAB_KEY")
    wrong = "lab-canary-wrong-77"
    done = llm("-m", "lab", "hi", env={"LAB_KEY": wrong})
    assert (done.code, done.out) == (4, b"")
    assert "LAB_KEY" in done.err
    assert wrong not in done.err


def test_a_prompt_that_is_too_long(llm: Llm, server: Server) -> None:
    """400 exceed_context_size_error is exit 9, with the numbers, and asked once."""
    lab(llm, server)
    done = llm("-m", "lab", "--jsonl", input=b"hello " * 5000, timeout=SECONDS)
    assert done.code == 9
    error = done.events[-1]
    assert (error["type"], error["kind"], error["http_status"]) == ("error", "context_length", 400)
    assert "2048" in error["message"]
    assert len(llm.attempts()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_server_that_is_loading_is_refused_at_once_without_retries(llm: Llm) -> None:
    """503 with `--retries 0` is exit 7 after one attempt."""
    server = Server()
    try:
        lab(llm, server)
        asked = _ask_while_loading(llm, server, "0")
        done = asked.finish(SECONDS)
    finally:
        server.close()
    assert done.code == 7, done.err
    assert "Loading model" in done.err
    assert [attempt["http_status"] for attempt in llm.attempts()] == [503]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_server_that_is_loading_is_asked_again(llm: Llm) -> None:
    """Started together: the first attempts meet 503, a later one gets the answer."""
    server = Server()
    try:
        lab(llm, server)
        done = _ask_while_loading(llm, server, "9").finish(SECONDS)
    finally:
        server.close()
    assert done.code == 0, done.err
    kinds = [event["type"] for event in done.events]
    assert kinds.count("retry") >= 1
    assert kinds[-1] == "result"
    assert len(llm.attempts()) == kinds.count("retry") + 1


def _ask_while_loading(llm: Llm, server: Server, retries: str) -> Any:
    """Stop the server in the middle of loading until the command has connected to it."""
    server.wait(503)
    server.process.send_signal(signal.SIGSTOP)
    running = llm.start(
        "-m", "lab", "--jsonl", "--retries", retries, "-o", "max_output_tokens=5", "hi"
    )
    end = time.monotonic() + SECONDS
    while not server.is_asked():
        assert time.monotonic() < end
        assert running.process.poll() is None, running.err
        time.sleep(0.002)
    server.process.send_signal(signal.SIGCONT)
    return running


def test_an_error_in_a_stream_before_content(llm: Llm, tool_server: Server) -> None:
    """Status 200, then an error and no content: asked again, then exit 7."""
    lab(llm, tool_server, "--key-env", "LAB_KEY")
    done = llm(
        *("-m", "lab", "--retries", "1", "-o", "temperature=0", "What is 2+2?"),
        env={"LAB_KEY": KEY},
        timeout=SECONDS,
    )
    assert (done.code, done.out) == (7, b"")
    assert len(llm.attempts()) == 2


def test_a_server_that_dies_in_the_middle(llm: Llm) -> None:
    """What arrived is on stdout and in the history; exit 8, and not asked again."""
    server = Server()
    try:
        server.wait(200)
        lab(llm, server)
        running = llm.start("-m", "lab", "-o", "temperature=1", STORY)
        running.wait_for(b" ", timeout=SECONDS)
        server.close()
        done = running.finish(SECONDS)
    finally:
        server.close()
    assert done.code == 8, done.err
    (turn,) = llm.turns()
    assert turn["text"] == done.out.decode().rstrip("\n")
    assert len(llm.attempts()) == 1
    after = llm("-m", "lab", "hi")
    assert (after.code, "connection refused" in after.err) == (6, True)
