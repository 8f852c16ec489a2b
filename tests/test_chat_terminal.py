"""`llm chat` and its terminal: signals, typing ahead, pipes, sizes, kinds."""

from __future__ import annotations

import shlex
import signal
import termios
from collections.abc import Callable
from typing import Any

import pytest
from chatting import COLOUR, ChatServer, Talk, plain, reply, until
from support import COMMAND, Llm

PAGE = """\
# The title

Some **bold**, *italic* and `code`.

- one
- two

```python
x = 1  # one
```

| Name | n |
|------|--:|
| cat  | 1 |
"""


def test_ctrl_d_leaves(llm: Llm, chats: ChatServer) -> None:
    """With exit 0, and the terminal as it was."""
    chat = Talk(llm)
    before = settings(chat)
    chat.begin()
    chat.say("hi")
    chat.child.sendeof()
    chat.rest()
    assert (chat.child.exitstatus, chat.child.signalstatus) == (0, None)
    assert settings(chat) == before


class TestSignals:
    """The terminal is as it was, what came is kept, and the signal has its way."""

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
    def test_at_the_prompt(self, name: str, llm: Llm, talk: Callable[..., Talk]) -> None:
        chat = Talk(llm)
        before = settings(chat)
        chat.begin()
        chat.say("hi")
        chat.child.kill(getattr(signal, name))
        written = chat.rest()
        assert chat.child.signalstatus == getattr(signal, name)
        assert "Traceback" not in written
        assert settings(chat) == before

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
    def test_mid_answer(self, name: str, llm: Llm, talk: Callable[..., Talk]) -> None:
        chat = Talk(llm)
        before = settings(chat)
        chat.begin()
        chat.send("hold")
        chat.shows("One half")
        chat.child.kill(getattr(signal, name))
        written = chat.rest()
        assert chat.child.signalstatus == getattr(signal, name)
        assert "Traceback" not in written
        assert settings(chat) == before
        assert [(r["status"], r["text"]) for r in llm.turns()] == [("interrupted", "One half")]

    def test_the_terminal_goes_away(self, llm: Llm, talk: Callable[..., Talk]) -> None:
        """As when its window is closed within an answer."""
        chat = talk()
        chat.send("hold")
        chat.shows("One half")
        chat.child.close(force=False)
        until(lambda: [r["status"] for r in llm.turns()] == ["interrupted"])

    def test_suspended_at_the_prompt(self, llm: Llm, chats: ChatServer) -> None:
        chat = in_a_shell(llm)
        chat.type("half a")
        chat.shows("a")
        chat.type("\x1a")
        chat.wait("Stopped")
        chat.type("fg\n")
        chat.wait()
        chat.say(" line")
        assert chats.sent() == [("user", "half a line")]
        chat.child.sendeof()

    def test_suspended_mid_answer(self, llm: Llm, chats: ChatServer) -> None:
        """It goes on, and what is typed is still unseen."""
        chat = in_a_shell(llm)
        chat.send("hold it")
        chat.shows("One half")
        chat.type("\x1a")
        chat.wait("Stopped")
        until(chat.child.getecho)
        chat.type("fg\n")
        until(lambda: not chat.child.getecho())
        chat.type("unseen")
        chats.gate.set()
        answered = chat.wait()
        assert "the other half of: hold it" in answered
        assert "unseen" not in answered
        chat.say("")
        assert chats.sent()[-1] == ("user", "unseen")
        chat.child.sendeof()


class TestTypeAhead:
    """What is typed while an answer comes is not on the screen, and in the next prompt."""

    def test_a_part_of_a_line(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        chat = talk()
        chat.send("hold")
        chat.shows("One half")
        chat.type("typed ahead")
        chats.gate.set()
        assert "typed" not in chat.wait()
        chat.shows("typed ahead")
        chat.say(" and after")
        assert chats.sent()[-1] == ("user", "typed ahead and after")
        chat.leave()

    def test_whole_lines(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        """They are sent one after the other."""
        chat = talk()
        chat.send("hold")
        chat.shows("One half")
        chat.type("first\rsecond\r")
        chats.gate.set()
        until(lambda: len(chats.requests()) == 3)
        assert [text for role, text in chats.sent() if role == "user"] == [
            "hold",
            "first",
            "second",
        ]
        chat.shows("You said: second")
        chat.wait()
        chat.leave()

    def test_ctrl_c_loses_nothing_of_it(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        chat = talk()
        chat.send("hold")
        chat.shows("One half")
        chat.type("kept")
        chat.child.sendintr()
        chat.wait()
        chat.say("")
        assert chats.sent()[-1] == ("user", "kept")
        chat.leave()


class TestStreams:
    """A pipe is context, the keyboard is the terminal; without one the way out is told."""

    def test_a_pipe_is_context(self, llm: Llm, chats: ChatServer) -> None:
        chat = Talk(llm, wrap="printf 'the notes\\n' | \"$@\"")
        assert "queued: stdin (~" in chat.wait()
        chat.say("What do they say?")
        chat.say("And now?")
        chat.leave()
        first, _, last = chats.sent()
        assert "the notes" in str(first)
        assert "What do they say?" in str(first)
        assert last == ("user", "And now?")

    def test_a_pipe_is_the_first_message(self, llm: Llm, chats: ChatServer) -> None:
        chat = Talk(llm, "-", wrap="printf 'What is this?' | \"$@\"")
        chat.begin()
        chat.leave()
        assert chats.sent() == [("user", "What is this?")]

    def test_type_ahead_is_unseen_behind_a_pipe(self, llm: Llm, chats: ChatServer) -> None:
        chat = Talk(llm, "hold", wrap='echo notes | "$@"').child
        chat.expect_exact("One half")
        chat.send("ahead")
        chats.gate.set()
        chat.expect_exact("\x1b[?2004h")
        assert b"ahead" not in chat.before
        chat.expect_exact("ahead")
        chat.sendintr()
        chat.sendeof()

    def test_nothing_in_the_pipe(self, llm: Llm, chats: ChatServer) -> None:
        chat = Talk(llm, wrap='"$@" < /dev/null')
        chat.begin()
        chat.say("hi")
        chat.leave()
        assert chats.sent() == [("user", "hi")]

    def test_no_terminal(self, llm: Llm, chats: ChatServer) -> None:
        result = llm("chat", input=b"hello")
        assert (result.code, result.out) == (2, b"")
        assert "needs a terminal" in result.err
        assert 'llm -c "' in result.err
        assert not chats.requests()

    def test_stdout_redirected(self, llm: Llm, chats: ChatServer) -> None:
        chat = Talk(llm, wrap='"$@" > out.txt; echo code $?')
        written = plain(chat.rest())
        assert "needs a terminal" in written
        assert "code 2" in written
        assert (llm.root / "out.txt").read_bytes() == b""


class TestTerminals:
    """Rows 88 and 89: any size, any kind."""

    @pytest.mark.parametrize("term", ["dumb", None])
    def test_no_escapes(self, term: str | None, llm: Llm, chats: ChatServer) -> None:
        chat = Talk(llm, env={"TERM": term})
        written = chat.wait("> ")
        for message in ("hi", "http:401", "", "/help"):
            chat.type(message + "\r")
            written += chat.written("> ")
        chat.child.sendeof()
        written += chat.rest()
        assert chat.child.exitstatus == 0
        assert reply("hi") in written
        assert "refused the key" in written
        assert "\x1b" not in written

    def test_no_color(self, llm: Llm, chats: ChatServer) -> None:
        chats.page = PAGE
        chat = Talk(llm, env={"NO_COLOR": "1"})
        written = chat.written()
        for message in ("show", "http:401"):
            chat.type(message + "\r")
            written += chat.written()
        assert "The title" in written
        assert not COLOUR.search(written)
        chat.leave()

    @pytest.mark.parametrize("size", [(1, 1), (3, 10), (5, 20)])
    def test_small(self, size: tuple[int, int], llm: Llm, chats: ChatServer) -> None:
        """Nothing breaks and no letter is lost."""
        chats.page = PAGE
        chat = Talk(llm, dimensions=size)
        written = chat.wait()
        chat.type("show\r")
        until(lambda: chats.requests())
        written += chat.wait()
        chat.type("/help\r")
        written += chat.wait()
        chat.type("http:401\r")
        written += chat.wait()
        chat.child.sendintr()
        written += chat.leave()
        assert "Traceback" not in written
        assert "Traceback" not in written.replace("\n", "")
        assert "Thetitle" in "".join(written.split())
        assert "refused" in "".join(written.split())

    def test_resized_all_the_time(self, llm: Llm, chats: ChatServer) -> None:
        """Within an answer, at the prompt, and while a line is typed."""
        chat = Talk(llm).begin()
        chat.send("hold")
        chat.shows("One half")
        sizes = [(10, 20), (2, 4), (60, 200), (24, 80)] * 10
        for size in sizes:
            chat.child.setwinsize(*size)
        chats.gate.set()
        assert "the other half of: hold" in chat.wait()
        chat.type("line")
        for size in sizes:
            chat.child.setwinsize(*size)
        chat.type(" to send\r")
        until(lambda: len(chats.requests()) == 2)
        assert chats.sent()[-1] == ("user", "line to send")
        chat.shows("You said")
        chat.wait()
        chat.leave()


def settings(chat: Talk) -> list[Any]:
    """How the terminal is set."""
    return termios.tcgetattr(chat.child.child_fd)


def in_a_shell(llm: Llm) -> Talk:
    """A chat that was started in an interactive shell, at its prompt."""
    chat = Talk(llm, wrap="exec bash --norc --noprofile --noediting -i")
    chat.type(f"{shlex.join(COMMAND)} chat\n")
    return chat.begin()
