"""`llm keys`: set, list, where, rm."""

from __future__ import annotations

import time
from pathlib import Path

import pexpect
import pytest
from keyring_support import ORIGIN, backend, clean_of, entries, point, with_keyring
from support import KEY, Llm


@pytest.fixture
def lab(llm) -> Llm:
    """The command with a keyring that works and a card `lab` that needs a key and has none."""
    return with_keyring(llm)


def test_set_list_where_rm(lab):
    """A key's whole life; its value is in the keyring and nowhere else."""
    stored = lab("keys", "set", "lab", input=f"{KEY}\n".encode())
    assert (stored.code, stored.out) == (0, b"")
    assert f"stored in the keyring (keyring_backends.MemoryFile) for {ORIGIN}" in stored.err
    assert "white space" not in stored.err
    listed = lab("keys", "list")
    assert listed.text == f"lab\t{ORIGIN}\tkeyring (keyring_backends.MemoryFile)\n"
    where = lab("keys", "where", "lab")
    assert where.text.splitlines() == [
        "lab\tenv LAB_KEY\tabsent",
        "lab\tkeyring (keyring_backends.MemoryFile)\tused",
        "lab\tcommand in the card\tabsent",
        "lab\tfile in the card\tabsent",
        f"\tindex of names\t{lab.home}/data/keys.toml",
    ]
    clean_of(lab, stored, listed, where)
    removed = lab("keys", "rm", "lab")
    assert (removed.code, entries(lab), lab("keys", "list").out) == (0, [], b"")


def test_list_and_where_do_not_touch_the_keyring(lab):
    """With a keyring that never answers both are as quick as without."""
    lab("keys", "set", "lab", input=KEY.encode())
    for command in (["list"], ["where"], ["where", "lab"]):
        result = lab("keys", *command, env=backend("Hanging"))
        assert result.code == 0
        assert "keyring" in result.text
        assert result.seconds < 3  # the keyring would take that long


def test_list_says_why_a_stored_key_is_not_used(lab):
    """A variable goes before it, the card has moved, the card is gone."""
    lab("keys", "set", "lab", input=KEY.encode())
    shadowed = lab("keys", "list", env={"LAB_KEY": "k"}).text
    assert "\tenv LAB_KEY\n" in shadowed
    assert "not used: env LAB_KEY goes before it" in shadowed
    point(lab, "https://other.example")
    assert "not used: the card has another address" in lab("keys", "list").text
    (lab.home / "config" / "providers" / "lab.toml").unlink()
    assert "no such card" in lab("keys", "list").text


def test_where_shows_the_order_and_the_winner(lab, tmp_path):
    """Every source of the card is there, in the order they are asked."""
    point(
        lab, "https://lab.example/v1", key={"command": ["cat", "x"], "file": str(tmp_path / "no")}
    )
    rows = lab("keys", "where", "lab", env={"LAB_KEY": "k"}).text.splitlines()
    assert rows[:4] == [
        "lab\tenv LAB_KEY\tused",
        "lab\tkeyring\tabsent",
        "lab\tcommand cat\tpresent",
        f"lab\tfile {tmp_path}/no\tabsent",
    ]
    assert "lab\tcommand cat\tused" in lab("keys", "where").text


@pytest.mark.parametrize("arguments", [["-"], []])
def test_set_reads_stdin(lab, arguments):
    """Piped, or asked for with a dash."""
    assert lab("keys", "set", "lab", *arguments, input=f"{KEY}\r\n".encode()).code == 0
    assert len(entries(lab)) == 1


def test_set_asks_unseen_on_a_terminal(lab):
    """What is typed is stored and never shown."""
    child = lab.spawn("keys", "set", "lab", encoding="utf-8")
    child.expect(f"Key for lab at {ORIGIN}")
    child.sendline(f"  {KEY}")
    child.expect("white space around the key was removed")
    child.expect("stored in the keyring")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert KEY not in child.before
    assert f'"{KEY}"' in entries(lab)[0].read_text()


def test_set_interrupted_at_the_question(lab):
    """Ctrl-C leaves nothing behind and the echo on; the process dies of the signal."""
    child = lab.spawn("keys", "set", "lab")
    child.expect("not shown")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus == 2
    assert entries(lab) == []


def test_set_fails_before_the_question_when_there_is_no_keyring(lab):
    """Nobody types a key for nothing."""
    child = lab.spawn("keys", "set", "lab", env=backend("Unsuitable"), encoding="utf-8")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 4
    assert "not shown" not in child.before


def test_set_tells_that_a_variable_goes_before_the_keyring(lab):
    """Else one wonders why the new key is not used."""
    result = lab("keys", "set", "lab", input=KEY.encode(), env={"LAB_KEY": "k"})
    assert "env LAB_KEY is set and goes before the keyring" in result.err


def test_set_tells_that_the_key_would_not_be_sent(lab):
    """A card for plain http is told at once, not at the first question."""
    point(lab, "http://10.0.0.1/v1")
    result = lab("keys", "set", "lab", input=KEY.encode())
    assert result.code == 0
    assert "will not be sent" in result.err


@pytest.mark.parametrize("word", [KEY, "--value", "--key"])
def test_row_s7_key_is_never_an_argument(lab, word):
    """It is refused without being repeated, and nothing is stored."""
    result = lab("keys", "set", "lab", word, KEY, input=b"")
    assert result.code == 2
    assert entries(lab) == []
    clean_of(lab, result)


def test_row_s7_key_in_the_place_of_the_name_is_not_repeated(lab):
    """A slip of the fingers is no reason to show it."""
    for command in ("set", "where", "rm"):
        result = lab("keys", command, KEY * 2, input=b"")
        assert result.code == 3
        clean_of(lab, result)


def test_row_s7_key_is_not_in_the_process_list(lab):
    """While a key is being stored neither argv nor the environment of the process has it."""
    running = lab.start("keys", "set", "lab", input=KEY.encode(), env=backend("Hanging"))
    proc = Path("/proc", str(running.process.pid))
    if not proc.exists():
        pytest.skip("no /proc here")
    deadline = time.monotonic() + 2.5
    seen = b""
    while time.monotonic() < deadline and running.process.poll() is None:
        seen += (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
        if len(list((proc / "task").iterdir())) > 1:  # the keyring's thread has begun
            break
    assert b"llmcli" in seen
    assert KEY.encode() not in seen


def test_unknown_names_are_config_errors_with_the_nearest(lab):
    """Exit 3 and a suggestion."""
    for command in ("set", "where"):
        result = lab("keys", command, "grok", input=b"k")
        assert (result.code, 'Did you mean "groq"?' in result.err) == (3, True)
    lab("keys", "set", "lab", input=KEY.encode())
    result = lab("keys", "rm", "lap")
    assert (result.code, 'Did you mean "lab"?' in result.err) == (3, True)
    assert lab("keys", "rm", "lab").code == 0
    assert lab("keys", "rm", "lab").code == 3


def test_help_has_examples(lab):
    """Each command shows how it is used."""
    for command in ([], ["set"], ["list"], ["rm"], ["where"]):
        result = lab("keys", *command, "--help")
        assert result.code == 0
        assert "Examples:\n    llm keys" in result.text
