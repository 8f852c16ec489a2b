"""What a call costs by genai-prices is what is told, kept and summed up, for every card."""

from __future__ import annotations

import io
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from loopback import Asked, Loopback
from price_peer import SOURCED, as_the_peer_sees, card_of, need_same_version, peer_cost, usages
from support import Llm
from voices import VOICES

from llmcli import app, cards
from llmcli import config as configs
from llmcli.cards import Card, Model
from llmcli.paths import config_dir
from llmcli.question import Question
from llmcli.recorder import Recorder
from llmcli.registry import Choice
from llmcli.render import Display, choose
from llmcli.spending import Window
from llmcli.store import Store, default_path
from llmcli.usage import Usage

CALLS = 3  # of each model
KEY = "told.CANARY.3b1d5f7a9c"


@pytest.fixture(scope="module", autouse=True)
def _same_version() -> None:
    need_same_version()


class Reporter(Loopback):
    """Answers in any wire format, and reports `usage` as far as that format can."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.dialect: Mapping[str, Any] = {}
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> tuple[int, Any]:
        for mark, adapter in PATHS.items():
            if mark in asked.path:
                name, value = REPORTS[adapter](self.usage, self.dialect)
                body = VOICES[adapter]().whole() if adapter in VOICES else {}
                return 200, {**body, name: value, **EMBEDDED.get(mark, {})}
        return 404, {"error": {"message": f"nothing at {asked.path}"}}


@pytest.fixture(scope="module")
def server() -> Iterator[Reporter]:
    """The server of all cards."""
    with Reporter() as found:
        yield found


def _chat(usage: Usage, dialect: Any) -> tuple[str, Any]:
    apart = usage.reasoning or 0 if dialect.get("output_excludes_reasoning") else 0
    return "usage", {
        "prompt_tokens": usage.input,
        "completion_tokens": (usage.output or 0) - apart,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": usage.audio,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _responses(usage: Usage, _: Any) -> tuple[str, Any]:
    return "usage", {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _anthropic(usage: Usage, _: Any) -> tuple[str, Any]:
    return "usage", {
        "input_tokens": _fresh(usage),
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
        "output_tokens": usage.output,
    }


def _gemini(usage: Usage, _: Any) -> tuple[str, Any]:
    details = [{"modality": "AUDIO", "tokenCount": usage.audio}] if usage.audio else []
    return "usageMetadata", {
        "promptTokenCount": usage.input,
        "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": (usage.output or 0) - (usage.reasoning or 0),
        "thoughtsTokenCount": usage.reasoning,
        "promptTokensDetails": details,
    }


def _bedrock(usage: Usage, _: Any) -> tuple[str, Any]:
    return "usage", {
        "inputTokens": _fresh(usage),
        "outputTokens": usage.output,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write,
    }


def _cohere(usage: Usage, _: Any) -> tuple[str, Any]:
    tokens = {"input_tokens": usage.input, "output_tokens": usage.output}
    return "usage", {"tokens": tokens, "cached_tokens": usage.cache_read}


def _embedding(usage: Usage, _: Any) -> tuple[str, Any]:
    return "usage", {"prompt_tokens": usage.input, "total_tokens": usage.input}


def _gemini_embedding(usage: Usage, _: Any) -> tuple[str, Any]:
    return "usageMetadata", {"promptTokenCount": usage.input}


def _cohere_embedding(usage: Usage, _: Any) -> tuple[str, Any]:
    return "meta", {"billed_units": {"input_tokens": usage.input}}


def _fresh(usage: Usage) -> int:
    return (usage.input or 0) - (usage.cache_read or 0) - (usage.cache_write or 0)


REPORTS = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "bedrock": _bedrock,
    "cohere": _cohere,
    "embedding": _embedding,
    "gemini embedding": _gemini_embedding,
    "cohere embedding": _cohere_embedding,
}
PATHS = {
    "/embeddings": "embedding",
    ":batchEmbedContents": "gemini embedding",
    "/embed": "cohere embedding",
    "/chat/completions": "openai-chat",
    "/responses": "openai-responses",
    "/messages": "anthropic",
    ":generateContent": "gemini",
    "/converse": "bedrock",
    "/chat": "cohere",
}
EMBEDDED: dict[str, Any] = {
    "/embeddings": {"data": [{"index": 0, "embedding": [1.0, 2.0]}]},
    ":batchEmbedContents": {"embeddings": [{"values": [1.0, 2.0]}]},
    "/embed": {"embeddings": {"float": [[1.0, 2.0]]}},
}
UNSAID = {  # what a format has no word for
    "openai-responses": ("audio",),
    "anthropic": ("audio", "reasoning"),
    "gemini": ("cache_write",),
    "bedrock": ("audio", "reasoning"),
    "cohere": ("audio", "reasoning", "cache_write"),
}


def sayable(usage: Usage, adapter: str) -> Usage:
    """The usage as far as this format can tell it."""
    usage = usage._replace(audio=usage.audio or None)
    return usage._replace(**dict.fromkeys(UNSAID.get(adapter, ())))


def lay_over(name: str, folder: Path, server: Reporter) -> Card:
    """Have the card's provider be reached at the server; prices and models stay as shipped."""
    card = card_of(name)
    values: dict[str, Any] = {"base_url": server.host, "retries": 0}
    values["adapters"] = {other: {"base_url": server.host} for other in card.adapters}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(tomli_w.dumps(values))
    return card


def answering(card: Card) -> list[Model]:
    """Its models that have a price for what they write."""
    return [model for model in card.models.values() if any(p.output for p in model.prices)]


def embedding(card: Card) -> list[Model]:
    """Its models that have a price and write nothing."""
    return [m for m in card.models.values() if m.prices and all(p.output is None for p in m.prices)]


def expected(name: str, model: Model, usage: Usage, started: float) -> Decimal:
    """What the peer says of a call that began then."""
    moment = datetime.fromtimestamp(started, UTC)
    return peer_cost(name, model.id, usage, as_the_peer_sees(moment, model.prices))


@pytest.mark.parametrize("name", SOURCED)
def test_answers(name: str, server: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model with a price: the turn, its entry, both as they are kept, and the totals."""
    card = lay_over(name, config_dir() / "providers", server)
    for variable in card.key_env:
        monkeypatch.setenv(variable, KEY)
    dice, config = random.Random(f"told {name}"), configs.load()
    totals: dict[str, Decimal] = defaultdict(Decimal)
    store = Store(default_path())
    models = [model for model in answering(card) for _ in range(CALLS)]
    with Recorder(config, lambda words: pytest.fail(words)) as recorder:
        for model in models:
            adapter = model.adapter or card.adapter
            server.dialect = card.dialect
            server.usage = usage = sayable(_chosen(model, dice), adapter)
            display = Display(mode="plain", stdout=io.StringIO(), stderr=io.StringIO())
            question = Question("x", time.monotonic(), stream=False)
            choice = Choice(name, model.id, "a test")
            turn = app.ask([choice], question, config, choose(display), recorder)
            [entry] = turn.attempts
            cost = expected(name, model, usage, entry.started)
            told = (model.id, usage)
            assert turn.usage == usage, told
            for one in (turn.cost, entry.cost):
                assert one is not None, told
                assert (one.amount, one.basis) == (cost, "card"), told
            kept = store.turn(turn.id)
            assert kept is not None
            assert kept.cost == kept.attempts[0].cost == turn.cost, told
            totals[model.id] += cost
    assert totals
    found = store.accounts.totals(Window(provider=name), ("model",))
    store.close()
    assert {one.key[0]: one.sums.cost for one in found} == totals
    assert sum(one.sums.requests for one in found) == len(models)
    assert not any(one.sums.unpriced for one in found)


def _chosen(model: Model, dice: random.Random) -> Usage:
    return dice.choice(list(usages(model.prices, dice))[:6])  # the edges of tiers among them


FORMATS = ("openai", "groq", "anthropic", "gemini", "bedrock", "cohere")
CASES = [(name, answering) for name in FORMATS]
CASES += [(name, embedding) for name in SOURCED if embedding(card_of(name))]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_command(name: str, kind: Any, llm: Llm, server: Reporter) -> None:
    """`llm ask` and `llm embed` of every wire format, run as they are installed."""
    card = lay_over(name, llm.home / "config" / "providers", server)
    dice = random.Random(f"command {name}")
    model = dice.choice(kind(card))
    server.dialect = card.dialect
    if kind is embedding:
        args = ("embed", "-m", f"{name}/{model.id}", "--json", "some words")
        server.usage = usage = Usage(dice.randrange(100_000), 0)
    else:
        args = ("-m", f"{name}/{model.id}", "--no-stream", "--json", "some words")
        server.usage = usage = sayable(_chosen(model, dice), model.adapter or card.adapter)
    result = llm(*args, env=dict.fromkeys(card.key_env, KEY))
    assert result.code == 0, result.err
    [row] = llm.attempts()
    cost = expected(name, model, usage, row["started"])
    assert Decimal(result.json["cost"]["amount"]) == Decimal(row["cost"]) == cost
    assert row["pico"] == int(cost.scaleb(12)) == cost.scaleb(12)
    [spent] = llm.query("SELECT * FROM spending")
    assert spent["requests"] == 1


def test_each_card_with_prices_has_a_peer_or_says_where_its_prices_are_from() -> None:
    """No card's arithmetic goes unlooked at."""
    priced = {card.id for card in cards.load_readable() if any(map(_priced, card.models.values()))}
    others = priced - set(SOURCED)
    texts = {name: (cards.shelf() / f"{name}.toml").read_text(encoding="utf-8") for name in others}
    assert all("# prices: https://" in text for text in texts.values()), others


def _priced(model: Model) -> bool:
    return bool(model.prices)
