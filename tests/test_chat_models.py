"""A conversation of several turns with a real model: chatted, continued, exported, taken in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import local_weights
import pytest
from chatting import Shell, Talk
from llama_server import SECONDS, running
from support import Llm, write_card

pytestmark = pytest.mark.local

OPTIONS = "-o temperature=0 -o max_output_tokens=8"


def embedded(llm: Llm) -> str:
    """The built-in model."""
    local_weights.give(llm)
    return "local/smollm2"


@pytest.fixture
def served(llm: Llm) -> Iterator[str]:
    """The same weights behind llama.cpp's own server."""
    with running() as server:
        write_card(llm, server.base_url, "lab", key_env=None, timeout={}, models={"smollm2": {}})
        yield "lab/smollm2"


def talks(llm: Llm, spec: str, tmp_path: Path) -> None:
    """Five turns in four processes of one terminal; then the same in another home."""
    shell = Shell(llm, timeout=SECONDS)
    shell.begin(f"chat -m {spec} {OPTIONS} -s 'You are brief.'")
    shell.talk.say("My name is Ada.")
    shell.talk.say("Count to three.")
    shell.end()
    shell.begin("chat -c")
    shell.talk.say("And to five.")
    shell.end()
    assert shell.run("-qc And now backwards.")[0] == 0
    turns = llm.turns()
    assert [turn["status"] for turn in turns] == ["complete"] * 4
    assert {f"{turn['provider']}/{turn['model']}" for turn in turns} == {spec}
    counts = [attempt["input"] for attempt in llm.attempts()]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    _moves(llm, tmp_path)


def _moves(llm: Llm, tmp_path: Path) -> None:
    """What is exported here and taken in elsewhere is exported there just the same."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    other = Llm(folder)
    conversation = llm.turns()[0]["conversation"]
    for form in ("json", "jsonl"):
        exported = llm("history", "export", conversation, "-f", form).out
        taken = other("history", "import", "-", input=exported)
        assert taken.code == 0, taken.err
        assert other("history", "export", conversation, "-f", form).out == exported
    assert len(other.turns()) == 4


def test_with_the_embedded_model(llm: Llm, tmp_path: Path) -> None:
    talks(llm, embedded(llm), tmp_path)


def test_with_the_server_of_llama_cpp(llm: Llm, served: str, tmp_path: Path) -> None:
    talks(llm, served, tmp_path)


def test_a_stopped_answer_of_the_embedded_model(llm: Llm) -> None:
    """Ctrl-C stops the engine too, and the next answer comes."""
    chat = Talk(llm, "-m", embedded(llm), "-o", "temperature=0", timeout=SECONDS).begin()
    for prompt in ("Write a very long story about a dog.", "Write a longer one."):
        chat.send(prompt)
        chat.child.expect("[a-z]{3}")
        chat.child.sendintr()
        assert "stopped, partial answer kept" in chat.wait()
    chat.leave()
    assert [turn["status"] for turn in llm.turns()] == ["interrupted"] * 2
