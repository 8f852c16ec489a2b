"""What is typed while an answer streams: kept for the next prompt, and off the screen."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import IO, Any

from llmcli.repl.look import is_dumb

if os.name == "nt":  # pragma: no cover

    @contextlib.contextmanager
    def unseen_typing(keyboard: IO[str] | None) -> Iterator[None]:  # noqa: ARG001
        """Nothing to do: a Windows console echoes only what a program reads."""
        yield
else:
    import termios

    @contextlib.contextmanager
    def unseen_typing(keyboard: IO[str] | None) -> Iterator[None]:
        """Leave the keys to the next prompt as they are typed; Ctrl-C and Ctrl-Z still work.

        The keys are those of stdin unless there is another `keyboard`. A dumb terminal shows
        what is typed: its prompt would not.
        """
        try:
            terminal = (keyboard or sys.stdin).fileno()
            before = termios.tcgetattr(terminal)
        except (OSError, ValueError, termios.error):
            yield
            return
        if is_dumb():
            yield
            return
        with _suspendable(terminal, before, _silent(before)):
            yield

    def _silent(settings: list[Any]) -> list[Any]:
        silent = list(settings)
        silent[0] &= ~termios.ICRNL  # Enter stays Enter
        silent[3] &= ~(termios.ECHO | termios.ICANON)
        silent[3] |= termios.NOFLSH  # Ctrl-C loses nothing that was typed
        return silent

    @contextlib.contextmanager
    def _suspendable(terminal: int, before: list[Any], silent: list[Any]) -> Iterator[None]:
        """The silent settings inside; those from before outside, and while we are stopped."""

        def set_to(settings: list[Any]) -> None:
            with contextlib.suppress(OSError, termios.error):
                if os.tcgetpgrp(terminal) == os.getpgrp():  # in the background it would stop us
                    termios.tcsetattr(terminal, termios.TCSADRAIN, settings)

        def suspend(signum: int, _frame: FrameType | None) -> None:
            set_to(before)
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)
            signal.signal(signum, suspend)

        def resume(_signum: int, _frame: FrameType | None) -> None:
            set_to(silent)

        handlers = {signal.SIGTSTP: suspend, signal.SIGCONT: resume}
        caught = [one for one in handlers if signal.getsignal(one) is not signal.SIG_IGN]
        replaced = {one: signal.signal(one, handlers[one]) for one in caught}
        set_to(silent)
        try:
            yield
        finally:
            for number, handler in replaced.items():
                signal.signal(number, handler)
            set_to(before)
