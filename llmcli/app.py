"""The one place where core, renderer and history meet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from llmcli import adapters, registry
from llmcli.adapters.base import is_adapter
from llmcli.adapters.choice import able, supported
from llmcli.cards import Card, Model
from llmcli.config import Config
from llmcli.conversation import Asking, Candidate, Turn
from llmcli.engines.base import Provider
from llmcli.errors import ExitCode, Failure, Interrupted, LlmError, UsageError
from llmcli.events import Notice
from llmcli.json_schema import mismatch
from llmcli.messages import EMPTY, Media, Message, Part, Request, Text, Tool
from llmcli.options import check_supported
from llmcli.recorder import Recorder
from llmcli.registry import Choice
from llmcli.render import Renderer

Waiter = Callable[[], None]
Teller = Callable[[str], None]
_TRIAL = Message("user", (Text("x"),))


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

    Raises ConfigError, and UsageError for what that model cannot be sent.
    """
    return _request(choice, registry.card_for(choice, config), question, config)


def _request(choice: Choice, card: Card, question: Question, config: Config) -> Request:
    check_supported(
        question.options, supported(card), card.id, lambda name: _way(choice, card, name)
    )
    defaults = config.option_defaults(choice.spec)
    unfit = _unfit(choice, card, question, defaults)
    options = {name: value for name, value in defaults.items() if name not in unfit}
    system = question.system or str(config.get("defaults.system").value or "")
    parts: list[Part] = [_part(media) for media in question.attachments]
    if question.prompt:
        parts.append(Text(question.prompt))
    _check_attachments(choice, card.models[choice.model], question)
    head = (Message("system", (Text(system),)),) if system else ()
    return Request(
        model=choice.model,
        messages=(*head, Message("user", tuple(parts))),
        options={**options, **question.options},
        extra=question.extra,
        tools=question.tools,
        stream=question.stream,
    )


def _unfit(
    choice: Choice, card: Card, question: Question, defaults: Mapping[str, Any]
) -> dict[str, str]:
    """The defaults of the config that this model cannot be sent, each with the reason.

    They are meant for all models, so one of them fails no call; what the user typed does.
    """
    sendable = supported(card)
    found: dict[str, str] = {}
    for name, value in defaults.items():
        if name in question.options:
            continue
        if name not in sendable:
            found[name] = f"{card.id} cannot send it"
        elif words := _refusal(choice, card, question, {name: value}):
            found[name] = words.removeprefix(f"{name}: ")
    return found


def _refusal(choice: Choice, card: Card, question: Question, default: Mapping[str, Any]) -> str:
    """What the adapter has against a default, and not against the question without it."""
    kind = adapters.find(card.adapter)
    if not is_adapter(kind):
        return ""
    trial = Request(choice.model, (_TRIAL,), options=question.options, tools=question.tools)
    words = ""
    for options in ({**question.options, **default}, question.options):
        try:
            kind().render(trial._replace(options=options), card, None)
        except UsageError as error:
            words = words or error.message
        else:
            return words
    return ""


def _left_out(choice: Choice, card: Card, question: Question, config: Config) -> str:
    """The warning for the defaults that are not sent, or nothing."""
    unfit = _unfit(choice, card, question, config.option_defaults(choice.spec))
    words = "; ".join(f"{name} ({reason})" for name, reason in unfit.items())
    return f"left out, though the config sets it: {words}" if words else ""


def _way(choice: Choice, card: Card, option: str) -> str:
    """The hint how an option can be sent after all, where the model speaks another way too."""
    adapter = able(card, option)
    key = f"models.{json.dumps(choice.spec, ensure_ascii=False)}.adapter"
    return f"{adapter} can: llm config set '{key}' {adapter}" if adapter else ""


def _part(media: Media) -> Part:
    """A text file goes as text under its name, which every model can read."""
    if not media.media_type.startswith("text/"):
        return media
    return Text(f"File {media.name}:\n\n{media.data.decode('utf-8', 'replace')}")


def _check_attachments(choice: Choice, model: Model, question: Question) -> None:
    if model.input is None:
        return
    for media in question.attachments:
        if media.kind not in model.input and not media.media_type.startswith("text/"):
            raise UsageError(
                f"{choice.spec} cannot take {media.name} ({media.media_type})",
                hint=f"It takes: {', '.join(model.input)}.",
            )


def candidate(
    choice: Choice, question: Question, config: Config, wait: Waiter, tell: Teller
) -> Candidate:
    """A model that may answer, with its request and prices. Raises ConfigError, UsageError."""
    card = registry.card_for(choice, config)

    def open_provider() -> Provider:
        if words := _left_out(choice, card, question, config):
            tell(words)
        provider = registry.open_provider(card, question.key_env, question.retries)
        provider.on_wait(wait)
        if question.deadline is not None:
            provider.set_deadline(question.deadline, question.begun)
        return provider

    return Candidate(
        provider=choice.provider,
        model=choice.model,
        open=open_provider,
        request=_request(choice, card, question, config),
        prices=card.models[choice.model].prices,
        free=choice.provider == registry.EMBEDDED,
    )


def ask(choices: Sequence[Choice], question: Question, config: Config, renderer: Renderer) -> int:
    """Ask the first model, or the next ones in order; show and keep the answer.

    Returns the exit code of an answer that arrived. Raises LlmError for one that did not, after
    what did arrive was shown and kept; OSError when stdout cannot be written.
    """

    def wait() -> None:
        renderer.flush()
        recorder.tick(asking)

    tell = _teller(renderer)
    recorder = Recorder(config, tell)
    try:
        candidates = [candidate(choice, question, config, wait, tell) for choice in choices]
        asking = Asking(candidates, question.prompt, question.conversation, question.begun)
        recorder.begin(asking, _system(candidates[0].request), dict(question.options))
    except LlmError as error:
        renderer.fail(error, None)
        raise
    renderer.begin(asking.turn())
    if config.table("budget"):
        tell("[budget] of the config is not enforced by this version of llm")
    try:
        _show(asking, renderer)
        turn = asking.turn()
        code, words = verdict(turn, question)
        if words:
            tell(words)
        renderer.finish(turn, code)
    except (LlmError, Interrupted) as error:
        turn = asking.turn()
        recorder.close(turn, error.exit_code, error)
        _fail(renderer, error, turn)
        raise
    except OSError as error:
        gone = isinstance(error, BrokenPipeError)
        recorder.close(asking.turn(), 141 if gone else ExitCode.LOCAL_IO, None)
        raise
    recorder.close(turn, code, None)
    return code


def _teller(renderer: Renderer) -> Teller:
    return lambda words: renderer.show(Notice(words))


def _fail(renderer: Renderer, error: Failure, turn: Turn) -> None:
    try:
        renderer.fail(error, turn)
    except OSError:
        # A reader that went away does not matter any more when a signal ends the run.
        if not isinstance(error, Interrupted):
            raise


def _system(request: Request) -> str:
    return next((m.text for m in request.messages if m.role == "system"), "")


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
        where = f" at {output:,} tokens" if output else ""
        asked = "max_output_tokens" in question.options
        limit = "-o max_output_tokens=N raises it" if asked else "a limit of the model or server"
        return strict, f"the answer was cut{where}: {limit}"
    if turn.finish_reason in ("content_filter", "refusal"):
        return strict, f"the provider stopped the answer ({turn.raw_finish or turn.finish_reason})"
    if turn.finish_reason == "pause":
        return strict, "the provider paused the answer before its end"
    if not turn.text and not turn.tool_calls:
        return strict, "the model answered with nothing"
    schema = question.options.get("response_schema")
    words = _unmet(turn.text, schema) if schema is not None and not turn.tool_calls else ""
    return (ExitCode.INCOMPLETE, words) if words else (ExitCode.OK, "")


def _unmet(text: str, schema: Mapping[str, Any]) -> str:
    """How the answer fails the schema that was asked for, or nothing."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "the answer is not the JSON that was asked for"
    words = mismatch(value, schema)
    return f"the answer is not what the schema asks: {words}" if words else ""


def preview(choice: Choice, question: Question, config: Config) -> str:
    """The exact request that would be sent, secrets masked; a missing key does not matter."""
    card = registry.card_for(choice, config)
    request = _request(choice, card, question, config)
    provider = registry.open_provider(card, question.key_env, key_needed=False)
    try:
        return provider.preview(request)
    finally:
        provider.close()
