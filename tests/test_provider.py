"""Providers as the core sees them: over HTTP and embedded, the same behaviour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from behaviour import ProviderBehaviour
from good_server import KEY, GoodServer
from local_weights import give
from support import Llm

from llmcli import registry
from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card
from llmcli.engines.base import Provider
from llmcli.errors import IncompleteError
from llmcli.events import Event, Finish, Retry, Start, TextDelta
from llmcli.keys import Key
from llmcli.messages import Message, Request, Text
from llmcli.provider import HttpProvider
from llmcli.redaction import Secret


class TestOpenAIChat(ProviderBehaviour):
    """Chat Completions over HTTP."""

    @pytest.fixture
    def provider(self) -> Iterator[Provider]:
        with GoodServer(KEY) as server:
            card = Card(id="p", name="P", adapter="openai-chat", base_url=server.url)
            provider = HttpProvider(card, Key(Secret(KEY), "test"), OpenAIChat())
            yield provider
            provider.close()


@pytest.mark.local
class TestLocalEngine(ProviderBehaviour):
    """The embedded engine with its real weights."""

    MODEL = "smollm2"

    @pytest.fixture
    def provider(self, llm: Llm) -> Iterator[Provider]:
        give(llm)
        provider = registry.open_provider("local")
        yield provider
        provider.close()


def test_start_tells_status_and_request_id(faults) -> None:  # type: ignore[no-untyped-def]
    """What the server's support would ask for is known from the first event on."""
    card = Card(id="p", name="P", adapter="openai-chat", base_url=faults.url("ok"))
    provider = HttpProvider(card, None, OpenAIChat())
    request = Request("m", (Message("user", (Text("hi"),)),))
    start = next(e for e in provider.stream(request) if isinstance(e, Start))
    provider.close()
    assert (start.request_id, start.http_status) == ("req-42", 200)


def test_no_retry_after_the_first_content(faults) -> None:  # type: ignore[no-untyped-def]
    """An answer that breaks off is not asked for again."""
    card = Card(id="p", name="P", adapter="openai-chat", base_url=faults.url("reset"), backoff=0)
    provider = HttpProvider(card, None, OpenAIChat())
    request = Request("m", (Message("user", (Text("hi"),)),))
    seen: list[Event] = []
    with pytest.raises(IncompleteError, match="connection"):
        seen.extend(provider.stream(request))
    provider.close()
    assert any(isinstance(event, TextDelta) for event in seen)
    assert not any(isinstance(event, Retry | Finish) for event in seen)
    assert len(faults.requests("reset")) == 1
