"""`llm providers test`: reachable, key accepted, model present, answering."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli.cli.root import epilog
from llmcli.errors import (
    NO_SUCH_CALL,
    AuthError,
    LlmError,
    NotFound,
    PermissionDenied,
    ProviderError,
)
from llmcli.explain import reason
from llmcli.terminal import clean, out, out_json, style

if TYPE_CHECKING:
    from llmcli.cards import Card
    from llmcli.engines.base import Provider

EXAMPLES = """
llm providers test              every provider you can ask
llm providers test groq lab
llm providers test groq --model openai/gpt-oss-120b --json
"""
_PROMPT = "Reply with the word ok."


@dataclass(slots=True)
class Report:
    """What a test found; what is not known is None.

    `state` is works, not ready, unreachable, key missing, key refused, model missing or failed.
    """

    name: str
    state: str = "works"
    model: str | None = None
    key: str | None = None
    models: int | None = None
    reachable_ms: int | None = None
    first_token_s: float | None = None
    message: str = ""
    exit_code: int = 0


def register(providers: typer.Typer) -> None:
    """Add the command."""
    providers.command("test", epilog=epilog(EXAMPLES))(check)


def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="All you can ask by default.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="MODEL", help="The model to try.")
    ] = None,
    key_env: Annotated[
        str | None, typer.Option("--key-env", metavar="NAME", help="The variable with the key.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
) -> int:
    """Make a real call to each provider and say what works and what does not."""
    from llmcli import registry

    chosen = names or [card.id for card in registry.configured()]
    if not chosen:
        raise registry.NothingConfigured("no provider is configured", hint=registry.START_HINT)
    reports = []
    for name in chosen:
        report = examine(name, model, key_env)
        reports.append(report)
        if not as_json:
            out(line(report))
    if as_json:
        out_json([asdict(report) for report in reports])
    return next((report.exit_code for report in reports if report.exit_code), 0)


def examine(name: str, model: str | None = None, key_env: str | None = None) -> Report:
    """Test one provider: its list of models if it has one, then a short answer."""
    from llmcli import config, registry

    card = registry.load_card(name)
    report = Report(name)
    try:
        choice = registry.Choice(name, model or card.default_model, "")
        spoken = registry.card_for(choice, config.load())
        provider = registry.open_provider(spoken, key_env, retries=0)
    except LlmError as error:
        return _failed(report, error, "not ready")
    key = getattr(provider, "key", None) or getattr(provider, "signer", None)
    report.key = key.source if key else None
    try:
        _list(provider, card, report, model)
        if not report.exit_code and report.model:
            _ask(provider, report)
    finally:
        provider.close()
    return report


def _list(provider: Provider, card: Card, report: Report, model: str | None) -> None:
    begun = time.monotonic()
    listed: list[str] = []
    try:
        listed = [found.id for found in provider.models()]
        report.models = len(listed)
    except LlmError as error:
        # A server without a list of models may still answer.
        status = error.http_status if isinstance(error, ProviderError) else None
        if status is not None:
            report.reachable_ms = round((time.monotonic() - begun) * 1000)
        if status not in NO_SUCH_CALL:
            _failed(report, error)
            return
    report.reachable_ms = round((time.monotonic() - begun) * 1000)
    report.model = model or card.default_model or next(iter([*card.models, *listed]), None)
    if not report.model:
        report.message = "no model to try: name one with --model"
    elif listed and report.model not in listed:
        report.message = f"model {report.model} is not in its list"


def _ask(provider: Provider, report: Report) -> None:
    from llmcli.events import CONTENT_EVENTS, Finish
    from llmcli.messages import Message, Request, Text

    assert report.model
    message = Message("user", (Text(_PROMPT),))
    begun = time.monotonic()
    events = provider.stream(Request(report.model, (message,)))
    try:
        for event in events:
            if isinstance(event, (*CONTENT_EVENTS, Finish)):
                report.first_token_s = round(time.monotonic() - begun, 3)
                break
    except LlmError as error:
        _failed(report, error)
    finally:
        close = getattr(events, "close", None)
        if close:
            close()


def _failed(report: Report, error: LlmError, state: str = "") -> Report:
    report.exit_code = error.exit_code
    report.message = reason(error)
    report.state = state or _state(error)
    return report


def _state(error: LlmError) -> str:
    if error.kind in ("network", "timeout"):
        return "unreachable"
    if isinstance(error, AuthError) and not error.key_sent:
        return "key missing"
    if isinstance(error, (AuthError, PermissionDenied)):
        return "key refused"
    return "model missing" if isinstance(error, NotFound) else "failed"


def line(report: Report) -> str:
    """The report as one line for a person."""
    good, bad = style("✓", "green"), style("✗", "red")
    parts = []
    if report.reachable_ms is not None:
        parts.append(f"{good} reachable {report.reachable_ms} ms")
    if report.key and report.state not in ("key refused", "unreachable"):
        parts.append(f"{good} key from {clean(report.key)}")
    if report.exit_code:
        parts.append(f"{bad} {report.state}: {clean(report.message)}")
    elif report.first_token_s is not None:
        words = f"model {clean(report.model or '')} · first token {report.first_token_s} s"
        parts.append(f"{good} {words}")
    if report.message and not report.exit_code:
        parts.append(clean(report.message))
    return f"{clean(report.name)}  {' · '.join(parts)}"
