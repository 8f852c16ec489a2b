"""`llm __complete`: what is offered on Tab; fast, silent, without network and keyring."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import past
import pytest
from running import Result
from support import COMMAND, Llm

from llmcli.cli import complete, settings
from llmcli.cli.shells.rules import RULES, Kind
from llmcli.store import Store

HEAVY = {
    *("typer", "click", "rich", "httpx", "httpcore", "keyring", "prompt_toolkit", "tomlkit"),
    *("pydantic", "sqlite3", "socket", "ssl", "asyncio", "subprocess"),
}
HOSTILE = """
[aliases]
"esc\\u001b[2Jx" = "groq/a"
"two\\nlines" = "groq/a"
"tab\\tbed" = "groq/a"
"bidi\\u202e" = "groq/a"
"sk-abcdefghijklmnop1234" = "groq/a"
fine = "groq/\\u001b]0;title\\u0007 sk-abcdefghijklmnop1234"
"""


def offered(llm: Llm, kind: str, prefix: str = "") -> dict[str, str]:
    """The values with their descriptions; the run succeeds and complains of nothing."""
    result = llm("__complete", kind, prefix)
    silent(result)
    rows = [line.split("\t") for line in result.text.splitlines()]
    assert all(len(row) == 2 for row in rows), rows
    return dict(rows)


def silent(result: Result) -> None:
    assert (result.code, result.err) == (0, "")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def card(llm: Llm, name: str, text: str) -> None:
    write(llm.home / "config" / "providers" / f"{name}.toml", text)


def lab(llm: Llm, *models: str) -> None:
    """A keyless server of the user's own with these models."""
    tables = "\n".join(f"[models.{model!r}]" for model in models)
    card(llm, "lab", f'adapter = "openai-chat"\nbase_url = "http://127.0.0.1:9/v1"\n{tables}\n')


def providers_of(specs: dict[str, str]) -> set[str]:
    """The providers of the models offered, without the embedded one, which may be installed."""
    return {spec.partition("/")[0] for spec in specs} - {"local"}


def test_unconfigured_offers_the_models_of_every_shipped_card(llm: Llm) -> None:
    specs = offered(llm, "models")
    assert {"groq", "openai", "deepseek"} <= providers_of(specs)
    assert specs["groq/openai/gpt-oss-120b"] == "131,072 tokens, $0.15 in, $0.6 out"
    assert "groq/llama-3.3-70b-versatile" not in specs  # retired


def test_only_models_of_providers_with_a_key_are_offered(llm: Llm) -> None:
    llm.env["GROQ_API_KEY"] = "k" * 20
    assert providers_of(offered(llm, "models")) == {"groq"}


def test_a_stored_key_counts_by_its_name_in_the_index(llm: Llm) -> None:
    backend = "keyring.backends.SecretService.Keyring"
    write(llm.home / "data" / "keys.toml", f'[groq]\n"https://api.groq.com:443" = "{backend}"\n')
    assert providers_of(offered(llm, "models")) == {"groq"}


def test_own_cards_and_config_add_models_and_aliases_come_first(llm: Llm) -> None:
    lab(llm, "qwen3:8b")
    card(llm, "den", 'adapter = "openai-chat"\nbase_url = "http://[::1]/v1"\ndefault_model = "d"\n')
    write(llm.config, '[aliases]\nfast = "lab/qwen3:8b"\n[models."lab/own"]\ncontext = 1\n')
    specs = offered(llm, "models")
    mine = [spec for spec in specs if not spec.startswith("local/")]
    assert mine == ["fast", "den/d", "lab/qwen3:8b", "lab/own"]
    assert specs["fast"] == "alias of lab/qwen3:8b"


def test_a_retired_model_is_not_offered(llm: Llm) -> None:
    lab(llm, "old", "new")
    write(llm.config, '[models."lab/old"]\nretired = 2001-01-01\n')
    assert list(offered(llm, "models", "lab/")) == ["lab/new"]


def test_values_are_those_that_begin_with_the_prefix(llm: Llm) -> None:
    lab(llm, "qwen3:8b", "qwen3:14b", "glm")
    assert list(offered(llm, "models", "lab/qwen3:1")) == ["lab/qwen3:14b"]
    assert offered(llm, "models", "Lab/") == {}
    assert "qwen3:8b" in offered(llm, "model-ids", "qwen3:")


def test_providers_are_all_cards_with_the_source_of_the_key(llm: Llm) -> None:
    llm.env["GROQ_API_KEY"] = "k" * 20
    lab(llm)
    names = offered(llm, "providers")
    assert names["groq"] == "Groq, env GROQ_API_KEY"
    assert names["openai"].endswith("no key yet")
    assert names["lab"] == "lab, no key needed"


def test_options_by_name_then_their_choices(llm: Llm) -> None:
    assert offered(llm, "options", "temp") == {"temperature=": "randomness, 0 to 2"}
    assert list(offered(llm, "options", "verbosity=")) == [
        *("verbosity=low", "verbosity=medium", "verbosity=high")
    ]
    assert list(offered(llm, "options", "parallel_tool_calls=t")) == ["parallel_tool_calls=true"]
    assert offered(llm, "options", "seed=") == offered(llm, "options", "nonsense=") == {}


def test_aliases_local_models_and_adapters(llm: Llm) -> None:
    write(llm.config, '[aliases]\nfast = "groq/x"\n')
    write(llm.home / "data" / "models" / "tiny.gguf", "GGUF")
    assert offered(llm, "aliases") == {"fast": "alias of groq/x"}
    assert list(offered(llm, "local-models")) == ["tiny"]
    assert {"openai-chat", "local"} <= set(offered(llm, "adapters"))


def test_config_keys_are_those_of_the_schema_and_of_the_file(llm: Llm) -> None:
    write(llm.config, '[display]\ncolor = "never"\n[models."groq/a.b"]\nseed = 7\n')
    keys = offered(llm, "config-keys")
    assert keys["display.color"] == "now never"
    assert keys['models."groq/a.b".seed'] == "now 7"
    assert keys["default_model"] == ""
    for key in keys:
        assert settings.join_key(settings.split_key(key)) == key
        settings.spec_of(settings.split_key(key))  # raises for a key that the commands do not know


def test_conversations_by_name_and_where_they_have_none_by_id(llm: Llm) -> None:
    old = past.talk(llm.db, "the old one", days=2)[0].conversation
    new = past.talk(llm.db, "the new one")[0].conversation
    store = Store(llm.db)
    store.rename(old, "parser")
    store.close()
    assert offered(llm, "conversations") == {
        new[:10]: "the new one, 1 min",
        "parser": "parser, 2 d",
    }
    assert list(offered(llm, "conversations", "pa")) == ["parser"]
    assert list(offered(llm, "conversations", old[:10])) == [old[:10]]
    assert list(offered(llm, "conversations", old[:20])) == [old]
    assert list(offered(llm, "conversations", old[:20].lower())) == [old[:20].lower() + old[20:]]


@pytest.mark.parametrize("name", ["$(touch x)", "a b", "a;b", "`x`", "a'b", "~", "*"])
def test_a_name_that_a_shell_would_take_for_more_is_not_offered(llm: Llm, name: str) -> None:
    conversation = past.talk(llm.db, "hello")[0].conversation
    store = Store(llm.db)
    store.rename(conversation, name)
    store.close()
    assert list(offered(llm, "conversations")) == [conversation[:10]]


def test_every_kind_of_the_rules_is_known_here_and_the_other_way_round() -> None:
    by_shell = {"files", "variables", "words", "nothing", "unruled"}
    assert set(get_args(Kind)) - by_shell == set(complete.KINDS)
    assert {values.kind for values in RULES.values()} <= set(get_args(Kind)) - {"unruled"}


@pytest.mark.parametrize("kind", complete.KINDS)
def test_a_broken_config_gives_nothing_and_no_complaint(llm: Llm, kind: str) -> None:
    write(llm.config, "[aliases\n= ]")
    result = llm("__complete", kind, "")
    silent(result)
    of_config = {"models", "model-ids", "aliases", "config-keys"}
    assert (result.out == b"") is (kind in of_config | {"local-models", "conversations"})


def test_a_broken_card_is_left_out_alone(llm: Llm) -> None:
    lab(llm, "m")
    card(llm, "bad", "adapter = [\n")
    assert list(offered(llm, "models", "lab/")) == ["lab/m"]
    assert offered(llm, "models", "bad") == {}
    assert offered(llm, "providers", "bad") == {"bad": "its card is broken"}


@pytest.mark.parametrize("place", ["config/config.toml", "data/keys.toml", "config/providers"])
def test_what_cannot_be_read_is_no_reason_to_complain(llm: Llm, place: str) -> None:
    path = llm.home / place
    if place.endswith("providers"):
        write(path, "not a folder")
    else:
        path.mkdir(parents=True)
    for kind in complete.KINDS:
        silent(llm("__complete", kind, ""))


@pytest.mark.parametrize("arguments", [(), ("bogus",), ("models", "a", "b"), ("models", "\udcff")])
def test_odd_calls_are_silent(llm: Llm, arguments: Sequence[str]) -> None:
    silent(llm("__complete", *arguments))


@pytest.mark.parametrize("redirection", [">&-", "| true", "> /dev/full"])
def test_a_stdout_that_takes_nothing_is_silent(llm: Llm, redirection: str) -> None:
    result = llm("__complete", "models", "", wrap=f'"$@" {redirection}')
    assert result.err == ""


def test_hostile_names_are_not_offered_and_descriptions_are_made_safe(llm: Llm) -> None:
    write(llm.config, HOSTILE)
    found = offered(llm, "aliases")
    assert list(found) == ["fine"]
    assert "\x1b" not in found["fine"]
    assert "sk-abc" not in found["fine"]


def test_only_light_modules_are_imported(llm: Llm) -> None:
    llm.env["GROQ_API_KEY"] = "k" * 20
    lab(llm, "m")
    for kind in ("models", "providers", "options", "aliases", "config-keys", "local-models"):
        command = [sys.executable, "-X", "importtime", *COMMAND[1:], "__complete", kind, ""]
        run = subprocess.run(command, env=llm.env, capture_output=True, text=True, check=True)
        loaded = {line.split("|")[-1].strip().split(".")[0] for line in run.stderr.splitlines()}
        assert "llmcli" in loaded
        assert not loaded & HEAVY, kind


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_no_socket_is_opened(llm: Llm, tmp_path: Path) -> None:
    log = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=%network", "-o", str(log), *COMMAND]
    run = subprocess.run([*command, "__complete", "models", ""], env=llm.env, capture_output=True)
    if run.returncode:
        pytest.skip("strace may not trace here")
    assert b"groq/" in run.stdout
    assert log.read_text() == ""


def test_it_takes_a_small_multiple_of_an_empty_python(llm: Llm) -> None:
    """CPU time, which other work on the machine changes least; 100 ms are about 9 times."""
    bare, tab = [], []
    for _ in range(6):
        bare.append(cpu_seconds([sys.executable, "-c", "pass"], llm.env))
        tab.append(cpu_seconds([*COMMAND, "__complete", "models", "gro"], llm.env))
    assert min(tab) <= 9 * min(bare), (tab, bare)


def cpu_seconds(command: Sequence[str], env: dict[str, str]) -> float:
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime
