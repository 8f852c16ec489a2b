"""The chat core: a question asked of one model or the next, and the turn it becomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

from llmcli.answer import Answer
from llmcli.engines.base import Provider
from llmcli.errors import Failure, IncompleteError, Interrupted, LlmError, ProviderError
from llmcli.events import (
    Attempt,
    Event,
    Fallback,
    Finish,
    ReasoningDelta,
    Replay,
    Retry,
    TextDelta,
    ToolCallStart,
)
from llmcli.ledger import Cause, Ledger, Status, Tags
from llmcli.messages import Request
from llmcli.turn import Turn, new_id
from llmcli.usage import Cached, Price

PAUSES = 10


class Candidate(NamedTuple):
    """A model that may answer: its provider is opened only when its turn comes.

    It is closed after the answer unless whoever opened it means to `keep` it. Where kept
    replies may be given, `replays` tells whether one will be: then no call is made.
    """

    provider: str
    model: str
    open: Callable[[], Provider]
    request: Request
    prices: tuple[Price, ...] = ()
    free: bool = False
    keep: bool = False
    replays: Callable[[], bool] | None = None


class Asking:
    """One turn while it happens: iterate over `events()`, then look at `turn()`.

    `asked` is the turn before anything came; it gets an id, and a conversation if it has none.
    `begun` is the monotonic time the user's wait is counted from.
    """

    def __init__(
        self, candidates: Sequence[Candidate], asked: Turn, begun: float, tags: Tags = ()
    ) -> None:
        self._asked = asked._replace(
            id=new_id(), conversation=asked.conversation or new_id(), started=time.time()
        )
        self._candidates = candidates
        self._begun = begun
        self._candidate = candidates[0]
        self._ledger = Ledger(tags)
        self._answer = Answer()
        self._cached = Cached() if any(one.replays for one in candidates) else None
        self._pauses = 0
        self._first: float | None = None
        self._silent = True  # nothing came of the running call yet
        self._status: Status = "running"
        self._ended: float | None = None

    def events(self) -> Generator[Event, None, None]:
        """The events as they come. Raises what the last model raised; the turn is kept."""
        try:
            yield from self._candidates_in_order()
        except Interrupted as stop:
            self._end("interrupted", stop)
            raise
        except (GeneratorExit, OSError):
            self._end("interrupted", None)
            raise
        except Exception as error:
            told = error if isinstance(error, LlmError) else None  # else it is a bug of ours
            self._end("failed" if self._first is None else "incomplete", told)
            raise
        self._end("complete", None)

    def _candidates_in_order(self) -> Iterator[Event]:
        last = len(self._candidates) - 1
        for number, candidate in enumerate(self._candidates):
            self._candidate = candidate
            try:
                yield from self._one(candidate)
                return
            except ProviderError as error:
                if number == last or self._first is not None:
                    raise
                following = self._candidates[number + 1]
                yield self._heard(Fallback(error, following.provider, following.model))

    def _one(self, candidate: Candidate) -> Iterator[Event]:
        """The events of one model's answer, which goes on after its pauses as one answer."""
        provider = candidate.open()
        request = candidate.request
        try:
            yield from self._call(provider, request)
            while self._goes_on:
                self._pauses += 1
                message = self._answer.last_message
                request = request._replace(messages=(*request.messages, message))
                yield from self._call(provider, request)
        except ProviderError as error:
            if not self._pauses or self._first is None or isinstance(error, IncompleteError):
                raise
            raise IncompleteError.of(error) from error
        finally:
            if not candidate.keep:
                provider.close()

    @property
    def _goes_on(self) -> bool:
        return self._answer.paused and self._pauses < PAUSES

    def _call(self, provider: Provider, request: Request) -> Iterator[Event]:
        """The events of one call; the end of one that goes on is kept back."""
        add = self._answer.text.append
        for event in provider.stream(request):
            if event.__class__ is TextDelta:
                if self._silent:
                    self._came()
                add(event.text)
            else:
                self._heard(event)
                if event.__class__ is Finish and self._goes_on:
                    continue
            yield event

    def _heard(self, event: Event) -> Event:
        if isinstance(event, Attempt):
            self._begin_call()
        elif isinstance(event, Replay):
            self._cached = event.cached
            self._answer.replay(self._candidate.provider, self._candidate.model)
        elif isinstance(event, (Retry, Fallback)):
            cause: Cause = "retry" if isinstance(event, Retry) else "fallback"
            self._ledger.close("failed", event.error, self._answer.last_cost, cause)
        self._ledger.hear(event)
        self._answer.hear(event)
        if self._silent and isinstance(event, (ReasoningDelta, ToolCallStart)):
            self._came()
        return event

    def _came(self) -> None:
        now = time.monotonic()
        self._silent = False
        self._first = now if self._first is None else self._first
        self._ledger.first(now)

    def _begin_call(self) -> None:
        """A call that comes after a pause has the one before it end well."""
        if self._answer.paused:
            self._ledger.close("complete", None, self._answer.last_cost, "pause")
        chosen, self._silent = self._candidate, True
        self._answer.call(chosen.provider, chosen.model, chosen.prices, free=chosen.free)

    def _end(self, status: Status, error: Failure | None) -> None:
        self._status = status
        self._ended = time.monotonic()
        self._ledger.close(status, error, self._answer.last_cost)

    def turn(self) -> Turn:
        """The turn as it stands: whole after the last event, partial before."""
        answer, finish = self._answer, self._answer.finish
        return self._asked._replace(
            provider=self._candidate.provider,
            model=self._candidate.model,
            text="".join(answer.text),
            reasoning="".join(answer.reasoning),
            tool_calls=answer.tool_calls,
            finish_reason=finish.reason if finish else None,
            raw_finish=finish.raw if finish else "",
            usage=answer.usage,
            cost=answer.cost,
            first_token_s=None if self._first is None else self._first - self._begun,
            total_s=(self._ended or time.monotonic()) - self._begun,
            attempts=self._ledger.entries,
            status=self._status,
            opaque=answer.opaque,
            cached=self._cached,
        )
