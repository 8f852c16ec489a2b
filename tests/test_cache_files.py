"""The file of the kept replies: it stays small, may be broken, and keeps no word that must go."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from behaviour import collect, read_cases
from fault_server import FaultServer
from good_server import GoodServer
from support import Llm, write_card

from llmcli import config as configs
from llmcli.adapters import find
from llmcli.candidates import candidate, draft
from llmcli.cards import Card
from llmcli.conversation import Asking
from llmcli.errors import LocalIOError
from llmcli.events import (
    Attempt,
    Finish,
    FinishReason,
    Notice,
    OpaqueData,
    Replay,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from llmcli.messages import Message, Request, Text
from llmcli.question import Question
from llmcli.registry import Choice
from llmcli.replies.replaying import Replaying
from llmcli.replies.shelf import Shelf
from llmcli.replies.values import Reply, gathered, mentions, pack, unpack
from llmcli.usage import Cost, Usage

WIRES = ("anthropic", "cohere", "gemini", "ollama", "openai_chat", "openai_responses")
MB = 1_000_000


@pytest.fixture
def server(llm: Llm) -> Iterator[GoodServer]:
    """A good server that is the provider `fs`."""
    with GoodServer() as server:
        write_card(llm, server.url, models={"m": {"cost": {"input": 1, "output": 1}}, "echo": {}})
        llm.env["LLM_MODEL"] = "fs/echo"
        yield server


def shelf(llm: Llm) -> Path:
    """Where the replies lie."""
    return llm.home / "cache" / "replies.db"


def said(text: str, cost: str = "0.1") -> bytes:
    """A packed reply."""
    events = (Start(), TextDelta(text), Finish("stop"))
    return pack(Reply(events, Usage(1, 2), Cost(Decimal(cost), "card")))


@pytest.mark.parametrize("name", WIRES)
def test_any_answer_comes_back_as_it_was(name: str) -> None:
    """Every recorded answer of every wire format, packed and unpacked, means the same."""
    adapter = find(name.replace("_", "-"))()
    for case in read_cases(Path(__file__).parent / "wire_cases" / name):
        card = Card(
            id="s", name="S", adapter=name, base_url="http://127.0.0.1", dialect=case.dialect
        )
        request = Request("m", (Message("user", (Text("hi"),)),))
        state, decoder = adapter.begin(request, card), adapter.decoder(request)
        events = []
        for frame in [*decoder.feed(case.stream), *decoder.close()]:
            events += adapter.parse(frame, state)
            if events and isinstance(events[-1], Finish):
                break
        else:
            events += adapter.end(state)
        (usage,) = [e.usage for e in events if isinstance(e, UsageReport)][-1:] or [None]
        reply = unpack(pack(Reply(gathered(events), usage)))
        again = list(reply.pieces())
        last = [UsageReport(reply.usage)] if reply.usage else []
        found = collect([*again[:-1], *last, again[-1]])
        wanted = collect(events)
        if wanted.usage:
            wanted.usage = wanted.usage._replace(cost=None)
        assert found == wanted, case.name


@pytest.mark.parametrize(
    ("reason", "whole"),
    [
        ("stop", True),
        ("tool_calls", True),
        *((reason, False) for reason in ("length", "content_filter", "refusal", "pause", "other")),
    ],
)
def test_what_is_whole(reason: FinishReason, whole: bool) -> None:
    """The model came to its own end, and something came."""
    assert Reply((TextDelta("x"), Finish(reason))).whole is whole
    assert Reply((ToolCallStart("0", "c", "f"), Finish(reason))).whole is whole
    assert not Reply((Start(), OpaqueData({}), Notice("odd"), Finish(reason))).whole
    assert not Reply((TextDelta(""), Finish(reason))).whole
    assert not Reply((TextDelta("x"),)).whole


def test_texts_are_found_wherever_they_stand() -> None:
    """Also over the joints of deltas, in what JSON escapes, and in what goes back unchanged."""
    events = [TextDelta('a "quo'), TextDelta('ted"\nwörd'), OpaqueData({"k": [{"in": "side"}]})]
    data = pack(Reply(gathered([*events, Finish("stop")])))
    for text in ('"quoted"', "\nwörd", "side"):
        assert mentions(data, text), text
    fragment = ToolCallDelta("0", json.dumps({"q": 'a "quo\nted" wörd'}))
    data = pack(Reply((ToolCallStart("0", "c", "f"), fragment)))
    for text in ('"quo\nted"', "wörd", "q"):
        assert mentions(data, text), text
    assert not mentions(data, "a word")
    assert mentions(b"torn", "anything")


def test_it_stays_within_its_bounds(tmp_path: Path) -> None:
    """The replies that were of no use for longest go; what is too large for it is left out."""
    kept = Shelf(tmp_path / "cache" / "replies.db")
    for number in range(100):
        kept.keep(bytes([number]), said("x" * 20_000), MB)
        kept.hit(b"\0", None)
    assert kept.path.stat().st_size <= MB
    assert kept.find(b"\0", 60) is not None
    assert kept.find(b"\1", 60) is None
    assert kept.find(bytes([99]), 60) is not None
    assert 30 < kept.count() < 50
    kept.keep(b"large", said("x" * 600_000), MB)
    assert kept.find(b"large", 60) is None
    assert kept.info().hits == 100


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    """A reply that is not what was written is none."""
    kept = Shelf(tmp_path / "replies.db")
    kept.keep(b"k", said("nine lives"), MB)
    data = kept.path.read_bytes()
    kept.path.write_bytes(data.replace(b"nine", b"five"))
    assert kept.find(b"k", 60) is None
    kept.keep(b"k", said("nine lives"), MB)
    assert kept.find(b"k", 60) is not None


def test_no_byte_of_what_goes_is_left(tmp_path: Path) -> None:
    """Of one reply among many, removed or written over."""
    kept = Shelf(tmp_path / "replies.db")
    for number in range(60):
        kept.keep(
            bytes([number]), said(f"{number} {'canary ' if number in (7, 30) else 'word '}" * 9), MB
        )
    kept.keep(bytes([7]), said("other"), MB)
    assert kept.forget("canary") == 1
    assert b"canary" not in kept.path.read_bytes()
    assert kept.count() == 59


def test_sums_are_exact(tmp_path: Path) -> None:
    """Money is decimal."""
    kept = Shelf(tmp_path / "replies.db")
    kept.keep(b"k", said("x"), MB)
    for _ in range(30):
        kept.hit(b"k", Cost(Decimal("0.000000100000000001"), "card"))
    assert kept.info().saved == Decimal("0.000003000000000030")


def broken(path: Path, how: str) -> None:
    """Spoil what is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "garbage":
        path.write_bytes(b"no database " * 500)
    elif how == "torn":
        path.write_bytes(path.read_bytes()[:9000] + b"\xff" * 9000)
    elif how == "folder":
        path.unlink(missing_ok=True)
        path.mkdir()
    elif how == "pipe":
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    elif how == "newer":
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 9")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "full":
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/full")
    elif how == "file for a folder":
        path.unlink(missing_ok=True)
        path.parent.rmdir()
        path.parent.write_text("")


@pytest.mark.parametrize(
    ("how", "mends"),
    [
        *(("garbage", True), ("torn", True), ("empty", True)),
        *(("folder", False), ("pipe", False), ("newer", False), ("full", False)),
        ("file for a folder", False),
    ],
)
def test_trouble_with_it_never_harms_an_answer(
    llm: Llm, server: GoodServer, how: str, mends: bool
) -> None:
    """A warning or two, then what was damaged is gone and replies are kept again."""
    llm("--cache", "before")
    broken(shelf(llm), how)
    for words in ("before", "other"):
        result = llm("--cache", words, timeout=10)
        assert (result.code, result.text) == (0, words)
        assert result.err.count("llm: warning: cache: ") == len(result.err.splitlines()) <= 2
        assert "Traceback" not in result.err
    assert llm("--cache", "--json", "other").json["cache"]["hit"] is mends


def test_a_file_that_is_in_use_is_not_waited_for_long(llm: Llm, server: GoodServer) -> None:
    """The answer is shown before, and there is a warning."""
    llm("--cache", "before")
    with contextlib.closing(sqlite3.connect(shelf(llm), isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        result = llm("--cache", "hi", timeout=15)
        assert (result.code, result.text) == (0, "hi")
        assert "this reply is not kept" in result.err
        assert llm("--cache", "--json", "before").json["cache"]["hit"]


def test_the_last_words_are_shown_before_it_is_written(llm: Llm, server: GoodServer) -> None:
    """Who reads the answer never waits for the file."""
    llm("--cache", "before")
    with contextlib.closing(sqlite3.connect(shelf(llm), isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        running = llm.start("--cache", "one two three")
        running.wait_for(b"one two three")
        assert running.process.poll() is None
        db.execute("ROLLBACK")
    assert running.finish().err == ""


def test_it_can_be_known_before(llm: Llm, server: GoodServer) -> None:
    """Whoever counts money ahead learns that nothing will be spent; then nothing is."""
    write_card(llm, server.url, key_env=None, models={"echo": {}})
    config = configs.load()
    choice = Choice("fs", "echo", "a test")
    question = Question("hi", time.monotonic(), cache=60.0)

    def nothing(words: str = "") -> None:
        assert not words

    for kept in (False, True):
        found = candidate(choice, question, config, nothing, nothing)
        assert found.replays
        assert found.replays() is kept
        asking = Asking([found], draft(question, choice, config), question.begun)
        first, *_ = asking.events()
        assert isinstance(first, Replay if kept else Attempt)
        assert asking.turn().text == "hi"
        assert asking.turn().replayed is kept
    assert len(server.requests) == 1
    provider = found.open()
    assert isinstance(provider, Replaying)
    assert provider.replays(found.request)
    assert isinstance(next(provider.stream(found.request._replace(model="m"))), Attempt)
    assert (
        candidate(choice, question._replace(cache=None), config, nothing, nothing).replays is None
    )


def test_killed_while_it_writes(llm: Llm, server: GoodServer) -> None:
    """A process that dies leaves a file that others can use."""
    for delay in (0.0, 0.02, 0.05):
        running = llm.start("--cache", f"hi {delay}")
        running.wait_for(b"hi")
        time.sleep(delay)
        running.process.kill()
        running.finish()
    result = llm("--cache", "last")
    assert (result.text, result.err) == ("last", "")
    assert llm("--cache", "--json", "last").json["cache"]["hit"]


def test_many_threads(tmp_path: Path) -> None:
    """Workers of a batch may use it at once."""
    kept = Shelf(tmp_path / "replies.db")
    failed: list[Exception] = []

    ready = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            ready.wait()
            for n in range(20):
                kept.keep(bytes([number, n]), said(f"{number} {n}"), MB)
                found = kept.find(bytes([number, n]), 60)
                assert found
                assert found.reply.text == f"{number} {n}"
                kept.hit(bytes([number, n]), None)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed
    assert (kept.count(), kept.info().hits) == (160, 160)


def test_made_by_several_at_once(tmp_path: Path) -> None:
    """Whoever is first makes the tables; the others find them."""
    failed: list[Exception] = []
    ready = threading.Barrier(4)

    def work(number: int, place: Path) -> None:
        ready.wait()
        try:
            Shelf(place).keep(bytes([number]), said("x"), MB)
        except LocalIOError as error:
            failed.append(error)

    for round_ in range(20):
        place = tmp_path / f"{round_}.db"
        workers = [threading.Thread(target=work, args=(n, place)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert Shelf(place).count() == 4
    assert not failed


def test_redact_takes_the_replies_too(llm: Llm, server: GoodServer) -> None:
    """No byte of the text is left in the file, and what was not meant stays."""
    for words in ('say "canary seed" now', "something else"):
        llm("--cache", words)
    done = llm("history", "redact", "-", "--yes", input=b'"canary seed"')
    assert done.code == 0
    assert b"canary" not in shelf(llm).read_bytes()
    assert llm("--cache", "--json", "something else").json["cache"]["hit"]
    assert not llm("--cache", "--json", 'say "canary seed" now').json["cache"]["hit"]


def test_redact_finds_what_only_a_reply_says(llm: Llm, server: GoodServer) -> None:
    """The history may be gone while the reply is not."""
    llm("--cache", "canary")
    llm.db.unlink()
    assert "1 place" in llm("history", "redact", "-", "--dry-run", input=b"canary").err
    llm("history", "redact", "-", "--yes", input=b"canary")
    assert b"canary" not in shelf(llm).read_bytes()


def test_rm_takes_the_replies_too(llm: Llm, server: GoodServer) -> None:
    """No word of a removed conversation is left, whichever call the reply came from."""
    llm("--cache", "other")
    for _ in range(2):
        llm("--cache", "canary")
    gone = llm.turns()[-1]["conversation"]  # the one that it was only given to
    done = llm("history", "rm", gone, "--yes")
    assert "· removed 1 kept reply\n" in done.err
    assert b"canary" not in shelf(llm).read_bytes()
    assert llm("--cache", "--json", "other").json["cache"]["hit"]
    llm("history", "prune", "--older-than", "0m", "--yes")
    assert llm("cache", "info", "--json").json["replies"] == 0
    llm("hi")
    (turn,) = llm.turns()
    assert "kept" not in llm("history", "rm", turn["conversation"], "--yes").err


@pytest.mark.parametrize("trouble", ["surrogates:lone", "bad-utf8", "bytewise"])
def test_rm_knows_a_reply_by_its_words(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path], trouble: str
) -> None:
    """Whatever they are made of."""
    provider(faults.url(trouble))
    llm("-m", "fs/m", "--cache", "hi")
    (turn,) = llm.turns()
    assert "1 kept reply" in llm("history", "rm", turn["conversation"], "--yes").err
