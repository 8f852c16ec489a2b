"""The clocks that run while an answer is awaited."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from llmcli.cards import Timeouts
from llmcli.errors import NetworkError, TimedOut

_WAKE_SECONDS = 1.0
_WAKE_SECONDS_ELSEWHERE = 0.1  # in a thread no signal ends a wait
_STOPPED_SECONDS = 0.5


class WaitFailed(Exception):
    """What `on_wait` raised; no failure of the network."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Clock:
    """Tells how long the next read may take: four clocks and an optional deadline.

    `on_wait` is called whenever everything received has been handed on and a read may block.
    While `stopped`, a read takes what is there and waits for nothing.
    """

    def __init__(self, timeouts: Timeouts, on_wait: Callable[[], None]) -> None:
        self._timeouts = timeouts
        self._deadline: tuple[float, float] | None = None
        self.on_wait = on_wait
        self.stopped = False
        main = threading.current_thread() is threading.main_thread()
        self._wake = _WAKE_SECONDS if main else _WAKE_SECONDS_ELSEWHERE
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

    def waiting(self) -> None:
        """Tell who shows the answer; the time that takes is not the server's. Raises WaitFailed."""
        begun = time.monotonic()
        try:
            self.on_wait()
        except OSError as error:
            raise WaitFailed(error) from error
        self._excuse(time.monotonic() - begun)

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, which is told often. Raises what `on_wait` raises."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.on_wait()
            time.sleep(min(left, self._wake))

    def waited(self, seconds: float, limit: float) -> None:
        """Nothing came; a wait that took far longer than its limit was not the server's.

        This process was stopped, as by Ctrl-Z.
        """
        if seconds > limit + _STOPPED_SECONDS:
            self._excuse(seconds)

    def _excuse(self, seconds: float) -> None:
        self._begun += seconds
        self._last_bytes += seconds
        self._last_content += seconds

    def connect_limit(self) -> float:
        """Seconds a connection attempt may take."""
        limit = self._timeouts.connect
        if self._deadline:
            limit = max(0.001, min(limit, self._deadline[0] - time.monotonic()))
        return limit

    def connect_expired(self, place: str, limit: float) -> TimedOut | NetworkError:
        """The error for an attempt to connect to `place` that took longer than `limit`."""
        if limit < self._timeouts.connect:
            return self.expired()
        return NetworkError(
            f"cannot connect to {place} within {limit:g} s (timeout.connect)", retryable=True
        )

    def read_limit(self) -> float:
        """Seconds the next read may take; not many, so that a wait is told often.

        Raises TimedOut when a clock has run out.
        """
        end = min(self._ends(), key=lambda item: item[0])[0]
        left = end - time.monotonic()
        if left <= 0:
            raise self.expired()
        return min(left, self._wake)

    def expired(self) -> TimedOut:
        """The error for the clock that ran out first."""
        return TimedOut(min(self._ends(), key=lambda item: item[0])[1])

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
            ends.append((end, f"not done within {seconds:g} s, the deadline"))
        return ends
