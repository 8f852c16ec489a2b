"""What can be wrong with a provider: unreachable, key refused, model gone, clocks apart."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from llmcli.cli.doctor.findings import Finding, good, problem, warning
from llmcli.errors import NO_SUCH_CALL, LlmError, ProviderError
from llmcli.explain import explain

if TYPE_CHECKING:
    from llmcli.cards import Card
    from llmcli.config import Config

SECONDS = 10.0
_AT_ONCE = 8
_SKEW_SECONDS = 60.0


def findings(names: Sequence[str], config: Config) -> Iterator[Finding]:
    """One finding or more for each provider, in order, all asked at the same time."""
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for found in pool.map(lambda name: _examine(name, config), names):
            yield from found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C waits for nobody


def _examine(name: str, config: Config) -> list[Finding]:
    from llmcli import registry

    facts: dict[str, Any] = {"provider": name}
    try:
        card = registry.load_card(name)
        provider = registry.open_provider(name, retries=0)
    except LlmError as error:
        mend = error.hint or "llm config check"
        return [problem(name, error.message, mend, error.exit_code, **facts)]
    key = getattr(provider, "key", None)
    facts["key"] = key.source if key else None
    begun = time.monotonic()
    provider.set_deadline(SECONDS, begun)
    listed: set[str] = set()
    failure: LlmError | None = None
    try:
        listed = {model.id for model in provider.models()}
    except LlmError as error:
        failure = error
    finally:
        provider.close()
    facts["latency_ms"] = round((time.monotonic() - begun) * 1000)
    facts["clock_offset_s"] = getattr(provider, "clock_offset", None)
    facts["models"] = None if failure else len(listed)
    last = _failed(name, failure, facts) if failure else _listed(card, listed, config, facts)
    return [*_clock(name, facts), last]


def _failed(name: str, error: LlmError, facts: dict[str, Any]) -> Finding:
    status = error.http_status if isinstance(error, ProviderError) else None
    if status in NO_SUCH_CALL:
        words = f"reachable in {facts['latency_ms']} ms, but it lists no models (HTTP {status})"
        return warning(
            name, words, f"To see whether it answers: llm providers test {name}", **facts
        )
    mend = error.hint or f"See its address and settings: llm providers show {name}"
    words = explain(error)[0].removeprefix(f"{name}: ")
    return problem(name, words, mend, error.exit_code, **facts)


def _clock(name: str, facts: dict[str, Any]) -> Iterator[Finding]:
    offset = facts["clock_offset_s"]
    if offset is not None and abs(offset) > _SKEW_SECONDS:
        words = f"its clock and yours are {abs(offset):,.0f} s apart"
        yield warning(
            name, words, "Set this machine's clock: certificates and signatures depend on it."
        )


def _listed(card: Card, listed: set[str], config: Config, facts: dict[str, Any]) -> Finding:
    """Whether the models that are asked by default are still there."""
    words = f"reachable in {facts['latency_ms']} ms" if card.base_url else "on this machine"
    if facts["key"]:
        words += f" · key from {facts['key']}"
    words += f" · {len(listed)} model{'' if len(listed) == 1 else 's'}"
    missing = [model for model in _wanted(card, config) if listed and model not in listed]
    if missing:
        mend = f"llm models list --provider {card.id}"
        return warning(card.id, f"{words} · not in its list: {', '.join(missing)}", mend, **facts)
    return good(card.id, words, **facts)


def _wanted(card: Card, config: Config) -> list[str]:
    """The models of this provider that the config and the card name as a default."""
    specs = [config.get("default_model").value, *config.table("aliases").values()]
    prefix = card.id + "/"
    named = [str(spec).removeprefix(prefix) for spec in specs if str(spec).startswith(prefix)]
    return list(dict.fromkeys([*named, *([card.default_model] if card.default_model else [])]))
