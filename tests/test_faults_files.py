"""Rows of the fault table about files that many write, and writers that are killed: 71 and 72."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from good_server import GoodServer
from support import Llm

KILLS = 50
PROVIDERS = 20
_WRITER = """
import sys
from pathlib import Path
from llmcli.files import atomic_write, locked
path = Path(sys.argv[1])
print("go", flush=True)
for number in range(100_000):
    with locked(path):
        atomic_write(path, b'default_model = "groq/x"\\n' + b"# %d\\n" % number * 2000)
"""


def test_row_71_twenty_providers_added_at_once(llm: Llm) -> None:
    """All are there afterwards, in files and in the list."""
    names = {f"n{number}" for number in range(PROVIDERS)}
    with GoodServer() as server:
        words = ("--base-url", server.url, "--no-key")
        running = [llm.start("providers", "add", name, *words) for name in names]
        results = [process.finish(60) for process in running]
        assert [result.code for result in results] == [0] * PROVIDERS, results
    cards = list((llm.home / "config" / "providers").glob("*.toml"))
    assert {card.stem for card in cards} == names
    assert all(tomllib.loads(card.read_text()) for card in cards)
    listed = {row.split("\t")[0] for row in llm("providers", "list").text.splitlines()}
    assert names <= listed


def test_row_72_kill_during_a_write(llm: Llm) -> None:
    """The file is the old or the new one, its lock is free, and what is left over is swept."""
    path = llm.config
    rng, written = random.Random(72), 0
    for _ in range(KILLS):
        before = path.read_bytes() if path.exists() else b""
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE
        )
        assert process.stdout
        assert process.stdout.readline() == b"go\n"
        time.sleep(rng.uniform(0, 0.01))
        process.kill()
        process.communicate()
        after = path.read_bytes() if path.exists() else b""
        written += after != before
        assert not after or tomllib.loads(after.decode())["default_model"] == "groq/x"
        assert not after or len(set(after.splitlines()[1:])) == 1
    assert written > KILLS // 10
    leftovers = _leftovers(path)
    assert leftovers, "none was killed within a write: this proves nothing"
    for leftover in leftovers:
        os.utime(leftover, (0, 0))
    result = llm("config", "set", "defaults.seed", "1")
    assert (result.code, result.err.count("llm:")) == (0, 0)
    assert _leftovers(path) == []


def _leftovers(path: Path) -> list[Path]:
    return list(path.parent.glob(".llmcli-*"))
