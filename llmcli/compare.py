"""Ask several models the same question at once, each in a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from llmcli import app
from llmcli.app import Prepared
from llmcli.config import Config
from llmcli.errors import Failure, Interrupted, LlmError, LocalIOError
from llmcli.events import Event, TextDelta
from llmcli.outcome import Outcome
from llmcli.question import Question
from llmcli.recorder import Recorder
from llmcli.registry import Choice
from llmcli.turn import Turn

_FRAME = 0.05  # seconds between two looks at what is new on the screen
_NOTICED = 0.3  # seconds in which a thread that is stopped has noticed it, unless it still connects
_KEPT = 8.0  # seconds in which one that has noticed it has kept its turn


class View(Protocol):
    """Shows the answers, each known by its number. Raises OSError when stdout cannot be written."""

    def hear(self, number: int, events: Sequence[Event], /) -> None:
        """These came from that model."""

    def end(self, number: int, outcome: Outcome, /) -> None:
        """Nothing more comes from it."""

    def refresh(self) -> None:
        """Make all that came visible; called often."""

    def close(self, outcomes: Sequence[Outcome], /) -> None:
        """Nothing more comes from any."""


class Asked(NamedTuple):
    """A model, the question as it is put to it, and what keeps its turn."""

    choice: Choice
    question: Question
    recorder: Recorder


class _Stop:
    """What ends all answers, once it is there: a signal, or a stdout that is gone."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def check(self) -> None:
        """Raise it, as it is for this thread."""
        if isinstance(self.error, OSError):
            raise self.error
        if self.error is not None:
            stopped_by = self.error.signum if isinstance(self.error, Interrupted) else None
            raise Interrupted(stopped_by or signal.SIGTERM)


_Inbox = queue.SimpleQueue[tuple[int, tuple[Event, ...]]]


class _Run:
    """One of the answers, and its renderer: it hands on what comes to whoever shows them all.

    Its `number` alone in the inbox, without events, says that it has ended.
    """

    def __init__(self, number: int, asked: Asked, inbox: _Inbox, stop: _Stop) -> None:
        self.outcome: Outcome | None = None
        self._number = number
        self._asked = asked
        self._inbox = inbox
        self._stop = stop
        self._turn: Turn | None = None
        self._events: list[Event] = []
        self._waiting = True
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self, config: Config) -> None:
        """Write the turn down and let it be asked."""
        choice, question, recorder = self._asked
        try:
            prepared = app.prepare([choice], question, config, self, recorder)
        except LlmError as error:
            self._end(Outcome(choice.spec, None, int(error.exit_code), error))
            return
        self._turn = prepared.turn()
        self._thread = threading.Thread(target=self._run, args=(prepared,), daemon=True)
        self._thread.start()

    def wait(self, stopped: float) -> Outcome:
        """How it ended, once it was stopped at that monotonic time; one that hangs is let be."""
        if self._thread:
            self._thread.join(max(stopped + _NOTICED - time.monotonic(), 0))
            if self._ending:
                self._thread.join(max(stopped + _KEPT - time.monotonic(), 0))
        late = Interrupted(signal.SIGINT)
        return self.outcome or Outcome(self._asked.choice.spec, self._turn, late.exit_code, late)

    def begin(self, turn: Turn) -> None:
        """The question is about to be sent."""
        self._turn = turn

    def show(self, event: Event) -> None:
        """Keep text for the next flush, the first of it not a moment."""
        self._events.append(event)
        if type(event) is not TextDelta or self._waiting:
            self._waiting = type(event) is not TextDelta
            self.flush()

    def flush(self) -> None:
        """Hand on what came; stop when all are to stop."""
        self._ending = self._stop.error is not None
        self._stop.check()
        self._send()

    def finish(self, turn: Turn, _exit_code: int = 0) -> None:
        """The answer is complete."""
        self._ending = True
        self._turn = turn
        self._send()

    def fail(self, _error: Failure, turn: Turn | None) -> None:
        """It is not."""
        self._turn = turn
        self._send()

    def _send(self) -> None:
        if self._events:
            self._inbox.put((self._number, tuple(self._events)))
            self._events.clear()

    def _run(self, prepared: Prepared) -> None:
        outcome = self._answered(prepared)
        self._asked.recorder.end()
        self._end(outcome)

    def _answered(self, prepared: Prepared) -> Outcome:
        choice, question, recorder = self._asked
        error: Failure
        try:
            turn = app.answer(prepared, question, self, recorder)
            return Outcome(choice.spec, turn, turn.exit_code or 0)
        except (LlmError, Interrupted) as failure:
            error = failure
        except OSError as trouble:
            error = LocalIOError(str(trouble))
        except Exception as bug:  # noqa: BLE001
            error = LlmError(f"internal error: {type(bug).__name__}: {bug}")
        return Outcome(choice.spec, self._turn or prepared.turn(), int(error.exit_code), error)

    def _end(self, outcome: Outcome) -> None:
        self._send()
        self.outcome = outcome
        self._inbox.put((self._number, ()))


def ask_all(asked: Sequence[Asked], config: Config, view: View) -> list[Outcome]:
    """Ask them all and show what they answer; how each one ended, in their order.

    One that fails stops no other. Raises what stops them all, Interrupted or OSError, after what
    had come was shown and kept.
    """
    inbox: _Inbox = queue.SimpleQueue()
    stop = _Stop()
    runs = [_Run(number, one, inbox, stop) for number, one in enumerate(asked)]
    try:
        for run in runs:
            run.start(config)
        left = set(range(len(runs)))
        while left:
            _listen(runs, inbox, left, view)
    except BaseException as error:
        stop.error = error
        outcomes = _outcomes(runs)
        _settle(asked, outcomes)
        with contextlib.suppress(OSError):
            view.close(outcomes)
        raise
    outcomes = _outcomes(runs)
    _settle(asked, outcomes)
    view.close(outcomes)
    return outcomes


def _listen(runs: Sequence[_Run], inbox: _Inbox, left: set[int], view: View) -> None:
    """Take in what is there, then show it."""
    try:
        number, events = inbox.get(timeout=_FRAME)
    except queue.Empty:
        view.refresh()
        return
    outcome = None if events else runs[number].outcome
    if outcome:
        left.discard(number)
        view.end(number, outcome)
    else:
        view.hear(number, events)
    if inbox.empty():
        view.refresh()


def _outcomes(runs: Sequence[_Run]) -> list[Outcome]:
    now = time.monotonic()
    return [run.wait(now) for run in runs]


def _settle(asked: Sequence[Asked], outcomes: Sequence[Outcome]) -> None:
    """Let the conversation go on from the first model, in the order asked, that answered whole.

    Its thread has ended, so its recorder can be used here.
    """
    pairs = ((one.recorder, outcome.turn) for one, outcome in zip(asked, outcomes, strict=True))
    answered = [(recorder, turn) for recorder, turn in pairs if turn and turn.answered]
    if not answered:
        return
    kept, chosen = next((pair for pair in answered if pair[1].whole), answered[0])
    with kept as recorder, contextlib.suppress(LocalIOError):
        store = recorder.store()
        if store and store.turn(chosen.id):
            store.set_head(chosen.conversation, chosen.id)
