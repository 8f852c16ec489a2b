"""What a start loads, and what it must not."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_server import FaultServer
from support import Llm

HEAVY = {"httpx", "httpcore", "keyring", "rich", "prompt_toolkit", "xllamacpp", "pydantic", "click"}
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
    assert not {"rich", "prompt_toolkit", "keyring", "pydantic", "click"} & modules


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
