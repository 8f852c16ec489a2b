"""Rows of the fault table that are about a chat and its terminal: 56, 76, 79, 84, 90 and 91."""

from __future__ import annotations

import signal
import time

import pytest
from chatting import ChatServer, Talk, reply
from fault_server import FAULTS, Exchange
from support import Llm
from wire import answer

HOSTILE = {
    "brackets": "[" * 50_000,
    "emphasis": "*a " * 30_000,
    "one line": "word " * 40_000,
    "quotes": "> " * 5_000 + "deep",
    "table": "|" * 20_000 + "\n" + "|-" * 5_000 + "|\n",
    "fence": "```" + "`" * 20_000 + "\ncode",
}


def _lingers(exchange: Exchange) -> None:
    """A whole answer whose connection is not ended for a long time."""
    exchange.begin()
    exchange.chunk(answer(["done"]))
    exchange.hang()


FAULTS["lingers"] = _lingers


class TestKeptConnection:
    """Row 56: a chat keeps its connection, and nobody notices when that is gone."""

    def test_row_56_stale(self, llm: Llm, chats: ChatServer) -> None:
        """The server closes it as the second question comes: it is asked again, silently."""
        chat = Talk(llm).begin()
        chat.say("one")
        written = chat.say("stale")
        chat.leave()
        assert [request.on_connection for request in chats.requests()] == [1, 2, 1]
        assert "retrying" not in written
        assert "llm:" not in written
        assert [row["status"] for row in llm.turns()] == ["complete", "complete"]
        assert len(llm.attempts()) == 2

    def test_an_answer_that_does_not_let_go(self, llm: Llm, chats: ChatServer) -> None:
        """Its end is not waited for, neither at the prompt nor at the next question."""
        chat = Talk(llm).begin()
        assert "done" in chat.say("lingers")
        assert reply("two") in chat.say("two")
        assert chats.requests()[0].left.wait(8)
        chat.leave()
        assert [request.on_connection for request in chats.requests()] == [1, 1]

    def test_a_stopped_answer_lets_go_at_once(self, llm: Llm, chats: ChatServer) -> None:
        chat = Talk(llm).begin()
        chat.send("lines")
        chat.shows("line 3")
        chat.child.sendintr()
        chat.wait()
        assert chats.requests()[0].left.wait(8)
        assert reply("on") in chat.say("on")
        chat.leave()


def test_row_76_a_loop_of_the_shell_stops(llm: Llm, chats: ChatServer) -> None:
    """Ctrl-C in one of many questions ends the loop around them."""
    loop = 'for n in 1 2 3; do "$@" hold; done; echo not reached'
    shell = Talk(llm, command="", wrap=f"exec bash -c '{loop}' sh \"$@\"")
    shell.shows("One half")
    shell.child.sendintr()
    assert "not reached" not in shell.rest()
    assert shell.child.signalstatus == signal.SIGINT
    assert len(chats.requests()) == 1


def test_row_79_stopped_and_continued(llm: Llm, chats: ChatServer) -> None:
    """The rest of the answer came in the meantime."""
    chat = Talk(llm).begin()
    chat.send("hold")
    chat.shows("One half")
    chat.child.kill(signal.SIGSTOP)
    chats.gate.set()
    assert chats.requests()[0].done.wait(8)
    chat.child.kill(signal.SIGCONT)
    assert "the other half" in chat.wait()
    chat.leave()


def test_row_79_stopped_for_longer_than_a_clock(llm: Llm, chats: ChatServer) -> None:
    """Nobody was silent but we."""
    chats.provide(llm, timeout={"connect": 8, "first_event": 8, "silence": 1.5, "stall": 1.5})
    chat = Talk(llm).begin()
    chat.send("hold")
    chat.shows("One half")
    chat.child.kill(signal.SIGSTOP)
    time.sleep(2.5)
    chats.gate.set()
    assert chats.requests()[0].done.wait(8)
    chat.child.kill(signal.SIGCONT)
    assert "the other half" in chat.wait()
    chat.leave()


def test_row_84_a_pipe_that_never_ends(llm: Llm, chats: ChatServer) -> None:
    """It waits for the pipe, and Ctrl-C ends the waiting."""
    chat = Talk(llm, wrap='(echo begun; exec sleep 600) | (echo waiting; exec "$@")')
    chat.wait("waiting")
    chat.child.sendintr()
    assert "Traceback" not in chat.rest()
    assert not chats.requests()


@pytest.mark.parametrize("name", HOSTILE)
def test_row_91_hostile_markdown(llm: Llm, chats: ChatServer, name: str) -> None:
    """It is shown whole, and the prompt is back within the usual time."""
    chats.page = HOSTILE[name] + "\n\nthe end"
    chat = Talk(llm, timeout=20.0).begin()
    written = chat.say("show")
    assert "the end" in written
    assert "Traceback" not in written
    assert reply("next") in chat.say("next")
    chat.leave()
