"""Keys: what they must look like, which source wins, and where they may go."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from keyring_support import CARD, TESTS, card, private_file, working_keyring
from support import KEY, environment

from llmcli import cards, keys
from llmcli.errors import CredentialsError
from llmcli.redaction import Secret, redact


@pytest.fixture
def keyring(tmp_path, monkeypatch):
    """A keyring that works; its entries are files in the folder given."""
    for name, value in working_keyring(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "keyring"


def python(tmp_path: Path, code: str, **env: str) -> str:
    """What a fresh interpreter prints."""
    settings = {**environment(tmp_path), "PYTHONPATH": str(TESTS), **env}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# What a key looks like


@pytest.mark.parametrize(
    "value", [KEY, f" {KEY}\t", f"{KEY}\r\n", f"\u00a0{KEY}\u2003", "x", "k" * 8192]
)
def test_row_96_ends_are_trimmed(value):
    """White space around a key goes; the key stays."""
    assert keys.check_value(value) == value.strip()


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("CANARY\nCANARY", "line break"),
        ("CANARY\rCANARY", "line break"),
        ("CANARY\u2028CANARY", "line break"),
        ("CANARY\0CANARY", "control character"),
        ("CANARY\x1b[31mCANARY", "control character"),
        ("CANARY CANARY", "space"),
        ("CANARY\tCANARY", "space"),
        ("CANARY\u00a0CANARY", "space"),
        ("\u201cCANARY\u201d", "curly quote"),
        ("CANARY\u2019", "curly quote"),
        ("CANARY\u200bCANARY", "invisible"),
        ("\ufeffCANARY", "invisible"),
        ("CANARY\u0441", "not ASCII"),
        ("CANARY\u00e9", "not ASCII"),
        ("CANARY\udc80", "not ASCII"),
        ("CANARY" * 2000, "longer than 8192"),
    ],
)
def test_row_96_bad_keys_are_refused_and_not_shown(value, flaw):
    """The message says what is wrong with the key and nothing of the key."""
    with pytest.raises(CredentialsError, match=flaw) as caught:
        keys.check_value(value)
    assert "CANARY" not in caught.value.message + caught.value.hint + repr(caught.value)


# The order of the sources


def test_row_s8_a_key_shows_a_mask_and_is_redacted(monkeypatch):
    """Neither repr nor str of a key has its value, and the redactor knows it from now on."""
    monkeypatch.setenv("LAB_KEY", "not-the-usual-shape-9182")
    key = keys.find(CARD)
    assert key is not None
    assert key.secret.reveal() == "not-the-usual-shape-9182"
    assert "9182" not in f"{key} {key!r} {key.secret}"
    assert "9182" not in redact("server says not-the-usual-shape-9182")


def test_sources_in_order(keyring, tmp_path, monkeypatch):
    """--key-env, variable, keyring, command, file: each wins over all that come after it."""
    file = private_file(tmp_path / "k", "from-file")
    full = card(key={"command": ["echo", "from-command"], "file": str(file)})
    keys.save(full, "from-keyring")
    monkeypatch.setenv("OTHER", "from-other")
    monkeypatch.setenv("LAB_KEY", "from-env")

    def found(a_card, key_env=None):
        key = keys.find(a_card, key_env)
        assert key
        return key.secret.reveal(), key.source

    assert found(full, "OTHER") == ("from-other", "env OTHER")
    assert found(full) == ("from-env", "env LAB_KEY")
    monkeypatch.delenv("LAB_KEY")
    assert found(full) == ("from-keyring", "keyring (keyring_backends.MemoryFile)")
    assert keys.remove("lab")
    assert found(full) == ("from-command", "command echo")
    assert found(card(key={"file": str(file)})) == ("from-file", f"file {file}")
    assert keys.find(CARD) is None


def test_where_names_the_source_that_find_uses(keyring, tmp_path, monkeypatch):
    """The source told without opening anything is the one that gives the key."""
    full = card(key={"command": ["echo", "k"]})
    assert keys.where(CARD) is None
    assert keys.where(full) == "command echo"
    keys.save(full, "from-keyring")
    assert keys.where(full) == keys.find(full).source
    monkeypatch.setenv("LAB_KEY", "k")
    assert keys.where(full) == keys.find(full).source == "env LAB_KEY"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_is_no_key(value, monkeypatch):
    """Set to nothing means not set, as shells and CI systems do it."""
    monkeypatch.setenv("LAB_KEY", value)
    assert keys.find(CARD) is None
    assert keys.where(CARD) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("LAB_NONE", "LAB_NONE is not set"),
        ("LAB_EMPTY", "is empty"),
        ("sk-CANARY", "not the key itself"),
    ],
)
def test_key_env_must_name_a_variable_with_a_key(name, words, monkeypatch):
    """--key-env never falls back to another source."""
    monkeypatch.setenv("LAB_KEY", KEY)
    monkeypatch.setenv("LAB_EMPTY", "")
    with pytest.raises(CredentialsError, match=words) as caught:
        keys.find(CARD, name)
    assert "CANARY" not in caught.value.message


def test_a_bad_key_in_a_variable_names_the_variable(monkeypatch):
    """The error says where to look; another source is not taken instead."""
    monkeypatch.setenv("LAB_KEY", "CANARY CANARY")
    with pytest.raises(CredentialsError, match="env LAB_KEY: the key has a space in it") as caught:
        keys.find(card(key={"command": ["echo", "k"]}))
    assert "CANARY" not in caught.value.message


def test_keyring_is_not_imported_for_a_card_without_a_stored_key(tmp_path):
    """No key needed, a key in the environment, a command: none of them costs the keyring."""
    shown = python(
        tmp_path,
        """
        import sys
        from llmcli import keys
        from llmcli.cards import Card
        at = dict(name="x", adapter="openai-chat", base_url="http://127.0.0.1:1")
        print(keys.find(Card(id="open", **at)))
        print(keys.find(Card(id="env", key_env=("LAB_KEY",), **at)).source)
        print(keys.find(Card(id="cmd", key={"command": ["echo", "k"]}, **at)).source)
        print(keys.where(Card(id="open", **at)), "keyring" in sys.modules)
        """,
        LAB_KEY="k",
    )
    assert shown.splitlines() == ["None", "env LAB_KEY", "command echo", "None False"]


def test_row_s33_no_core_dump_once_a_key_is_loaded(tmp_path):
    """The limit is what the system allows before, and 0 after."""
    shown = python(
        tmp_path,
        """
        import resource
        from llmcli import keys
        from llmcli.cards import Card
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        print(resource.getrlimit(resource.RLIMIT_CORE)[0] == hard)
        keys.find(Card(id="x", name="x", adapter="a", key_env=("LAB_KEY",)))
        print(resource.getrlimit(resource.RLIMIT_CORE)[0])
        """,
        LAB_KEY="k",
    )
    assert shown.split() == ["True", "0"]


# The error that helps


def test_missing_tells_the_three_ways(tmp_path):
    """Variable, keyring, and the card's own sources, in three lines."""
    error = keys.missing(card(keys_url="https://lab.example/keys"))
    text = f"{error.message}\n{error.hint}"
    for part in (
        "LAB_KEY",
        "llm keys set lab",
        "command",
        "file",
        str(cards.user_shelf()),
        "lab.example/keys",
    ):
        assert part in text
    assert len(text.splitlines()) == 3
    assert error.exit_code == 4


# Where a key may go


@pytest.mark.parametrize(
    "url",
    [
        "https://lab.example/v1",
        "http://127.0.0.1:8080/v1",
        "http://localhost/v1",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::1]:8080/",
        "",
    ],
)
def test_row_s14_key_may_go_there(url):
    """https anywhere; http to this machine."""
    keys.check_origin(card(base_url=url), keys.Key(Secret(KEY), "env LAB_KEY"))


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/v1",
        "http://lab.example/v1",
        "http://localhost.evil/v1",
        "http://0x80.1/",
        "https://user:pw@lab.example/v1",
        "ftp://lab.example/",
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "https://169.254.169.254/",
        "http://${LAB_HOST}/",
    ],
)
def test_rows_s14_s17_key_may_not_go_there(url, monkeypatch):
    """Clear text to others, logins in the URL, odd schemes, metadata services: exit 4."""
    monkeypatch.setenv("LAB_HOST", "10.0.0.1")
    with pytest.raises(CredentialsError, match="lab: the key") as caught:
        keys.check_origin(card(base_url=url), keys.Key(Secret(KEY), "env LAB_KEY"))
    assert "pw" not in caught.value.message
    assert KEY not in caught.value.message


def test_row_s14_clear_text_can_be_allowed_by_the_card():
    """But not the other refusals."""
    key = keys.Key(Secret(KEY), "env LAB_KEY")
    keys.check_origin(card(base_url="http://10.0.0.1/v1", allow_insecure_http=True), key)
    with pytest.raises(CredentialsError):
        keys.check_origin(card(base_url="http://169.254.169.254/", allow_insecure_http=True), key)
