"""The embedded engine with the real library and the real demo weights."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_weights import give, home, stand_in, without
from support import Llm

from llmcli import cards
from llmcli.engines import llamacpp
from llmcli.engines.base import Provider
from llmcli.engines.local import LocalEngine
from llmcli.errors import (
    BadRequest,
    ConfigError,
    ContextTooLong,
    IncompleteError,
    ProtocolError,
    TimedOut,
)
from llmcli.events import (
    Attempt,
    Event,
    Finish,
    Notice,
    Start,
    TextDelta,
    UsageReport,
)
from llmcli.messages import Message, Request, Text, Tool

pytestmark = pytest.mark.local

QUESTION = "What is the capital of France?"
STORY = "Write a very long story about a dog."
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "big": {"enum": ["yes", "no"]}},
    "required": ["city", "big"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    """One engine for the module: it loads the model once."""
    home()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMCLI_HOME", str(tmp_path_factory.mktemp("home")))
        card = cards.load("local")
    assert card is not None
    _SOCKETS_BEFORE.update(sockets())
    engine = LocalEngine(card)
    yield engine
    engine.close()
    end_of_threads()


@pytest.fixture
def engine(loaded: LocalEngine, llm: Llm) -> LocalEngine:
    """The loaded engine, with the weights in the home of this test."""
    give(llm)
    return loaded


def request(prompt: str, *, system: str | None = None, **settings: Any) -> Request:
    """A question to the demo model."""
    head = () if system is None else (Message("system", (Text(system),)),)
    messages = (*head, Message("user", (Text(prompt),)))
    return Request("smollm2", messages, **settings)


def text(events: list[Event]) -> str:
    """The answer."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def ask(engine: LocalEngine, prompt: str, **options: Any) -> str:
    """The answer to a question with these options."""
    return text(list(engine.stream(request(prompt, options=options))))


def end_of_threads(limit: float = 10) -> None:
    """Wait for the engine's threads to end; fail when one goes on."""
    for thread in threading.enumerate():
        if thread.name == "llm-local":
            thread.join(limit)
            assert not thread.is_alive(), "the engine goes on"


# ---- answers


def test_an_answer_streams(engine: LocalEngine) -> None:
    """The events of the contract, in order, with the right answer in pieces and true usage."""
    provider: Provider = engine
    events = list(provider.stream(request(QUESTION)))
    assert events[0] == Attempt("local", "smollm2", 1)
    assert isinstance(events[1], Start)
    assert text(events) == "The capital of France is Paris."
    pieces = [event for event in events if isinstance(event, TextDelta)]
    usage = next(event.usage for event in events if isinstance(event, UsageReport))
    assert (usage.input, usage.output) == (21, 8)
    assert len(pieces) > 3
    assert [event for event in events if isinstance(event, Finish)] == [events[-1]]
    assert events[-1] == Finish("stop", "stop")


def test_a_conversation_is_heard(engine: LocalEngine) -> None:
    """Earlier messages reach the model."""
    said = [("user", "My dog is called Rex."), ("assistant", "That is a nice name.")]
    past = tuple(Message(role, (Text(words),)) for role, words in said)  # type: ignore[arg-type]
    question = Message("user", (Text("What is my dog called?"),))
    events = list(engine.stream(Request("smollm2", (*past, question))))
    assert "Rex" in text(events)


def test_the_limit_of_the_answer(engine: LocalEngine) -> None:
    """`max_output_tokens` is met to the token, and the finish reason says so."""
    events = list(engine.stream(request(STORY, options={"max_output_tokens": 7})))
    usage = next(event.usage for event in events if isinstance(event, UsageReport))
    assert usage.output == 7
    assert events[-1] == Finish("length", "length")


def test_stop(engine: LocalEngine) -> None:
    """Generation ends before the text it should stop at."""
    assert ask(engine, QUESTION, stop=["France", "Paris"]) == "The capital of "


def test_seed_and_temperature(engine: LocalEngine) -> None:
    """The same seed repeats an answer, another one does not, temperature 0 needs none."""
    hot = {"temperature": 1.5, "max_output_tokens": 20}
    first = ask(engine, STORY, seed=1, **hot)
    assert ask(engine, STORY, seed=1, **hot) == first
    assert ask(engine, STORY, seed=2, **hot) != first
    assert ask(engine, STORY, max_output_tokens=20) == ask(engine, STORY, max_output_tokens=20)


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 0.0001}])
def test_narrow_sampling(engine: LocalEngine, narrow: dict[str, Any]) -> None:
    """With one candidate left, heat and seed make no difference."""
    hot = {"temperature": 2.0, "max_output_tokens": 15, **narrow}
    assert ask(engine, STORY, seed=1, **hot) == ask(engine, STORY, seed=2, **hot)


@pytest.mark.parametrize("penalty", ["frequency_penalty", "presence_penalty"])
def test_penalties(engine: LocalEngine, penalty: str) -> None:
    """A penalty changes what would be repeated."""
    prompt = "Say the word banana one hundred times."
    plain = {"temperature": 0, "max_output_tokens": 40}
    assert ask(engine, prompt, **plain, **{penalty: 2.0}) != ask(engine, prompt, **plain)


def test_a_schema_is_met(engine: LocalEngine) -> None:
    """The grammar holds the model to the schema."""
    answer = json.loads(ask(engine, "Describe Paris.", response_schema=CITY))
    assert answer.keys() == {"city", "big"}
    assert answer["big"] in ("yes", "no")


def test_a_tool_that_is_not_called_is_told(engine: LocalEngine) -> None:
    """The demo model just talks; that it had to call is said in a notice."""
    tool = Tool("get_weather", parameters={"type": "object", "properties": {}})
    options = {"tool_choice": "required", "max_output_tokens": 5}
    events = list(engine.stream(request("Weather?", options=options, tools=(tool,))))
    assert [event.message for event in events if isinstance(event, Notice)] == [
        "smollm2 did not call a tool though it was required"
    ]


def test_a_half_character_is_mended(engine: LocalEngine) -> None:
    """A lone surrogate, which JSON readers refuse, does not make the engine fail."""
    assert ask(engine, "Say \ud83d hello", max_output_tokens=2)


# ---- what is sent


def test_the_recipe_of_the_demo_model(engine: LocalEngine) -> None:
    """Without a system message and a temperature it gets its own; the user's win."""
    plain = json.loads(engine.preview(request("hi")))
    assert plain["messages"][0] == {"role": "system", "content": ""}
    assert (plain["temperature"], plain["dry_multiplier"]) == (0, 0.8)
    own = request("hi", system="Be short.", options={"temperature": 0.5}, extra={"min_p": 0.1})
    body = json.loads(engine.preview(own))
    assert [m["content"] for m in body["messages"]] == ["Be short.", "hi"]
    assert (body["temperature"], body["min_p"]) == (0.5, 0.1)
    assert "dry_multiplier" not in body
    assert json.loads(engine.preview(request("hi", extra={"dry_multiplier": 0})))[
        "dry_multiplier"
    ] == 0  # fmt: skip


def test_the_recipe_is_for_the_demo_model_alone(engine: LocalEngine) -> None:
    """Other weights get what was asked and nothing more."""
    body = json.loads(engine.preview(request("hi")._replace(model="other")))
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert "temperature" not in body


def test_models_are_the_weights_that_are_here(engine: LocalEngine, llm: Llm) -> None:
    """With their context, within what fits a small machine."""
    give_again = llm.home / "data" / "models" / "other.gguf"
    os.link(llm.home / "data" / "models" / "smollm2.gguf", give_again)
    found = {model.id: model.context for model in engine.models()}
    assert found == {"other": 8192, "smollm2": 8192}


# ---- failures


def test_a_prompt_that_is_too_long(engine: LocalEngine) -> None:
    """The error says how long it is and what fits."""
    with pytest.raises(ContextTooLong, match=r"is 9015 tokens long, and smollm2 takes 8192") as e:
        list(engine.stream(request("hello " * 9000)))
    assert (e.value.exit_code, e.value.provider, e.value.model) == (9, "local", "smollm2")


def test_a_schema_that_is_none(engine: LocalEngine) -> None:
    """What the engine refuses is a rejected request."""
    with pytest.raises(BadRequest, match="the engine refused"):
        ask(engine, "hi", response_schema={"type": "bogus"})
    assert ask(engine, QUESTION)


def test_weights_that_are_damaged(loaded: LocalEngine, llm: Llm) -> None:
    """A file with the right head and nothing behind it is told by its name."""
    give(llm)
    (llm.home / "data" / "models" / "broken.gguf").write_bytes(b"GGUF" + b"\3" + b"\0" * 200)
    card = loaded.card
    engine = LocalEngine(card)
    with pytest.raises(ConfigError, match=r"cannot load broken\.gguf"):
        list(engine.stream(request("hi")._replace(model="broken")))


def test_the_deadline(engine: LocalEngine) -> None:
    """Before content it is a timeout, after it the answer is incomplete; both stop the engine."""
    engine.set_deadline(0.0, time.monotonic())
    try:
        with pytest.raises(TimedOut, match="deadline"):
            list(engine.stream(request("hello " * 2000)))
        engine.set_deadline(3600, time.monotonic())
        stream = engine.stream(request(STORY))
        while not isinstance(next(stream), TextDelta):
            pass
        engine.set_deadline(0.0, time.monotonic())
    finally:
        engine._deadline = None
    stream.close()
    end_of_threads()


# ---- stopping


def test_closing_the_stream_stops_the_generation(engine: LocalEngine) -> None:
    """The iterator lets go at once, and the engine does not run on to the end of a long story."""
    stream = engine.stream(request(STORY, options={"temperature": 1.0}))
    while not isinstance(next(stream), TextDelta):
        pass
    begun = time.monotonic()
    stream.close()
    assert time.monotonic() - begun < 0.2
    end_of_threads()


def test_closing_within_a_long_prompt(engine: LocalEngine) -> None:
    """The engine notices between two batches of the prompt, long before its end."""
    stream = engine.stream(request("tell me " * 2500))
    next(stream)
    closing = threading.Timer(0.5, engine.close)
    closing.start()
    with pytest.raises(ProtocolError, match="empty"):
        list(stream)
    closing.join()
    end_of_threads()
    assert ask(engine, QUESTION)


def test_two_answers_at_once(engine: LocalEngine) -> None:
    """Threads that share the engine get each their own answer."""
    answers: dict[str, str] = {}

    def one(country: str) -> None:
        answers[country] = ask(engine, f"What is the capital of {country}?")

    threads = [threading.Thread(target=one, args=(name,)) for name in ("France", "Italy")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert "Paris" in answers["France"]
    assert "Rome" in answers["Italy"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nobody_can_connect(engine: LocalEngine) -> None:
    """The library always listens; here not on TCP, and no socket file is left to connect to."""
    ask(engine, QUESTION)
    ours = sockets() - _SOCKETS_BEFORE
    assert ours, "the engine has a listener"
    for table in ("tcp", "tcp6"):
        rows = Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]
        assert not [row for row in rows if row.split()[9] in ours]
    places = [
        fields[-1]
        for row in Path("/proc/self/net/unix").read_text().splitlines()[1:]
        if (fields := row.split())[6] in ours and fields[-1].startswith("/")
    ]
    assert not [place for place in places if Path(place).exists()]


_SOCKETS_BEFORE: set[str] = set()  # those of other tests, open before the engine was loaded


def sockets() -> set[str]:
    """The inodes of the sockets this process has open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(link.readlink())
            if target.startswith("socket:["):
                found.add(target.removeprefix("socket:[").removesuffix("]"))
    return found


# ---- the command


def test_the_command_answers(llm: Llm) -> None:
    """One JSON object with usage and a cost of zero, local."""
    give(llm)
    done = llm("--json", "-m", "local/smollm2", QUESTION, timeout=60)
    assert done.code == 0, done.err
    result = done.json
    assert result["text"] == "The capital of France is Paris."
    assert (result["usage"]["input"], result["usage"]["output"]) == (21, 8)
    assert result["cost"]["basis"] == "local"
    assert result["finish_reason"] == "stop"


def test_the_command_streams(llm: Llm) -> None:
    """More than one `text` line arrives, in order."""
    give(llm)
    done = llm("--jsonl", "-m", "local/smollm2", QUESTION, timeout=60)
    pieces = [event["text"] for event in done.events if event["type"] == "text"]
    assert len(pieces) > 1
    assert "".join(pieces) == "The capital of France is Paris."


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle(llm: Llm, signum: int) -> None:
    """It dies of the signal within a second; what arrived is kept."""
    give(llm)
    running = llm.start("-m", "local/smollm2", "-o", "temperature=1", STORY)
    running.wait_for(b" ", timeout=60)
    begun = time.monotonic()
    running.signal(signum)
    assert running.finish(10).code == -signum
    assert time.monotonic() - begun < 1
    turn = llm.turns()[-1]
    assert turn["status"] == "interrupted"


def test_a_signal_within_a_long_prompt(llm: Llm) -> None:
    """While the prompt is read, before any token, a signal ends it too."""
    give(llm)
    running = llm.start("-m", "local/smollm2", "tell me " * 2500)
    _wait_for_turn(llm)
    running.signal(signal.SIGINT)
    assert running.finish(10).code == -signal.SIGINT


def _wait_for_turn(llm: Llm) -> None:
    """Wait until the turn is in the history, where even the tables may not be yet."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(sqlite3.OperationalError):
            if llm.turns():
                return
        time.sleep(0.02)
    raise AssertionError("no turn in the history")


def test_the_command_refuses_a_long_prompt(llm: Llm) -> None:
    """Exit 9, with the numbers."""
    give(llm)
    done = llm("-m", "local/smollm2", input=b"hello " * 9000, timeout=60)
    assert (done.code, done.out) == (9, b"")
    assert "8192" in done.err


def test_the_command_keeps_a_schema(llm: Llm) -> None:
    """`response_schema=@FILE` gives an answer that parses."""
    give(llm)
    (llm.root / "city.json").write_text(json.dumps(CITY))
    done = llm(
        "-m", "local/smollm2", "-o", "response_schema=@city.json", "Describe Paris.", timeout=60
    )
    assert done.code == 0, done.err
    assert json.loads(done.out).keys() == {"city", "big"}


def test_an_unknown_model(llm: Llm) -> None:
    """Exit 3, naming what is here and how to get more."""
    give(llm)
    done = llm("-m", "local/smollm3", "hi")
    assert (done.code, done.out) == (3, b"")
    assert "smollm2" in done.err
    assert "llm local pull" in done.err
    assert llm("-m", "local/../../../etc/passwd", "hi").code == 3


# ---- an engine that is not usable here


def test_without_the_extra(llm: Llm, tmp_path: Path) -> None:
    """Exit 3 and what to install."""
    give(llm)
    done = llm("-m", "local/smollm2", "hi", env=without(tmp_path / "path", "xllamacpp"))
    assert (done.code, done.out) == (3, b"")
    assert "pip install 'llmcli[local]'" in done.err


@pytest.mark.parametrize(
    ("library", "package"), [("libgomp.so.1", "libgomp1"), ("libstdc++.so.6", "libstdc++6")]
)
def test_a_system_library_is_missing(llm: Llm, tmp_path: Path, library: str, package: str) -> None:
    """What the loader says becomes the package to install."""
    give(llm)
    words = f"{library}: cannot open shared object file: No such file or directory"
    settings = stand_in(tmp_path / "path", "xllamacpp", f"raise ImportError({words!r})")
    done = llm("-m", "local/smollm2", "hi", env=settings)
    assert (done.code, done.out) == (3, b"")
    assert package in done.err


def test_a_processor_that_cannot_run_it(llm: Llm, tmp_path: Path) -> None:
    """The engine dies in a process of its own; ours tells why, each time until it works."""
    give(llm)
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)"
    settings = stand_in(tmp_path / "path", "xllamacpp", source)
    for _ in range(2):
        done = llm("-m", "local/smollm2", "hi", env=settings)
        assert (done.code, done.out) == (3, b"")
        assert "SIGILL" in done.err
        assert "AVX2" in done.err


def test_the_probe_is_made_once(llm: Llm) -> None:
    """What it found is remembered for the next run."""
    give(llm)
    marks = llm.home / "cache" / "engine"
    for mark in marks.iterdir():
        mark.unlink()
    once = ("-m", "local/smollm2", "-o", "max_output_tokens=1", "hi")
    assert llm(*once, timeout=60).code == 0
    (mark,) = marks.iterdir()
    before = mark.stat()
    assert llm(*once, timeout=60).code == 0
    assert mark.stat() == before


def test_cores() -> None:
    """Never more threads than this process may use."""
    assert llamacpp.cores() in {-1, *range(1, (os.cpu_count() or 1) + 1)}
    if hasattr(os, "sched_setaffinity"):
        allowed = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(allowed)})
            assert llamacpp.cores() == 1
        finally:
            os.sched_setaffinity(0, allowed)


def test_incomplete_is_after_content(engine: LocalEngine) -> None:
    """A deadline within the answer raises IncompleteError and not a timeout."""
    prompt = request(STORY, options={"temperature": 1.0})
    engine.set_deadline(2.0, time.monotonic())
    try:
        with pytest.raises(IncompleteError, match="deadline"):
            list(engine.stream(prompt))
    finally:
        engine._deadline = None
    end_of_threads()
