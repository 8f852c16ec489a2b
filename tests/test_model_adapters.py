"""A model may speak another wire format than its provider's card says of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import wire
from replay_server import ReplayServer
from support import Llm, write_card

from llmcli import cards, config, registry
from llmcli.adapters.choice import able, speaking, supported
from llmcli.cards import Card, Model
from llmcli.errors import ConfigError, CredentialsError
from llmcli.keys import index
from llmcli.messages import Message, Request, Text
from llmcli.registry import Choice

CARD = Card(
    "p",
    "P",
    "openai-responses",
    "https://one.example/v1",
    dialect={"cost": "cost_in_usd_ticks", "unsupported": ["user"]},
    adapters={
        "openai-chat": {"dialect": {"max_tokens": "max_completion_tokens", "unsupported": []}},
        "anthropic": {"base_url": "https://two.example"},
    },
    models={"old": Model("old", adapter="openai-chat")},
)


def spoken(text: str) -> bytes:
    """A Responses answer that says this."""
    done = {"status": "completed", "output": [], "usage": {"input_tokens": 3, "output_tokens": 1}}
    return wire.event({"type": "response.output_text.delta", "delta": text}) + wire.event(
        {"type": "response.completed", "response": done}
    )


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    """It says by which of the two wire formats it was asked."""
    answers = {
        "/responses": spoken("by responses"),
        "/chat/completions": wire.answer(["by chat"]),
        "/responses/input_tokens": b'{"input_tokens": 7}',
        "/models": b'{"data": [{"id": "m"}, {"id": "old"}]}',
    }
    with ReplayServer(answers) as found:
        yield found


@pytest.fixture
def both(llm: Llm, server: ReplayServer) -> Llm:
    """A provider of two wire formats, where one model speaks the second."""
    write_card(
        llm,
        server.url,
        adapter="openai-responses",
        adapters={
            "openai-responses": {"dialect": {"input_tokens": True}},
            "openai-chat": {"dialect": {"max_tokens": "max_completion_tokens"}},
        },
        models={"m": {}, "old": {"adapter": "openai-chat"}},
    )
    return llm


class TestCard:
    def test_what_an_adapter_says_lies_over_what_the_card_says_of_all(self) -> None:
        assert speaking(CARD).dialect == CARD.dialect
        chat = speaking(CARD, "openai-chat")
        assert chat.base_url == "https://one.example/v1"
        assert chat.dialect == {
            "cost": "cost_in_usd_ticks",
            "max_tokens": "max_completion_tokens",
            "unsupported": [],
        }
        assert speaking(CARD, "anthropic").base_url == "https://two.example"
        assert speaking(chat) == chat

    def test_options_are_those_of_the_adapter(self) -> None:
        assert "stop" not in supported(speaking(CARD))
        assert "user" not in supported(speaking(CARD))
        assert {"stop", "user"} <= supported(speaking(CARD, "openai-chat"))

    def test_who_else_can_send_an_option(self) -> None:
        assert able(speaking(CARD), "stop") == "openai-chat"
        assert able(speaking(CARD), "num_ctx") == ""
        assert able(speaking(CARD, "openai-chat"), "seed") == ""

    def test_the_user_decides_before_the_card(self) -> None:
        cards.save("p", {"adapter": "openai-responses", "models": {"a": {"adapter": "gemini"}}})
        empty = config.load()
        assert registry.card_for(Choice("p", "a", ""), empty).adapter == "gemini"
        assert registry.card_for(Choice("p", "b", ""), empty).adapter == "openai-responses"
        mine = empty._replace(values={"models": {"p/a": {"adapter": "openai-chat"}}})
        assert registry.card_for(Choice("p", "a", ""), mine).adapter == "openai-chat"

    def test_what_is_known_of_the_model_comes_with_the_card(self) -> None:
        """An adapter asks the card whether the model reasons, the user's word included."""
        cards.save("p", {"adapter": "openai-responses", "models": {"a": {"context": 9}}})
        mine = config.load()._replace(values={"models": {"p/a": {"reasoning": True}}})
        known = registry.card_for(Choice("p", "a", ""), mine).models["a"]
        assert (known.context, known.reasoning) == (9, True)

    def test_a_stored_key_stays_with_its_address(self) -> None:
        """An adapter at another address gets none; to store it again would not help."""
        index.add("p", "https://one.example:443", "keyring.backends.null.Keyring")
        cards.save(
            "p",
            {
                "adapter": "openai-responses",
                "base_url": "https://one.example/v1",
                "key_env": ["P_KEY"],
                "adapters": {"anthropic": {"base_url": "https://two.example"}},
                "models": {"a": {"adapter": "anthropic"}},
            },
        )
        card = registry.card_for(Choice("p", "a", ""), config.load())
        with pytest.raises(CredentialsError, match=r"not sent to https://two\.example") as caught:
            registry.open_provider(card)
        assert "P_KEY" in caught.value.hint
        assert "llm keys set" not in caught.value.hint
        cards.save("p", {**cards.user_values("p"), "base_url": "https://two.example/v1"})
        with pytest.raises(CredentialsError, match="not sent to") as caught:
            registry.open_provider("p")
        assert "llm keys set p" in caught.value.hint

    def test_an_adapter_that_does_not_exist(self) -> None:
        cards.save("p", {"adapter": "openai-chat", "models": {"a": {"adapter": "opnai-chat"}}})
        with pytest.raises(ConfigError, match=r'provider p: .*"opnai-chat".*"openai-chat"'):
            registry.card_for(Choice("p", "a", ""), config.load())

    @pytest.mark.parametrize(("name", "counts"), [("openai", True), ("xai", False)])
    def test_who_counts_tokens(self, name: str, counts: bool) -> None:
        card = speaking(registry.load_card(name))
        request = Request("m", (Message("user", (Text("hi"),)),))
        call = registry.adapters.find(card.adapter)().render_tokens(request, card, None)
        assert (call is not None) == counts

    @pytest.mark.parametrize("name", ["openai", "xai"])
    def test_own_card_may_go_back_to_chat(self, name: str) -> None:
        """One line in a card of one's own is enough: the shipped dialects know both."""
        cards.save(name, {"adapter": "openai-chat"})
        card = speaking(registry.load_card(name))
        assert card.adapter == "openai-chat"
        assert "stop" in supported(card) or name == "xai"
        registry.adapters.find(card.adapter)().check_dialect(card)


class TestAsked:
    def test_each_model_by_its_own(self, both: Llm, server: ReplayServer) -> None:
        assert both("-m", "fs/m", "hi").text == "by responses"
        assert both("-m", "fs/old", "-o", "max_output_tokens=9", "hi").text == "by chat"
        (first, responses), (second, chat) = server.asked
        assert first.endswith("/v1/responses")
        assert responses["input"] == [{"type": "message", "role": "user", "content": "hi"}]
        assert second.endswith("/v1/chat/completions")
        assert chat["max_completion_tokens"] == 9

    def test_set_by_the_user(self, both: Llm) -> None:
        assert both("config", "set", 'models."fs/m".adapter', "openai-chat").code == 0
        assert both("-m", "fs/m", "-o", "stop=x", "hi").text == "by chat"
        assert both("models", "show", "fs/m", "--json").json["adapter"] == "openai-chat"

    def test_an_option_that_only_the_other_one_takes(self, both: Llm, server: ReplayServer) -> None:
        """The error names the option and the very command that helps."""
        result = both("-m", "fs/m", "-o", "stop=x", "hi")
        assert (result.code, server.asked) == (2, [])
        assert "fs cannot send the option stop" in result.err
        _, command = result.err.split("openai-chat can: llm ")
        key = command.split("'")[1]
        assert command.strip() == f"config set '{key}' openai-chat"
        assert both("config", "set", key, "openai-chat").code == 0
        assert both("-m", "fs/m", "-o", "stop=x", "hi").text == "by chat"

    @pytest.mark.parametrize("option", ["stop", "seed", "presence_penalty", "frequency_penalty"])
    def test_options_of_openai_that_responses_lacks(self, llm: Llm, option: str) -> None:
        llm.env["OPENAI_API_KEY"] = "sk-nothing"
        result = llm("-m", "openai/gpt-4.1", "-o", f"{option}=1", "--dry-run", "hi")
        assert result.code == 2
        assert option in result.err
        assert """llm config set 'models."openai/gpt-4.1".adapter' openai-chat""" in result.err
        assert llm("config", "set", 'models."openai/gpt-4.1".adapter', "openai-chat").code == 0
        sent = llm("-m", "openai/gpt-4.1", "-o", f"{option}=1", "--dry-run", "hi")
        assert "POST https://api.openai.com/v1/chat/completions" in sent.text

    def test_openai_is_not_to_keep_the_answer(self, llm: Llm) -> None:
        sent = llm("-m", "openai/gpt-6-luna", "--dry-run", "hi").text
        address, _, body = sent.partition("\n\n")
        assert address.startswith("POST https://api.openai.com/v1/responses")
        found: dict[str, Any] = json.loads(body)
        assert found["store"] is False
        assert found["include"] == ["reasoning.encrypted_content"]

    def test_a_wrong_adapter_is_refused_before_it_is_set(self, both: Llm) -> None:
        result = both("config", "set", 'models."fs/m".adapter', "opnai-chat")
        assert result.code == 3
        assert 'Did you mean "openai-chat"?' in result.err
        assert both("-m", "fs/m", "hi").text == "by responses"

    def test_config_check_tells_of_wrong_adapters_in_a_card(self, llm: Llm) -> None:
        path = write_card(
            llm,
            "http://127.0.0.1:9/v1",
            adapters={"openai-chta": {}, "openai-chat": {"dialect": {"max_tokns": 1}}},
            models={"m": {"adapter": "gemni"}},
        )
        result = llm("config", "check")
        assert result.code == 3
        assert str(path) in result.err
        for words in ("openai-chta", '"max_tokens"', '"gemini"'):
            assert words in result.err

    def test_counting_and_testing_take_the_same_way(self, both: Llm, server: ReplayServer) -> None:
        assert both("tokens", "-m", "fs/m", "hi").text == "7\n"
        assert both("providers", "test", "fs", "--model", "old").code == 0
        assert [path for path, _ in server.asked] == [
            "/v1/responses/input_tokens",
            "/v1/models",
            "/v1/chat/completions",
        ]

    def test_what_a_provider_can_speak_is_shown(self, both: Llm) -> None:
        facts = both("providers", "show", "fs", "--json").json
        assert facts["adapters"] == ["openai-chat", "openai-responses"]
        assert facts["dialect"] == {"input_tokens": True}
