"""The wheel holds what it must, nothing else on top, and runs away from the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import Llm

from llmcli import __version__, cards

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as an installer builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_contents(wheel: Path) -> None:
    """One package on top, the cards inside it, its types marked, no tests."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    info = f"llmcli-{__version__}"
    assert {name.partition("/")[0] for name in names} == {
        "llmcli",
        f"{info}.dist-info",
        f"{info}.data",
    }
    shipped = {f"llmcli/providers/{path.name}" for path in cards.shelf().glob("*.toml")}
    assert shipped <= set(names)
    assert {"llmcli/py.typed", "llmcli/transcripts/page.css"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "test_" in name or name.startswith("llmcli/tests")]


def test_runs_away_from_the_checkout(wheel: Path, llm: Llm) -> None:
    """Unpacked elsewhere it finds its own cards."""
    site = llm.root / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    env = {"PYTHONPATH": str(site)}
    assert llm("--version", env=env).text == f"llm {__version__}\n"
    shown = json.loads(llm("providers", "show", "groq", "--json", env=env).text)
    assert shown["card"] == str(site / "llmcli" / "providers" / "groq.toml")


def test_no_vendor_sdk_is_required(wheel: Path) -> None:
    """The few packages it needs are those named in the design, with upper bounds."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"llmcli-{__version__}.dist-info/METADATA").decode()
    needed = [
        line.removeprefix("Requires-Dist: ")
        for line in text.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    ]
    names = {line.partition("<")[0].partition(">")[0] for line in needed}
    assert names == {
        "httpcore",
        "httpx",
        "keyring",
        "markdown-it-py",
        "platformdirs",
        "plotext",
        "prompt-toolkit",
        "pygments",
        "rich",
        "tomli-w",
        "tomlkit",
        "typer",
    }
    assert all("<" in line for line in needed)
