"""The one place where core, renderer and history meet."""

from __future__ import annotations

from collections.abc import Sequence

from llmcli.config import Config
from llmcli.conversation import Asking
from llmcli.errors import ExitCode, Failure, Interrupted, LlmError
from llmcli.events import Notice
from llmcli.questions import Opened, Question, Teller, candidate, draft
from llmcli.recorder import Recorder
from llmcli.redaction import redact
from llmcli.registry import Choice
from llmcli.render import Renderer
from llmcli.turn import Turn
from llmcli.verdict import verdict


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
    return answer(
        prepare(choices, question, config, renderer, recorder), question, config, renderer, recorder
    )


def prepare(
    choices: Sequence[Choice],
    question: Question,
    config: Config,
    renderer: Renderer,
    recorder: Recorder,
    opened: Opened | None = None,
) -> Asking:
    """The turn that is about to be asked, with its row in the history. Raises LlmError."""

    def wait() -> None:
        renderer.flush()
        recorder.tick(asking)

    tell = _teller(renderer)
    recorder.warn = tell
    try:
        candidates = [candidate(choice, question, config, wait, tell, opened) for choice in choices]
        asking = Asking(candidates, draft(question, choices[0], config), question.begun)
        recorder.begin(asking.turn())
    except LlmError as error:
        renderer.fail(error, None)
        raise
    return asking


def answer(
    asking: Asking, question: Question, config: Config, renderer: Renderer, recorder: Recorder
) -> Turn:
    """Show and keep what answers a prepared turn, as `ask` does."""
    renderer.begin(asking.turn())
    if config.table("budget"):
        _teller(renderer)("[budget] of the config is not enforced by this version of llm")
    try:
        _show(asking, renderer)
        turn = asking.turn()
        code, words = verdict(turn, strict=question.strict)
        if words:
            _teller(renderer)(words)
        renderer.finish(turn, code)
    except (LlmError, Interrupted) as error:
        turn = _ended(asking.turn(), error.exit_code, error)
        recorder.close(turn)
        _fail(renderer, error, turn)
        raise
    except Exception as error:
        turn = _ended(asking.turn(), _code(error))
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


def _show(asking: Asking, renderer: Renderer) -> None:
    events = asking.events()
    show = renderer.show
    try:
        for event in events:
            show(event)
        renderer.flush()
    finally:
        events.close()
