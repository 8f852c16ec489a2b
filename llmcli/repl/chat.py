"""The state of a chat on a screen, and what commands may do with it."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from llmcli.errors import IncompleteError, Interrupted, LlmError
from llmcli.explain import explain
from llmcli.plan import Plan
from llmcli.render import Display, Renderer, choose
from llmcli.repl import overflow
from llmcli.repl.interrupts import Interrupts
from llmcli.repl.models import Models
from llmcli.session import Session
from llmcli.terminal import clean, note, style
from llmcli.turn import Turn

if TYPE_CHECKING:
    from llmcli.repl.screen import Screen


class Leave(Exception):
    """The user wants out."""


class Chat:
    """A chat: `session` is what is said, `screen` where it is typed, `display` how it is shown.

    `draft` is what stands in the editor when the prompt comes next; `keyboard` is what is typed
    on when stdin is a pipe.
    """

    def __init__(
        self,
        session: Session,
        screen: Screen,
        display: Display,
        interrupts: Interrupts,
        keyboard: IO[str] | None = None,
    ) -> None:
        self.session = session
        self.screen = screen
        self.display = display
        self.draft = ""
        self.interrupts = interrupts
        self.models = Models(session.config)
        self.keyboard = keyboard

    def send(self, prompt: str) -> Turn | None:
        """Ask; see `answer`."""
        return self.carry_out(lambda: self.session.next(prompt), prompt)

    def carry_out(self, make: Callable[[], Plan], typed: str) -> Turn | None:
        """Ask as planned, if the user wants to where it is too long; `typed` comes back if not."""
        plan = overflow.fits(self, make)
        if plan is None:
            self.say("nothing was sent; what you typed stands in the editor")
            self.draft = typed
            return None
        return self.answer(lambda renderer: self.session.go(plan, renderer), typed)

    def answer(self, ask: Callable[[Renderer], Turn], prompt: str) -> Turn | None:
        """Have `ask` show an answer, and say how it ended when that was not well.

        None, and the prompt in the editor again, when the conversation did not go on.
        """
        head = self.session.head
        turn = None
        try:
            width = shutil.get_terminal_size().columns
            turn = ask(choose(self.display._replace(width=width)))
        except Interrupted as stop:
            if stop.signum != signal.SIGINT:
                raise
            kept = self.session.head != head
            self.say("stopped, partial answer kept" if kept else "stopped before anything came")
        except LlmError as error:
            self.fail(error)
        if self.session.head == head:
            self.draft = prompt
        sys.stderr.write("\n")
        sys.stderr.flush()
        return turn

    def say(self, text: str) -> None:
        """A dim line of ours, whatever stands in the names it tells."""
        note(clean(f"· {text}").replace("\n", " "))

    def fail(self, error: LlmError) -> None:
        """Say what went wrong and what to type next."""
        message, hint = explain(error)
        if isinstance(error, IncompleteError):
            hint = "What arrived is kept; /retry asks again."
        self.warn(message)
        for line in clean(hint).splitlines():
            sys.stderr.write(f"     {line}\n")
        sys.stderr.flush()

    def warn(self, text: str) -> None:
        """Say that something went wrong; all but the first line are indented."""
        lines = (line.strip() for line in clean(text).splitlines())
        told = "\n     ".join(lines)
        sys.stderr.write(f"{style('llm:', 'red', sys.stderr)} {told}\n")
        sys.stderr.flush()
