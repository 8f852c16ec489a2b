"""Says when the next call may begin: one for all workers of a batch."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Mapping

from llmcli.batch import limits
from llmcli.batch.limits import Kind, Limit

_BACKOFF = 0.5  # seconds, doubling to
_MOST_PAUSE = 60.0
_LOOK_AGAIN = 5.0
_QUICKER = 0.998  # with each answer: twice as quick after 350
_FORGETS = 60.0  # seconds after which a slow pace is three times as quick


class Governor:
    """Lets at most `most` calls run at once, and no more than `rpm` and `tpm` in a minute.

    Calls begin evenly spread. After a refusal half as many run at once, none begins until the pause
    is over that the server asks for, and then no more than it has taken so far; each answer lets a
    little more run. What the headers of the answers say is left is not overdrawn. `fruitless` are
    the refusals since the last answer, `pace` the seconds from one start to the next, by what the
    server took. Its methods may be called from any thread.
    """

    def __init__(
        self, most: int, rpm: float = 0, tpm: float = 0, backoff: float = _BACKOFF
    ) -> None:
        self._most = most
        self._backoff = backoff
        self.counts_tokens = bool(tpm)
        self._allowed = float(most)
        self._gap = {"requests": 60 / rpm if rpm else 0.0, "tokens": 60 / tpm if tpm else 0.0}
        self._next = dict.fromkeys(self._gap, 0.0)
        self._tight: dict[Kind, float] = {}  # seconds from one start to the next, by the headers
        self._tight_until: dict[Kind, float] = {}
        self._running = 0
        self._running_tokens = 0.0
        self._resumes = 0.0
        self._halved = 0.0
        self.pace = 0.0
        self._since = time.monotonic(), 0
        self.fruitless = 0
        self.stopped = False
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self.answered = 0

    def enter(self, tokens: int) -> float:
        """Wait until a call of about so many tokens may begin, and when it did; 0 once stopped."""
        with self._changed:
            while not self.stopped:
                now = time.monotonic()
                wait = self._wait(now)
                if wait <= 0:
                    self._begin(now, tokens)
                    return now
                self._changed.wait(min(wait, _LOOK_AGAIN))
        return 0.0

    def leave(self, tokens: int) -> None:
        """A call that was entered with so many tokens is over."""
        with self._changed:
            self._running -= 1
            self._running_tokens -= tokens
            self._changed.notify()

    def succeeded(self, tokens: int, used: int) -> None:
        """It was answered, and has used so many tokens."""
        with self._changed:
            self.answered += 1
            self.fruitless = 0
            self.pace *= min(_QUICKER, math.exp(-self.pace / _FORGETS))
            self._next["tokens"] += (used - tokens) * self._gap["tokens"]
            if self._allowed < self._most:
                self._allowed = min(self._allowed + 1 / self._allowed, self._most)
                self._changed.notify()

    def refused(self, entered: float, retry_after: float | None) -> None:
        """It was refused for now: by a limit, or a server that has too much to do.

        Those that had begun before an earlier refusal was known tell nothing new.
        """
        with self._changed:
            now = time.monotonic()
            news = entered > self._halved
            if retry_after is not None:
                self._resumes = max(self._resumes, now + retry_after)
                if news:
                    self._slow_down(now + retry_after)
            elif news:
                pause = min(self._backoff * 2**self.fruitless, _MOST_PAUSE)
                self._resumes = max(self._resumes, now + pause * random.uniform(0.5, 1))  # noqa: S311
            if news:
                self.fruitless += 1
                self._allowed = max(self._allowed / 2, 1.0)
                self._halved = now

    def _slow_down(self, resumes: float) -> None:
        """From then on begin as many calls in a second as were answered in one, pauses included.

        Fewer answers than workers tell nothing: others may have used up what the server takes.
        """
        begun, answered = self._since
        if self.answered - answered >= self._most:
            self.pace = (resumes - begun) / (self.answered - answered)
        self._since = resumes, self.answered

    def hear(self, headers: Mapping[str, str]) -> None:
        """The headers of an answer."""
        if found := limits.read(headers):
            with self._changed:
                for limit in found:
                    self._heed(limit)

    def rest(self, seconds: float) -> None:
        """Let so much time pass, unless it is stopped before."""
        self._stop.wait(seconds)

    def stop(self) -> None:
        """Let nobody enter any more."""
        self._stop.set()
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    @property
    def running(self) -> int:
        """How many calls are on their way."""
        return self._running

    @property
    def pause(self) -> float:
        """Seconds until calls may begin again, 0 where they may."""
        return max(self._resumes - time.monotonic(), 0.0)

    def _wait(self, now: float) -> float:
        """Seconds until the next call may begin; infinite until another one ends."""
        if self._running >= int(self._allowed):
            return math.inf
        return max(self._resumes, *self._next.values(), *self._tight_until.values(), 0.0) - now

    def _begin(self, now: float, tokens: int) -> None:
        self._running += 1
        self._running_tokens += tokens
        gap = max(self._gap["requests"], self.pace)
        self._next["requests"] = max(self._next["requests"], now) + gap
        self._next["tokens"] = max(self._next["tokens"], now) + self._gap["tokens"] * tokens
        for kind, gap in self._tight.items():
            self._tight_until[kind] = now + gap

    def _heed(self, limit: Limit) -> None:
        """Where nothing is left beside what runs, the next begins when one more is there.

        Limits are filled again bit by bit, so that is sooner than when all of it is there again.
        """
        each = 1.0
        coming = float(self._running - 1)
        if limit.kind == "tokens":
            each = max(self._running_tokens / max(self._running, 1), 1.0)
            coming = max(self._running_tokens - each, 0.0)
        if limit.remaining - coming >= each:
            if self._tight.pop(limit.kind, None) is not None:
                self._tight_until.pop(limit.kind)
                self._changed.notify_all()
            return
        missing = limit.limit - limit.remaining
        gap = limit.reset * min(each / missing, 1.0) if missing > 0 else limit.reset
        self._tight[limit.kind] = gap
        self._tight_until[limit.kind] = time.monotonic() + gap
