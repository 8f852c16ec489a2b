"""Ctrl-C in a chat: it stops what is running, once, and never the chat itself."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from llmcli.errors import Interrupted


class Interrupts:
    """While armed, the first SIGINT raises Interrupted; the next ones find nothing to stop."""

    def __init__(self) -> None:
        self._armed = False

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """Let Ctrl-C stop what runs inside."""
        signal.signal(signal.SIGINT, self._stop)
        self._armed = True
        try:
            yield
        finally:
            self._armed = False

    def _stop(self, signum: int, _frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise Interrupted(signum)
