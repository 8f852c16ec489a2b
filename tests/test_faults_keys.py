"""Rows 92 to 95: keyrings in trouble, seen from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from keyring_support import (
    at_once,
    backend,
    clean_of,
    entries,
    in_time,
    plugin,
    point,
    with_keyring,
)
from support import KEY, Llm
from wire import TEXT

NO_KEYRING = {"PYTHON_KEYRING_BACKEND": None, "DBUS_SESSION_BUS_ADDRESS": None}


@pytest.fixture
def lab(llm) -> Llm:
    """The command with a keyring that works and a card `lab` that needs a key and has none."""
    return with_keyring(llm)


# Row 92: no keyring


def test_row_92_keyring_missing_tells_the_ways_out(lab):
    """No D-Bus: exit 4, one message, at once."""
    result = lab("keys", "set", "lab", input=KEY.encode(), env=NO_KEYRING)
    assert (result.code, result.out) == (4, b"")
    for words in ("there is no OS keyring here", "Set LAB_KEY", 'command = ["pass"', "file = "):
        assert words in result.err
    assert len(result.err.splitlines()) <= 3
    clean_of(lab, result)


def test_row_92_bus_that_is_not_there(lab):
    """An address left over from an old login is as good as none."""
    gone = {**NO_KEYRING, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={lab.root}/no-bus"}
    result = lab("keys", "set", "lab", input=KEY.encode(), env=gone)
    assert result.code == 4
    assert "there is no OS keyring here" in result.err


def test_row_92_is_told_at_once(lab):
    """Half a second, on a machine that is not busy with other things."""
    assert at_once(lab, lambda: lab("keys", "set", "lab", input=b"k", env=NO_KEYRING))


@pytest.mark.parametrize("name", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring"])
def test_row_92_keyring_switched_off_is_no_keyring(lab, name):
    """The null backend takes everything and keeps nothing: that is never a success."""
    result = lab("keys", "set", "lab", input=KEY.encode(), env={"PYTHON_KEYRING_BACKEND": name})
    assert result.code == 4
    assert "there is no OS keyring here" in result.err


def test_row_92_variable_is_used_without_a_keyring(lab, faults):
    """The key of the environment goes out, and the keyring is not missed."""
    point(lab, faults.url("ok"))
    result = lab("-m", "lab/m", "hi", env={**NO_KEYRING, "LAB_KEY": KEY})
    assert (result.code, result.text) == (0, TEXT)
    assert faults.requests("ok")[0].headers["authorization"] == f"Bearer {KEY}"
    clean_of(lab, result)


def test_row_92_no_key_at_all_tells_the_three_ways(lab, faults):
    """Exit 4, nothing sent, variable, keyring and card named, at once."""
    point(lab, faults.url("ok"))
    result = lab("-m", "lab/m", "hi", env=NO_KEYRING)
    assert result.code == 4
    for words in ("LAB_KEY", "llm keys set lab", "command = ", "file = "):
        assert words in result.err
    assert not faults.requests()
    assert at_once(lab, lambda: lab("-m", "lab/m", "hi", env=NO_KEYRING))


def test_stored_key_is_sent(lab, faults):
    """The keyring's key reaches the provider it was stored for."""
    point(lab, faults.url("ok"))
    lab("keys", "set", "lab", input=KEY.encode())
    result = lab("-m", "lab/m", "hi")
    assert (result.code, result.text) == (0, TEXT)
    assert faults.requests("ok")[0].headers["authorization"] == f"Bearer {KEY}"
    clean_of(lab, result)


def test_key_of_a_command_and_of_a_file_is_sent(lab, faults, tmp_path):
    """The card's own sources work from end to end."""
    file = tmp_path / "keyring" / "file"
    file.write_text(KEY)
    file.chmod(0o600)
    for key in ({"command": ["cat", str(file)]}, {"file": str(file)}):
        point(lab, faults.url("ok"), key=key)
        result = lab("-m", "lab/m", "hi", env=NO_KEYRING)
        assert (result.code, result.text) == (0, TEXT)
        assert faults.requests("ok")[-1].headers["authorization"] == f"Bearer {KEY}"
        clean_of(lab, result)


# Rows 93 to 95: a keyring in trouble

TROUBLES_OF_READING = {
    "Locked": "is locked",
    "Uncreated": "has not been created yet",
    "Asking": "failed: EOFError",
    "Bytes": "gave something that is not text",
    "Unsuitable": "named by PYTHON_KEYRING_BACKEND failed",
    "NotAKeyring": "failed: TypeError",
    "NoSuchClass": "failed: AttributeError",
}
TROUBLES = TROUBLES_OF_READING | {
    "Telling": "failed: RuntimeError",
    "Bytes": "took the key and did not keep it",
    "Forgetful": "took the key and did not keep it",
}


@pytest.mark.parametrize(("name", "words"), TROUBLES.items())
def test_row_93_keyring_in_trouble_is_told_by_set(lab, name, words):
    """Exit 4, which trouble, the ways out, and never the key."""
    result = lab("keys", "set", "lab", input=KEY.encode(), env=backend(name))
    assert (result.code, result.out) == (4, b"")
    assert words in result.err
    assert "Set LAB_KEY" in result.err
    assert "Traceback" not in result.err
    assert not (lab.home / "data" / "keys.toml").exists()
    clean_of(lab, result)


@pytest.mark.parametrize(("name", "words"), TROUBLES_OF_READING.items())
def test_row_93_keyring_in_trouble_is_told_by_a_call(lab, faults, name, words):
    """The key is known to be there: exit 4, which trouble, and no request without it."""
    point(lab, faults.url("ok"))
    lab("keys", "set", "lab", input=KEY.encode())
    result = lab("-m", "lab/m", "hi", env=backend(name))
    assert result.code == 4
    assert words in result.err
    assert not faults.requests()


@pytest.mark.parametrize("name", ["Locked", "Missing", "Asking"])
def test_row_93_trouble_is_told_by_rm_and_the_entry_stays(lab, name):
    """What could not be deleted is not forgotten."""
    lab("keys", "set", "lab", input=KEY.encode())
    assert lab("keys", "rm", "lab", env=backend(name)).code == 4
    assert lab("keys", "list").out
    assert lab("keys", "rm", "lab").code == 0


@pytest.mark.parametrize(
    "command", [["keys", "set", "lab"], ["keys", "rm", "lab"], ["-m", "lab/m", "hi"]]
)
def test_row_94_keyring_that_hangs_ends_in_time(lab, command):
    """Exit 4 after three seconds, and the process is really gone."""
    lab("keys", "set", "lab", input=KEY.encode())
    result = lab(*command, input=KEY.encode(), env=backend("Hanging"), timeout=10)
    assert result.code == 4
    assert "does not answer (waited 3 s)" in result.err
    assert in_time(lab, result)


def test_row_95_insecure_keyring_that_is_installed_is_refused(lab, tmp_path):
    """One that the search finds through its entry point: exit 4 names it, nothing is stored."""
    offered = plugin(tmp_path, "keyring_backends")
    found = subprocess.run(
        [sys.executable, "-m", "keyring", "--list-backends"],
        env={**lab.env, **offered} | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
        capture_output=True,
        text=True,
    )
    assert "keyring_backends.Plaintext" in found.stdout
    result = lab("keys", "set", "lab", input=KEY.encode(), env={**NO_KEYRING, **offered})
    assert result.code == 4
    assert "keyring_backends.Plaintext is refused" in result.err
    assert "PYTHON_KEYRING_BACKEND=keyring_backends.Plaintext" in result.err
    assert entries(lab) == []


def test_row_95_insecure_keyring_in_its_own_config_is_refused(lab):
    """Only the environment of the run names a keyring that we do not know."""
    config = Path(lab.env["XDG_CONFIG_HOME"]) / "python_keyring" / "keyringrc.cfg"
    config.parent.mkdir(parents=True)
    config.write_text("[backend]\ndefault-keyring=keyring_backends.Plaintext\n")
    result = lab("keys", "set", "lab", input=KEY.encode(), env=NO_KEYRING)
    assert result.code == 4
    assert "keyring_backends.Plaintext is refused" in result.err
    assert entries(lab) == []


def test_row_95_insecure_keyring_named_by_the_user_is_taken(lab):
    """It is the user's own choice then, and shown by its name."""
    result = lab("keys", "set", "lab", input=KEY.encode(), env=backend("Plaintext"))
    assert result.code == 0
    assert "keyring (keyring_backends.Plaintext)" in result.err


def test_keyring_plugin_that_is_broken_does_no_harm(lab, tmp_path):
    """No traceback of a plugin that fails to load."""
    offered = plugin(tmp_path, "no_such_module_here")
    result = lab("keys", "set", "lab", input=KEY.encode(), env={**NO_KEYRING, **offered})
    assert result.code == 4
    assert "no_such_module_here" not in result.err
