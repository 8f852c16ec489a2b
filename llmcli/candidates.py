"""A question made into a request for one model: a candidate for the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from typing import Any

from llmcli import adapters, keys, registry
from llmcli.adapters.base import is_adapter
from llmcli.adapters.choice import able, supported
from llmcli.cards import Card, Model
from llmcli.config import Config
from llmcli.conversation import Candidate
from llmcli.engines.base import Fingerprinted, Provider, Replays
from llmcli.errors import UsageError
from llmcli.keys import Key
from llmcli.messages import EMPTY, Media, Message, Request, Text
from llmcli.options import check_supported
from llmcli.question import Question
from llmcli.registry import Choice
from llmcli.turn import Turn, message_of

Waiter = Callable[[], None]
Teller = Callable[[str], None]
Opened = dict[str, Provider]
KeyFinder = Callable[[Card, str | None], Key | None]
_MB = 1_000_000
_TRIAL = Message("user", (Text("x"),))


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
    request = _request(choice, card, question, config)
    waiting: list[Provider] = []
    tell_once, find_key = cache(tell), _once(keys.find)  # the workers of a batch open it each

    def open_provider() -> Provider:
        if waiting:
            return waiting.pop()
        if words := _left_out(choice, card, question, config):
            tell_once(words)
        provider = _provider(choice, card, question, opened, find_key)
        if question.cache is not None:
            provider = _replaying(provider, choice, card, question, config, tell_once)
        provider.on_wait(wait)
        if question.deadline is not None:
            provider.set_deadline(question.deadline, question.begun)
        return provider

    def replays() -> bool:
        provider = open_provider()
        waiting.append(provider)
        return isinstance(provider, Replays) and provider.replays(request)

    return Candidate(
        provider=choice.provider,
        model=choice.model,
        open=open_provider,
        request=request,
        prices=card.models[choice.model].prices,
        free=choice.provider == registry.EMBEDDED,
        keep=opened is not None,
        replays=None if question.cache is None else replays,
    )


def _once(find: KeyFinder) -> KeyFinder:
    """The same, which looks only the first time: what finds a key may ask the user."""
    found: list[Key | None] = []

    def find_key(card: Card, key_env: str | None) -> Key | None:
        if not found:
            found.append(find(card, key_env))
        return found[0]

    return find_key


def _provider(
    choice: Choice, card: Card, question: Question, opened: Opened | None, find_key: KeyFinder
) -> Provider:
    """One that is open, or a new one; where a kept reply may do, without the key."""
    provider = opened.get(choice.spec) if opened is not None else None
    if provider is None:
        key_needed = question.cache is None
        provider = registry.open_provider(
            card, question.key_env, question.retries, key_needed=key_needed, find_key=find_key
        )
        if opened is not None:
            opened[choice.spec] = provider
    return provider


def _replaying(
    provider: Provider, choice: Choice, card: Card, question: Question, config: Config, tell: Teller
) -> Provider:
    """The provider, whose whole answers are kept and given again where it can tell what it sends.

    It was opened without the key that a call needs.
    """
    if not isinstance(provider, Fingerprinted):
        tell(f"{choice.spec} is asked anew: its provider does not tell requests apart")
        return provider
    from llmcli.replies.replaying import Replaying, Terms

    assert question.cache is not None
    terms = Terms(
        seconds=question.cache,
        limit=int(config.get("cache.max_mb").value) * _MB,
        prices=card.models[choice.model].prices,
        free=choice.provider == registry.EMBEDDED,
    )
    return Replaying(provider, terms, tell)


def preview(choice: Choice, question: Question, config: Config) -> str:
    """The exact request that would be sent, secrets masked; a missing key does not matter."""
    card = registry.card_for(choice, config)
    request = _request(choice, card, question, config)
    provider = registry.open_provider(card, question.key_env, key_needed=False)
    try:
        return provider.preview(request)
    finally:
        provider.close()
