"""Talk in `llm chat` on a terminal, with a server that does what the last message says."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import wire
from fault_server import FAULTS, Exchange, FaultServer
from running import SECONDS
from support import Llm, write_card

NAME = "as-asked"
CLOCKS = dict.fromkeys(("connect", "first_event", "silence", "stall"), 20.0)
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")
COLOUR = re.compile(r"\x1b\[(?:[0-9;:]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:][0-9;:]*)?m")
PROMPT = "\x1b[?2004h"  # what prompt_toolkit writes when it begins to read
SENT = "\x1b[?2004l"  # and when it has read
_SHELL = 'stty -echo; while read -r line; do eval "\\"\\$@\\" $line"; echo "code $?"; done'


class ChatServer(FaultServer):
    """Answers with the fault that the message names, else by repeating the message.

    `hold …` is answered in two halves, the second one when `gate` is set; `show …` with `page`.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.page = ""
        super().__init__()

    @property
    def base(self) -> str:
        """The base URL of the card."""
        return self.url(NAME)

    def provide(self, llm: Llm, **card: Any) -> None:
        """Make this server the provider `fs` and its model `m` the default one."""
        write_card(llm, self.base, **{"timeout": CLOCKS, **card})
        llm.env["LLM_MODEL"] = "fs/m"

    def sent(self, number: int = -1) -> list[tuple[str, Any]]:
        """Role and content of the messages of a request, by default of the last."""
        messages = self.requests()[number].json["messages"]
        return [(message["role"], message["content"]) for message in messages]


def reply(prompt: str) -> str:
    """What the server answers to a message that names no fault."""
    return f"You said: {prompt}"


def _as_asked(exchange: Exchange) -> None:
    server = exchange.server
    assert isinstance(server, ChatServer)
    prompt = exchange.request.prompt
    prompt = prompt if isinstance(prompt, str) else prompt[-1]["text"]
    first = prompt.rpartition("\n")[2].partition(" ")[0]  # a file stands before the message
    name, _, exchange.argument = first.partition(":")
    if name in FAULTS and name != NAME:
        FAULTS[name](exchange)
    elif name == "hold":
        _hold(exchange, server, prompt)
    elif name == "show":
        exchange.stream(*wire.texts(_pieces(server.page)), wire.ends(), wire.DONE)
    else:
        exchange.stream(wire.answer([reply(prompt)]))


FAULTS[NAME] = _as_asked


def _hold(exchange: Exchange, server: ChatServer, prompt: str) -> None:
    exchange.begin()
    for piece in wire.texts(["One half"]):
        exchange.chunk(piece)
    while not server.gate.is_set():
        exchange.pause(0.01)
    for piece in (wire.says(f", the other half of: {prompt}"), wire.ends(), wire.DONE):
        exchange.chunk(piece)
    exchange.end()


def _pieces(text: str, size: int = 97) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


class Talk:
    """A chat on a terminal of its own: a `pexpect.spawn` that is talked to.

    `options` are those of `Llm.spawn`.
    """

    def __init__(self, llm: Llm, *arguments: str, command: str = "chat", **options: Any) -> None:
        settings = {"timeout": 8.0, **options}
        self.child = llm.spawn(*filter(None, [command]), *arguments, **settings)

    def wait(self, mark: str = PROMPT) -> str:
        """What it wrote up to the next prompt, or up to another mark, without escapes."""
        return plain(self.written(mark))

    def written(self, mark: str = PROMPT) -> str:
        """The same with escapes."""
        self.child.expect_exact(mark)
        written: bytes = self.child.before + self.child.after
        return written.decode(errors="replace")

    def begin(self) -> Talk:
        """Wait for the first prompt."""
        self.wait()
        return self

    def type(self, text: str) -> None:
        """Press these keys."""
        self.child.send(text)

    def send(self, message: str) -> None:
        """Type a message and press Enter, and wait until it was taken."""
        self.child.send(message + "\r")
        self.wait(SENT)

    def say(self, message: str) -> str:
        """Send a message; what was written until the prompt came back."""
        self.send(message)
        return self.wait()

    def shows(self, text: str) -> None:
        """Wait until it has written this."""
        self.child.expect_exact(text)

    def leave(self) -> str:
        """Clear the line and press Ctrl-D; all it wrote until its end, which is a good one."""
        self.child.sendintr()
        self.child.sendeof()
        written = self.rest()
        assert (self.child.exitstatus, self.child.signalstatus) == (0, None), written
        return written

    def rest(self) -> str:
        """All it writes until its end, escapes included."""
        import pexpect

        self.child.expect(pexpect.EOF)
        self.child.wait()
        written: bytes = self.child.before
        return written.decode(errors="replace")


class Shell:
    """A terminal with a shell that runs the command with the words of each line."""

    def __init__(self, llm: Llm, **options: Any) -> None:
        self.talk = Talk(llm, command="", wrap=_SHELL, **options)

    def run(self, line: str) -> tuple[int, str]:
        """The exit code, and what was on the screen."""
        self.talk.type(f"{line}\n")
        self.talk.child.expect(r"code (\d+)\r\n")
        written = self.talk.child.before.decode(errors="replace")
        return int(self.talk.child.match[1]), written

    def begin(self, line: str) -> str:
        """Start a chat; what it wrote up to its prompt."""
        self.talk.type(f"{line}\n")
        return self.talk.wait()

    def end(self) -> None:
        """Leave the chat, which must end well."""
        self.talk.child.sendeof()
        self.talk.shows("code 0\r\n")


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait for something that no terminal shows."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def plain(written: str) -> str:
    """What was written, without escapes and carriage returns."""
    return ESCAPES.sub("", written).replace("\r", "")
