"""The one place where core, renderer and history meet."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from llmcli import registry
from llmcli.config import Config
from llmcli.conversation import Asking, Candidate, Turn
from llmcli.engines.base import Provider
from llmcli.errors import ExitCode, Interrupted, LlmError, LocalIOError, UsageError
from llmcli.events import Notice
from llmcli.messages import EMPTY, Media, Message, Part, Request, Text, Tool
from llmcli.options import check_supported
from llmcli.registry import Choice
from llmcli.render import Renderer
from llmcli.store import Store, default_path

CHECKPOINT_SECONDS = 1.0


class Question(NamedTuple):
    """What the user asks, before a model is chosen; `deadline` in seconds from `begun`."""

    prompt: str
    begun: float
    system: str = ""
    attachments: tuple[Media, ...] = ()
    options: Mapping[str, Any] = EMPTY
    extra: Mapping[str, Any] = EMPTY
    tools: tuple[Tool, ...] = ()
    stream: bool = True
    strict: bool = False
    deadline: float | None = None
    retries: int | None = None
    key_env: str | None = None
    conversation: str = ""


def request_for(choice: Choice, question: Question, config: Config) -> Request:
    """The request for one model: the user's options over the config's defaults.

    Raises UsageError for what that model cannot be sent.
    """
    card = registry.load_card(choice.provider)
    supported = registry.supported_options(card)
    check_supported(question.options, supported, card.id)
    defaults = config.option_defaults(choice.spec)
    options = {name: value for name, value in defaults.items() if name in supported}
    system = question.system or str(config.get("defaults.system").value or "")
    parts: list[Part] = [*question.attachments]
    if question.prompt:
        parts.append(Text(question.prompt))
    _check_attachments(choice, question, config)
    head = (Message("system", (Text(system),)),) if system else ()
    return Request(
        model=choice.model,
        messages=(*head, Message("user", tuple(parts))),
        options={**options, **question.options},
        extra=question.extra,
        tools=question.tools,
        stream=question.stream,
    )


def _check_attachments(choice: Choice, question: Question, config: Config) -> None:
    card = registry.load_card(choice.provider)
    model = registry.known_models(card, config).get(choice.model)
    if model is None or model.input is None:
        return
    for media in question.attachments:
        if media.kind not in model.input:
            raise UsageError(
                f"{choice.spec} cannot take {media.name} ({media.media_type})",
                hint=f"It takes: {', '.join(model.input)}.",
            )


def candidate(choice: Choice, question: Question, config: Config, wait: Waiter) -> Candidate:
    """A model that may answer, with its request and prices. Raises ConfigError, UsageError."""
    card = registry.load_card(choice.provider)
    model = registry.known_models(card, config).get(choice.model)

    def open_provider() -> Provider:
        provider = registry.open_provider(choice.provider, question.key_env, question.retries)
        provider.on_wait(wait)
        if question.deadline is not None:
            provider.set_deadline(question.deadline, question.begun)
        return provider

    return Candidate(
        provider=choice.provider,
        model=choice.model,
        open=open_provider,
        request=request_for(choice, question, config),
        prices=model.prices if model else (),
        free=choice.provider == registry.EMBEDDED,
    )


Waiter = Callable[[], None]


class Recorder:
    """Writes a turn into the history; when that fails it warns once and the answer goes on."""

    def __init__(self, config: Config, warn: Callable[[str], None]) -> None:
        self._required = bool(config.get("history.required").value)
        self._enabled = bool(config.get("history.enabled").value)
        self._warn = warn
        self._store: Store | None = None
        self._last = 0.0
        self._kept = 0

    def begin(self, asking: Asking, question: Question) -> None:
        """Write the row of the turn before anything is sent."""
        if self._enabled:
            self._try(self._open, asking, question)

    def _open(self, asking: Asking, question: Question) -> None:
        self._store = Store(default_path())
        self._store.begin(asking.turn(), question.system, dict(question.options))
        self._last = time.monotonic()

    def tick(self, asking: Asking) -> None:
        """Keep what has arrived, at most once a second."""
        now = time.monotonic()
        if self._store and now - self._last >= CHECKPOINT_SECONDS:
            self._last = now
            self._try(self._store.checkpoint, asking.turn())

    def close(self, turn: Turn, code: int, error: LlmError | None) -> None:
        """Write how the turn ended."""
        if self._store:
            kind, message = (error.kind, error.message) if error else (None, None)
            self._try(self._store.close_turn, turn, code, kind, message)
            if self._store:
                self._store.close()

    def _try(self, write: Callable[..., None], *arguments: Any) -> None:
        try:
            write(*arguments)
        except LocalIOError as error:
            self._store = None
            if self._required:
                raise
            self._warn(f"{error.message}; this answer is not kept")


def ask(choices: Sequence[Choice], question: Question, config: Config, renderer: Renderer) -> int:
    """Ask the first model, or the next ones in order; show and keep the answer.

    Returns the exit code of an answer that arrived. Raises LlmError for one that did not, after
    what did arrive was shown and kept; OSError when stdout cannot be written.
    """

    def wait() -> None:
        renderer.flush()
        recorder.tick(asking)

    candidates = [candidate(choice, question, config, wait) for choice in choices]
    asking = Asking(candidates, question.prompt, question.conversation, question.begun)
    recorder = Recorder(config, lambda words: renderer.show(Notice(words)))
    recorder.begin(asking, question)
    renderer.begin(asking.turn())
    try:
        _show(asking, renderer)
    except LlmError as error:
        turn = asking.turn()
        recorder.close(turn, error.exit_code, error)
        renderer.fail(error, turn)
        raise
    except OSError as error:
        gone = isinstance(error, BrokenPipeError)
        recorder.close(asking.turn(), 141 if gone else ExitCode.LOCAL_IO, None)
        raise
    turn = asking.turn()
    code, words = verdict(turn, question)
    if words:
        renderer.show(Notice(words))
    recorder.close(turn, code, None)
    renderer.finish(turn, code)
    return code


def _show(asking: Asking, renderer: Renderer) -> None:
    events = asking.events()
    show = renderer.show
    try:
        for event in events:
            show(event)
        renderer.flush()
    except (OSError, Interrupted):
        events.close()
        raise


def verdict(turn: Turn, question: Question) -> tuple[int, str]:
    """The exit code of an answer that ended, and a warning where it is not what was asked."""
    strict = ExitCode.INCOMPLETE if question.strict else ExitCode.OK
    if turn.finish_reason == "length":
        output = turn.usage.output if turn.usage else None
        where = f"at {output:,} tokens" if output else "by the token limit"
        return strict, f"the answer was cut {where}; raise it with -o max_output_tokens=N"
    if turn.finish_reason in ("content_filter", "refusal"):
        return strict, f"the provider stopped the answer ({turn.raw_finish or turn.finish_reason})"
    if "response_schema" in question.options and not turn.tool_calls and not _is_json(turn.text):
        return ExitCode.INCOMPLETE, "the answer is not the JSON that was asked for"
    return ExitCode.OK, ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def preview(choice: Choice, question: Question, config: Config) -> str:
    """The exact request that would be sent, secrets masked; a missing key does not matter."""
    request = request_for(choice, question, config)
    provider = registry.open_provider(choice.provider, question.key_env, key_needed=False)
    try:
        return provider.preview(request)
    finally:
        provider.close()
