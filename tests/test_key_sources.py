"""Keys from a command or a file that the card names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from keyring_support import card, private_file
from support import KEY

from llmcli import keys
from llmcli.errors import CredentialsError
from llmcli.keys import sources
from llmcli.redaction import Secret

# The command


def test_command_is_run_without_a_shell():
    """Nothing in the arguments is expanded or run."""
    assert sources.run(["echo", "$HOME;`id`"]) == "$HOME;`id`"


def test_command_gives_its_stdout_only(capfd):
    """What it writes to stderr is the user's to see and no part of the key."""
    assert sources.run(["sh", "-c", "echo warning >&2; echo key"]) == "key"
    assert "warning" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sh", "-c", "echo CANARY; echo CANARY"], "printed 2 lines"),
        (["sh", "-c", "printf 'CANARY\\n\\n'"], "printed 2 lines"),
        (["true"], "printed no lines"),
        (["sh", "-c", "echo CANARY; exit 3"], "exit code 3"),
        (["sh", "-c", "printf 'CANARY\\377'"], "not text"),
        (["yes", "CANARY"], "exit code -13|lines"),
        (["no-such-program-here"], "No such file"),
        (["./pass"], "absolute path"),
        (["/etc/passwd"], "Permission denied"),
        (["echo", "CANARY CANARY"], "a space"),
        (["echo", "a\0b"], "cannot be run"),
    ],
)
def test_command_that_gives_no_key(command, words):
    """Each way to fail says so in its own words, never with the output."""
    with pytest.raises(CredentialsError, match=words) as caught:
        keys.find(card(key={"command": command}))
    assert f"command {command[0]}" in caught.value.message
    assert "CANARY" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("script", ["sleep 30", "sleep 5 & echo key", "exec >&-; sleep 30"])
def test_command_that_does_not_end_is_stopped(script):
    """Also when a child of it keeps the pipe, or when it closes its output and stays."""
    begun = time.monotonic()
    with pytest.raises(CredentialsError, match=r"did not end within 0\.2 s"):
        sources.run(["sh", "-c", script], seconds=0.2)
    assert time.monotonic() - begun < 5


def test_command_limit_is_ten_seconds():
    """The limit of the product, without waiting for it."""
    assert sources.COMMAND_SECONDS == 10
    assert sources.run.__defaults__ == (10,)


# The file


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_row_97_private_file_is_read(tmp_path, mode):
    """Mode 0600 or stricter gives the key, its closing newline gone."""
    key = keys.find(card(key={"file": str(private_file(tmp_path / "k", mode=mode))}))
    assert key is not None
    assert key.secret == Secret(KEY)


def test_row_97_home_is_expanded(tmp_path):
    """`~/` is the user's home."""
    home = Path(os.environ["HOME"])
    home.mkdir(exist_ok=True)
    private_file(home / ".k")
    key = keys.find(card(key={"file": "~/.k"}))
    assert key is not None
    assert key.source == "file ~/.k"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o601])
def test_row_97_file_that_others_can_reach_is_refused(tmp_path, mode):
    """Any bit for group or others is too much; the error tells the chmod."""
    file = private_file(tmp_path / "my key", mode=mode)
    with pytest.raises(CredentialsError, match=f"mode {mode:04o}") as caught:
        keys.find(card(key={"file": str(file)}))
    assert f"chmod 600 '{file}'" in caught.value.hint


def test_row_97_symbolic_link_is_refused(tmp_path):
    """Even to a private file: the link could be turned to another."""
    file = private_file(tmp_path / "k")
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(CredentialsError, match="symbolic link") as caught:
        keys.find(card(key={"file": str(link)}))
    assert str(file) in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_row_97_file_of_another_user_is_refused(tmp_path):
    """A private file that is not ours could be changed under us."""
    file = private_file(tmp_path / "k")
    os.chown(file, 12345, 12345)
    with pytest.raises(CredentialsError, match="another user") as caught:
        keys.find(card(key={"file": str(file)}))
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    "kind", ["folder", "pipe", "none", "relative", "binary", "lines", "device"]
)
def test_row_97_what_is_no_key_file(tmp_path, kind, monkeypatch):
    """Nothing hangs, nothing is read from the working directory, and the error says why."""
    monkeypatch.chdir(tmp_path)
    private_file(tmp_path / "k")
    (tmp_path / "folder").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    private_file(tmp_path / "lines", "CANARY\nCANARY\n")
    path = {"relative": "k", "device": "/dev/zero"}.get(kind, str(tmp_path / kind))
    words = {
        "folder": "regular",
        "pipe": "regular",
        "none": "No such file",
        "relative": "absolute path",
        "binary": "not text",
        "lines": "line break",
        "device": "regular",
    }
    with pytest.raises(CredentialsError, match=words[kind]) as caught:
        keys.find(card(key={"file": path}))
    assert "CANARY" not in caught.value.message
