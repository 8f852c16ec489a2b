"""Rows 86, 96: input that looks wrong and is right reaches the server as it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from expect import answered
from fault_server import FaultServer
from support import KEY, Llm

Provider = Callable[..., Path]
SPEC = ("-m", "fs/m")


@pytest.fixture(autouse=True)
def card(provider: Provider, faults: FaultServer) -> Path:
    """A provider that answers."""
    return provider(faults.url("ok"))


def test_the_largest_stdin(llm: Llm, faults: FaultServer) -> None:
    answered(llm(*SPEC, input=b"a" * (16 << 20)))
    assert len(faults.requests()[0].prompt) == 16 << 20


def test_row_86_a_bom_is_dropped(llm: Llm, faults: FaultServer) -> None:
    answered(llm(*SPEC, input=b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe"))
    assert faults.requests()[0].prompt == "grüße"


@pytest.mark.parametrize("args", [["ask", "modles"], ["--", "modles"], ["modles", "in", "PCs"]])
def test_words_that_look_like_a_command(llm: Llm, faults: FaultServer, args: list[str]) -> None:
    answered(llm(*args, env={"LLM_MODEL": "fs/m"}))
    assert faults.requests()[0].prompt == " ".join(args[args[0] in ("ask", "--") :])


def test_a_broken_card_of_another_provider_does_not_matter(llm: Llm, card: Path) -> None:
    (card.parent / "other.toml").write_text("=")
    answered(llm(*SPEC, "hi"))


def test_row_96_spaces_around_a_key_are_dropped(llm: Llm, faults: FaultServer) -> None:
    assert llm(*SPEC, "hi", env={"FS_KEY": f" {KEY}\n"}).code == 0
    assert faults.requests()[0].headers["authorization"] == f"Bearer {KEY}"


def test_nothing_is_read_from_the_working_directory(llm: Llm, tmp_path: Path) -> None:
    """S12, S26: hostile files there are neither config nor code."""
    hostile = tmp_path / "cwd"
    hostile.mkdir()
    for name in ("config.toml", "llm.toml", ".llm.toml", "fs.toml", ".env"):
        (hostile / name).write_text("broken =")
    for name in ("typer", "rich", "httpx", "llmcli", "json"):
        (hostile / f"{name}.py").write_text('raise SystemExit("hostile code ran")')
    script = Path(sys.executable).with_name("llm")
    if not script.exists():
        pytest.skip(f"no installed script beside {sys.executable}")
    answered(llm(*SPEC, "hi", cwd=hostile, wrap=f'shift 3; exec {script} "$@"'))


def test_a_header_whose_variable_may_be_missing(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    """With an empty default the header is left out, and sent as soon as the variable is set."""
    provider(faults.url("ok"), headers={"X-Team": "${FS_TEAM:-}"})
    assert llm("-m", "fs/m", "hi").code == 0
    assert llm("-m", "fs/m", "hi", env={"FS_TEAM": "blue"}).code == 0
    sent = [request.headers.get("x-team") for request in faults.requests()]
    assert sent == [None, "blue"]
