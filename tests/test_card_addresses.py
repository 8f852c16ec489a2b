"""Where the shipped cards of several addresses lead."""

from __future__ import annotations

import pytest

from llmcli import cards, origins, registry
from llmcli.adapters.anthropic import Anthropic
from llmcli.adapters.choice import speaking
from llmcli.adapters.openai_responses import OpenAIResponses
from llmcli.cards import Card
from llmcli.errors import CredentialsError
from llmcli.keys import index
from llmcli.messages import Message, Request, Text
from llmcli.provider import HttpProvider

OF_THE_SDK = pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai", "OPENAI_BASE_URL"),
        ("anthropic", "ANTHROPIC_BASE_URL"),
        ("gemini", "GOOGLE_GEMINI_BASE_URL"),
    ],
)


def shipped(name: str) -> Card:
    card = cards.load(name)
    assert card is not None
    return card


def address(name: str) -> str:
    """Where calls go."""
    provider = registry.open_provider(name)
    assert isinstance(provider, HttpProvider)
    assert provider.key
    return provider.card.base_url


@OF_THE_SDK
def test_a_key_in_the_environment_goes_where_the_environment_says(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with the vendor's own SDK: such a key may be that of a gateway."""
    monkeypatch.setenv(shipped(name).key_env[0], "sk-of-a-gateway")
    assert "gateway" not in address(name)
    monkeypatch.setenv(variable, "https://gateway.example/v1/")
    assert origins.origin(address(name)) == "https://gateway.example:443"


@OF_THE_SDK
def test_a_stored_key_does_not_follow(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is bound to the address that it was stored for."""
    index.add(name, origins.origin(shipped(name).base_url.partition(":-")[2][:-1]), "nowhere")
    monkeypatch.setenv(variable, "https://gateway.example/v1")
    with pytest.raises(CredentialsError, match=r"not sent to https://gateway\.example"):
        registry.open_provider(name)


@pytest.mark.parametrize("name", ["deepseek", "minimax", "moonshot", "zai"])
def test_the_door_for_anthropics_wire_format(name: str) -> None:
    """It has a path of its own, and is told nothing of what Chat Completions needs."""
    card = shipped(name)
    door = speaking(card, "anthropic")
    assert door.base_url.endswith("/anthropic")
    assert origins.origin(door.base_url) == origins.origin(card.base_url)
    prompt = Message("user", (Text("hi"),))
    call = Anthropic().render(Request("m", (prompt,), {"reasoning_effort": "low"}), door, None)
    assert call.url == door.base_url + "/v1/messages"
    assert call.headers["anthropic-version"] == "2023-06-01"
    assert call.body
    assert call.body["thinking"]["type"] == "enabled"
    assert "output_config" not in call.body


def test_azure_endpoints_end_in_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com/")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k-123456789")
    assert address("azure") == "https://res.openai.azure.com/openai/v1"


def test_azure_deployments_may_speak_responses() -> None:
    """Also when the user's own card says so of all of them."""
    path = cards.user_shelf() / "azure.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('adapter = "openai-responses"\n')
    spoken = speaking(shipped("azure"))
    OpenAIResponses().check_dialect(spoken)
    assert spoken.dialect == {"auth": "api-key"}


def test_another_adapter_takes_what_it_knows_of_the_shared_dialect() -> None:
    """`max_tokens` is a field of Chat Completions: for Responses nobody has to take it back."""
    shared = {"auth": "api-key", "max_tokens": "max_completion_tokens", "unsupported": ["user"]}
    card = Card("p", "P", "openai-chat", dialect=shared)
    spoken = speaking(card, "openai-responses")
    OpenAIResponses().check_dialect(spoken)
    assert spoken.dialect == {"auth": "api-key", "unsupported": ["user"]}
    assert speaking(card, "nothing").dialect == shared
