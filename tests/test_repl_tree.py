"""Slash commands that go back, ask again, branch: what is asked then, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chatting import PROMPT, SENT, Talk
from loopback import Asked, Loopback
from picking import DOWN, ESCAPE, choose
from support import Llm, write_card
from word_server import WordServer


@pytest.fixture
def server() -> Iterator[WordServer]:
    with WordServer() as server:
        yield server


@pytest.fixture
def chat(llm: Llm, server: WordServer) -> Talk:
    """A chat in which two turns were asked; `other` is a second model."""
    server.provide(llm, m={}, other={})
    chat = Talk(llm).begin()
    chat.say("one")
    chat.say("two")
    return chat


def editor(llm: Llm, command: str) -> str:
    """An editor that runs this shell command on the file `$1`."""
    path = llm.root / "editor"
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o700)
    return str(path)


def prompts(llm: Llm) -> list[str]:
    """All prompts in the history, in the order they were asked."""
    return [turn["prompt"] for turn in llm.turns()]


def test_retry(chat: Talk, llm: Llm, server: WordServer) -> None:
    told = chat.say("/retry")
    assert server.said() == ["one", "two"]
    assert "this is turn 2 now; the one before: /undo, then /redo" in told
    assert prompts(llm) == ["one", "two", "two"]
    chat.say("three")
    assert server.said() == ["one", "two", "three"]


def test_retry_with_another_model(chat: Talk, server: WordServer) -> None:
    """For this one answer only."""
    assert "fs/other ·" in chat.say("/retry -m fs/other")
    chat.say("three")
    assert [request["model"] for request in server.requests] == ["m", "m", "other", "m"]


def test_retry_takes_attachments_along(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    (llm.root / "a.txt").write_text("inside")
    chat = Talk(llm).begin()
    chat.say("/file a.txt -- what?")
    chat.say("/retry")
    assert server.said(0) == server.said(1) == ["File a.txt:\n\ninside\n\nwhat?"]


def test_a_retry_that_fails_keeps_what_was(chat: Talk, llm: Llm, server: WordServer) -> None:
    """The command stands in the editor again, the answer of before in the conversation."""
    server.answers = [400]
    assert "no luck with 400" in chat.say("/retry -m fs/other")
    chat.send("")
    assert "fs/other ·" in chat.wait()
    chat.say("/undo")
    told = choose(chat, "/redo", "Which way?", ESCAPE)
    assert 'after turn 1 "one"' in told


def test_edit_by_a_text_behind_it(chat: Talk, llm: Llm, server: WordServer) -> None:
    told = chat.say("/edit 1 uno")
    assert server.said() == ["uno"]
    assert "this is turn 1 now; the one before and the 1 turn behind it" in told
    assert prompts(llm) == ["one", "two", "uno"]
    chat.say("/edit dos")
    assert server.said() == ["dos"]


def test_edit_in_the_editor(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    llm.env["EDITOR"] = editor(llm, 'cat "$1" > seen; printf "%s" "changed" > "$1"')
    chat = Talk(llm).begin()
    chat.say("one")
    chat.say("two")
    chat.send("/edit 1")
    chat.wait()
    assert (llm.root / "seen").read_text() == "one"
    assert server.said() == ["changed"]


def test_an_editor_that_changes_nothing(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    llm.env["EDITOR"] = editor(llm, "true")
    chat = Talk(llm).begin()
    chat.say("one")
    assert "nothing was changed" in chat.say("/edit")
    assert len(server.requests) == 1


def test_an_edit_that_fails_keeps_the_text(chat: Talk, server: WordServer) -> None:
    server.answers = [400]
    chat.say("/edit 1 uno\x1b\rdue")
    chat.send("")
    chat.wait()
    assert server.said(-2) == server.said(-1) == ["uno\ndue"]


def test_undo_and_redo(chat: Talk, server: WordServer) -> None:
    assert 'after turn 1 "one"; forward again: /redo' in chat.say("/undo")
    assert 'after turn 2 "two"; back again: /undo' in chat.say("/redo")
    assert "at the beginning" in chat.say("/undo 2")
    chat.say("else")
    assert server.said() == ["else"]


def test_redo_asks_which_way(chat: Talk, server: WordServer) -> None:
    chat.say("/edit 2 due")
    chat.say("/undo")
    told = choose(chat, "/redo", "Which way?", f"{DOWN}\r")
    assert 'after turn 2 "two"' in told
    chat.say("three")
    assert server.said() == ["one", "two", "three"]


def test_redo_asks_on_a_dumb_terminal(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    chat = Talk(llm, env={"TERM": "dumb"})
    for line in ("one", "/retry", "/undo"):
        chat.shows("> ")
        chat.type(f"{line}\n")
    chat.shows("> ")
    chat.type("/redo\n")
    chat.shows("Which way? [1-2]")
    chat.type("2\n")
    chat.shows('after turn 1 "one"')
    chat.type("\x04")
    chat.rest()


def test_fork(chat: Talk, llm: Llm, server: WordServer) -> None:
    """Both conversations go on from the turns they share."""
    told = chat.say("/fork other way")
    assert '"other way", which shares 2 turns' in told
    back = told.partition("/load ")[2].split()[0]
    chat.say("three")
    assert server.said() == ["one", "two", "three"]
    chat.say(f"/load {back}")
    chat.say("four")
    assert server.said() == ["one", "two", "four"]
    assert len({turn["conversation"] for turn in llm.turns()}) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/retry please", "/retry -m MODEL"),
        ("/retry -m", "/retry -m MODEL"),
        ("/retry -m nothing/here", 'no provider or model "nothing/here"'),
        ("/edit 3 x", "there is no turn 3"),
        ("/edit 0", "there is no turn 0"),
        ("/undo x", "takes a number"),
        ("/undo 3", "only 2 turns"),
        ("/redo 2", "/redo makes no sense yet"),
        ("/fork 01ABC", "looks like an id"),
    ],
)
def test_bad_input_is_one_clear_line(chat: Talk, server: WordServer, line: str, words: str) -> None:
    told = chat.say(line)
    assert words in told
    assert "internal error" not in told
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", ["retry", "edit", "undo", "redo", "fork"])
def test_there_must_be_turns(llm: Llm, server: WordServer, name: str) -> None:
    server.provide(llm)
    assert f"/{name} makes no sense yet" in Talk(llm).begin().say(f"/{name}")


def test_without_a_history_nothing_is_lost_either(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    chat = Talk(llm, "--no-log").begin()
    chat.say("one")
    chat.say("/edit uno")
    chat.say("/undo")
    told = choose(chat, "/redo", "Which way?", f"{DOWN}\r")
    assert 'after turn 1 "one"' in told
    assert b"uno" not in b"".join(path.read_bytes() for path in llm.db.parent.iterdir())


def test_what_a_prompt_holds_cannot_steer_the_terminal(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    chat = Talk(llm).begin()
    chat.type("\x1b[200~evil \x1b]0;title\x07\x1b[201~")
    chat.say("")
    chat.send("/undo")
    written = chat.written(PROMPT)
    assert "\x1b]0;" not in written
    assert "at the beginning" in written
    chat.send("/redo")
    assert "\x1b]0;" not in chat.written(PROMPT)


TOO_LONG = "word " * 120


@pytest.fixture
def full(llm: Llm, server: WordServer) -> Talk:
    """A chat whose window of 200 words holds two turns and not three."""
    server.provide(llm, m={"context": 200, "cost": {"input": 1, "output": 1}})
    chat = Talk(llm, dimensions=(24, 100)).begin()
    chat.say("first " * 40)
    chat.say("second " * 40)
    return chat


def starts(server: WordServer) -> list[str]:
    """The first word of each message of the user's in the last request."""
    return [str(said).split()[0] for said in server.said()]


def test_trim(full: Talk, server: WordServer) -> None:
    """Told before anything is sent; whole turns, the oldest first; it can be taken back."""
    full.send(TOO_LONG)
    full.shows("too long for fs/m")
    full.shows("200 fit")
    full.shows("tell nothing more of the oldest turn")
    assert len(server.requests) == 2
    full.type("trim\r")
    full.wait(SENT)
    assert "/clear -" in full.wait()
    assert starts(server) == ["second", "word"]
    full.say("/clear -")
    full.say("/undo")
    full.say("short")
    assert starts(server) == ["first", "second", "short"]


def test_summarise(full: Talk, llm: Llm, server: WordServer) -> None:
    """The summary is an answer like others, and in another process it still stands for all."""
    server.answers = ["both of them"]
    told = choose(full, "word " * 90, "What now?", "summ\r")
    assert "both of them" in told
    assert told.count("fs/m ·") == 2
    assert [role for role, _ in server.sent()] == ["user", "assistant", "user"]
    assert starts(server) == ["Summarise", "word"]
    full.leave()
    assert llm("--id", llm.turns()[0]["conversation"], "more").code == 0
    assert starts(server) == ["Summarise", "word", "more"]
    assert len(prompts(llm)) == 5


def test_a_summary_that_fails_sends_nothing_more(full: Talk, server: WordServer) -> None:
    server.answers = [400]
    assert "no luck with 400" in choose(full, "word " * 90, "What now?", "summ\r")
    full.send("\x15short")
    full.wait()
    assert starts(server) == ["first", "second", "short"]


def test_send_anyway(full: Talk, server: WordServer) -> None:
    choose(full, TOO_LONG, "What now?", "anyway\r")
    assert starts(server) == ["first", "second", "word"]


@pytest.mark.parametrize("keys", ["cancel\r", ESCAPE])
def test_send_nothing(full: Talk, server: WordServer, keys: str) -> None:
    """The text stands in the editor again."""
    assert "nothing was sent" in choose(full, TOO_LONG, "What now?", keys)
    assert len(server.requests) == 2
    full.send("")
    full.shows("What now?")
    full.type("anyway\r")
    full.wait(SENT)
    full.wait()
    assert server.said()[-1] == TOO_LONG.rstrip() or server.said()[-1] == TOO_LONG


def test_what_alone_is_too_long_is_neither_trimmed_nor_summed_up(
    full: Talk, server: WordServer
) -> None:
    full.send("word " * 300)
    full.shows("What now?")
    full.shows("anyway")
    offered = full.child.before.decode()
    assert "trim" not in offered
    full.type(ESCAPE)
    full.wait(SENT)


def test_a_retry_may_be_too_long_as_well(llm: Llm, server: WordServer) -> None:
    server.provide(llm, m={}, small={"context": 50})
    chat = Talk(llm, dimensions=(24, 100)).begin()
    chat.say("first " * 40)
    chat.say("second")
    told = choose(chat, "/retry -m fs/small", "What now?", "trim\r")
    assert "fs/small ·" in told
    assert starts(server) == ["second"]


def test_an_unknown_window_never_overflows(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    chat = Talk(llm).begin()
    chat.type(f"\x1b[200~{'word ' * 5000}\x1b[201~")
    chat.say("")
    assert len(server.requests) == 1


def test_where_an_estimate_comes_near_the_provider_counts(llm: Llm) -> None:
    """Its count decides, whatever was estimated; far from the limit it is not asked."""

    def answer(_asked: Asked) -> tuple[int, Any]:
        return 200, {"input_tokens": 950}

    with Loopback(answer) as server:
        write_card(llm, server.host, adapter="anthropic", models={"m": {"context": 1000}})
        llm.env["LLM_MODEL"] = "fs/m"
        chat = Talk(llm).begin()
        chat.send("word " * 620)
        chat.shows("950 tokens")
        chat.shows("What now?")
        chat.type(ESCAPE)
        chat.wait(SENT)
        chat.wait()
        assert [asked.path for asked in server.asked] == ["/v1/messages/count_tokens"]
        chat.say("\x15short")
        assert [asked.path for asked in server.asked][1] == "/v1/messages"


def test_a_dumb_terminal_is_asked_too(llm: Llm, server: WordServer) -> None:
    server.provide(llm, m={"context": 200})
    chat = Talk(llm, env={"TERM": "dumb"})
    for line in ("first " * 40, "second " * 40, "word " * 90):
        chat.shows("> ")
        chat.type(f"{line}\n")
    chat.shows("What now? [1-4]")
    chat.type("a\n")
    chat.shows("fs/m")
    assert starts(server) == ["first", "second", "word"]
