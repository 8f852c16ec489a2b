"""An adapter and a provider in a package of their own, found by entry point."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from behaviour import AdapterBehaviour, ProviderBehaviour, read_cases
from llmcli_shout import Shout
from llmcli_shout.parrot import Parrot
from support import Llm

from llmcli.cards import Card
from llmcli.engines.base import Provider
from llmcli.provider import HttpProvider

EXAMPLE = Path(__file__).parent / "example_adapter"
CASES = read_cases(Path(__file__).parent / "wire_cases" / "shout")


class Handler(BaseHTTPRequestHandler):
    """Answers as the made-up API does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        lines: list[dict[str, Any]] = [{"say": word} for word in body["text"].split()]
        lines.append({"over": True, "heard": 3, "said": len(lines)})
        self._send("".join(json.dumps(line) + "\n" for line in lines))

    def do_GET(self) -> None:
        self._send('["m", "n"]')

    def _send(self, text: str) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Quietly."""


@pytest.fixture(scope="module")
def shout_url() -> Iterator[str]:
    """A server that speaks the made-up wire format."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example package installed in it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(folder), str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class TestShout(AdapterBehaviour):
    """The example adapter shows the behaviour of ours."""

    adapter = Shout()
    card = Card(id="s", name="S", adapter="shout", base_url="http://127.0.0.1:1")
    cases = CASES
    line_ends = (b"\r\n",)


class TestShoutProvider(ProviderBehaviour):
    """The example adapter behind our HTTP provider."""

    @pytest.fixture
    def provider(self, shout_url: str) -> Iterator[Provider]:
        card = Card(id="s", name="S", adapter="shout", base_url=shout_url)
        provider = HttpProvider(card, None, Shout())
        yield provider
        provider.close()


class TestParrot(ProviderBehaviour):
    """A whole provider of a stranger's."""

    MODEL = "polly"
    never_waits = (Parrot,)

    @pytest.fixture
    def provider(self) -> Provider:
        return Parrot(Card(id="p", name="P", adapter="parrot"))


def card(llm: Llm, name: str, text: str) -> None:
    """Write a user's card."""
    path = llm.home / "config" / "providers" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_adapter_by_entry_point(llm: Llm, site: Path, shout_url: str) -> None:
    """A card may name the stranger's adapter; the command streams through it."""
    card(llm, "loud", f'adapter = "shout"\nbase_url = "{shout_url}"\n')
    result = llm("-m", "loud/m", "-u", "hi there", env={"PYTHONPATH": str(site)})
    assert (result.code, result.text) == (0, "HITHERE")
    assert "3 in · 2 out" in result.err


def test_provider_by_entry_point(llm: Llm, site: Path) -> None:
    """A card may name a stranger's whole provider."""
    card(llm, "bird", 'adapter = "parrot"\n')
    result = llm("-m", "bird/polly", "hi there", env={"PYTHONPATH": str(site)})
    assert (result.code, result.text) == (0, "hi there")


def test_option_the_adapter_cannot_send(llm: Llm, site: Path, shout_url: str) -> None:
    """An option it does not name is refused before anything is sent."""
    card(llm, "loud", f'adapter = "shout"\nbase_url = "{shout_url}"\n')
    result = llm("-m", "loud/m", "-o", "seed=1", "hi", env={"PYTHONPATH": str(site)})
    assert result.code == 2
    assert "cannot send the option seed" in result.err


def test_adapter_that_does_not_load(llm: Llm, site: Path) -> None:
    """A broken package is one clear line."""
    card(llm, "bad", 'adapter = "broken"\nbase_url = "http://127.0.0.1:1"\n')
    result = llm("-m", "bad/m", "hi", env={"PYTHONPATH": str(site)})
    assert result.code == 3
    assert 'adapter "broken"' in result.err
    assert "Traceback" not in result.err


def test_unknown_adapter(llm: Llm) -> None:
    """A name nobody has gets the nearest ones."""
    card(llm, "bad", 'adapter = "openai-chta"\nbase_url = "http://127.0.0.1:1"\n')
    result = llm("-m", "bad/m", "hi")
    assert result.code == 3
    assert 'Did you mean "openai-chat"?' in result.err


def test_strangers_are_not_looked_at_for_our_own_names(llm: Llm, site: Path) -> None:
    """A built-in name never runs a stranger's code."""
    card(llm, "own", 'adapter = "openai-chat"\nbase_url = "http://127.0.0.1:1"\n')
    env = {"PYTHONPATH": str(site), "PYTHONVERBOSE": "1"}
    assert "llmcli_shout" not in llm("-m", "own/m", "--dry-run", "hi", env=env).err
    assert (site / "llmcli_shout").is_dir()
