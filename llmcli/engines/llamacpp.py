"""The only door to xllamacpp, llama.cpp inside the process: checked, loaded, closed off."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llmcli import paths
from llmcli.engines import gguf
from llmcli.errors import ConfigError
from llmcli.files import atomic_write
from llmcli.sanitize import one_line

MODULE = "xllamacpp"
BATCH = 128  # tokens of the prompt between two looks at whether the user still waits
_SOCKET_PATH_LIMIT = 100
_SPIN = "GOMP_SPINCOUNT"
_LIBRARIES = {
    "libgomp": "apt install libgomp1, or dnf install libgomp",
    "libstdc++": "apt install libstdc++6, or dnf install libstdc++",
}
_PROBE = """
import sys
sys.path.insert(0, sys.argv[1])
from llmcli.engines import llamacpp
llamacpp.try_out(sys.argv[2])
"""
_STOPPED = {signal.SIGINT, signal.SIGTERM}


def open_model(path: Path, name: str, context: int, *, embeds: bool = False) -> Any:
    """Load weights and return the `xllamacpp.Server` that runs them.

    One that `embeds` makes vectors, and no answers. The call blocks, and blocks every other
    thread too, until the model is loaded. Raises ConfigError when the engine is not installed,
    does not run here or cannot load the file.
    """
    _probe(path)
    library = _library()
    params = library.CommonParams()
    params.model.path = str(path)
    params.model_alias = {name}
    params.n_ctx = context
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = context if embeds else BATCH
    if embeds:
        _pool(library, params, path)
    params.cpuparams.n_threads = cores()
    params.fit_params = params.warmup = False
    params.verbosity = 0
    return _closed_off(library, params, path)


def _pool(library: Any, params: Any, path: Path) -> None:
    """Make one vector of a text's many as the model was trained to, else by their mean."""
    params.embedding = True
    if not gguf.pooling(path):
        params.pooling_type = library.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN


def _closed_off(library: Any, params: Any, path: Path) -> Any:
    """The server behind no listener that anybody can reach.

    xllamacpp always listens for HTTP. Here it listens on a socket file that is removed at once;
    where there are none, on a loopback port, and wants a key that nobody knows.
    """
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.api_keys = [secrets.token_urlsafe(32)]
    params.n_threads_http = 1
    try:
        with tempfile.TemporaryDirectory(prefix="llmcli-") as private:
            place = f"{private}/engine.sock"
            if hasattr(socket, "AF_UNIX") and len(place) < _SOCKET_PATH_LIMIT:
                params.hostnames = [place]
            return library.Server(params)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"the engine cannot load {path.name}: {one_line(str(error), 200)}",
            hint="Is the file whole, and of a kind this version of the engine knows?",
        ) from None


def _library() -> Any:
    """The library, imported with short spinning.

    Its threads wait for each other after every layer. By default libgomp spins for that: beside
    two other busy processes on two cores that made 3 to 14 tokens/s, with this 19 to 80, and as
    many as before (130) on an idle machine (2026-11-21). The user's own settings win.
    """
    spin = not os.environ.keys() & {_SPIN, "OMP_WAIT_POLICY"}
    if spin:
        os.environ[_SPIN] = "300"
    try:
        import xllamacpp
    except ImportError as error:
        raise _not_usable(error) from None
    finally:
        if spin:
            del os.environ[_SPIN]
    return xllamacpp


def require_installed() -> None:
    """Raises ConfigError when the extra is not installed; imports nothing."""
    if find_spec(MODULE) is None:
        raise _not_usable(ModuleNotFoundError(name=MODULE))


def _not_usable(error: ImportError) -> ConfigError:
    if isinstance(error, ModuleNotFoundError) and error.name == MODULE:
        return ConfigError(
            "the engine for models on this machine is not installed",
            hint="Install it: pip install 'llmcli[local]'",
        )
    for library, remedy in _LIBRARIES.items():
        if library in str(error):
            return ConfigError(
                f"the engine needs {library}, which this system lacks", hint=f"Install it: {remedy}"
            )
    return ConfigError(
        f"the engine does not load: {one_line(str(error), 200)}",
        hint="Install it again: pip install --force-reinstall 'llmcli[local]'",
    )


def _probe(path: Path) -> None:
    """Try the engine in a process of its own, once for this engine on this processor.

    The wheels take AVX2 and its kin for granted: an older processor kills the process.
    Raises ConfigError when the engine dies.
    """
    require_installed()
    mark = paths.cache_dir() / "engine" / _fingerprint()
    if mark.exists():
        return
    root = Path(__file__).parents[2]
    command = [sys.executable, "-P", "-c", _PROBE, str(root), str(path)]
    null = subprocess.DEVNULL
    status = subprocess.run(command, stdin=null, stdout=null, stderr=null, check=False).returncode
    if status == 0:
        with suppress(OSError):
            atomic_write(mark, b"")
    elif not 0 < status < 256 and -status not in _STOPPED:
        raise ConfigError(
            f"the engine does not run on this machine: it dies of {_death(status)}",
            hint="It needs an x86-64 processor with AVX2 (2013 or later), or ARM64.\n"
            "Other ways to get answers: llm providers add --help",
        )


def _death(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"status {status:#x}"


def _fingerprint() -> str:
    """What the verdict of a probe holds for: these files of the engine, on such a processor."""
    spec = find_spec(MODULE)
    origin = Path(spec.origin) if spec and spec.origin else Path(sys.executable)
    facts = [str(origin), str(origin.stat().st_mtime_ns), platform.machine()]
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        facts += re.findall(r"(?m)^(?:flags|Features)\s*:.*$", file.read(1 << 14))[:1]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def try_out(path: str) -> None:
    """Load the weights and make one token; then leave without cleaning up."""
    params = _library().CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel, params.verbosity, params.fit_params = 256, 1, 0, False
    server = _closed_off(_library(), params, Path(path))
    messages = [{"role": "user", "content": "Hi"}]
    server.handle_chat_completions({"messages": messages, "max_tokens": 1}, lambda _: False)
    os._exit(0)


def cores() -> int:
    """The physical cores this process may use; -1 leaves the choice to the engine."""
    if sys.platform != "linux":
        return -1
    usable = {_siblings(cpu) for cpu in os.sched_getaffinity(0)}
    return max(1, min(len(usable), _quota()))


def _siblings(cpu: int) -> str:
    """What names the physical core of a logical processor."""
    place = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return place.read_text("ascii").strip()
    except OSError:
        return str(cpu)


def _quota() -> int:
    """How many processors' time a container may use."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return os.cpu_count() or 1
