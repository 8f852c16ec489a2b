"""`llm keys` with a real Secret Service: gnome-keyring on a message bus of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from keyring_support import ORIGIN, URL, clean_of, in_time, plugin, point
from support import KEY, Llm, write_card
from wire import TEXT

TOOLS = ("dbus-daemon", "dbus-send", "gnome-keyring-daemon")
ABSENT = [tool for tool in TOOLS if not shutil.which(tool)]
pytestmark = [
    pytest.mark.secretservice,
    pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}"),
]
OWNED = "org.freedesktop.DBus.NameHasOwner"


@dataclass
class Service:
    """The daemon that keeps the secrets, once it has been started."""

    process: subprocess.Popen[bytes] | None

    def stop(self) -> None:
        """Let it hang."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)


@contextlib.contextmanager
def session(llm: Llm, password: str | None = "pw") -> Iterator[Service]:
    """A login: a bus, and the daemon unlocked with this password, or left to be activated."""
    run = Path(llm.env["XDG_RUNTIME_DIR"])
    run.mkdir(mode=0o700, exist_ok=True, parents=True)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"],
        env=llm.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    daemon = None
    try:
        assert bus.stdout
        llm.env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        if password is not None:
            daemon = unlocked(llm, password)
        yield Service(daemon)
    finally:
        llm.env.pop("DBUS_SESSION_BUS_ADDRESS", None)
        for process in (daemon, bus):
            if process:
                process.kill()
                process.communicate()


def unlocked(llm: Llm, password: str) -> subprocess.Popen[bytes]:
    """The daemon, told the password, once it can be asked."""
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        env=llm.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert daemon.stdin
    daemon.stdin.write(password.encode())
    daemon.stdin.close()
    daemon.stdin = None
    ask = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/", OWNED]
    end = time.monotonic() + 10
    while time.monotonic() < end:
        reply = subprocess.run(
            [*ask, "string:org.freedesktop.secrets"], env=llm.env, capture_output=True
        )
        if b"true" in reply.stdout:
            return daemon
    raise AssertionError("gnome-keyring-daemon did not come up")


@pytest.fixture
def lab(llm) -> Llm:
    """The command with a card `lab`, and with the keyring that the machine has."""
    del llm.env["PYTHON_KEYRING_BACKEND"]
    point(llm, URL)
    return llm


def test_round_trip(lab):
    """Set, list, where, rm; the value is nowhere in clear, the keyring's own files included."""
    with session(lab):
        stored = lab("keys", "set", "lab", input=KEY.encode())
        assert stored.code == 0, stored.err
        assert f"stored in the keyring (Secret Service) for {ORIGIN}" in stored.err
        listed = lab("keys", "list")
        assert listed.text == f"lab\t{ORIGIN}\tkeyring (Secret Service)\n"
        where = lab("keys", "where", "lab")
        assert "lab\tkeyring (Secret Service)\tused" in where.text
        clean_of(lab, stored, listed, where)
        assert lab("keys", "rm", "lab").code == 0
        assert lab("keys", "rm", "lab").code == 3
        assert lab("keys", "list").out == b""


def test_another_session_reads_the_key_back(lab, faults):
    """After a new login the key is sent to the provider, and the source is told on a refusal."""
    point(lab, faults.url("ok"))
    with session(lab):
        assert lab("keys", "set", "lab", input=KEY.encode()).code == 0
    with session(lab):
        result = lab("-m", "lab/m", "hi")
        assert (result.code, result.text) == (0, TEXT), result.err
        assert faults.requests("ok")[0].headers["authorization"] == f"Bearer {KEY}"
        clean_of(lab, result)


def test_many_writers_at_once(lab):
    """Ten processes store ten keys; all are there and all can be deleted."""
    names = [f"lab{i}" for i in range(10)]
    for name in names:
        write_card(lab, f"https://{name}.example/v1", name)
    with session(lab):
        running = {n: lab.start("keys", "set", n, input=f"key-{n}".encode()) for n in names}
        for name, run in running.items():
            done = run.finish()
            if done.code:  # on a busy machine ten at once may take the service its three seconds
                assert (done.code, "does not answer" in done.err) == (4, True), done.err
                assert lab("keys", "set", name, input=f"key-{name}".encode()).code == 0
        assert lab("keys", "list", env={"FS_KEY": None}).text.count("Secret Service") == 10
        assert [lab("keys", "rm", name).code for name in names] == [0] * 10


def test_row_92_service_that_is_gone(lab, faults):
    """A stored key on a machine without a session: exit 4 with the ways out; a variable helps."""
    point(lab, faults.url("ok"))
    with session(lab):
        assert lab("keys", "set", "lab", input=KEY.encode()).code == 0
    result = lab("-m", "lab/m", "hi")
    assert result.code == 4
    assert "there is no OS keyring here" in result.err
    assert not faults.requests()
    assert lab("-m", "lab/m", "hi", env={"LAB_KEY": "k"}).code == 0


def test_row_93_locked(lab):
    """The wrong password at login: exit 4, and it says locked."""
    with session(lab):
        assert lab("keys", "set", "lab", input=KEY.encode()).code == 0
    with session(lab, "wrong"):
        for command in (["keys", "set", "lab"], ["keys", "rm", "lab"], ["-m", "lab/m", "hi"]):
            result = lab(*command, input=KEY.encode())
            assert result.code == 4
            assert "the keyring (Secret Service) is locked" in result.err
            assert len(result.err.splitlines()) <= 3


def test_row_93_uncreated(lab):
    """Nobody ever logged in here: exit 4, and it says not created."""
    with session(lab, None):
        result = lab("keys", "set", "lab", input=KEY.encode())
    assert result.code == 4
    assert "the keyring (Secret Service) has not been created yet" in result.err
    assert not (lab.home / "data" / "keys.toml").exists()


@pytest.mark.parametrize("command", ["set", "rm", "ask"])
def test_row_94_hung_service(lab, command):
    """The daemon is stopped: exit 4 in time, and the process is really gone."""
    arguments = {"ask": ["-m", "lab/m", "hi"]}.get(command, ["keys", command, "lab"])
    with session(lab) as service:
        assert lab("keys", "set", "lab", input=KEY.encode()).code == 0
        service.stop()
        running = lab.start(*arguments, input=KEY.encode())
        result = running.finish(10)
    assert result.code == 4
    assert "does not answer (waited 3 s)" in result.err
    assert in_time(lab, result)
    with pytest.raises(ProcessLookupError):
        os.kill(running.process.pid, 0)


def test_row_94_prompter_that_never_answers(lab):
    """A window nobody sees asks for a password: exit 4 in time, and a word about windows."""
    services = Path(lab.env["XDG_RUNTIME_DIR"]) / "dbus-1" / "services"
    services.mkdir(parents=True)
    (services / "org.gnome.keyring.SystemPrompter.service").write_text(
        "[D-BUS Service]\nName=org.gnome.keyring.SystemPrompter\nExec=/bin/sleep 9\n"
    )
    services.parent.parent.chmod(0o700)
    with session(lab, None):
        result = lab("keys", "set", "lab", input=KEY.encode())
    assert result.code == 4
    assert "does not answer" in result.err
    assert "window" in result.err
    assert in_time(lab, result)


def test_row_95_chain_with_a_plaintext_keyring_uses_the_good_one(lab, tmp_path):
    """Both are installed: the key goes into the Secret Service and never into the other."""
    (tmp_path / "plain").mkdir()
    offered = {**plugin(tmp_path, "keyring_backends"), "FAKE_KEYRING": str(tmp_path / "plain")}
    with session(lab):
        result = lab("keys", "set", "lab", input=KEY.encode(), env=offered)
        assert result.code == 0, result.err
        assert "keyring (Secret Service)" in result.err
        assert (
            "lab\tkeyring (Secret Service)\tused" in lab("keys", "where", "lab", env=offered).text
        )
    assert not list((tmp_path / "plain").iterdir())
    result = lab("keys", "set", "lab", input=KEY.encode(), env=offered)
    assert result.code == 4
    assert "keyring_backends.Plaintext is refused" in result.err
