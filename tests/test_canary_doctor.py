"""`llm doctor` tells no secret, and works where little else does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable

import pytest
from mirror import Mirror
from running import Result
from support import COMMAND, Llm, write_card

PASSWORD = "pw-CANARY-1a2b"
_NOBODY = 65534
_BECOME = ("setpriv", "--clear-groups", "--reuid={0}", "--regid={0}")


def _become(number: int) -> list[str]:
    return [word.format(number) for word in _BECOME]


@pytest.fixture
def _somebody_else() -> None:
    """Skip where nobody else can run the command."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become somebody else, with setpriv")
    command = [*_become(_NOBODY), *COMMAND, "--version"]
    if subprocess.run(command, cwd="/", capture_output=True, check=False).returncode:
        pytest.skip("this Python is for root alone")


SOMEBODY_ELSE = pytest.mark.usefixtures("_somebody_else")


@pytest.mark.parametrize(
    "address",
    [
        f"user:{PASSWORD}@proxy.example:3128",
        f"user:{PASSWORD}@proxy.example",
        f"http://user:{PASSWORD}@proxy.example:3128",
        f"http://user:a/{PASSWORD}@proxy.example:3128",
        f"http://user:a@{PASSWORD}@proxy.example:3128",
        f"http://user:{PASSWORD}@[::1",
        f"ftp://user:{PASSWORD}@proxy.example",
        f"//user:{PASSWORD}@proxy.example",
    ],
)
def test_row_s15_a_proxy_is_shown_without_its_password(llm: Llm, address: str) -> None:
    """However the variable is written; `http://` may be left out."""
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY"):
        for words in (("doctor", "--offline"), ("doctor", "--offline", "--json")):
            result = llm(*words, env={name: address})
            assert result.code in (0, 3)
            assert PASSWORD not in result.text + result.err
    env = {"HTTPS_PROXY": address, "OPENAI_API_KEY": "sk-x"}
    result = llm("-m", "openai/m", "--retries", "0", "--debug", "hi", env=env)
    assert PASSWORD not in result.text + result.err


def test_aws_credentials_are_named_by_their_source(llm: Llm) -> None:
    """Neither the pair nor the token stands in a finding, refused as they are."""
    values = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7CANARY0",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYCANARYKEY0",
        "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjCANARY",
    }
    llm.env |= values | {"AWS_REGION": "us-east-1"}
    with Mirror("bedrock") as server:
        fields = {"adapter": "bedrock", "key": {"aws": "bedrock"}, "key_env": ["NO_SUCH"]}
        write_card(llm, server.url("refuse"), retries=0, **fields)
        for words in (("doctor", "fs"), ("doctor", "fs", "--json")):
            shown = llm(*words)
            assert shown.code == 4
            assert not [v for v in values.values() if v in shown.text + shown.err]
        assert server.signatures()


def _as_nobody(llm: Llm, *words: str) -> Result:
    done = subprocess.run(
        [*_become(_NOBODY), *COMMAND, *words],
        env=llm.env,
        cwd="/",
        capture_output=True,
        check=False,
    )
    return Result(done.stdout, done.stderr.decode(), done.returncode, 0)


@SOMEBODY_ELSE
@pytest.mark.parametrize("mode", [0o000, 0o500])
@pytest.mark.parametrize(
    ("place", "check", "code"),
    [
        ("config", "config", 3),
        ("config/providers", "config", 3),
        ("config/config.toml", "config", 3),
        ("data", "history", 10),
        ("data/history.db", "history", 10),
        ("cache", "", 0),
        ("cache/models/fs.json", "", 0),
        (".", "config", 3),
    ],
)
def test_a_place_that_cannot_be_opened(
    llm: Llm, everything: Callable[[], None], place: str, check: str, code: int, mode: int
) -> None:
    """A finding, not a crash; what can only be read is no problem. No other command crashes."""
    everything()
    path = llm.home / place
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        result = _as_nobody(llm, "doctor", "--offline", "--json")
        others = [
            _as_nobody(llm, *words)
            for words in (
                ("doctor", "--offline"),
                ("models", "list"),
                ("__complete", "models", ""),
                ("keys", "list"),
                ("-m", "fs/m", "--dry-run", "hi"),
            )
        ]
    finally:
        path.chmod(before)
    read_only_history = place == "data" and mode  # its journal cannot be made there
    wanted = code if not mode or read_only_history else 0
    assert result.code == wanted, (result.text, result.err)
    problems = {f["check"] for f in result.json["findings"] if f["state"] == "problem"}
    assert (check in problems) is bool(wanted)
    if check == "history" and wanted:
        assert "mv " not in result.text
    for other in (result, *others):
        assert "internal error" not in other.text + other.err
        assert "Traceback" not in other.err


@pytest.fixture
def everything(llm: Llm) -> Callable[[], None]:
    """A home with every kind of file, given to nobody."""

    def make() -> None:
        for parent in (llm.root, *llm.root.parents):
            if parent.stat().st_uid == os.geteuid() and len(parent.parts) > 2:
                parent.chmod(parent.stat().st_mode | 0o011)
        write_card(llm, "http://127.0.0.1:1/v1", retries=0)
        llm.config.write_text("")
        llm("-m", "fs/m", "hi")
        kept = llm.home / "cache" / "models" / "fs.json"
        kept.parent.mkdir(parents=True)
        kept.write_text(json.dumps({"day": "2026-11-21", "base_url": "", "models": {}}))
        for path in (llm.root, *llm.root.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)

    return make


@SOMEBODY_ELSE
@pytest.mark.parametrize("words", [("doctor", "--offline"), ("-m", "openai/m", "hi")])
def test_nobody_knows_where_home_is(llm: Llm, words: tuple[str, ...]) -> None:
    """Neither a variable nor the system's list of users: exit 3 and what to set."""
    env = {
        name: value
        for name, value in llm.env.items()
        if name not in ("HOME", "LLMCLI_HOME") and not name.startswith("XDG_")
    }
    done = subprocess.run(
        [*_become(54321), *COMMAND, *words], env=env, cwd="/", capture_output=True, check=False
    )
    assert done.returncode == 3
    assert b"home folder is not known" in done.stderr
    assert b"LLMCLI_HOME" in done.stderr


def test_without_home(llm: Llm) -> None:
    """Where the system's list of users says it, or all is under LLMCLI_HOME."""
    assert llm("doctor", "--offline", env={"HOME": None}).code == 0
    nowhere = {"HOME": "/dev/null", "LLMCLI_HOME": None, "XDG_CONFIG_HOME": None}
    assert llm("doctor", "--offline", env=nowhere).code == 0
