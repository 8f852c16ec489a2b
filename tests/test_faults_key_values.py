"""Rows 96, 97, S11 and S14: keys that are wrong, and places that get none."""

from __future__ import annotations

import shlex

import pytest
from keyring_support import ORIGIN, clean_of, entries, point, with_keyring
from support import KEY, Llm, write_card


@pytest.fixture
def lab(llm) -> Llm:
    """The command with a keyring that works and a card `lab` that needs a key and has none."""
    return with_keyring(llm)


# Rows 96 and 97: the key itself


def test_row_96_ends_are_trimmed_with_a_notice(lab):
    """Spaces go, and the user is told."""
    result = lab("keys", "set", "lab", input=f" {KEY} \n\n".encode())
    assert result.code == 0
    assert "white space around the key was removed" in result.err
    assert f'"{KEY}"' in entries(lab)[0].read_text()


BAD_KEYS = {
    "newline": b"CANARY77\nCANARY77",
    "CR": b"CANARY77\rCANARY77",
    "NUL": b"CANARY77\0CANARY77",
    "space": b"CANARY77 CANARY77",
    "curly quote": "“CANARY77”".encode(),
    "zero width": "CANARY77\u200b".encode(),
    "10 KB": b"CANARY77" * 1280,
    "latin-1": b"CANARY77\xe9",
    "UTF-16": "CANARY77".encode("utf-16"),
    "nothing": b"",
    "endless": b"CANARY77" * 20000,
}


@pytest.mark.parametrize("data", BAD_KEYS.values(), ids=BAD_KEYS)
def test_row_96_bad_keys_from_stdin(lab, data):
    """Exit 4, nothing stored, nothing shown."""
    result = lab("keys", "set", "lab", input=data)
    assert (result.code, result.out, entries(lab)) == (4, b"", [])
    clean_of(lab, result, secret="CANARY77")


@pytest.mark.parametrize("name", ["newline", "CR", "space", "curly quote", "zero width", "10 KB"])
def test_row_96_bad_keys_from_the_environment(lab, faults, name):
    """Exit 4 that names the variable; nothing is sent and nothing shown, with --debug too."""
    point(lab, faults.url("ok"))
    result = lab("-m", "lab/m", "hi", "--debug", env={"LAB_KEY": BAD_KEYS[name].decode()})
    assert result.code == 4
    assert "env LAB_KEY: the key" in result.err
    assert not faults.requests()
    clean_of(lab, result, secret="CANARY77")


@pytest.mark.parametrize("fault", ["mode", "link"])
def test_row_97_key_file_that_is_not_private(lab, faults, tmp_path, fault):
    """Exit 4 that tells what to do; nothing is sent."""
    file = tmp_path / "key file"
    file.write_text("k")
    file.chmod(0o644 if fault == "mode" else 0o600)
    link = tmp_path / "link"
    link.symlink_to(file)
    point(lab, faults.url("ok"), key={"file": str(link if fault == "link" else file)})
    result = lab("-m", "lab/m", "hi")
    assert result.code == 4
    wanted = f"chmod 600 {shlex.quote(str(file))}" if fault == "mode" else "is a symbolic link"
    assert wanted in result.err
    assert not faults.requests()


# S11 and S14: where a key goes


def test_row_s11_changed_address_gets_no_key(lab, faults):
    """The card is turned to another server: exit 4 with both addresses, and not one byte there."""
    lab("keys", "set", "lab", input=KEY.encode())
    point(lab, faults.url("ok"))
    result = lab("-m", "lab/m", "hi")
    assert result.code == 4
    assert ORIGIN in result.err
    assert "http://127.0.0.1:" in result.err
    assert "llm keys set lab" in result.err
    assert not faults.requests()
    assert lab("keys", "set", "lab", input=b"new-key-for-there").code == 0
    assert lab("-m", "lab/m", "hi").code == 0
    assert faults.requests()[0].headers["authorization"] == "Bearer new-key-for-there"


def test_row_s11_changed_address_of_a_shipped_card_gets_no_key(lab, faults):
    """Also when the user's card lies over a shipped one with one line only."""
    assert lab("keys", "set", "groq", input=KEY.encode()).code == 0
    write_card(lab, faults.url("ok"), "groq", key_env=None)
    result = lab("-m", "groq/m", "hi")
    assert result.code == 4
    assert "https://api.groq.com:443" in result.err
    assert not faults.requests()


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:9/v1", "http://localhost.evil:9/v1", "ftp://h/v1"]
)
def test_row_s14_key_is_not_sent_in_clear(lab, url):
    """Refused before anything is sent: exit 4."""
    point(lab, url, retries=0)
    result = lab("-m", "lab/m", "hi", env={"LAB_KEY": KEY})
    assert result.code == 4
    assert "the key" in result.err
    clean_of(lab, result)
