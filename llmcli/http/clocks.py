"""The clocks that run while an answer is awaited."""

from __future__ import annotations

import time
from collections.abc import Callable

from llmcli.cards import Timeouts
from llmcli.errors import TimedOut


class WaitFailed(Exception):
    """What `on_wait` raised; no failure of the network."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Clock:
    """Tells how long the next read may take: four clocks and an optional deadline.

    `on_wait` is called whenever everything received has been handed on and a read may block.
    """

    def __init__(self, timeouts: Timeouts, on_wait: Callable[[], None]) -> None:
        self._timeouts = timeouts
        self._deadline: tuple[float, float] | None = None
        self.on_wait = on_wait
        self.restart()

    def restart(self) -> None:
        """A new call begins."""
        self._begun = self._last_bytes = self._last_content = time.monotonic()
        self._answering = False
        self.heard = False

    def set_deadline(self, seconds: float, started: float) -> None:
        """Give the whole run `seconds` from the monotonic time `started`."""
        self._deadline = (started + seconds, seconds)

    def bytes_came(self) -> None:
        """Bytes were read."""
        self._last_bytes = time.monotonic()
        self.heard = True

    def event_came(self) -> None:
        """The first event of the answer is here; pings and comments are none."""
        if not self._answering:
            self._answering = True
            self._last_content = time.monotonic()

    def content_came(self) -> None:
        """A piece of the answer is here."""
        self._last_content = self._last_bytes

    def connect_limit(self) -> float:
        """Seconds a connection attempt may take."""
        limit = self._timeouts.connect
        if self._deadline:
            limit = max(0.001, min(limit, self._deadline[0] - time.monotonic()))
        return limit

    def read_limit(self) -> float:
        """Seconds the next read may take. Raises TimedOut when a clock has run out."""
        end = min(self._ends(), key=lambda item: item[0])[0]
        left = end - time.monotonic()
        if left <= 0:
            raise self.expired()
        return left

    def expired(self) -> TimedOut:
        """The error for the clock that ran out first."""
        _, words = min(self._ends(), key=lambda item: item[0])
        return TimedOut(words)

    def _ends(self) -> list[tuple[float, str]]:
        t = self._timeouts
        ends = []
        if not self._answering:
            ends.append(
                (
                    self._begun + t.first_event,
                    f"no answer began within {t.first_event:g} s (timeout.first_event)",
                )
            )
        else:
            ends.append(
                (self._last_bytes + t.silence, f"silent for {t.silence:g} s (timeout.silence)")
            )
            ends.append(
                (self._last_content + t.stall, f"no new content for {t.stall:g} s (timeout.stall)")
            )
        if self._deadline:
            end, seconds = self._deadline
            ends.append((end, f"not done within {seconds:g} s (--deadline)"))
        return ends
