"""The kept lists of models: written whole, read back the same, never trusted."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from llmcli import catalogue, config, registry
from llmcli.cards import Card, Model
from llmcli.errors import LocalIOError
from llmcli.usage import Price

CARD = Card("p", "P", "openai-chat", base_url="http://host/v1")
DAY = date(2026, 11, 21)
FULL = Model(
    "a/b",
    context=1000,
    output=10,
    input=("text", "image"),
    tools=True,
    reasoning=False,
    retired=date(2027, 1, 2),
    prices=(
        Price(Decimal("0.1"), Decimal("2E-7"), cache_read=Decimal("0.01")),
        Price(Decimal("0.2"), Decimal(1), above=200_000),
    ),
)


def test_what_is_kept_is_read_back() -> None:
    catalogue.save(CARD, [FULL, Model("bare")], DAY)
    found = catalogue.read(CARD)
    assert found is not None
    assert found.day == DAY
    assert found.models() == {"a/b": FULL, "bare": Model("bare")}
    assert found.model("a/b") == FULL
    assert found.model("other") is None


def test_it_is_private_and_replaced_whole() -> None:
    catalogue.save(CARD, [Model("old")], DAY)
    catalogue.save(CARD, [Model("new")], DAY)
    path = catalogue.path_of(CARD)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["p.json"]
    listing = catalogue.read(CARD)
    assert listing is not None
    assert list(listing.rows) == ["new"]


def test_a_list_of_another_address_does_not_count() -> None:
    catalogue.save(CARD, [FULL], DAY)
    assert catalogue.read(CARD._replace(base_url="http://other/v1")) is None


def test_there_is_none_at_first() -> None:
    assert catalogue.read(CARD) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "3", '"x"', "{}", "\xff", "[" * 100_000,
        '{"day": "2026-11-21", "base_url": "http://host/v1"}',
        '{"day": "2026-11-21", "base_url": "http://host/v1", "models": []}',
        '{"day": "soon", "base_url": "http://host/v1", "models": {}}',
        '{"day": null, "base_url": "http://host/v1", "models": {}}',
    ],
)  # fmt: skip
def test_a_broken_file_is_none(text: str) -> None:
    catalogue.save(CARD, [], DAY)
    catalogue.path_of(CARD).write_bytes(text.encode("latin-1"))
    assert catalogue.read(CARD) is None


@pytest.mark.parametrize(
    "row",
    [
        None, 3, "x", [1], {"context": "8k"}, {"context": -1}, {"context": True}, {"input": "text"},
        {"input": ["smell"]}, {"tools": 1}, {"retired": "soon"}, {"retired": 3}, {"other": 1},
        {"prices": {"input": "1"}}, {"prices": [3]}, {"prices": [{"input": "dear"}]},
        {"prices": [{"input": "NaN"}]}, {"prices": [{"input": "-1"}]}, {"prices": [{"in": "1"}]},
        {"prices": [{"input": [1]}]},
    ],
)  # fmt: skip
def test_a_broken_row_is_passed_over(row: Any) -> None:
    catalogue.save(CARD, [FULL], DAY)
    path = catalogue.path_of(CARD)
    kept = json.loads(path.read_text())
    kept["models"]["odd"] = row
    path.write_text(json.dumps(kept))
    found = catalogue.read(CARD)
    assert found is not None
    assert found.model("odd") is None
    assert list(found.models()) == ["a/b"]


def test_a_folder_that_cannot_be_written() -> None:
    catalogue.path_of(CARD).mkdir(parents=True)
    with pytest.raises(LocalIOError, match="cannot be written"):
        catalogue.save(CARD, [], DAY)


def test_the_card_goes_over_the_list_and_the_config_over_both() -> None:
    catalogue.save(CARD, [FULL, Model("listed", context=5)], DAY)
    named = {"a/b": Model("a/b", context=9, tools=False), "mine": Model("mine")}
    card = CARD._replace(models=named)
    settings = config.Config(
        config.config_path(), {"models": {"p/a/b": {"output": 3}, "p/own": {"context": 4}}}
    )
    found = registry.known_models(card, settings)
    assert list(found) == ["a/b", "mine", "listed", "own"]
    assert found["a/b"] == FULL._replace(context=9, tools=False, output=3)
    assert found["own"] == Model("own", context=4)
    for name, model in found.items():
        assert registry.known_model(card, name, settings) == model
    assert registry.known_model(card, "never heard of", settings) == Model("never heard of")
