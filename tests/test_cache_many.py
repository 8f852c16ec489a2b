"""`--cache` where many are asked: each prompt of a batch and each model of a comparison alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_server import BatchServer
from good_server import GoodServer
from support import Llm, write_card

PROMPTS = [f"prompt {number}" for number in range(7)]


@pytest.fixture
def server(llm: Llm) -> Iterator[GoodServer]:
    """A good server that is the provider `fs`."""
    with GoodServer() as server:
        write_card(llm, server.url, models={"m": {"cost": {"input": 2, "output": 10}}, "echo": {}})
        (llm.root / "in.txt").write_text("\n".join(PROMPTS))
        yield server


def answers(path: Path) -> list[str]:
    """The texts in the output of a batch, in order."""
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def test_every_prompt_of_a_batch(llm: Llm, server: GoodServer) -> None:
    """A worker asks many: each of them is looked up, and each whole answer kept."""
    ask = ("batch", "in.txt", "-m", "fs/echo", "-j", "2", "--cache")
    for number, name in enumerate(("one.jsonl", "two.jsonl")):
        done = llm(*ask, "-o", name)
        assert done.code == 0, done.err
        assert answers(llm.root / name) == PROMPTS
        assert len(server.requests) == len(PROMPTS), number
    assert llm("cache", "info", "--json").json["hits"] == len(PROMPTS)


def test_a_batch_needs_a_key_for_what_is_not_kept(llm: Llm, server: GoodServer) -> None:
    """A prompt behind a kept one is never sent without the key."""
    ask = ("batch", "in.txt", "-m", "fs/echo", "-j", "1", "--cache")
    llm("batch", "in.txt", "-m", "fs/echo", "--cache", "--limit", "1", "-o", "one.jsonl")
    done = llm(*ask, "-o", "two.jsonl", env={"FS_KEY": None})
    assert done.code == 4, done.err
    assert len(server.requests) == 1
    assert answers(llm.root / "two.jsonl") == PROMPTS[:1]


def test_what_is_kept_waits_for_no_limit_and_needs_no_money(llm: Llm, server: GoodServer) -> None:
    """Limits are for what is sent; a kept reply is not, and costs nothing."""
    ask = ("batch", "in.txt", "-m", "fs/m", "--cache")
    assert llm(*ask, "-o", "one.jsonl").code == 0
    done = llm(*ask, "--rpm", "1", "--max-cost", "0.0001", "-o", "two.jsonl", timeout=20)
    assert (done.code, len(server.requests)) == (0, len(PROMPTS)), done.err
    assert "$0" in done.err
    for line in (llm.root / "two.jsonl").read_text().splitlines():
        assert json.loads(line)["cost"]["basis"] == "cache"


def test_the_headers_of_answers_are_heeded(llm: Llm) -> None:
    """Where the server says that nothing is left, `--cache` or not, the next call waits."""
    headers = {
        f"x-ratelimit-{what}-requests": value
        for what, value in (("limit", "60"), ("remaining", "0"), ("reset", "6s"))
    }
    (llm.root / "in.txt").write_text("\n".join(PROMPTS[:5]))
    with BatchServer(headers=headers) as server:
        server.provide(llm)
        done = llm("batch", "in.txt", "-j", "2", "--cache", "-o", "out.jsonl")
        assert done.code == 0, done.err
        times = server.stats()["times"]
    assert times[-1] - times[1] >= 3 * 0.1


def test_models_side_by_side(llm: Llm, server: GoodServer) -> None:
    """Each model's reply is kept by itself, and the table says which were given again."""
    ask = ("compare", "-m", "fs/m", "-m", "fs/echo", "--cache", "--json", "hi")
    for _ in range(2):
        done = llm(*ask)
        assert done.code == 0, done.err
    assert len(server.requests) == 2
