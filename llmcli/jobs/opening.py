"""Opens the batch service of a model's provider."""

from __future__ import annotations

from typing import NamedTuple

from llmcli import cards, registry
from llmcli.adapters import batches
from llmcli.cards import Model
from llmcli.config import Config
from llmcli.errors import ConfigError, UsageError
from llmcli.jobs import Job
from llmcli.messages import Message, Request, Text
from llmcli.origins import origin
from llmcli.provider import HttpProvider
from llmcli.registry import Choice
from llmcli.service import BatchService

TRIAL = Message("user", (Text("x"),))  # any question, where only the headers of one are wanted


class Opened(NamedTuple):
    """A batch service, and the model that is asked there as the card has it."""

    service: BatchService
    model: Model


def check(choice: Choice, config: Config) -> None:
    """Raise UsageError where the provider has no batch service, ConfigError."""
    card = registry.card_for(choice, config)
    if batches.find(card) is None:
        raise UsageError(
            f"{choice.provider} has no batch service; these have one: {', '.join(having())}",
            hint="To ask it from here, many prompts at once: llm batch FILE -o OUT",
        )


def having() -> list[str]:
    """The ids of the providers that have a batch service."""
    return [card.id for card in cards.load_readable() if card.batch.get("service")]


def open_service(choice: Choice, request: Request, config: Config, key_env: str | None) -> Opened:
    """The service for such requests, ready to be used.

    Raises UsageError, ConfigError, and CredentialsError where no key is found.
    """
    check(choice, config)
    card = registry.card_for(choice, config)
    provider = registry.open_provider(card, key_env)
    service = batches.find(card)
    assert isinstance(provider, HttpProvider)
    assert service
    return Opened(BatchService(provider, service, request), card.models[choice.model])


def reopen(job: Job, config: Config, key_env: str | None) -> Opened:
    """The service that a job was handed to. Raises ConfigError where the card leads elsewhere."""
    request = Request(job.model, (TRIAL,), options=job.options, extra=job.extra, stream=False)
    opened = open_service(Choice(job.provider, job.model, "the job"), request, config, key_env)
    here = origin(opened.service.card.base_url)
    if here != job.origin:
        raise ConfigError(
            f"job {job.short} is at {job.origin}, and {job.provider} is now {here}",
            hint=f"Its card says where: llm providers show {job.provider}",
        )
    return opened
