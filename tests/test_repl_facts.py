"""Slash commands that tell: help, usage, cost, tokens, context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chatting import Talk
from loopback import Asked, Loopback
from support import Llm, write_card
from word_server import WordServer

COST = {"input": 10, "output": 100}


@pytest.fixture
def server() -> Iterator[WordServer]:
    with WordServer() as server:
        yield server


@pytest.fixture
def chat(llm: Llm, server: WordServer) -> Talk:
    """A chat with a model whose window and price are known, and one without."""
    server.provide(llm, m={"context": 1000, "cost": COST}, other={})
    return Talk(llm, dimensions=(40, 100)).begin()


def line(told: str, start: str) -> str:
    """The line that begins so, blanks as one."""
    found = [" ".join(one.split()) for one in told.splitlines()]
    return next(one for one in found if one.startswith(start))


def test_help(chat: Talk) -> None:
    """What can be typed now, by group, and the keys."""
    told = chat.say("/help")
    assert [word for word in ("Files", "Conversations", "Facts", "Keys") if word not in told] == []
    assert "/file PATH" in told
    assert "Ctrl-X Ctrl-E" in told
    assert "/undo" not in told
    assert "/cost" not in told
    chat.say("one")
    told = chat.say("/help")
    assert "/undo" in told
    assert "/cost" in told
    assert "/redo" not in told


def test_help_fits_a_narrow_terminal(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    told = Talk(llm, dimensions=(24, 60)).begin().say("/help")
    lines = [one for one in told.splitlines() if "/set" in one or "leave" in one]
    assert lines
    assert all(len(one) <= 70 for one in lines)


def test_help_for_one_command(chat: Talk) -> None:
    assert line(chat.say("/help undo"), "/undo") == (
        "/undo [N] step back N turns; nothing is deleted"
    )
    assert "/retry [-m MODEL]" in chat.say("/help /retry")


def test_usage_and_cost_by_model(chat: Talk, server: WordServer) -> None:
    chat.say("a b c d e f g h i j")
    chat.say("/model fs/other")
    chat.say("k")
    told = chat.say("/usage")
    assert line(told, "fs/m") == "fs/m 1 10 ? 5 ?"
    assert line(told, "TOTAL") == "TOTAL 2 26 ? 6 ?"
    told = chat.say("/cost")
    assert line(told, "fs/m") == "fs/m 1 $0.0006"
    assert line(told, "fs/other") == "fs/other 1 cost unknown"
    assert line(told, "TOTAL") == "TOTAL 2 at least $0.0006"
    assert "the last turn: cost unknown" in told


def test_what_was_undone_was_paid(chat: Talk) -> None:
    chat.say("a b c d e f g h i j")
    chat.say("/retry")
    chat.say("/undo")
    assert line(chat.say("/cost"), "fs/m") == "fs/m 2 $0.0012"


def test_a_part_that_was_not_told(chat: Talk, server: WordServer) -> None:
    chat.say("a b")
    server.counts = False
    chat.say("c d")
    told = chat.say("/usage")
    assert line(told, "fs/m") == "fs/m 2 ≥ 2 ? ≥ 2 ?"
    assert "at least" in chat.say("/cost")


def test_tokens_are_estimated(chat: Talk, server: WordServer) -> None:
    told = chat.say("/tokens " + "word " * 100)
    assert told.startswith("~1")
    assert "estimated" in told
    assert "% of 1 k" in told
    assert " in" in told
    chat.say("a b c d e f g h i j")
    first = int(chat.say("/tokens").split()[0].strip("~"))
    assert 15 <= first <= 25  # 10 in and 5 out were counted
    assert len(server.requests) == 1


def test_tokens_are_counted_by_who_can(llm: Llm) -> None:
    """Of the whole message, what was said and what is queued with it."""

    def answer(asked: Asked) -> tuple[int, Any]:
        return 200, {"input_tokens": len(str(asked.body["messages"]))}

    with Loopback(answer) as server:
        write_card(llm, server.host, adapter="anthropic", models={"m": {"context": 1000}})
        llm.env["LLM_MODEL"] = "fs/m"
        chat = Talk(llm).begin()
        (llm.root / "a.txt").write_text("inside")
        chat.say("/file a.txt")
        told = chat.say("/tokens hello")
        number = len(str(server.bodies[0]["messages"]))
        assert f"{number} tokens · counted" in told
        assert "inside" in str(server.bodies[0])
        assert "hello" in str(server.bodies[0])


def test_a_count_that_fails_is_an_estimate(llm: Llm) -> None:
    with Loopback(lambda _asked: (400, {"error": {"message": "no luck"}})) as server:
        write_card(llm, server.host, adapter="anthropic", models={"m": {}})
        llm.env["LLM_MODEL"] = "fs/m"
        told = Talk(llm).begin().say("/tokens hello")
        assert "no luck" in told
        assert "estimated" in told
        assert "context unknown" in told


def test_context(llm: Llm, server: WordServer) -> None:
    """Each part with its tokens, share and price; what is left of the window."""
    server.provide(llm, m={"context": 1000, "cost": COST, "input": ["text", "image"]})
    (llm.root / "a.txt").write_text("word " * 50)
    (llm.root / "pic.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    chat = Talk(llm, "-s", "Be brief.", dimensions=(40, 100)).begin()
    chat.say("first " * 40)
    chat.say("second " * 20)
    chat.say("/file a.txt pic.png")
    told = chat.say("/context")
    assert line(told, "fs/m · at least ~").count("% of 1 k") == 1
    for start in ("system prompt ~", "turn 1: first first", "turn 2: second second"):
        assert "%" in line(told, start)
        assert "$0.000" in line(told, start)
    assert "~" in line(told, "queued: a.txt")
    assert line(told, "queued: pic.png").startswith("queued: pic.png ?")
    assert line(told, "for the answer") == "for the answer 100 10.0 % ██"
    assert "█████" in line(told, "free")
    chat.say("/clear")
    told = chat.say("/context")
    assert "turn 1" not in told
    assert "not told: 2 of 2 turns" in told


def test_context_of_many_turns_tells_the_largest(chat: Talk) -> None:
    for number in range(10):
        chat.say(f"turn-{number} " * (2 + number % 5 * 3))
    told = chat.say("/context")
    assert "2 other turns" in told
    assert told.count("turn ") == 8
    assert "turn 5: turn-4" in told
    assert "turn 1: " not in told


def test_context_on_a_narrow_terminal(llm: Llm, server: WordServer) -> None:
    server.provide(llm, m={"context": 1000, "cost": COST})
    chat = Talk(llm, dimensions=(24, 50)).begin()
    chat.say("漢字" * 30)
    told = chat.say("/context")
    row = next(one for one in told.splitlines() if one.startswith("turn 1"))
    assert "█" not in told
    assert "…" in row
    assert sum(2 if ord(char) > 0x2E80 else 1 for char in row) <= 50


def test_nothing_is_known_of_the_model(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    chat = Talk(llm).begin()
    chat.say("one")
    told = chat.say("/context")
    assert "context unknown" in told
    assert "cost unknown" in told
    assert "free" not in told
    assert "%" not in told


def test_prompts_cannot_steer_the_terminal(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    chat = Talk(llm).begin()
    chat.type("\x1b[200~evil \x1b]0;title\x07\x1b[201~")
    chat.say("")
    chat.send("/context")
    written = chat.written()
    assert "evil" in written
    assert "\x1b]0;" not in written


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/help nothing", '"/nothing" is not a command'),
        ("/help udno", "Did you mean /undo?"),
        ("/usage", "/usage makes no sense yet"),
        ("/cost", "/cost makes no sense yet"),
        ("/context all", "takes nothing"),
    ],
)
def test_bad_input_is_one_clear_line(chat: Talk, line: str, words: str) -> None:
    told = chat.say(line)
    assert words in told
    assert "internal error" not in told
