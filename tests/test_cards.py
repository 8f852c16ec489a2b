"""The shipped cards are sound, and a broken card is told with file, line and key."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from pathlib import Path

import pytest

from llmcli import adapters, cards, origins, registry, tomlfile
from llmcli.adapters.base import Adapter, is_adapter
from llmcli.adapters.choice import speaking
from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card
from llmcli.errors import ConfigError
from llmcli.redaction import redact
from llmcli.usage import AMOUNTS, Price
from llmcli.variables import expand

SHIPPED = sorted(path.stem for path in cards.shelf().glob("*.toml"))
PROMISED = {
    *("openai", "groq", "openrouter", "deepseek", "mistral", "xai", "together", "fireworks"),
    *("cerebras", "zai", "moonshot", "nvidia", "huggingface", "github", "azure"),
    *("anthropic", "gemini", "cohere", "bedrock", "perplexity", "minimax", "alibaba", "vercel"),
    *("meta", "novita", "baseten", "ollama-cloud"),
    *("lmstudio", "vllm", "llamacpp", "ollama", "local"),
}
ON_THIS_MACHINE = {"lmstudio", "vllm", "llamacpp", "ollama", "local"}


def shipped(name: str) -> Card:
    card = cards.load(name)
    assert card is not None
    return card


def text_of(name: str) -> str:
    return (cards.shelf() / f"{name}.toml").read_text()


def write_own(name: str, text: str) -> Path:
    path = cards.user_shelf() / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def error_of(name: str) -> str:
    with pytest.raises(ConfigError) as caught:
        cards.load(name)
    return caught.value.message


class TestReadme:
    """`providers/README.md` tells of every dialect key, and of no other."""

    ROWS = re.findall(
        r"^\| `(\w+)` \| (`[a-z`, -]+`) \| (.+?) \| .+ \|$",
        (cards.shelf() / "README.md").read_text().partition("## Every dialect key")[2],
        re.MULTILINE,
    )

    @pytest.mark.parametrize("name", sorted(adapters.BUILT_IN))
    def test_dialect_keys(self, name: str) -> None:
        told = [(key, values) for key, names, values, *_ in self.ROWS if f"`{name}`" in names]
        kind = adapters.find(name)
        dialect = kind.dialect if is_adapter(kind) else {}
        assert sorted(key for key, _ in told) == sorted(dialect)
        for key, values in told:
            words = re.findall("`(.+?)`", values)
            listed = f"must be one of {', '.join(words)}."
            assert (
                dialect[key]("?").startswith(listed) if words else "one of" not in dialect[key]({})
            )


class TestShipped:
    def test_all_promised_cards_are_there(self) -> None:
        """A further one is no more than its file."""
        assert PROMISED - {"local"} <= set(SHIPPED)

    @pytest.mark.parametrize("name", SHIPPED)
    def test_id_is_the_file_name(self, name: str) -> None:
        assert cards.NAME.fullmatch(name)
        assert shipped(name).id == name

    @pytest.mark.parametrize("name", SHIPPED)
    def test_adapter_exists_and_knows_the_dialect(self, name: str) -> None:
        card = shipped(name)
        asked = {model.adapter for model in card.models.values()}
        for adapter in {None, *asked, *card.adapters}:
            spoken = speaking(card, adapter)
            kind = adapters.find(spoken.adapter)
            known = isinstance(kind, type) and issubclass(kind, Adapter)
            (kind if known else OpenAIChat)().check_dialect(spoken)  # an engine speaks it inwardly

    @pytest.mark.parametrize("name", SHIPPED)
    def test_every_quirk_says_why(self, name: str) -> None:
        tables = re.split(r"^\[(?:adapters\..*\.)?dialect\]", text_of(name), flags=re.MULTILINE)
        lines = [line for t in tables[1:] for line in t.partition("\n\n")[0].splitlines()[1:]]
        bare = ("unsupported = [", "]")
        assert [line for line in lines if line not in bare and "#" not in line] == []

    @pytest.mark.parametrize("name", SHIPPED)
    def test_address_is_safe(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com")
        card = shipped(name)
        url = expand(card.base_url, "base_url")
        if not url:
            assert card.adapter != "openai-chat"
            return
        assert origins.problem(url) == ""
        assert not origins.is_clear(url)
        assert url.startswith("http://127.0.0.1:") == (name in ON_THIS_MACHINE)
        assert not url.endswith("/")

    @pytest.mark.parametrize("name", SHIPPED)
    def test_key_can_be_given_and_bought(self, name: str) -> None:
        card = shipped(name)
        if name in ON_THIS_MACHINE:
            assert not card.needs_key
        else:
            assert card.needs_key
            assert card.keys_url.startswith("https://")
        assert card.docs.startswith("https://")

    @pytest.mark.parametrize("name", SHIPPED)
    def test_no_secrets(self, name: str) -> None:
        assert redact(text_of(name)) == text_of(name)
        assert set(shipped(name).key) <= {"aws"}  # the chain of credentials holds no secret here

    @pytest.mark.parametrize("name", SHIPPED)
    def test_default_model_is_on_the_card(self, name: str) -> None:
        card = shipped(name)
        assert not card.default_model or card.default_model in card.models
        assert bool(card.models) == bool(card.default_model)

    @pytest.mark.parametrize("name", SHIPPED)
    def test_the_default_model_is_on_sale(self, name: str) -> None:
        card = shipped(name)
        day = datetime.date.fromisoformat(card.checked)
        if card.default_model:
            assert card.models[card.default_model].retired is None
        assert day <= datetime.datetime.now(datetime.UTC).date()

    @pytest.mark.parametrize("name", SHIPPED)
    def test_limits_make_sense(self, name: str) -> None:
        for model in shipped(name).models.values():
            if model.context and model.output:
                assert model.output <= model.context, model.id
            assert model.input is None or model.input[0] == "text"

    @pytest.mark.parametrize("name", SHIPPED)
    def test_prices_are_exact_dated_and_whole(self, name: str) -> None:
        for model in shipped(name).models.values():
            for price in (p for both in model.prices for p in (both, both.batch) if p):
                money = [getattr(price, key) for key in AMOUNTS]
                assert all(isinstance(p, Decimal) and p >= 0 for p in money if p is not None)
                assert price.input is not None
                assert price.output is not None or "embed" in model.id
                assert price.cache_read is None or price.cache_read <= price.input
            if model.prices:
                assert re.search("genai-prices|# prices: https://", text_of(name))

    @pytest.mark.parametrize("name", SHIPPED)
    def test_a_tier_says_as_much_as_its_base(self, name: str) -> None:
        """A higher tier that left out the cache price would bill cached tokens as fresh ones."""
        for model in shipped(name).models.values():
            base = model.prices[0] if model.prices else None
            for tier in model.prices[1:]:
                assert base
                for key in AMOUNTS:
                    assert (getattr(tier, key) is None) == (getattr(base, key) is None)
                assert tier.above or tier.since or tier.hours

    @pytest.mark.parametrize("name", SHIPPED)
    def test_a_model_always_has_the_price_it_begins_with(self, name: str) -> None:
        """The first line holds for every prompt at any time; the others are exceptions to it."""
        for model in shipped(name).models.values():
            if model.prices:
                first = model.prices[0]
                assert (first.above, first.since, first.hours, first.days) == (0, None, (), ())

    def test_a_price_is_not_a_binary_float(self) -> None:
        price = shipped("openai").models["gpt-6-luna"].prices[0]
        assert price.input == Decimal("0.1")

    def test_azure_names_the_variable_that_is_missing(self) -> None:
        card = shipped("azure")
        with pytest.raises(ConfigError) as caught:
            expand(card.base_url, "provider azure: base_url")
        assert "base_url" in caught.value.message
        assert "AZURE_OPENAI_ENDPOINT" in caught.value.message

    def test_readme_explains_every_key(self) -> None:
        readme = (cards.shelf() / "README.md").read_text()
        missing = [key for key in cards.SCHEMA.keys if f"`{key}`" not in readme]
        assert set(missing) <= {"dialect", "models", "adapters"}
        assert "`[dialect]`" in readme
        assert "`[models.ID]`" in readme
        assert "`[adapters.NAME]`" in readme

    def test_readme_example_is_a_card(self) -> None:
        readme = (cards.shelf() / "README.md").read_text()
        write_own("acme", readme.partition("```toml\n")[2].partition("```")[0])
        card = shipped("acme")
        assert card.needs_key
        assert card.models["acme-large"].prices[0].output == Decimal("1.5")


class TestPrices:
    """How the lines of a card become prices."""

    def prices(self, lines: str) -> tuple[Price, ...]:
        write_own("lab", f'adapter = "openai-chat"\n[models.m]\n{lines}\n')
        return shipped("lab").models["m"].prices

    def test_a_batch_is_a_part_of_all_amounts(self) -> None:
        (price,) = self.prices("cost = { input = 3, output = 15, cache_read = 0.3, batch = 0.5 }")
        assert price.batch == Price(Decimal("1.5"), Decimal("7.5"), Decimal("0.15"))

    def test_or_replaces_some_of_them(self) -> None:
        (price,) = self.prices(
            "cost = { input = 3, output = 15, cache_read = 0.3, batch = { input = 1, output = 7 } }"
        )
        assert price.batch == Price(Decimal(1), Decimal(7), Decimal("0.3"))

    def test_when_a_price_holds(self) -> None:
        prices = self.prices(
            "cost = { input = 1, output = 2, audio = 3 }\n"
            "prices = [\n"
            "    { from = 2026-12-01, above = 200_000, input = 4, output = 5 },\n"
            '    { hours = ["22:00-06:00"], days = ["sat", "sun"], input = 6, output = 7 },\n'
            "]"
        )
        assert prices == (
            Price(Decimal(1), Decimal(2), audio=Decimal(3)),
            Price(Decimal(4), Decimal(5), since=datetime.date(2026, 12, 1), above=200_000),
            Price(Decimal(6), Decimal(7), hours=("22:00-06:00",), days=("sat", "sun")),
        )


class TestOwnCards:
    def test_lies_over_the_shipped_one_key_by_key(self) -> None:
        before = shipped("groq")
        write_own(
            "groq",
            'base_url = "https://proxy.example/v1"\n'
            "timeout = { stall = 9 }\n"
            '[dialect]\nseed = "random_seed"\n'
            '[models."llama-3.3-70b-versatile"]\ncontext = 7\n',
        )
        card = shipped("groq")
        assert card.base_url == "https://proxy.example/v1"
        assert (card.timeout.stall, card.timeout.connect) == (9.0, before.timeout.connect)
        assert card.dialect == {**before.dialect, "seed": "random_seed"}
        changed = card.models["llama-3.3-70b-versatile"]
        assert changed.context == 7
        assert changed.prices == before.models["llama-3.3-70b-versatile"].prices
        assert card.models["openai/gpt-oss-120b"] == before.models["openai/gpt-oss-120b"]
        assert (card.key_env, card.adapter) == (before.key_env, before.adapter)

    def test_a_price_of_ones_own_replaces_all_of_a_models_prices(self) -> None:
        """A tier or a cache price of the shipped card under it would make the cost wrong."""
        write_own("openai", "[models.gpt-6-luna]\ncost = { input = 1, output = 2 }\n")
        luna = shipped("openai").models["gpt-6-luna"]
        assert luna.prices == (Price(Decimal(1), Decimal(2)),)
        assert luna.context == 1_050_000

    def test_a_new_one_needs_an_adapter(self) -> None:
        path = write_own("lab", 'base_url = "http://127.0.0.1:1/v1"\n')
        assert f"{path}:1: adapter: is missing" in error_of("lab")

    def test_all_problems_are_told_at_once_with_their_lines(self) -> None:
        path = write_own(
            "lab",
            "# my lab\n"
            'adapter = "openai-chat"\n'
            'base_ulr = "http://127.0.0.1:1/v1"\n'
            'key_env = "LAB_KEY"\n'
            "\n"
            "[timeout]\n"
            'stall = "long"\n'
            '[models."m/1"]\n'
            "cost = { inptu = 1 }\n",
        )
        message = error_of("lab")
        assert f'{path}:3: base_ulr: unknown key. Did you mean "base_url"?' in message
        assert f"{path}:4: key_env: must be a list" in message
        assert f"{path}:7: timeout.stall: must be a number" in message
        assert f"{path}:9: models.m/1.cost.inptu" in message
        assert 'Did you mean "input"?' in message

    def test_broken_toml_is_told_with_line_and_column(self) -> None:
        path = write_own("lab", 'adapter = "openai-chat"\nbase_url = \n')
        assert f"{path}:2:12:" in error_of("lab")

    def test_bytes_that_are_no_text(self) -> None:
        path = write_own("lab", "")
        path.write_bytes(b'adapter = "openai-chat"\nname = "\xff"\n')
        assert f"{path}:2: not UTF-8" in error_of("lab")

    @pytest.mark.parametrize(
        ("line", "what"),
        [
            ("retries = -1", "whole number, 0 or more"),
            ("retries = 1.5", "whole number"),
            ("backoff = inf", "number"),
            ("timeout = { connect = 0 }", "number from 0.001 to 10,000,000"),
            ('checked = "2026-11-21"', "date"),
            ("key_optional = 1", "true or false"),
            ("models = { m = { cost = { input = -1 } } }", "number, 0 or more"),
            ("models = { m = { cost = { input = true } } }", "number"),
            ("models = { m = { cost = { batch = 2 } } }", "number from 0 to 1"),
            ("models = { m = { cost = { batch = { input = -1 } } } }", "input must be a number"),
            ("models = { m = { cost = { batch = { inptu = 1 } } } }", 'Did you mean "input"'),
            ("models = { m = { cost = { above = 1 } } }", "unknown key"),
            (
                'models = { m = { prices = [{ hours = ["1:00-4:00"] }] } }',
                "hours such as 16:30-00:30",
            ),
            ('models = { m = { prices = [{ hours = ["01:00-24:00"] }] } }', "hours such as"),
            ('models = { m = { prices = [{ days = ["monday"] }] } }', "must be one of mon, tue"),
            ('models = { m = { input = ["smell"] } }', "must be one of text, image"),
            ("models = { m = { context = 0 } }", "whole number, 1 or more"),
            ("headers = { x = 1 }", "text in quotes"),
        ],
    )
    def test_wrong_values(self, line: str, what: str) -> None:
        path = write_own("lab", f'adapter = "openai-chat"\n{line}\n')
        message = error_of("lab")
        assert f"{path}:2: " in message
        assert what in message

    @pytest.mark.parametrize("name", ["", "a/b", "../openai", ".hidden", "-x", "a b", "x" * 65])
    def test_bad_names_are_refused_and_never_opened(self, name: str) -> None:
        assert cards.load(name) is None
        with pytest.raises(ConfigError):
            cards.save(name, {"adapter": "openai-chat"})

    def test_a_saved_card_comes_back_private_and_checked(self) -> None:
        path = cards.save("lab", {"adapter": "openai-chat", "models": {"m": {"context": 5}}})
        assert path.stat().st_mode & 0o777 == 0o600
        assert shipped("lab").models["m"].context == 5
        with pytest.raises(ConfigError, match="retries"):
            cards.save("lab", {"adapter": "openai-chat", "retries": -1})
        assert tomlfile.read(path) is not None
        assert cards.remove("lab")
        assert not cards.remove("lab")

    def test_a_missing_variable_in_a_header_is_named_with_its_key(self) -> None:
        write_own("lab", 'adapter = "openai-chat"\n[headers]\nx-team = "${TEAM_NAME}"\n')
        with pytest.raises(ConfigError) as caught:
            registry.expanded(shipped("lab"))
        assert "headers.x-team" in caught.value.message
        assert "TEAM_NAME" in caught.value.message
