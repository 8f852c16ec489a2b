"""What the tests of keys share: a card, keyrings, and what holds for every run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from running import Result
from support import KEY, Llm, write_card

from llmcli.cards import Card

TESTS = Path(__file__).parent
ORIGIN = "https://lab.example:443"
URL = "https://lab.example/v1"
_FIELDS = {"name": "Lab", "adapter": "openai-chat", "base_url": URL, "key_env": ("LAB_KEY",)}


def card(**changes: Any) -> Card:
    """The card of these tests, or the same with other fields."""
    return Card("lab", **{**_FIELDS, **changes})


CARD = card()


def private_file(path: Path, text: str = KEY + "\n", mode: int = 0o600) -> Path:
    """A key file with this mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


def backend(name: str) -> dict[str, str]:
    """The environment that names one of the keyrings of these tests."""
    return {"PYTHON_KEYRING_BACKEND": f"keyring_backends.{name}"}


def working_keyring(root: Path) -> dict[str, str]:
    """Make a keyring that works; the environment that has it."""
    (root / "keyring").mkdir()
    return {
        **backend("MemoryFile"),
        "PYTHONPATH": str(TESTS),
        "FAKE_KEYRING": str(root / "keyring"),
    }


def with_keyring(llm: Llm) -> Llm:
    """The command with a keyring that works and a card `lab` that needs a key and has none."""
    llm.env |= working_keyring(llm.root)
    point(llm, URL)
    return llm


def point(llm: Llm, url: str, **fields: Any) -> None:
    """Turn the card `lab` to this address."""
    write_card(llm, url, "lab", **{"key_env": ["LAB_KEY"], **fields})
    llm.env.pop("FS_KEY", None)


def entries(llm: Llm) -> list[Path]:
    """What the keyring that works holds."""
    return list((llm.root / "keyring").iterdir())


def clean_of(llm: Llm, *results: Result, secret: str = KEY) -> None:
    """No output and no file but the keyring's own has the key."""
    for result in results:
        assert secret not in result.text + result.err
    for file in llm.files():
        if file.parent.name != "keyring":
            assert secret.encode() not in file.read_bytes(), file


def at_once(lab: Llm, run: Callable[[], Result]) -> bool:
    """Whether the best of three takes half a second, or little more than a listing does here."""
    usual = min(lab("keys", "list").seconds for _ in range(3))
    return min(run().seconds for _ in range(3)) <= max(0.5, 3 * usual)


def in_time(lab: Llm, result: Result) -> bool:
    """Whether three seconds were waited and not much more than a listing takes here was added."""
    usual = min(lab("keys", "list", env={"PYTHON_KEYRING_BACKEND": None}).seconds for _ in range(3))
    return 3 <= result.seconds <= max(4.5, 3 + 4 * usual)


def plugin(tmp_path: Path, module: str) -> dict[str, str]:
    """Install a keyring entry point for this module; the environment that has it."""
    folder = tmp_path / "site" / "fake-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: fake\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[keyring.backends]\nfake = {module}\n")
    return {"PYTHONPATH": f"{TESTS}:{folder.parent}"}
