"""Failures in words: what failed, which provider and model, what to type next."""

from __future__ import annotations

from llmcli import cards
from llmcli.errors import (
    AuthError,
    IncompleteError,
    LlmError,
    NotFound,
    ProviderError,
    RateLimitError,
)
from llmcli.options import close_names


def explain(error: LlmError) -> tuple[str, str]:
    """The message and the hint for a person, not yet cleaned."""
    if not isinstance(error, ProviderError) or error.provider is None:
        return error.message, error.hint
    facts = _facts(error)
    if isinstance(error, AuthError) and not error.key_sent:
        return f"{error.provider} wants a key{facts}, and none was sent", error.hint
    if isinstance(error, AuthError):
        return f"{error.provider} refused the key{facts}: {error.message}", error.hint
    who = f"{error.provider}/{error.model}" if error.model else error.provider
    if isinstance(error, IncompleteError):
        return (
            f"incomplete: {who}: {error.message}{facts}",
            "What arrived is kept: llm history last",
        )
    if isinstance(error, RateLimitError) and error.retry_after:
        when = _duration(error.retry_after)
        return f"{who}: rate limit, come back in {when}{facts}: {error.message}", error.hint
    if isinstance(error, NotFound) and error.model:
        hint = error.hint or _nearest(error.provider, error.model)
        return f"{who}: {error.message}{facts}", hint
    return f"{who}: {error.message}{facts}", error.hint


def reason(error: LlmError) -> str:
    """The message with status and code, for where the provider is named already."""
    return error.message + (_facts(error) if isinstance(error, ProviderError) else "")


def _facts(error: ProviderError) -> str:
    """Status and code in brackets, where known."""
    known = [str(fact) for fact in (error.http_status, error.code) if fact]
    if error.request_id:
        known.append(f"request {error.request_id}")
    return f" ({' '.join(known)})" if known else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _nearest(provider: str, model: str) -> str:
    """The models of the card with the nearest names, and where all of them are."""
    card = cards.load(provider)
    close = close_names(model, card.models) if card else []
    lines = [f"Nearest: {', '.join(close)}"] if close else []
    return "\n".join([*lines, f"All of them: llm providers models {provider}"])
