"""What a start loads, and what it must not."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_server import FaultServer
from stored import turn
from support import Llm

from llmcli.store import Store

HEAVY = {
    *("httpx", "httpcore", "keyring", "rich", "prompt_toolkit", "xllamacpp", "pydantic", "click"),
    *("pygments", "markdown_it", "tomlkit", "html"),
}
LISTING = (
    "import sys, atexit, os; sys.argv = ['llm', *sys.argv[1:]]\n"
    "from llmcli.cli import run\n"
    "leave = run._leave\n"
    "def told(code):\n"
    "    os.write(2, ('MODULES ' + ' '.join(sys.modules)).encode()); leave(code)\n"
    "run._leave = told\n"
    "from llmcli.cli import main; main()\n"
)


def loaded(llm: Llm, *args: str) -> set[str]:
    """The top-level modules a command has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", LISTING, *args],
        env=llm.env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "MODULES" in done.stderr, done.stderr
    return {word.partition(".")[0] for word in done.stderr.rpartition("MODULES ")[2].split()}


def test_version_loads_nothing() -> None:
    """`--version` needs none of our modules but the version."""
    code = "import sys; sys.argv = ['llm', '--version']\nfrom llmcli.cli import main\n"
    code += "try: main()\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("llm ")
    assert not (HEAVY | {"typer"}) & set(done.stderr.split())


@pytest.mark.parametrize(
    "args", [["--help"], ["ask", "--help"], ["providers", "list"], ["config", "show"]]
)
def test_help_and_lists_load_nothing_heavy(llm: Llm, args: list[str]) -> None:
    """Help and lists need no network library, no keyring, no renderer."""
    assert not HEAVY & loaded(llm, *args)


def test_piped_answer_loads_no_renderer_and_no_keyring(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    """A one-shot in a pipe with its key in the environment."""
    provider(faults.url("ok"))
    modules = loaded(llm, "-m", "fs/m", "hi")
    assert "httpx" in modules
    assert modules & HEAVY == {"httpx", "httpcore"}


@pytest.mark.parametrize("args", [["list"], ["search", "answer"], ["show", "C"], ["path"]])
def test_looking_into_the_history_loads_nothing_heavy(llm: Llm, args: list[str]) -> None:
    """Not even the config is read."""
    with contextlib.closing(Store(llm.db)) as store:
        store.close_turn(turn(1))
    modules = loaded(llm, "history", *args)
    assert "sqlite3" in modules or args == ["path"]
    assert not (HEAVY | {"tomllib"}) & modules


CHAT = """
import os, sys, threading, time
sys.argv = ["llm", "chat", "-m", "fs/m"]
def tell(found):
    os.write(1, ("MODULES " + " ".join(sorted(found)) + " END").encode())
def loaded(module, name):
    return hasattr(sys.modules.get(module), name)
def watch():
    parts = {"llmcli.provider": "HttpProvider", "llmcli.render.markdown": "Markdown"}
    while not all(loaded(*part) for part in parts.items()):
        time.sleep(0.001)
    tell(set(sys.modules))
"""
AT_THE_PROMPT = """
from llmcli.repl.screen import Screen
def read(self, default=""):
    tell(set(sys.modules))
    raise EOFError
Screen.read = read
"""
MAIN = "from llmcli.cli import main; main()"


def _told(llm: Llm, program: str) -> set[str]:
    """The top-level modules that a chat says it has loaded."""
    chat = llm.spawn(wrap='exec "$1" -c "$PROGRAM"', env={"PROGRAM": program})
    chat.expect("MODULES (.*) END")
    return {name.partition(".")[0] for name in chat.match[1].decode().split()}


def test_chat_loads_at_the_prompt_only_what_the_prompt_needs(
    llm: Llm, provider: Callable[..., Path]
) -> None:
    """Network, renderer, highlighter and keyring come with the first question, or later."""
    provider("http://127.0.0.1:9/v1")
    assert _told(llm, CHAT + AT_THE_PROMPT + MAIN) & HEAVY == {"prompt_toolkit"}


def test_chat_loads_what_the_answer_needs_while_nobody_types(
    llm: Llm, provider: Callable[..., Path]
) -> None:
    """Without a key being pressed; not the keyring, for the key is in the environment."""
    provider("http://127.0.0.1:9/v1")
    watching = "threading.Thread(target=watch, daemon=True).start()\n"
    modules = _told(llm, CHAT + watching + MAIN)
    assert "httpx" in modules
    assert not {"keyring", "pygments", "markdown_it"} & modules


def test_first_token_is_written_when_it_is_read(llm: Llm, provider: Callable[..., Path]) -> None:
    """The first word is on stdout while the server still holds back the second."""
    import json
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    provider(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    seen = threading.Event()
    waited: list[bool] = []

    def piece(text: str, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            head = (
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
            )
            connection.sendall(head + piece("first"))
            waited.append(seen.wait(20))
            connection.sendall(piece(" second", "stop") + b"data: [DONE]\n\n")

    server = threading.Thread(target=serve)
    server.start()
    with subprocess.Popen(
        [sys.executable, "-m", "llmcli", "-m", "fs/m", "hi"],
        env=llm.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.read(5) == b"first"
        seen.set()
        assert process.stdout.read() == b" second"
    server.join()
    listener.close()
    assert waited == [True]
    assert process.returncode == 0
