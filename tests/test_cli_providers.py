"""`llm providers`: added by flags and by questions, listed, tested, removed."""

from __future__ import annotations

import json
import signal
import sys
import time
import tomllib
from collections.abc import Iterator

import pexpect
import pytest
from fault_server import FaultServer
from good_server import KEY, GoodServer
from keyring_support import working_keyring
from support import Llm, write_card


@pytest.fixture
def keyed(llm: Llm) -> Iterator[GoodServer]:
    """A server that wants a key, and a keyring that works."""
    llm.env |= working_keyring(llm.root)
    llm.env.pop("FS_KEY", None)
    with GoodServer(KEY) as server:
        yield server


@pytest.fixture
def free() -> Iterator[GoodServer]:
    """A server that wants no key and has one model."""
    with GoodServer(models=("only",)) as server:
        yield server


def card(llm: Llm, name: str) -> dict[str, object]:
    """The user's card as it lies on the disk."""
    return tomllib.loads((llm.home / "config" / "providers" / f"{name}.toml").read_text())


def test_add_without_a_key(llm: Llm, free: GoodServer) -> None:
    """One command: reachable, its one model chosen, a test call made, ready to be asked."""
    result = llm("providers", "add", "lab", "--base-url", free.url + "/", "--no-key")
    assert (result.code, result.text) == (0, "")
    for words in ("reachable", "1 model", "Default is now lab/only", "first token"):
        assert words in result.err
    assert card(llm, "lab") == {
        "adapter": "openai-chat",
        "base_url": free.url,
        "default_model": "only",
    }
    assert llm("hi").text == "fine"


def test_add_with_a_key_from_stdin(llm: Llm, keyed: GoodServer) -> None:
    """The key goes into the keyring, never into a file of ours or on the screen."""
    result = llm(
        "providers", "add", "lab", "--base-url", keyed.url, "-m", "m", input=f"{KEY}\n".encode()
    )
    assert result.code == 0, result.err
    assert "key accepted" in result.err
    assert KEY not in result.err + result.text
    for path in llm.home.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()
    assert llm("hi").text == "fine"


def test_refused_key_is_not_stored(llm: Llm, keyed: GoodServer) -> None:
    """A wrong key ends with 4 and leaves nothing behind."""
    result = llm("providers", "add", "lab", "--base-url", keyed.url, input=b"wrong-key-123\n")
    assert result.code == 4
    assert "Nothing was stored" in result.err
    assert "wrong-key-123" not in result.err
    assert (
        llm("providers", "list", "--json").text.strip() == "[]"
        or "lab" not in llm("providers", "list").text
    )


def test_unreachable_server_is_not_written(llm: Llm) -> None:
    """Nothing is there: exit 6, and a way to write it all the same."""
    args = ["providers", "add", "lab", "--base-url", "http://127.0.0.1:1/v1", "--no-key"]
    result = llm(*args)
    assert result.code == 6
    assert "connection refused" in result.err
    assert "--no-test" in result.err
    assert llm("providers", "show", "lab").code == 3
    assert llm(*args, "--no-test").code == 0
    assert llm("providers", "show", "lab").code == 0


def test_questions_for_a_person(llm: Llm, keyed: GoodServer) -> None:
    """On a terminal the key is asked for hidden, and the model chosen from the server's list."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "llmcli", "providers", "add", "lab", "--base-url", keyed.url],
        env={**llm.env, "TERM": "xterm"},
        encoding="utf-8",
        timeout=30,
    )
    child.expect("hidden")
    child.sendline(KEY)
    child.expect("key accepted")
    child.expect("1  m")
    child.expect("2  echo")
    child.expect("Default model")
    child.sendline("2")
    child.expect("Default is now lab/echo")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert KEY not in str(child.before)
    assert card(llm, "lab")["default_model"] == "echo"


def test_name_and_address_are_checked(llm: Llm) -> None:
    """Bad names and addresses are one line and the right code."""
    for args, code, words in (
        (["../evil", "--base-url", "http://127.0.0.1:1"], 3, "cannot be a provider's name"),
        (["lab"], 3, "no provider"),
        (["gorq"], 3, "Nearest: groq"),
        (["lab", "--base-url", "ftp://x"], 2, "must begin with"),
        (["lab", "--base-url", "http://u:p@h/v1"], 2, "user name or password"),
    ):
        result = llm("providers", "add", *args, "--no-key")
        assert (result.code, words in result.err) == (code, True), result.err


def test_list_tells_the_source_of_each_key(llm: Llm, keyed: GoodServer) -> None:
    """Keyring, environment, none needed, and how many shipped ones are left."""
    llm("providers", "add", "lab", "--base-url", keyed.url, input=f"{KEY}\n".encode())
    write_card(llm, keyed.url, "open", key_env=[])
    rows = {
        row["name"]: row["key"]
        for row in json.loads(
            llm("providers", "list", "--json", env={"OPENAI_API_KEY": "sk-x"}).text
        )
    }
    assert rows["lab"].startswith("keyring")
    assert rows["openai"] == "env OPENAI_API_KEY"
    assert rows["open"] is None
    assert "none needed" in llm("providers", "list").text
    assert "groq" not in rows
    everything = json.loads(llm("providers", "list", "--all", "--json").text)
    assert {"groq", "azure", "ollama"} <= {row["name"] for row in everything}


def test_test_tells_what_is_wrong(llm: Llm, keyed: GoodServer) -> None:
    """Works, key refused, model missing, unreachable: each by name and exit code."""
    write_card(llm, keyed.url, "good", key_env=["GOOD_KEY"], default_model="m")
    write_card(llm, keyed.url, "bad", key_env=["BAD_KEY"], default_model="m")
    write_card(llm, "http://127.0.0.1:1/v1", "down", key_env=[], default_model="m")
    env = {"GOOD_KEY": KEY, "BAD_KEY": "no-such-key"}
    for args, state, code in (
        (["good"], "works", 0),
        (["bad"], "key refused", 4),
        (["good", "-m", "nope"], "model missing", 9),
        (["down"], "unreachable", 6),
    ):
        result = llm("providers", "test", *args, "--json", env=env)
        report = json.loads(result.text)[0]
        assert (report["state"], result.code) == (state, code), result.err
        words = llm("providers", "test", *args, env=env).text
        assert (state in words) == (state != "works")
    assert "(401" in llm("providers", "test", "bad", env=env).text
    several = llm("providers", "test", "good", "down", env=env)
    assert several.code == 6
    assert len(several.text.splitlines()) == 2


def test_show_and_models(llm: Llm, free: GoodServer) -> None:
    """What is known, and what the server says now."""
    llm("providers", "add", "lab", "--base-url", free.url, "--no-key")
    facts = json.loads(llm("providers", "show", "lab", "--json").text)
    assert (facts["base_url"], facts["key"]) == (free.url, "none needed")
    assert free.url in llm("providers", "show", "lab").text
    assert llm("providers", "models", "lab").text == "only\t8,192\n"
    assert json.loads(llm("providers", "models", "lab", "--json").text) == [
        {"id": "only", "context": 8192}
    ]


def test_remove(llm: Llm, keyed: GoodServer) -> None:
    """Card and key go; a shipped provider without either is told."""
    llm("providers", "add", "lab", "--base-url", keyed.url, input=f"{KEY}\n".encode())
    result = llm("providers", "remove", "lab")
    assert result.code == 0
    assert "its card and its key" in result.err
    assert llm("providers", "show", "lab").code == 3
    assert llm("keys", "list").text == ""
    assert llm("providers", "remove", "groq").code == 3


def test_default(llm: Llm, free: GoodServer) -> None:
    """The default is shown with its source, and changed for the provider and for all."""
    llm("providers", "add", "lab", "--base-url", free.url, "--no-key")
    result = llm("providers", "default")
    assert result.text == "lab/only\n"
    assert "config.toml" in result.err
    assert llm("providers", "default", "lab", "other").code == 0
    assert llm("providers", "default").text == "lab/other\n"
    assert card(llm, "lab")["default_model"] == "other"
    assert llm("providers", "default", "azure").code == 3


def test_adding_again_keeps_what_was_written(llm: Llm, free: GoodServer) -> None:
    """A second `add` changes what its flags say and nothing else."""
    llm("providers", "add", "lab", "--base-url", free.url, "--no-key")
    path = llm.home / "config" / "providers" / "lab.toml"
    path.write_text(path.read_text() + "[models.only]\ncontext = 99\n")
    assert llm("providers", "add", "lab", "--no-key").code == 0
    assert card(llm, "lab")["models"] == {"only": {"context": 99}}


def test_interrupted_test_stops(llm: Llm, faults: FaultServer) -> None:
    """Ctrl-C ends the whole command; the next provider is not called."""
    write_card(llm, faults.url("silent:before-head"), "one", key_env=[], timeout={})
    write_card(llm, faults.url("ok"), "two", key_env=[])
    running = llm.start("providers", "test", "one", "two")
    while not faults.requests("silent:before-head"):
        time.sleep(0.01)
    running.signal(signal.SIGINT)
    assert running.finish().code == -signal.SIGINT
    assert not faults.requests("ok")


def test_nothing_to_test(llm: Llm) -> None:
    """A script must not take silence for success."""
    llm.env.pop("FS_KEY", None)
    blocked = "import sys; sys.modules['xllamacpp'] = None"
    (llm.root / "site").mkdir()
    (llm.root / "site" / "sitecustomize.py").write_text(blocked)
    assert llm("providers", "test", env={"PYTHONPATH": str(llm.root / "site")}).code == 3


def test_local_needs_no_adding(llm: Llm) -> None:
    """The embedded provider says how its model is fetched."""
    result = llm("providers", "add", "local")
    assert result.code == 2
    assert "llm local pull" in result.err


def test_key_that_was_never_given(llm: Llm, keyed: GoodServer) -> None:
    """A server that wants a key and gets none is told as that."""
    write_card(llm, keyed.url, "lab", key_env=[], default_model="m")
    result = llm("-m", "lab/m", "hi")
    assert result.code == 4
    assert "wants a key" in result.err
    assert json.loads(llm("providers", "test", "lab", "--json").text)[0]["state"] == "key missing"


def test_broken_card_stops_nobody_else(llm: Llm, free: GoodServer) -> None:
    """It is named in the list, can be removed, and other providers answer."""
    write_card(llm, free.url, "lab", key_env=[], default_model="only")
    (llm.home / "config" / "providers" / "broken.toml").write_text("adapter = ")
    assert llm("-m", "lab", "hi").text == "fine"
    listed = llm("providers", "list")
    assert listed.code == 0
    assert "broken: its card cannot be read" in listed.err
    assert llm("providers", "remove", "broken").code == 0
    assert "broken" not in llm("providers", "list").err


def test_nothing_configured(llm: Llm) -> None:
    """Without provider and extra: one screen with the ways to start, exit 3."""
    blocked = "import sys; sys.modules['xllamacpp'] = None"
    (llm.root / "site").mkdir()
    (llm.root / "site" / "sitecustomize.py").write_text(blocked)
    llm.env.pop("FS_KEY", None)
    result = llm("hi", env={"PYTHONPATH": str(llm.root / "site")})
    assert result.code == 3
    for way in ("llm providers add groq", "--base-url", "export OPENAI_API_KEY", "llmcli[local]"):
        assert way in result.err
    assert len(result.err.splitlines()) < 24
