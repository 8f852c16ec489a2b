"""What the user asks, made into a request for one model."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from llmcli import adapters, registry
from llmcli.adapters.base import is_adapter
from llmcli.adapters.choice import able, supported
from llmcli.cards import Card, Model
from llmcli.config import Config
from llmcli.conversation import Candidate
from llmcli.engines.base import Provider
from llmcli.errors import UsageError
from llmcli.messages import EMPTY, Media, Message, Request, Text, Tool
from llmcli.options import check_supported
from llmcli.registry import Choice
from llmcli.turn import Turn, context, message_of

Waiter = Callable[[], None]
Teller = Callable[[str], None]
Opened = dict[str, Provider]
_TRIAL = Message("user", (Text("x"),))


class Question(NamedTuple):
    """What the user asks, before a model is chosen; `deadline` in seconds from `begun`.

    Without a `system` prompt of its own it takes the config's; an empty one is none at all.
    `earlier` are the messages before it: of the turns behind `since`, up to `parent`. What is
    `inherited` from the turn before counts as options of the config do, and goes before them.
    """

    prompt: str
    begun: float
    system: str | None = None
    attachments: tuple[Media, ...] = ()
    options: Mapping[str, Any] = EMPTY
    inherited: Mapping[str, Any] = EMPTY
    extra: Mapping[str, Any] = EMPTY
    tools: tuple[Tool, ...] = ()
    stream: bool = True
    strict: bool = False
    deadline: float | None = None
    retries: int | None = None
    key_env: str | None = None
    conversation: str = ""
    parent: str | None = None
    since: str | None = None
    earlier: tuple[Message, ...] = ()


def following(
    question: Question, conversation: str, turns: Sequence[Turn], choice: Choice
) -> Question:
    """The question as the next one of a conversation, with what its last turn was asked with.

    What the question says itself goes before that. What only the provider of that turn knows is
    left out where another one is chosen.
    """
    if not turns:
        return question._replace(conversation=conversation)
    last = turns[-1]
    return question._replace(
        conversation=conversation,
        parent=last.id,
        since=last.told_from,
        earlier=context(turns, last.told_from),
        system=last.system if question.system is None else question.system,
        inherited=last.options,
        extra={**(last.extra if last.provider == choice.provider else EMPTY), **question.extra},
        tools=question.tools or last.tools,
    )


def request_for(choice: Choice, question: Question, config: Config) -> Request:
    """The request for one model: the user's options over the config's defaults.

    Raises ConfigError, and UsageError for what that model cannot be sent.
    """
    return _request(choice, registry.card_for(choice, config), question, config)


def _request(choice: Choice, card: Card, question: Question, config: Config) -> Request:
    _check_options(choice, card, question.options)
    defaults = _defaults(choice, question, config)
    unfit = unfit_defaults(choice, card, question, defaults)
    options = {name: value for name, value in defaults.items() if name not in unfit}
    system = _system(question, config)
    for media in question.attachments:
        check_attachment(choice, card.models[choice.model], media)
    _check_earlier(choice, card.models[choice.model], question)
    message = message_of(question.prompt, question.attachments)
    head = (Message("system", (Text(system),)),) if system else ()
    return Request(
        model=choice.model,
        messages=(*head, *question.earlier, message),
        options={**options, **question.options},
        extra=question.extra,
        tools=question.tools,
        stream=question.stream,
    )


def _defaults(choice: Choice, question: Question, config: Config) -> dict[str, Any]:
    return {**config.option_defaults(choice.spec), **question.inherited}


def _system(question: Question, config: Config) -> str:
    if question.system is not None:
        return question.system
    return str(config.get("defaults.system").value or "")


def unfit_defaults(
    choice: Choice, card: Card, question: Question, defaults: Mapping[str, Any]
) -> dict[str, str]:
    """The defaults that this model cannot be sent, each with the reason.

    They were not meant for this call alone, so one of them fails no call; what the user typed does.
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


def refusals(choice: Choice, question: Question, config: Config) -> list[UsageError]:
    """All that the user wants sent and this model cannot be sent. Raises ConfigError."""
    card = registry.card_for(choice, config)
    model = card.models[choice.model]
    fit = {name: value for name, value in question.options.items() if name in supported(card)}
    words = _refusal(choice, card, question._replace(options=EMPTY), fit)
    checks = [partial(_check_options, choice, card, (name,)) for name in question.options]
    found = [UsageError(words)] if words else []
    checks += [partial(check_attachment, choice, model, one) for one in question.attachments]
    checks.append(partial(_check_earlier, choice, model, question))
    for check in checks:
        try:
            check()
        except UsageError as error:
            found.append(error)
    return found


def _check_options(choice: Choice, card: Card, names: Collection[str]) -> None:
    check_supported(names, supported(card), card.id, lambda name: _way(choice, card, name))


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
    unfit = unfit_defaults(choice, card, question, _defaults(choice, question, config))
    words = "; ".join(f"{name} ({reason})" for name, reason in unfit.items())
    owners = ["the config"] if unfit.keys() - question.inherited.keys() else []
    owners += ["the conversation"] if unfit.keys() & question.inherited.keys() else []
    return f"left out, though {' or '.join(owners)} sets it: {words}" if words else ""


def _way(choice: Choice, card: Card, option: str) -> str:
    """The hint how an option can be sent after all, where the model speaks another way too."""
    adapter = able(card, option)
    key = f"models.{json.dumps(choice.spec, ensure_ascii=False)}.adapter"
    return f"{adapter} can: llm config set '{key}' {adapter}" if adapter else ""


def check_attachment(choice: Choice, model: Model, media: Media) -> None:
    """Raise UsageError for what the model is known not to take; text it always takes."""
    if model.input is None or media.media_type.startswith("text/"):
        return
    if media.kind not in model.input:
        raise UsageError(
            f"{choice.spec} cannot take {media.name} ({media.media_type})",
            hint=f"It takes: {', '.join(model.input)}.",
        )


def _check_earlier(choice: Choice, model: Model, question: Question) -> None:
    """Raise UsageError for what was sent along before and this model is known not to take."""
    for media in (part for message in question.earlier for part in message.parts):
        if isinstance(media, Media):
            try:
                check_attachment(choice, model, media)
            except UsageError as error:
                words = f"{error.message}, which this conversation has"
                hint = f"{error.hint} Go on with another model, or begin anew."
                raise UsageError(words, hint=hint) from None


def draft(question: Question, choice: Choice, config: Config) -> Turn:
    """The turn that a question becomes, before anything is sent."""
    return Turn(
        id="",
        conversation=question.conversation,
        provider=choice.provider,
        model=choice.model,
        prompt=question.prompt,
        parent=question.parent,
        since=question.since,
        attachments=question.attachments,
        system=_system(question, config),
        options={**question.inherited, **question.options},
        extra=dict(question.extra),
        tools=question.tools,
    )


def candidate(
    choice: Choice,
    question: Question,
    config: Config,
    wait: Waiter,
    tell: Teller,
    opened: Opened | None = None,
) -> Candidate:
    """A model that may answer, with its request and prices. Raises ConfigError, UsageError.

    Its provider is taken from `opened`, and kept there for the next question.
    """
    card = registry.card_for(choice, config)

    def open_provider() -> Provider:
        if words := _left_out(choice, card, question, config):
            tell(words)
        provider = opened.get(choice.spec) if opened is not None else None
        if provider is None:
            provider = registry.open_provider(card, question.key_env, question.retries)
            if opened is not None:
                opened[choice.spec] = provider
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
        keep=opened is not None,
    )


def preview(choice: Choice, question: Question, config: Config) -> str:
    """The exact request that would be sent, secrets masked; a missing key does not matter."""
    card = registry.card_for(choice, config)
    request = _request(choice, card, question, config)
    provider = registry.open_provider(card, question.key_env, key_needed=False)
    try:
        return provider.preview(request)
    finally:
        provider.close()
