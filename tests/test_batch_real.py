"""A real batch of fifty prompts: on the embedded model, and on llama.cpp's own server."""

from __future__ import annotations

import json

import pytest
from llama_server import SECONDS, running
from local_weights import give
from running import Result
from support import Llm

pytestmark = pytest.mark.local
PROMPTS = 50


def batch(llm: Llm, model: str) -> Result:
    """Fifty prompts, answered briefly."""
    lines = (f"{n} plus {n} is" for n in range(PROMPTS))
    (llm.root / "in.txt").write_text("\n".join(lines))
    short = ("-O", "max_output_tokens=4", "-O", "temperature=0")
    return llm(
        "batch", "in.txt", "-o", "out.jsonl", "-m", model, "-j", "4", *short, timeout=SECONDS
    )


def check(llm: Llm, done: Result, model: str) -> None:
    """Every prompt has its answer and its entry."""
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in (llm.root / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [str(n) for n in range(1, PROMPTS + 1)]
    assert all(row["text"] and 0 < row["usage"]["output"] <= 4 for row in rows)
    assert {f"{row['provider']}/{row['model']}" for row in rows} == {model}
    assert len(llm.attempts()) == PROMPTS


def test_the_embedded_model(llm: Llm) -> None:
    """It answers one after another, for nothing."""
    give(llm)
    done = batch(llm, "local/smollm2")
    check(llm, done, "local/smollm2")
    assert "50 done · free (local)" in done.err


def test_a_server_of_ones_own(llm: Llm) -> None:
    """Four at once; what it costs is not known."""
    with running() as server:
        added = llm(
            *("providers", "add", "lab", "--base-url", server.base_url, "--no-key"),
            timeout=SECONDS,
        )
        assert added.code == 0, added.err
        done = batch(llm, "lab/smollm2")
    check(llm, done, "lab/smollm2")
    assert "50 done · cost unknown" in done.err
