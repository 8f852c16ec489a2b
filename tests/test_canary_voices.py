"""The key is nowhere, in every wire format: all that is sent is said back by the server."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mirror import Mirror
from running import Result
from support import KEY, Llm, write_card
from voices import NAMES

ACCESS = "ASIAIOSFODNN7CANARY0"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYCANARYKEY0"
TOKEN = "IQoJb3JpZ2luX2VjCANARY//////////wEaCXVzLWVhc3QtMSJ="
SIGNED = "bedrock-signed"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
_AWS = {
    "AWS_ACCESS_KEY_ID": ACCESS,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": TOKEN,
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
ASKS = (
    ("-m", "fs/m", "--debug", "-v", "-u", "hi"),
    ("-m", "fs/m", "--json", "hi"),
    ("-m", "fs/m", "--jsonl", "--retries", "1", "hi"),
    ("-m", "fs/m", "--dry-run", "hi"),
    ("tokens", "-m", "fs/m", "hi", "--debug"),
    ("tokens", "-m", "fs/m", "hi", "--json"),
    ("embed", "-m", "fs/m", "hi", "--debug"),
    ("embed", "-m", "fs/m", "hi", "--json"),
    ("models", "list", "--refresh", "--provider", "fs", "--debug"),
    ("providers", "models", "fs"),
    ("providers", "test", "fs", "--debug"),
    ("doctor", "fs"),
    ("doctor", "fs", "--json"),
)
AFTERWARDS = (
    ("models", "list", "--provider", "fs"),
    ("models", "list", "--provider", "fs", "--json"),
    ("__complete", "models", ""),
    ("__complete", "model-ids", ""),
    ("keys", "where", "fs"),
    ("history", "last"),
    ("config", "show"),
)


def _prepared(llm: Llm, server: Mirror, mode: str, caller: str) -> None:
    card = {"adapter": server.voice, "retries": 0}
    if caller == SIGNED:
        llm.env |= _AWS | {"AWS_CONFIG_FILE": str(llm.root / "none")}
        card |= {"key_env": ["NO_SUCH_KEY"], "key": {"aws": "bedrock"}}
    write_card(llm, server.url(mode), **card)
    if caller == SIGNED:
        llm.env.pop("FS_KEY", None)


def _found(text: str, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret in text]


@pytest.mark.parametrize(
    ("caller", "mode"),
    [
        *((caller, mode) for caller in (*NAMES, SIGNED) for mode in ("refuse", "tell")),
        *(("openai-chat", "html"), (SIGNED, "html")),
    ],
)
def test_row_s8_what_is_said_back_is_masked(llm: Llm, caller: str, mode: str) -> None:
    """Not on stdout, not on stderr, not in the history, not in a list that is kept."""
    with Mirror(caller.removesuffix("-signed")) as server:
        _prepared(llm, server, mode, caller)
        with ThreadPoolExecutor(3) as pool:
            runs: dict[tuple[str, ...], Result] = dict(
                zip(ASKS, pool.map(lambda words: llm(*words), ASKS), strict=True)
            )
        afterwards = AFTERWARDS if mode == "tell" else ()
        runs |= {words: llm(*words) for words in afterwards}
        assert len(server.seen) >= 5
        assert all(server.seen), "a call without a key proves nothing"
        secrets = [KEY, SECRET, TOKEN, *server.signatures()]
    for words, result in runs.items():
        shown = result.out.decode(errors="replace") + result.err
        assert not _found(shown, secrets), (words, shown)
        assert "internal error" not in shown, (words, shown)
        assert not _CONTROL.search(shown), (words, shown)
        if "--debug" not in words:
            assert "Traceback" not in shown, (words, shown)
        if "doctor" in words:
            assert ACCESS not in shown
    _no_file_has(llm, secrets)


def _no_file_has(llm: Llm, secrets: list[str]) -> None:
    for path in llm.files():
        data = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in data], path


def test_row_s8_the_search_can_fail(llm: Llm, tmp_path: Path) -> None:
    (tmp_path / "planted").write_bytes(b"\0" + TOKEN.encode())
    with pytest.raises(AssertionError):
        _no_file_has(llm, [TOKEN])
