"""Keys in the keyring: bound to an origin, and listed in an index of our own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from keyring_support import CARD, ORIGIN, card, working_keyring
from support import KEY, environment

from llmcli import keys
from llmcli.errors import ConfigError, CredentialsError
from llmcli.keys import index


@pytest.fixture
def keyring(tmp_path, monkeypatch):
    """A keyring that works; its entries are files in the folder given."""
    for name, value in working_keyring(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "keyring"


def test_save_find_remove(keyring):
    """A saved key is found, in the keyring and not in the index, and is gone after removal."""
    assert keys.save(CARD, f" {KEY}\n") == "keyring_backends.MemoryFile"
    key = keys.find(CARD)
    assert key is not None
    assert key.secret.reveal() == KEY
    assert KEY not in index.path().read_text()
    assert index.path().stat().st_mode & 0o777 == 0o600
    assert keys.remove("lab")
    assert not list(keyring.iterdir())
    assert not index.read()
    assert not keys.remove("lab")


def test_keyring_entry_carries_name_and_origin(keyring):
    """Service `llmcli`, user `NAME ORIGIN`: others can tell what the entry is for."""
    keys.save(CARD, KEY)
    (entry,) = (json.loads(file.read_text()) for file in keyring.iterdir())
    assert (entry["service"], entry["username"]) == ("llmcli", f"lab {ORIGIN}")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1",
        "http://lab.example/v1",
        "https://lab.example:8443",
        "https://lab.example.evil",
    ],
)
def test_row_s11_key_is_bound_to_its_origin(keyring, url):
    """Another host, scheme or port: the key is not found, and the error says for what it is."""
    keys.save(CARD, KEY)
    moved = card(base_url=url)
    assert keys.where(moved) is None
    with pytest.raises(
        CredentialsError, match=f"lab has a key for {ORIGIN}, which is not sent to"
    ) as caught:
        keys.find(moved)
    assert "llm keys set lab" in caught.value.hint
    assert keys.find(card(base_url="https://LAB.example:443/other/path")) is not None


def test_row_s11_key_is_bound_through_a_variable_in_the_address(keyring, monkeypatch):
    """The origin is that of the address as it is now, not of the text in the card."""
    variable = card(base_url="https://${LAB_HOST}/v1")
    monkeypatch.setenv("LAB_HOST", "lab.example")
    keys.save(variable, KEY)
    assert keys.find(variable)
    monkeypatch.setenv("LAB_HOST", "evil.example")
    with pytest.raises(CredentialsError, match=ORIGIN):
        keys.find(variable)
    monkeypatch.delenv("LAB_HOST")
    assert keys.where(variable) is None
    with pytest.raises(ConfigError, match="LAB_HOST is not set"):
        keys.find(variable)


def test_row_s11_holds_for_a_card_that_names_no_variable(keyring):
    """A card without `key_env` whose key was stored is not called without it after a move."""
    keys.save(card(key_env=()), KEY)
    with pytest.raises(CredentialsError, match="which is not sent to"):
        keys.find(card(key_env=(), base_url="https://evil.example"))


def test_two_origins_of_one_name_have_a_key_each(keyring):
    """Storing for a new address keeps the old one; removal takes both."""
    moved = card(base_url="http://127.0.0.1:8080")
    keys.save(CARD, "first-key")
    keys.save(moved, "second-key")
    assert keys.find(CARD).secret.reveal() == "first-key"
    assert keys.find(moved).secret.reveal() == "second-key"
    assert keys.remove("lab")
    assert not list(keyring.iterdir())


def test_keyring_trouble_does_not_stop_later_sources(keyring, monkeypatch):
    """Locked: the command is asked all the same; without one, the error says locked."""
    keys.save(CARD, KEY)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring_backends.Locked")
    key = keys.find(card(key={"command": ["echo", "from-command"]}))
    assert key is not None
    assert key.source == "command echo"
    with pytest.raises(CredentialsError, match="is locked"):
        keys.find(CARD)


def test_a_key_that_left_the_keyring_is_told(keyring):
    """Somebody else deleted it: no silence, no call without a key."""
    keys.save(CARD, KEY)
    for file in keyring.iterdir():
        file.unlink()
    with pytest.raises(CredentialsError, match="the keyring no longer has it"):
        keys.find(CARD)
    assert keys.remove("lab")


def test_a_broken_index_is_told_and_kept(keyring):
    """It is neither taken for empty nor replaced, and no key goes into the keyring before that."""
    index.path().parent.mkdir(parents=True)
    index.path().write_text("[lab\n")
    for action in (
        lambda: keys.find(CARD),
        lambda: keys.save(CARD, KEY),
        lambda: keys.remove("lab"),
    ):
        with pytest.raises(ConfigError, match=r"keys\.toml:1"):
            action()
    assert index.path().read_text() == "[lab\n"
    assert not list(keyring.iterdir())


@pytest.mark.parametrize("text", ["lab = 1", "[lab]\nx = 1", "lab = []"])
def test_an_index_of_another_form_is_told(text):
    """Wrong types are errors with the key they stand at."""
    index.path().parent.mkdir(parents=True)
    index.path().write_text(text)
    with pytest.raises(ConfigError, match="lab"):
        index.read()


def test_index_keeps_all_of_twenty_writers(tmp_path):
    """Twenty processes note twenty keys at once, and all are there."""
    code = "import sys; from llmcli.keys import index; index.add(sys.argv[1], 'https://h:443', 'b')"
    writers = [
        subprocess.Popen([sys.executable, "-c", code, f"n{i}"], env=environment(tmp_path))
        for i in range(20)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 20
    assert sorted(index.read()) == sorted(f"n{i}" for i in range(20))


def test_a_card_without_an_address_keeps_no_key(keyring):
    """There is no origin to bind it to."""
    with pytest.raises(ConfigError, match="no base_url"):
        keys.save(card(base_url=""), KEY)
