"""Wire formats by name: ours by table, strangers' by entry point."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from llmcli.errors import ConfigError
from llmcli.options import nearest

ENTRY_POINTS = "llmcli.adapters"
BUILT_IN = {
    "openai-chat": "llmcli.adapters.openai_chat:OpenAIChat",
    "openai-responses": "llmcli.adapters.openai_responses:OpenAIResponses",
    "anthropic": "llmcli.adapters.anthropic:Anthropic",
    "gemini": "llmcli.adapters.gemini:Gemini",
    "ollama": "llmcli.adapters.ollama:Ollama",
    "cohere": "llmcli.adapters.cohere:Cohere",
    "bedrock": "llmcli.adapters.bedrock:Bedrock",
    "local": "llmcli.engines.local:LocalEngine",
}


def find(name: str) -> Any:
    """The class of an adapter, or of a whole provider, by its name. Raises ConfigError.

    Entry points are looked at only for a name that is not ours: the scan costs milliseconds.
    """
    target = BUILT_IN.get(name)
    if target:
        module, _, attribute = target.partition(":")
        return getattr(import_module(module), attribute)
    from importlib.metadata import entry_points

    strangers = entry_points(group=ENTRY_POINTS)
    for entry in strangers:
        if entry.name == name:
            return _load(entry)
    known = [*BUILT_IN, *strangers.names]
    raise ConfigError(
        f'unknown adapter "{name}".{nearest(name, known)}', hint=f"Known: {', '.join(known)}."
    )


def _load(entry: Any) -> Any:
    try:
        return entry.load()
    except Exception as error:
        raise ConfigError(
            f'adapter "{entry.name}" from {entry.value} does not load: {error}'
        ) from error
