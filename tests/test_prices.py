"""Each price of the shipped cards gives, to the last digit, what genai-prices calculates."""

from __future__ import annotations

import datetime
import random
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from price_peer import (
    SIGN,
    SOURCED,
    as_the_peer_sees,
    card_of,
    moments,
    need_same_version,
    peer_cost,
    price_list,
    refresh,
    signed,
    text_of,
    usages,
)

from llmcli import cards
from llmcli.usage import cost_of, price_at


@pytest.fixture(scope="module")
def same_version() -> None:
    need_same_version()


@pytest.mark.usefixtures("same_version")
@pytest.mark.parametrize("name", SOURCED)
def test_costs_are_those_of_the_peer(name: str) -> None:
    """Random usages, edges of tiers, dates and hours, in time zones all around, batches too."""
    dice = random.Random(name)
    _, day = signed(name)
    compared = 0
    for model in card_of(name).models.values():
        if not model.prices:
            continue
        for usage, moment in zip(
            usages(model.prices, dice), moments(model.prices, day, dice), strict=True
        ):
            peers = as_the_peer_sees(moment, model.prices)
            ours = cost_of(usage, model.prices, moment)
            told = (name, model.id, usage, moment)
            assert ours is not None, told
            assert ours.amount == peer_cost(name, model.id, usage, peers), told
            price = price_at(model.prices, moment, usage.input or 0)
            batch = cost_of(usage, model.prices, moment, batch=True)
            assert (batch is None) == (price is None or price.batch is None), told
            if batch is not None:
                assert batch.amount == peer_cost(
                    name, model.id, usage, peers, processing="batch"
                ), told
            compared += 1
    assert compared


@pytest.mark.usefixtures("same_version")
@pytest.mark.parametrize("name", SOURCED)
def test_each_price_has_its_model_in_the_list(name: str) -> None:
    """An id that the list takes for another model would be billed as that one."""
    provider = price_list.provider(refresh.SOURCES[name].provider)
    for model in card_of(name).models.values():
        if model.prices:
            assert provider.find_model(model.id) is not None, model.id


@pytest.mark.parametrize("name", sorted(path.stem for path in cards.shelf().glob("*.toml")))
def test_no_price_has_a_reason(name: str) -> None:
    """A model without a price says why, or its card does for all of them."""
    text = text_of(name)
    head = text.partition("\n[")[0].lower()
    free = card_of(name).adapter == "local"
    if free or "no price" in head or "no list of prices" in head or "costs are unknown" in head:
        return
    for model in card_of(name).models.values():
        if not model.prices:
            key = re.escape(model.id)
            assert re.search(rf'^\[models\."?{key}"?\] +# no price: \S', text, re.MULTILINE), (
                model.id
            )


@pytest.mark.usefixtures("same_version")
@pytest.mark.parametrize("name", SOURCED)
def test_the_script_has_nothing_to_change(name: str) -> None:
    text, _ = refresh.refreshed(name, text_of(name), refresh.SOURCES[name], datetime.date.max)
    assert text == text_of(name)


class TestScript:
    """scripts/refresh_cards.py on cards of its own."""

    TODAY = datetime.date(2026, 11, 21)
    CARD = (
        "# why this card\n"
        'name = "OpenAI"\n'
        'adapter = "openai-chat"\n'
        "\n"
        "[models.gpt-6-luna]    # small\n"
        "context = 7    # measured\n"
        "tools = true\n"
        "cost = { input = 1, output = 2 }\n"
        "\n"
        '[models."gpt-5.4-mini"]\n'
        "cost = { input = 1, output = 2 }    # kept: a contract\n"
        "\n"
        "[models.of-ours]\n"
        "cost = { input = 3, output = 4 }\n"
        "\n"
        "[models.gpt-6-sol]    # no price: a secret\n"
    )

    def refreshed(self, text: str, rows: str = "") -> tuple[str, dict[str, Any]]:
        source = refresh.Source("openai", rows)
        new, notes = refresh.refreshed("openai", text, source, self.TODAY)
        return new, {"notes": notes, **refresh.tomllib.loads(new)["models"]}

    @pytest.mark.usefixtures("same_version")
    def test_takes_prices_and_keeps_what_is_written_by_hand(self) -> None:
        new, models = self.refreshed(self.CARD)
        luna = models["gpt-6-luna"]
        assert luna["cost"]["output"] == 0.5
        assert luna["prices"][0]["above"] == 272_000
        assert (luna["context"], luna["tools"]) == (7, True)
        for comment in ("# why this card", "# small", "# measured", "# kept: a contract"):
            assert comment in new
        assert models["gpt-5.4-mini"]["cost"] == {"input": 1, "output": 2}
        assert models["gpt-5.4-mini"]["context"] == 400_000
        assert models["gpt-6-sol"] == {}
        assert models["of-ours"] == {"cost": {"input": 3, "output": 4}}
        assert SIGN.search(new)
        assert self.refreshed(new)[0] == new

    @pytest.mark.usefixtures("same_version")
    def test_adds_the_models_of_its_pattern(self) -> None:
        _, models = self.refreshed(self.CARD, r"gpt-6\.1-.*")
        assert models["gpt-6.1-sol"]["cost"]["input"] == 2
        assert {"gpt-6.1-sol", "gpt-6.1-terra"} == set(models) - {
            "notes",
            *self.refreshed(self.CARD)[1],
        }

    @pytest.mark.usefixtures("same_version")
    def test_past_prices_are_dropped_and_coming_ones_kept(self) -> None:
        text = '[models.gemini-4-argon]\n[models."gpt-5.6-sol"]\n'
        source = refresh.Source("google")
        before, _ = refresh.refreshed("gemini", text, source, self.TODAY)
        after, _ = refresh.refreshed("gemini", text, source, datetime.date(2026, 12, 1))
        assert "from = 2026-12-01, input = 4" in before
        assert "cost = { input = 4" in after
        assert "from" not in after

    def test_prints_a_diff_and_writes_only_when_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "openai.toml"
        path.write_text(self.CARD)

        def run(*words: str) -> int:
            monkeypatch.setattr(sys, "argv", ["refresh_cards.py", "--shelf", str(tmp_path), *words])
            code: int = refresh.main()
            return code

        assert run() == 0
        assert (
            "\n-cost = { input = 1, output = 2 }\n+cost = { input = 0.1" in capsys.readouterr().out
        )
        assert path.read_text() == self.CARD
        assert run("--check") == 1
        assert run("--write") == 0
        assert path.read_text() != self.CARD
        capsys.readouterr()
        assert run("--check") == 0
        assert capsys.readouterr().out == ""
