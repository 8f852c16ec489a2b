"""The one place where core, renderer and history meet."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from llmcli.candidates import Opened, Teller, candidate, draft
from llmcli.config import Config
from llmcli.conversation import Asking, Candidate
from llmcli.errors import ExitCode, Failure, Interrupted, LlmError
from llmcli.events import Notice
from llmcli.question import Question
from llmcli.recorder import Recorder
from llmcli.redaction import redact
from llmcli.registry import Choice
from llmcli.render import Renderer
from llmcli.turn import Turn
from llmcli.verdict import verdict

if TYPE_CHECKING:
    from llmcli.guard import Guard


class Prepared(NamedTuple):
    """A turn that has begun in the history; a `guard` watches what it costs, where that matters."""

    asking: Asking
    guard: Guard | None = None

    def turn(self) -> Turn:
        """The turn as it stands, with a guess at what is not known of its cost."""
        turn = self.asking.turn()
        return self.guard.guessed(turn) if self.guard else turn

    def paid(self) -> Decimal:
        """What it has cost, or has probably cost, in USD; 0 where nobody watches that."""
        return self.guard.paid(self.asking.turn()) if self.guard else Decimal(0)


def ask(
    choices: Sequence[Choice],
    question: Question,
    config: Config,
    renderer: Renderer,
    recorder: Recorder,
) -> Turn:
    """Ask the first model, or the next ones in order; show and keep the answer.

    Returns the turn of an answer that arrived. Raises LlmError for one that did not, after what
    did arrive was shown and kept; OSError when stdout cannot be written.
    """
    prepared = prepare(choices, question, config, renderer, recorder)
    return answer(prepared, question, renderer, recorder)


def prepare(
    choices: Sequence[Choice],
    question: Question,
    config: Config,
    renderer: Renderer,
    recorder: Recorder,
    opened: Opened | None = None,
    paid: Decimal = Decimal(0),
) -> Prepared:
    """The turn that is about to be asked, with its row in the history. Raises LlmError.

    `paid` is what turns before it have used up of what the question may cost, in USD.
    """

    def wait() -> None:
        renderer.flush()
        recorder.tick(prepared)

    tell = _teller(renderer)
    recorder.warn = tell
    try:
        candidates = [candidate(choice, question, config, wait, tell, opened) for choice in choices]
        asked = draft(question, choices[0], config)
        asking = Asking(candidates, asked, question.begun, question.tags)
        guard = _guard(candidates, question, config, recorder, tell, paid)
        prepared = Prepared(asking, guard)
        if guard:
            guard.begin(asking.turn())
        else:
            recorder.begin(asking.turn())
    except LlmError as error:
        renderer.fail(error, None)
        raise
    return prepared


def _guard(
    candidates: Sequence[Candidate],
    question: Question,
    config: Config,
    recorder: Recorder,
    tell: Teller,
    paid: Decimal,
) -> Guard | None:
    if question.max_cost is None and not config.table("budget"):
        return None
    from llmcli.guard import Guard

    return Guard(candidates, question, config, recorder, tell, paid)


def answer(prepared: Prepared, question: Question, renderer: Renderer, recorder: Recorder) -> Turn:
    """Show and keep what answers a prepared turn, as `ask` does."""
    renderer.begin(prepared.turn())
    try:
        _show(prepared, renderer)
        turn = prepared.turn()
        code, words = verdict(turn, strict=question.strict)
        if words:
            _teller(renderer)(words)
        renderer.finish(turn, code)
    except (LlmError, Interrupted) as error:
        turn = _ended(prepared.turn(), error.exit_code, error)
        recorder.close(turn)
        _fail(renderer, error, turn)
        raise
    except Exception as error:
        turn = _ended(prepared.turn(), _code(error))
        recorder.close(turn)
        if not isinstance(error, OSError):
            _fail(renderer, LlmError("internal error"), turn)
        raise
    turn = _ended(turn, code)
    try:
        recorder.close(turn)
    except Interrupted:  # what is whole is kept as whole
        recorder.close(turn)
        raise
    return turn


def _ended(turn: Turn, code: int, error: Failure | None = None) -> Turn:
    """The turn with how it ended."""
    kind, words = (error.kind, redact(error.message)) if error else (None, None)
    return turn._replace(exit_code=int(code), error_kind=kind, error_message=words)


def _code(error: Exception) -> int:
    if isinstance(error, BrokenPipeError):
        return 141
    return ExitCode.LOCAL_IO if isinstance(error, OSError) else ExitCode.INTERNAL


def _teller(renderer: Renderer) -> Teller:
    return lambda words: renderer.show(Notice(words))


def _fail(renderer: Renderer, error: Failure, turn: Turn) -> None:
    try:
        renderer.fail(error, turn)
    except OSError:
        # A reader that went away does not matter any more when a signal ends the run.
        if not isinstance(error, Interrupted):
            raise


def _show(prepared: Prepared, renderer: Renderer) -> None:
    events = prepared.asking.events()
    heard = prepared.guard.watched(events) if prepared.guard else events
    show = renderer.show
    try:
        for event in heard:
            show(event)
        renderer.flush()
    finally:
        events.close()
