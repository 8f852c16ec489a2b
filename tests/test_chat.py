"""`llm chat` on a terminal: what is asked, what stops it, what it leaves behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from chatting import ChatServer, Talk, reply, until
from support import Llm

ANSWER_SECONDS = 0.2


def test_several_turns(llm: Llm, chats: ChatServer, talk: Callable[..., Talk]) -> None:
    """Each request has the system prompt once and all earlier turns, user and model by turns."""
    chat = talk("-s", "Be brief.")
    answers = [chat.say(word) for word in ("one", "two", "three")]
    chat.leave()
    for word, answer in zip(("one", "two", "three"), answers, strict=True):
        assert reply(word) in answer
    assert chats.sent() == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", reply("one")),
        ("user", "two"),
        ("assistant", reply("two")),
        ("user", "three"),
    ]
    rows = llm.turns()
    assert [row["status"] for row in rows] == ["complete"] * 3
    assert len({row["conversation"] for row in rows}) == 1
    assert [row["parent"] for row in rows] == [None, rows[0]["id"], rows[1]["id"]]


def test_one_connection_for_all_turns(chats: ChatServer, talk: Callable[..., Talk]) -> None:
    chat = talk()
    chat.say("one")
    chat.say("two")
    chat.leave()
    assert chats.connections == 1


def test_first_prompt_on_the_command_line(llm: Llm, chats: ChatServer) -> None:
    chat = Talk(llm, "the", "first")
    assert reply("the first") in chat.wait()
    chat.say("more")
    chat.leave()
    assert [role for role, _ in chats.sent()] == ["user", "assistant", "user"]


def test_bare_llm_opens_a_chat(llm: Llm, chats: ChatServer) -> None:
    chat = Talk(llm, command="")
    assert "new conversation" in chat.wait()
    assert reply("hi") in chat.say("hi")
    chat.leave()


def test_quiet(chats: ChatServer, llm: Llm) -> None:
    """Only the answer is shown."""
    chat = Talk(llm, "-q")
    assert "·" not in chat.wait()
    assert "·" not in chat.say("hi").partition(reply("hi"))[2]
    chat.leave()


def test_blank_lines_send_nothing(chats: ChatServer, talk: Callable[..., Talk]) -> None:
    chat = talk()
    chat.say("")
    chat.say("   ")
    chat.leave()
    assert not chats.requests()


class TestCtrlC:
    """It stops what runs, and never the chat."""

    def test_before_the_first_token(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        """The prompt stands in the editor again, and Enter sends it once more."""
        chat = talk()
        chat.send("silent:after-head")
        until(lambda: chats.requests())
        chat.child.sendintr()
        assert "stopped before anything came" in chat.wait()
        assert chats.requests()[0].left.wait(5)
        chat.shows("silent:after-head")
        chat.type("\r")
        until(lambda: len(chats.requests()) == 2)
        assert chats.sent() == [("user", "silent:after-head")]
        chat.child.sendintr()
        chat.wait()
        chat.child.sendintr()
        assert reply("next") in chat.say("next")
        assert chats.sent() == [("user", "next")]
        chat.leave()

    def test_mid_answer(self, llm: Llm, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        """The part is kept and marked, and the next turn is told of it."""
        chat = talk()
        chat.send("hold on")
        chat.shows("One half")
        chat.child.sendintr()
        assert "stopped, partial answer kept" in chat.wait()
        chat.say("next")
        chat.leave()
        assert chats.sent() == [("user", "hold on"), ("assistant", "One half"), ("user", "next")]
        rows = [(row["status"], row["text"]) for row in llm.turns()]
        assert rows == [("interrupted", "One half"), ("complete", reply("next"))]

    def test_the_prompt_is_back_at_once(self, talk: Callable[..., Talk]) -> None:
        """The best of three, for the machine may be busy."""
        chat = talk()
        waits = []
        for _ in range(3):
            chat.send("hold")
            chat.shows("One half")
            begun = time.monotonic()
            chat.child.sendintr()
            chat.wait()
            waits.append(time.monotonic() - begun)
        chat.leave()
        assert min(waits) < 2 * ANSWER_SECONDS

    def test_at_the_prompt(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        """It clears the line, and ten times it leaves nothing."""
        chat = talk()
        chat.type("not this")
        chat.shows("this")
        chat.child.sendintr()
        assert reply("but this") in chat.say("but this")
        for _ in range(10):
            chat.child.sendintr()
        chat.shows("Ctrl-D leaves")
        chat.say("and this")
        chat.leave()
        assert [text for role, text in chats.sent() if role == "user"] == ["but this", "and this"]

    def test_many_times_mid_answer(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        """However often, and while the first one is still being dealt with."""
        chat = talk()
        chat.send("hold")
        chat.shows("One half")
        for _ in range(5000):
            chat.child.kill(signal.SIGINT)
        assert "stopped, partial answer kept" in chat.wait()
        assert reply("still here") in chat.say("still here")
        chat.leave()

    def test_while_a_retry_waits(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        chat = talk()
        chat.send("retry-after:30")
        chat.shows("retrying")
        chat.child.sendintr()
        assert "stopped before anything came" in chat.wait()
        assert len(chats.requests()) == 1
        chat.leave()

    def test_in_a_slash_command(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        """What it began is dropped, and the prompt is back."""
        chat = talk()
        chat.send(f"/url {chats.url('silent:after-head')}")
        until(lambda: chats.requests())
        chat.child.sendintr()
        assert "stopped" in chat.wait()
        assert reply("on") in chat.say("on")
        chat.leave()
        assert chats.sent() == [("user", "on")]

    def test_in_an_answer_of_a_slash_command(
        self, chats: ChatServer, talk: Callable[..., Talk]
    ) -> None:
        chat = talk()
        chat.send("hold")
        chat.shows("One half")
        chat.child.sendintr()
        chat.wait()
        chat.send("/retry")
        chat.shows("One half")
        chat.child.sendintr()
        chat.wait()
        assert reply("on") in chat.say("on")
        chat.leave()
        assert chats.sent() == [("user", "hold"), ("assistant", "One half"), ("user", "on")]
