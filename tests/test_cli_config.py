"""`llm config`: what it shows, changes and finds wrong, run as the installed command."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Llm, write_card

KEY_SHAPED = "sk-proj-abcdefghijklmnopqrstuv0123456789"
LLAMA = 'models."groq/llama-3.3-70b-versatile"'


@pytest.fixture
def config(llm: Llm) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        llm.config.parent.mkdir(parents=True, exist_ok=True)
        llm.config.write_text(text)
        return llm.config

    return write


@pytest.fixture
def own_card(llm: Llm) -> Callable[..., Path]:
    def write(text: str, name: str = "lab") -> Path:
        path = llm.home / "config" / "providers" / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def editor(tmp_path: Path, llm: Llm) -> Callable[[str], None]:
    """Make $EDITOR a program that replaces the file's text; it takes the next text on each run."""

    def use(*texts: str) -> None:
        script = tmp_path / "editor.py"
        (tmp_path / "texts.json").write_text(json.dumps(texts))
        script.write_text(
            "import json, pathlib, sys\n"
            f"texts = pathlib.Path({str(tmp_path / 'texts.json')!r})\n"
            "first, *rest = json.loads(texts.read_text())\n"
            "texts.write_text(json.dumps(rest))\n"
            "pathlib.Path(sys.argv[-1]).write_text(first)\n"
            "pathlib.Path(sys.argv[-1]).chmod(0o644)\n"
        )
        llm.env["EDITOR"] = f"{sys.executable} {script}"

    return use


def stored(llm: Llm) -> dict[str, Any]:
    return tomllib.loads(llm.config.read_text()) if llm.config.exists() else {}


def shown(llm: Llm) -> dict[str, tuple[Any, str]]:
    rows = llm("config", "show", "--json").json
    return {row["key"]: (row["value"], row["source"]) for row in rows}


class TestPath:
    def test_prints_one_path(self, llm: Llm) -> None:
        assert llm("config", "path").text == f"{llm.config}\n"
        assert llm("config", "path", "--dir").text == f"{llm.config.parent}\n"
        assert not llm.config.exists()

    def test_works_when_the_config_is_broken(self, llm: Llm, config: Callable[[str], Path]) -> None:
        config("this is not TOML")
        assert llm("config", "path").code == 0


class TestShow:
    def test_every_setting_has_a_value_and_a_source(
        self, llm: Llm, config: Callable[[str], Path]
    ) -> None:
        path = str(
            config(
                'default_model = "groq/x"\n[display]\ncolor = "never"\n[budget]\nday = 0.10\n'
                f'[defaults]\nstop = ["a"]\n[{LLAMA}]\nseed = 7\n[aliases]\nfast = "groq/x"\n'
            )
        )
        found = shown(llm)
        assert found["default_model"] == ("groq/x", path)
        assert found["display.color"] == ("never", path)
        assert found["display.usage"] == (True, "default")
        assert found["budget.day"] == (0.1, path)
        assert found["budget.month"] == (None, "default")
        assert found["defaults.stop"] == (["a"], path)
        assert found["aliases.fast"] == ("groq/x", path)
        assert found[f"{LLAMA}.seed"] == (7, path)
        assert found["env LLMCLI_HOME"] == (str(llm.home), "environment")
        assert found["env LLM_MODEL"] == (None, "not set")

    def test_the_environment_goes_before_the_file(
        self, llm: Llm, config: Callable[[str], Path]
    ) -> None:
        config('default_model = "groq/x"\n')
        llm.env |= {"LLM_MODEL": "openai/y", "NO_COLOR": "1"}
        found = shown(llm)
        assert found["default_model"] == ("openai/y", "env LLM_MODEL")
        assert found["env NO_COLOR"] == ("1", "environment")

    def test_a_pipe_gets_tabs(self, llm: Llm) -> None:
        assert "display.color\tauto\tdefault\n" in llm("config", "show").text

    def test_keys_are_never_shown(self, llm: Llm, config: Callable[[str], Path]) -> None:
        config(f'[defaults]\nuser = "{KEY_SHAPED}"\n')
        for arguments in (["show"], ["show", "--json"], ["get", "defaults.user"], ["check"]):
            result = llm("config", *arguments)
            assert KEY_SHAPED not in result.text + result.err


class TestGet:
    def test_prints_the_bare_value(self, llm: Llm, config: Callable[[str], Path]) -> None:
        config(
            'default_model = "groq/x"\n[display]\nusage = false\n[budget]\nday = 0.10\n'
            f'[{LLAMA}]\nstop = ["a", "b"]\n'
        )
        for key, value in {
            "default_model": "groq/x",
            "display.usage": "false",
            "display.color": "auto",
            "budget.day": "0.10",
            f"{LLAMA}.stop": '["a", "b"]',
        }.items():
            assert llm("config", "get", key).text == f"{value}\n"

    def test_a_table_comes_as_lines(self, llm: Llm, config: Callable[[str], Path]) -> None:
        config('[aliases]\nfast = "groq/x"\nslow = "groq/y"\n')
        assert (
            llm("config", "get", "aliases").text == "aliases.fast\tgroq/x\naliases.slow\tgroq/y\n"
        )

    def test_what_is_not_set_is_an_error(self, llm: Llm) -> None:
        result = llm("config", "get", "budget.day")
        assert (result.code, result.out) == (3, b"")
        assert "not set" in result.err

    @pytest.mark.parametrize("command", [["get"], ["set"], ["set", "--unset"]])
    @pytest.mark.parametrize(
        ("key", "near"),
        [
            ("defaults.temprature", '"defaults.temperature"'),
            ("dispaly.color", '"display"'),
            (f"{LLAMA}.tempreature", f"{LLAMA}.temperature"),
            ("display.color.red", "llm config show"),
        ],
    )
    def test_unknown_settings_name_the_nearest(
        self, llm: Llm, command: list[str], key: str, near: str
    ) -> None:
        value = ["1"] if command == ["set"] else []
        result = llm("config", *command, key, *value)
        assert result.code == 3
        assert "unknown setting" in result.err
        assert near in result.err
        assert not llm.config.exists()

    @pytest.mark.parametrize("key", ["", "a b", "models.groq/x.seed", "a..b", "a = 1\nb", "[a]"])
    def test_names_that_are_none(self, llm: Llm, key: str) -> None:
        result = llm("config", "get", key)
        assert result.code == 3
        assert "internal" not in result.err


class TestSet:
    @pytest.mark.parametrize(
        ("key", "text", "value"),
        [
            ("default_model", "groq/x", "groq/x"),
            ("aliases.fast", "groq/x", "groq/x"),
            ("display.usage", "false", False),
            ("display.color", "never", "never"),
            ("budget.day", "0.10", 0.1),
            ("budget.day", "5", 5),
            ("defaults.temperature", "0.2", 0.2),
            ("defaults.presence_penalty", "-1.5", -1.5),
            ("defaults.seed", "7", 7),
            ("defaults.user", "7", "7"),
            ("defaults.system", 'say "hi"\n', 'say "hi"\n'),
            ("defaults.system", "true", "true"),
            ("defaults.stop", "END", ["END"]),
            ("defaults.stop", '["a", "b"]', ["a", "b"]),
            ("defaults.response_schema", '{"type": "object"}', {"type": "object"}),
            (f"{LLAMA}.temperature", "1", 1),
            (f"{LLAMA}.context", "8192", 8192),
            (f"{LLAMA}.input", '["text", "image"]', ["text", "image"]),
            (f"{LLAMA}.cost.input", "0.05", 0.05),
            (f"{LLAMA}.cost", "{input = 0.05, output = 1}", {"input": 0.05, "output": 1}),
        ],
    )
    def test_values_get_the_type_of_the_setting(
        self, llm: Llm, key: str, text: str, value: Any
    ) -> None:
        result = llm("config", "set", key, text)
        assert (result.code, result.err) == (0, "")
        found: Any = stored(llm)
        for part in [LLAMA[8:-1], *key[len(LLAMA) + 1 :].split(".")] if LLAMA in key else ():
            found = found["models"][part] if part == LLAMA[8:-1] else found[part]
        if LLAMA not in key:
            for part in key.split("."):
                found = found[part]
        assert found == value
        assert type(found) is type(value)
        assert llm("config", "check").text == "ok\n"

    @pytest.mark.parametrize(
        ("key", "text", "words"),
        [
            ("defaults.temperature", "hot", "must be a number"),
            ("defaults.temperature", "5", "must be at most 2"),
            ("defaults.temperature", "nan", "must be a number"),
            ("defaults.seed", "1.5", "must be a whole number"),
            ("display.usage", "yes", "must be true or false"),
            ("display.color", "nevr", 'Did you mean "never"?'),
            ("budget.day", "-1", "must be a number, 0 or more"),
            ("display", "5", "must be a table"),
            (f"{LLAMA}.cost.inptu", "1", '.cost.input"?'),
            ("models.nonsense.seed", "1", 'must be "provider/model"'),
            ("aliases.groq", "openai/x", "hide"),
            ("default_model", "grok/x", "grok"),
            ("default_model", KEY_SHAPED, "llm keys set"),
            ("defaults.seed", "1\ntop_k = 2", "must be a whole number"),
        ],
    )
    def test_wrong_values_change_nothing(
        self, llm: Llm, config: Callable[[str], Path], key: str, text: str, words: str
    ) -> None:
        path = config("# mine\n")
        result = llm("config", "set", key, text)
        assert (result.code, result.out) == (3, b"")
        assert words in result.err
        assert KEY_SHAPED not in result.err
        assert path.read_text() == "# mine\n"

    def test_comments_and_order_are_kept(self, llm: Llm, config: Callable[[str], Path]) -> None:
        before = (
            "# top\n"
            "\n"
            "[defaults]            # for all\n"
            "temperature = 0.20    # warm\n"
            "seed = 1\n"
            "# between\n"
            "[display]\n"
            "color = 'never'       # no paint\n"
        )
        path = config(before)
        llm("config", "set", "defaults.seed", "2")
        assert path.read_text() == before.replace("seed = 1", "seed = 2")
        llm("config", "set", "default_model", "groq/x")
        llm("config", "set", "display.usage", "false")
        text = path.read_text()
        for line in before.replace("seed = 1", "seed = 2").splitlines():
            assert line in text.splitlines()
        assert stored(llm) == {
            "default_model": "groq/x",
            "defaults": {"temperature": 0.2, "seed": 2},
            "display": {"color": "never", "usage": False},
        }

    def test_other_ways_to_write_a_table_are_understood(
        self, llm: Llm, config: Callable[[str], Path]
    ) -> None:
        config(
            'display = { color = "never" }\nbudget.day = 1\n'
            '[models]\n"groq/a" = { seed = 1 }\n[models."groq/b"]\nseed = 2\n'
        )
        for key in ("display.usage", "budget.month", 'models."groq/a".top_p', f"{LLAMA}.seed"):
            assert llm("config", "set", key, "false" if "usage" in key else "1").code == 0
        assert stored(llm) == {
            "display": {"color": "never", "usage": False},
            "budget": {"day": 1, "month": 1},
            "models": {
                "groq/a": {"seed": 1, "top_p": 1},
                "groq/b": {"seed": 2},
                LLAMA[8:-1]: {"seed": 1},
            },
        }

    def test_unset_takes_it_out_and_is_harmless_twice(
        self, llm: Llm, config: Callable[[str], Path]
    ) -> None:
        path = config("[defaults]\nseed = 1 # one\ntop_p = 0.5\n")
        assert llm("config", "set", "defaults.seed", "--unset").code == 0
        assert path.read_text() == "[defaults]\ntop_p = 0.5\n"
        result = llm("config", "set", "defaults.seed", "--unset")
        assert result.code == 0
        assert "was not set" in result.err

    def test_unset_mends_an_unknown_key(self, llm: Llm, config: Callable[[str], Path]) -> None:
        config("[defaults]\ntemprature = 1\n")
        assert llm("config", "set", "defaults.temprature", "--unset").code == 0
        assert llm("config", "check").code == 0

    def test_set_mends_a_wrong_value(self, llm: Llm, config: Callable[[str], Path]) -> None:
        config("display = 5\n")
        assert "must be a table" in llm("config", "set", "display.color", "never").err
        config('[defaults]\ntemperature = "hot"\n')
        assert llm("config", "set", "defaults.temperature", "1").code == 0
        assert llm("config", "check").code == 0

    @pytest.mark.parametrize("text", ["not TOML", "[budget]\nday = 'x'\n"])
    def test_a_config_wrong_elsewhere_is_not_replaced(
        self, llm: Llm, config: Callable[[str], Path], text: str
    ) -> None:
        path = config(text)
        result = llm("config", "set", "defaults.seed", "1")
        assert result.code == 3
        assert f"{path}:" in result.err
        assert path.read_text() == text

    @pytest.mark.parametrize("arguments", [["a"], ["a", "1", "--unset"], ["a", "--unst"], []])
    def test_usage_errors(self, llm: Llm, arguments: list[str]) -> None:
        assert llm("config", "set", *arguments).code == 2

    def test_twenty_at_once_all_arrive(self, llm: Llm) -> None:
        running = [llm.start("config", "set", f"aliases.a{n}", "groq/x") for n in range(20)]
        assert [process.finish(60).code for process in running] == [0] * 20
        assert set(stored(llm)["aliases"]) == {f"a{n}" for n in range(20)}


class TestEdit:
    def test_opens_the_file_and_makes_it_private(
        self, llm: Llm, editor: Callable[..., None]
    ) -> None:
        editor('default_model = "groq/x"\n')
        assert llm("config", "edit").code == 0
        assert stored(llm) == {"default_model": "groq/x"}
        assert llm.config.stat().st_mode & 0o777 == 0o600

    def test_a_problem_keeps_the_text_and_tells_the_line(
        self, llm: Llm, editor: Callable[..., None]
    ) -> None:
        editor("# mine\n[display]\ncolour = 'never'\n")
        result = llm("config", "edit")
        assert result.code == 3
        assert f"{llm.config}:3: display.colour: unknown key." in result.err
        assert llm.config.read_text() == "# mine\n[display]\ncolour = 'never'\n"

    def test_works_on_a_broken_config(
        self, llm: Llm, config: Callable[[str], Path], editor: Callable[..., None]
    ) -> None:
        config("not TOML")
        editor("[display]\ncolor = 'never'\n")
        assert llm("config", "edit").code == 0

    def test_a_terminal_offers_to_open_it_again(
        self, llm: Llm, editor: Callable[..., None]
    ) -> None:
        editor("[dispaly]\n", "[display]\n")
        child = llm.spawn("config", "edit")
        child.expect("Open it again")
        child.sendline("y")
        child.expect("EOF|$")
        child.wait()
        assert child.exitstatus == 0
        assert llm.config.read_text() == "[display]\n"

    def test_visual_goes_before_editor(self, llm: Llm, editor: Callable[..., None]) -> None:
        editor("[display]\n")
        llm.env["VISUAL"] = "false"
        result = llm("config", "edit")
        assert result.code == 3
        assert "false ended with 1" in result.err

    @pytest.mark.parametrize("command", ["/no/such/editor", "'unclosed", " "])
    def test_an_editor_that_is_none(self, llm: Llm, command: str) -> None:
        llm.env["EDITOR"] = command
        result = llm("config", "edit")
        assert result.code == 3
        assert "internal" not in result.err


class TestCheck:
    def test_ok(self, llm: Llm, own_card: Callable[..., Path]) -> None:
        assert llm("config", "check").text == "ok\n"
        own_card('base_url = "https://proxy.example"\n', "groq")
        write_card(llm, "http://127.0.0.1:9/v1", "lab")
        assert llm("config", "check").text == "ok\n"

    def test_everything_wrong_is_told_at_once(
        self, llm: Llm, config: Callable[[str], Path], own_card: Callable[..., Path]
    ) -> None:
        path = config(
            'default_model = "nope/x"\n'
            "[defaults]\ntemprature = 1\nseed = 'x'\n"
            '[models."grok/x"]\nseed = 1\n'
            '[aliases]\ngroq = "groq/x"\n"a/b" = "groq/x"\nok = "groq/x"\n'
            f'[{LLAMA}]\nuser = "{KEY_SHAPED}"\n'
        )
        lab = own_card(
            'adapter = "openai-chat"\n'
            'base_url = "${LAB_URL}/v1"\n'
            '[headers]\nx-api-key = "opensesame"\nx-team = "${TEAM}"\n'
            '[dialect]\neffrot = "thinking"\nreplay = "all"\n'
        )
        broken = own_card("name = \n", "broken")
        bare = own_card('base_url = "http://127.0.0.1:9"\n', "bare")
        strange = own_card('adapter = "opnai-chat"\n', "strange")
        badly = own_card('adapter = "openai-chat"\n', "bad name")
        leak = own_card(
            f'adapter = "openai-chat"\nkey = {{ command = ["{KEY_SHAPED}"] }}\n', "leak"
        )
        result = llm("config", "check")
        assert (result.code, result.out) == (3, b"")
        for expected in (
            f'{path}:1: default_model: no provider "nope".',
            f"{path}:3: defaults.temprature: unknown key.",
            f"{path}:4: defaults.seed: must be a whole number",
            f'{path}:5: models.grok/x: no provider "grok". Did you mean "groq"?',
            f"{path}:8: aliases.groq: an alias cannot hide",
            f"{path}:9: aliases.a/b: an alias has",
            f"{path}:12: {LLAMA.replace(chr(34), '')}.user: looks like a key",
            f"{lab}:2: base_url: the environment variable LAB_URL is not set",
            f"{lab}:4: headers.x-api-key: holds a key in clear",
            f"{lab}:5: headers.x-team: the environment variable TEAM is not set",
            f'{lab}:7: dialect.effrot: unknown key. Did you mean "effort"?',
            f"{lab}:8: dialect.replay: must be one of",
            f"{broken}:1:8:",
            f"{bare}:1: adapter: is missing",
            f'{strange}:1: adapter: unknown adapter "opnai-chat". Did you mean "openai-chat"?',
            f"{badly}: 'bad name' cannot be a provider's name",
            f"{leak}:2: key.command: looks like a key",
        ):
            assert expected in result.err
        assert "aliases.ok" not in result.err
        assert KEY_SHAPED not in result.err

    def test_an_alias_of_an_alias_is_wrong(self, llm: Llm, config: Callable[[str], Path]) -> None:
        config('default_model = "a"\n[aliases]\na = "groq/x"\nb = "a"\n')
        result = llm("config", "check")
        assert result.code == 3
        assert "aliases.b" in result.err
        assert "aliases.a:" not in result.err
        assert "default_model" not in result.err

    @pytest.mark.parametrize("data", [b"\xff", b"\x00", b"a" * (1 << 21), b"a=" + b"[" * 9000])
    def test_odd_files_are_told_and_never_a_traceback(
        self, llm: Llm, config: Callable[[str], Path], data: bytes
    ) -> None:
        config("").write_bytes(data)
        result = llm("config", "check")
        assert result.code == 3
        assert str(llm.config) in result.err
        assert "internal" not in result.err

    def test_a_folder_in_the_place_of_the_file(self, llm: Llm) -> None:
        llm.config.mkdir(parents=True)
        for command in (["check"], ["show"], ["set", "defaults.seed", "1"]):
            result = llm("config", *command)
            assert result.code == 3
            assert "not a regular file" in result.err
