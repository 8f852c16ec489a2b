"""`llm models`: what it lists, shows and stores, run as the installed command."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Llm, write_card

LLAMA = "groq/llama-3.3-70b-versatile"


@pytest.fixture
def groq(llm: Llm) -> Llm:
    """The command with a key for Groq."""
    llm.env["GROQ_API_KEY"] = "a-key-without-a-shape"
    return llm


@pytest.fixture
def config(llm: Llm) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        llm.config.parent.mkdir(parents=True, exist_ok=True)
        llm.config.write_text(text)
        return llm.config

    return write


def rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def stored(llm: Llm) -> dict[str, Any]:
    return tomllib.loads(llm.config.read_text()) if llm.config.exists() else {}


class TestList:
    def test_only_providers_that_can_be_asked(self, llm: Llm, groq: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1", "lab", key_env=None)
        models = [row[0] for row in rows(groq("models", "list").text)]
        assert LLAMA in models
        assert "lab/m" in models
        assert {name.partition("/")[0] for name in models} <= {"groq", "lab", "local"}

    def test_a_server_of_this_machine_that_nobody_set_up_is_not_listed(self, llm: Llm) -> None:
        assert "ollama" not in llm("models", "list").text

    def test_all_lists_every_card(self, llm: Llm) -> None:
        models = llm("models", "list", "--all").text
        assert LLAMA in models
        assert "openai/gpt-6-luna\t" in models

    def test_one_provider_needs_no_key_to_be_listed(self, llm: Llm) -> None:
        found = rows(llm("models", "list", "--provider", "openai").text)
        assert {row[0].partition("/")[0] for row in found} == {"openai"}

    def test_a_pipe_gets_exact_numbers_in_tabs_without_a_header(self, groq: Llm) -> None:
        found = {row[0]: row[1:] for row in rows(groq("models", "list").text)}
        assert found[LLAMA] == ["131072", "32768", "0.59", "0.79", "tools retired 2026-08-16"]

    def test_unknown_is_empty_and_never_zero(self, llm: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1", "lab")
        found = {row[0]: row[1:] for row in rows(llm("models", "list").text)}
        assert found["lab/m"] == ["", "", "", "", ""]

    def test_json_is_exact_and_says_null(self, llm: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1", "lab")
        lab = llm("models", "list", "--provider", "lab", "--json").json
        assert lab == [
            {
                "model": "lab/m",
                "provider": "lab",
                "id": "m",
                **dict.fromkeys(("context", "output", "input", "tools", "reasoning")),
                **dict.fromkeys(("retired", "price")),
            }
        ]
        groq = llm("models", "list", "--provider", "groq", "--json").json
        price = next(row["price"] for row in groq if row["model"] == LLAMA)
        assert price == {
            "input": "0.59",
            "output": "0.79",
            "cache_read": None,
            "cache_write": None,
            "audio": None,
        }

    def test_a_terminal_gets_a_header_and_round_numbers(self, groq: Llm) -> None:
        child = groq.spawn("models", "list", dimensions=(40, 150))
        child.expect("MODEL +CONTEXT +OUTPUT +IN \\$/M +OUT \\$/M +CAPABILITIES")
        child.expect("llama-3.3-70b-versatile +131k +32k +0.59 +0.79 +tools")
        child.expect("EOF|$")

    def test_the_config_adds_and_overrides_models(
        self, groq: Llm, config: Callable[[str], Path]
    ) -> None:
        config(
            f'[models."{LLAMA}"]\ncost = {{ input = 1, output = 2 }}\n'
            '[models."groq/new"]\ncontext = 5\n'
        )
        found = {row[0]: row[1:] for row in rows(groq("models", "list").text)}
        assert found[LLAMA][2:4] == ["1", "2"]
        assert found["groq/new"][0] == "5"

    def test_nothing_to_list_says_so_on_stderr(self, llm: Llm) -> None:
        result = llm("models", "list", "--provider", "ollama")
        assert (result.code, result.out) == (0, b"")
        assert "ollama/MODEL" in result.err

    def test_unknown_provider_names_the_nearest(self, llm: Llm) -> None:
        result = llm("models", "list", "--provider", "grok")
        assert result.code == 3
        assert "groq" in result.err
        assert "llm providers list --all" in result.err

    def test_names_from_a_server_cannot_steer_the_terminal(self, llm: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1", "lab", models={"m\x1b[2J\tx\n": {}})
        result = llm("models", "list", "--provider", "lab")
        assert b"\x1b" not in result.out
        assert len(rows(result.text)) == 1


class TestShow:
    def test_tells_values_price_and_source(self, groq: Llm) -> None:
        found = {row[0]: row[1:] for row in reversed(rows(groq("models", "show", LLAMA).text))}
        assert found["context"] == ["131,072", "shipped card, checked 2026-11-21"]
        price = "$0.59 in · $0.79 out per million"
        assert found["price"] == [price, "shipped card, checked 2026-11-21"]
        assert found["key"][0] == "env GROQ_API_KEY"

    def test_each_value_names_the_file_that_won(
        self, llm: Llm, config: Callable[[str], Path]
    ) -> None:
        path = config(
            "[defaults]\nseed = 1\ntop_p = 0.5\n"
            f'[models."{LLAMA}"]\ncost = {{ input = 1, output = 2 }}\nseed = 2\n'
            f'[aliases]\nfast = "{LLAMA}"\n'
        )
        own = llm.home / "config" / "providers" / "groq.toml"
        own.parent.mkdir()
        own.write_text('checked = 2026-12-01\n[models."llama-3.3-70b-versatile"]\ncontext = 9\n')
        facts = llm("models", "show", "fast", "--json").json
        assert facts["context"] == 9
        assert facts["sources"]["context"] == f"{own}, checked 2026-12-01"
        assert facts["sources"]["tools"] == "shipped card, checked 2026-11-21"
        assert facts["prices"][0]["input"] == "1"
        assert facts["sources"]["prices"] == str(path)
        assert facts["options"]["seed"] == {"value": 2, "source": f'{path}: models."{LLAMA}"'}
        assert facts["options"]["top_p"] == {"value": 0.5, "source": f"{path}: defaults"}
        assert facts["aliases"] == ["fast"]
        assert facts["key"] is None

    def test_tiers_are_told(self, llm: Llm) -> None:
        text = llm("models", "show", "openai/gpt-6-luna").text
        assert "price\tabove 272,000 tokens: $0.2 in · " in text

    def test_on_a_narrow_terminal_no_word_is_broken(self, llm: Llm) -> None:
        child = llm.spawn("models", "show", "openai/gpt-6-luna", dimensions=(40, 60))
        lines = child.read().decode().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
        assert max(map(len, lines[:-2])) <= 60
        assert lines[0].split() == ["WHAT", "VALUE"]
        assert "shipped card, checked 2026-11-21" in lines[-1]
        assert sum("shipped card" in line for line in lines) == 1

    def test_unknown_price_is_said_in_words(self, llm: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1", "lab")
        result = llm("models", "show", "lab/m")
        assert "price\tunknown" in result.text
        assert "$" not in result.text

    @pytest.mark.parametrize(
        ("spec", "near"),
        [
            ("groq/lama-3.3", "llama-3.3-70b-versatile"),
            ("groq/gpt-oss-120", "openai/gpt-oss-120b"),
            ("grok/x", "groq"),
        ],
    )
    def test_unknown_names_the_nearest_and_the_list(self, groq: Llm, spec: str, near: str) -> None:
        result = groq("models", "show", spec)
        assert (result.code, result.out) == (3, b"")
        assert near in result.err
        assert "llm models list" in result.err


class TestDefault:
    def test_prints_what_answers_and_why(self, groq: Llm) -> None:
        result = groq("models", "default")
        assert result.text == "groq/openai/gpt-oss-120b\n"
        assert "the only provider with a key" in result.err

    def test_sets_it_and_keeps_comments(self, groq: Llm, config: Callable[[str], Path]) -> None:
        path = config("# mine\n[display]  # screen\ncolor = 'never'\n")
        assert groq("models", "default", "groq/llama-3.1-8b-instant").code == 0
        assert path.read_text().startswith("# mine\n")
        assert "[display]  # screen\ncolor = 'never'\n" in path.read_text()
        result = groq("models", "default")
        assert result.text == "groq/llama-3.1-8b-instant\n"
        assert str(path) in result.err

    def test_the_variable_goes_before_it_and_that_is_said(self, groq: Llm) -> None:
        groq.env["LLM_MODEL"] = "openai/gpt-6-luna"
        assert "LLM_MODEL" in groq("models", "default", LLAMA).err
        result = groq("models", "default")
        assert result.text == "openai/gpt-6-luna\n"
        assert "env LLM_MODEL" in result.err
        assert stored(groq)["default_model"] == LLAMA

    def test_a_bare_model_id_is_stored_with_its_provider(self, groq: Llm) -> None:
        groq("models", "default", "llama-3.3-70b-versatile")
        assert stored(groq)["default_model"] == LLAMA

    def test_an_alias_stays_an_alias(self, groq: Llm) -> None:
        groq("models", "alias", "fast", LLAMA)
        groq("models", "default", "fast")
        assert stored(groq)["default_model"] == "fast"
        assert groq("models", "default").text == f"{LLAMA}\n"

    def test_unknown_changes_nothing(self, groq: Llm) -> None:
        for spec in ("groq/lama-3.3", "grok/llama", "nonsense"):
            result = groq("models", "default", spec)
            assert result.code == 3
            assert "llm models list" in result.err
        assert stored(groq) == {}

    def test_force_takes_a_model_the_card_does_not_name(self, groq: Llm) -> None:
        assert "--force" in groq("models", "default", "groq/brand-new").err
        assert groq("models", "default", "groq/brand-new", "--force").code == 0
        assert stored(groq)["default_model"] == "groq/brand-new"

    def test_a_provider_without_known_models_takes_any(self, llm: Llm) -> None:
        assert llm("models", "default", "ollama/qwen3:8b").code == 0
        assert stored(llm)["default_model"] == "ollama/qwen3:8b"

    def test_an_invalid_config_is_never_replaced(
        self, groq: Llm, config: Callable[[str], Path]
    ) -> None:
        path = config("[display]\ncolour = 'never'\n")
        result = groq("models", "default", LLAMA)
        assert result.code == 3
        assert f'{path}:2: display.colour: unknown key. Did you mean "color"?' in result.err
        assert path.read_text() == "[display]\ncolour = 'never'\n"


class TestAlias:
    def test_set_show_list_remove(self, groq: Llm) -> None:
        assert groq("models", "alias", "fast", LLAMA).code == 0
        assert groq("models", "alias", "fast").text == f"{LLAMA}\n"
        groq("models", "alias", "a.b-c_1", "llama-3.1-8b-instant")
        listed = rows(groq("models", "alias").text)
        assert listed == [["a.b-c_1", "groq/llama-3.1-8b-instant"], ["fast", LLAMA]]
        assert groq("models", "alias", "fast", "--rm").code == 0
        assert list(stored(groq)["aliases"]) == ["a.b-c_1"]

    def test_an_alias_of_an_alias_is_stored_as_the_model(self, groq: Llm) -> None:
        groq("models", "alias", "fast", LLAMA)
        groq("models", "alias", "quick", "fast")
        assert stored(groq)["aliases"]["quick"] == LLAMA

    @pytest.mark.parametrize("name", ["groq", "a/b", "-x", "a b", "", "x" * 65, "naïve", "a\nb"])
    def test_names_that_are_refused(self, groq: Llm, name: str) -> None:
        result = groq("models", "alias", "--", name, LLAMA)
        assert result.code == 3
        assert "aliases" not in stored(groq)

    def test_a_name_that_hides_a_provider_of_ones_own_is_refused(self, groq: Llm) -> None:
        write_card(groq, "http://127.0.0.1:9/v1", "lab")
        result = groq("models", "alias", "lab", LLAMA)
        assert result.code == 3
        assert "hide" in result.err

    def test_unknown_alias_names_the_nearest(self, groq: Llm) -> None:
        groq("models", "alias", "fast", LLAMA)
        for extra in ((), ("--rm",)):
            result = groq("models", "alias", "fats", *extra)
            assert result.code == 3
            assert '"fast"' in result.err
            assert "llm models alias" in result.err

    def test_the_default_model_keeps_its_alias(self, groq: Llm) -> None:
        groq("models", "alias", "fast", LLAMA)
        groq("models", "default", "fast")
        result = groq("models", "alias", "fast", "--rm")
        assert result.code == 3
        assert "llm models default" in result.err
        assert stored(groq)["aliases"] == {"fast": LLAMA}

    def test_rm_with_a_spec_is_a_usage_error(self, groq: Llm) -> None:
        assert groq("models", "alias", "fast", LLAMA, "--rm").code == 2
        assert groq("models", "alias", "--rm").code == 2

    def test_twenty_at_once_all_arrive(self, groq: Llm) -> None:
        running = [groq.start("models", "alias", f"a{number}", LLAMA) for number in range(20)]
        results = [process.finish(60) for process in running]
        assert [(r.code, r.err) for r in results] == [(0, "")] * 20
        assert set(stored(groq)["aliases"]) == {f"a{number}" for number in range(20)}

    def test_the_file_is_private(self, groq: Llm) -> None:
        groq("models", "alias", "fast", LLAMA)
        assert groq.config.stat().st_mode & 0o777 == 0o600
        assert groq.config.parent.stat().st_mode & 0o777 == 0o700


def test_help_shows_examples_that_run(groq: Llm) -> None:
    """Every example line of `--help` that stands alone can be typed."""
    help_text = groq("models", "--help").text
    lines = [line.strip() for line in help_text.splitlines() if line.strip().startswith("llm ")]
    assert len(lines) >= 4
    for line in lines:
        result = groq(*line.removeprefix("llm ").split())
        assert result.code == 0, (line, result.err)


def test_json_is_plain_ascii(llm: Llm) -> None:
    """What a terminal shows of the JSON holds no raw control character."""
    write_card(llm, "http://127.0.0.1:9/v1", "lab", models={"m\x1b\u202e": {}})
    result = llm("models", "list", "--provider", "lab", "--json")
    assert result.out.isascii()
    assert b"\x1b" not in result.out
    assert json.loads(result.out)[0]["id"] == "m\x1b\u202e"
