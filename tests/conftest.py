"""Fixtures of all tests: a private home, the command, the fault server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from chatting import ChatServer, Talk
from fault_server import FaultServer
from running import Result
from support import Llm, environment, write_card
from typing_support import Open, Typist

for _name in ("faults", "faults_odd", "faults_stream", "faults_transport", "faults_voices"):
    import_module(_name)  # they register what the server can do


@pytest.fixture(autouse=True)
def _private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing under test, in this process either, sees the home and the keys of who runs it."""
    for name in list(os.environ):
        if name.lower().endswith(("_proxy", "_key", "_token")) or name.startswith(
            ("LLM", "XDG_", "AWS_")
        ):
            monkeypatch.delenv(name)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def llm(tmp_path: Path) -> Iterator[Llm]:
    """The installed command: `llm("hi").text`; see `support.Llm`."""
    command = Llm(tmp_path)
    yield command
    command.close()


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    """A server whose base URL picks what goes wrong: `faults.url("http:503")`."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def chats(llm: Llm) -> Iterator[ChatServer]:
    """The command's default model, which does what it is told: see `chatting`."""
    with ChatServer() as server:
        server.provide(llm)
        yield server


@pytest.fixture
def talk(llm: Llm, chats: ChatServer) -> Callable[..., Talk]:
    """Open a chat on a terminal and wait for its prompt."""
    return lambda *arguments, **options: Talk(llm, *arguments, **options).begin()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """Start reading on a terminal: `terminal("vi", size=(5, 20))`."""
    opened: list[Typist] = []

    def start(*options: str, **settings: object) -> Typist:
        opened.append(Typist(tmp_path, *options, **settings))  # type: ignore[arg-type]
        return opened[-1]

    yield start
    for typist in opened:
        typist.close()


@pytest.fixture
def provider(llm: Llm) -> Callable[..., Path]:
    """Write the card `fs` for a base URL: `provider(faults.url("ok"), retries=0)`."""

    def write(base_url: str, name: str = "fs", **card: Any) -> Path:
        return write_card(llm, base_url, name, **card)

    return write


@pytest.fixture
def ask(llm: Llm, faults: FaultServer, provider: Callable[..., Path]) -> Callable[..., Result]:
    """Ask the model behind a fault: `ask("http:503", "-q", "hi", retries=0)`.

    `voice` names another wire format for it to be told in.
    """

    def run(fault: str, *args: str, voice: str = "", **card: Any) -> Result:
        spoken = {"adapter": voice} if voice else {}
        provider(faults.url(fault, voice=voice), **spoken, **card)
        model = () if "-m" in args else ("-m", "fs/m")
        return llm(*model, *(args or ("hi",)))

    return run
