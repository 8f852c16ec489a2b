"""`llm doctor`: this machine and every provider, each finding with a way to mend it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from fault_server import FaultServer
from good_server import GoodServer
from keyring_support import working_keyring
from support import KEY, Llm


def findings(llm: Llm, *args: str) -> tuple[dict[str, list[dict[str, Any]]], int]:
    """The findings by check, and the exit code, which the JSON repeats."""
    result = llm("doctor", "--json", *args)
    assert result.err == ""
    report = json.loads(result.text)
    assert report["exit_code"] == result.code
    found: dict[str, list[dict[str, Any]]] = {}
    for item in report["findings"]:
        assert item["state"] == "ok" or item["mend"], item
        found.setdefault(item["check"], []).append(item)
    return found, result.code


def states(found: dict[str, list[dict[str, Any]]], check: str) -> list[str]:
    """How a check went."""
    return [item["state"] for item in found[check]]


@pytest.fixture
def slow_clock() -> Iterator[str]:
    """The base URL of a server that believes it is 1990."""

    class Handler(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return "Mon, 01 Jan 1990 00:00:00 GMT"

        def do_GET(self) -> None:
            body = b'{"data": [{"id": "m"}]}'
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_machine_where_all_is_well(llm: Llm, provider: Callable[..., Path]) -> None:
    """Nothing to mend, exit 0, and no chat was made for it."""
    llm.env |= working_keyring(llm.root)
    with GoodServer() as server:
        provider(server.url)
        result = llm("doctor")
        assert (result.code, result.err) == (0, "")
        assert "Nothing is broken." in result.text
        assert "✓ fs" in result.text
        assert "key from env FS_KEY · 2 models" in result.text
        assert not server.requests
        assert KEY not in result.text


def test_what_it_tells_scripts(llm: Llm, provider: Callable[..., Path]) -> None:
    with GoodServer() as server:
        provider(server.url, default_model="m")
        found, code = findings(llm, "fs")
    assert code == 0
    (fs,) = found["fs"]
    assert (fs["provider"], fs["key"], fs["models"]) == ("fs", "env FS_KEY", 2)
    assert fs["latency_ms"] >= 0
    assert abs(fs["clock_offset_s"]) <= 60
    assert found["install"][0]["packages"]["httpx"]
    assert set(found) >= {"install", "config", "files", "keyring", "history", "proxy"}


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("http:401", 4, "FS_KEY"),
        ("http:503", 7, "providers show"),
        ("html:200", 7, "providers show"),
    ],
)
def test_a_provider_that_fails(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path], fault: str, code: int, words: str
) -> None:
    """The exit code is that of a call, and the finding says what to do."""
    provider(faults.url(fault))
    found, exit_code = findings(llm, "fs")
    assert (states(found, "fs"), exit_code) == (["problem"], code)
    assert words in found["fs"][0]["mend"]
    status = fault.partition(":")[2]
    assert status in found["fs"][0]["message"] or status == "200"
    assert len(faults.requests(fault)) == 1


def test_nobody_listens(llm: Llm, provider: Callable[..., Path]) -> None:
    provider("http://127.0.0.1:1/v1")
    found, code = findings(llm, "fs")
    assert (states(found, "fs"), code) == (["problem"], 6)


def test_one_broken_provider_does_not_hide_the_other(
    llm: Llm, provider: Callable[..., Path]
) -> None:
    with GoodServer() as server:
        provider("http://127.0.0.1:1/v1", name="away")
        provider(server.url, name="here")
        found, code = findings(llm)
    assert (states(found, "away"), states(found, "here"), code) == (["problem"], ["ok"], 6)


def test_clocks_apart(llm: Llm, provider: Callable[..., Path], slow_clock: str) -> None:
    provider(slow_clock)
    found, code = findings(llm, "fs")
    assert (states(found, "fs"), code) == (["warning", "ok"], 0)
    assert "clock" in found["fs"][0]["mend"]


def test_a_default_model_that_is_gone(llm: Llm, provider: Callable[..., Path]) -> None:
    with GoodServer() as server:
        provider(server.url)
        llm.config.write_text('default_model = "fs/gone"\n')
        found, code = findings(llm, "fs")
    assert (states(found, "fs"), code) == (["warning"], 0)
    assert "gone" in found["fs"][0]["message"]


def test_no_list_of_models(llm: Llm, faults: FaultServer, provider: Callable[..., Path]) -> None:
    """A server may answer without listing anything."""
    provider(faults.url("http:404"))
    found, code = findings(llm, "fs")
    assert (states(found, "fs"), code) == (["warning"], 0)
    assert "providers test fs" in found["fs"][0]["mend"]


def test_a_broken_config(llm: Llm) -> None:
    """It is told with its line, and everything else is looked at all the same."""
    llm.config.parent.mkdir(parents=True)
    llm.config.write_text("defualt_model = 1\n")
    found, code = findings(llm)
    assert (states(found, "config"), code) == (["problem"], 3)
    assert "config.toml:1" in found["config"][0]["message"]
    assert states(found, "history") == ["ok"]


def test_a_broken_card(llm: Llm, provider: Callable[..., Path]) -> None:
    """It is a finding that names the file to edit, when its provider is asked for by name, too."""
    provider("http://127.0.0.1:1/v1", name="lab").write_text('base_ulr = "http://x/v1"\n')
    for args in (), ("lab",):
        found, code = findings(llm, *args)
        assert (states(found, "config"), code) == (["problem"], 3)
        assert "lab.toml:1" in found["config"][0]["message"]
        assert "Edit that file" in found["config"][0]["mend"]
    assert states(found, "lab") == ["problem"]


def test_files_others_may_read(llm: Llm) -> None:
    llm.config.parent.mkdir(parents=True)
    llm.config.parent.chmod(0o755)
    found, code = findings(llm, "--offline")
    assert (states(found, "files"), code) == (["warning"], 0)
    assert "chmod" in found["files"][0]["mend"]


def test_a_broken_history(llm: Llm, provider: Callable[..., Path]) -> None:
    """Its first pages are overwritten: SQLite cannot read it, and nothing is deleted."""
    with GoodServer() as server:
        provider(server.url)
        llm("-m", "fs/m", "hi")
    assert states(findings(llm, "--offline")[0], "history") == ["ok"]
    data = llm.db.read_bytes()
    llm.db.write_bytes(b"x" * 8192 + data[8192:])
    found, code = findings(llm, "--offline")
    assert (states(found, "history"), code) == (["problem"], 10)
    assert "llm history check" in found["history"][0]["mend"]
    assert llm.db.exists()


@pytest.mark.parametrize(
    ("variables", "check", "code"),
    [
        ({"HTTP_PROXY": "ftp://user:pw-canary@h"}, "proxy", 3),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "certificates", 3),
    ],
)
def test_network_settings(llm: Llm, variables: dict[str, str], check: str, code: int) -> None:
    """What is in force is shown, without a proxy's password."""
    llm.env |= variables
    found, exit_code = findings(llm, "--offline")
    assert (states(found, check), exit_code) == (["problem"], code)
    assert "canary" not in json.dumps(found)


def test_a_good_proxy_is_shown_without_its_password(llm: Llm) -> None:
    llm.env |= {"HTTPS_PROXY": "http://user:pw-canary@proxy.example:3128"}
    found, _ = findings(llm, "--offline")
    assert "***@proxy.example:3128" in found["proxy"][0]["message"]
    assert "canary" not in json.dumps(found)


@pytest.mark.parametrize("name", ["PYTHON_KEYRING_BACKEND", "PYTHONPATH", "SSLKEYLOGFILE"])
def test_variables_that_are_trusted(llm: Llm, name: str) -> None:
    """What could make the tool run other code, or tell its secrets, is named."""
    llm.env[name] = str(llm.root / "elsewhere")
    found, _ = findings(llm, "--offline")
    assert any(name in item["message"] for item in found["environment"])


def test_offline_asks_nobody(llm: Llm, provider: Callable[..., Path]) -> None:
    with GoodServer() as server:
        provider(server.url)
        found, _ = findings(llm, "--offline")
        assert "fs" not in found
        assert not server.paths


def test_an_unknown_provider(llm: Llm) -> None:
    """One line and exit 3, before anything is looked at."""
    result = llm("doctor", "nosuch")
    assert (result.code, result.text) == (3, "")
    assert 'no provider "nosuch"' in result.err
