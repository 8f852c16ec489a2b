"""README says what is true: its examples run and print what it shows."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pexpect
import pytest
from local_weights import give
from support import Llm

from llmcli import cards
from llmcli.errors import EXIT_CODES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGING = (
    (re.compile(r"[0-9A-HJKMNP-TV-Z]{26}"), "ID"),
    (re.compile(r"\d+\.\d s"), "0.0 s"),
)


def examples() -> list[tuple[str, str]]:
    """Each `$ command` of a console block with the lines shown below it."""
    found = []
    for block in re.findall(r"```console\n(\$.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output.strip("\n")))
    return found


def alike(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


@pytest.mark.local
@pytest.mark.parametrize(("command", "shown"), examples(), ids=[c for c, _ in examples()])
def test_example(llm: Llm, command: str, shown: str) -> None:
    """What README shows is what a person sees on a terminal."""
    give(llm)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**llm.env, "PATH": path, "TERM": "dumb", "LLM_MODEL": "local/smollm2"}
    screen = pexpect.run(
        f"bash -c {shlex.quote(command)}",
        env=env,
        cwd=str(llm.root),
        dimensions=(50, 250),
        timeout=60,
        encoding="utf-8",
    )
    assert alike(screen.replace("\r\n", "\n")) == alike(shown)


def test_there_are_five_examples() -> None:
    """The first screen shows five, so that none can be lost without a word."""
    assert len(examples()) == 5


def test_exit_codes() -> None:
    """The table is the one in code."""
    rows = re.findall(r"^\| +(\d+) \| (.*?) \|$", README, re.MULTILINE)
    assert {int(code): words for code, words in rows} == EXIT_CODES


def test_config_sample(llm: Llm) -> None:
    """The sample config is valid."""
    (sample,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert tomllib.loads(sample)
    llm.config.parent.mkdir(parents=True)
    llm.config.write_text(sample)
    assert llm("config", "check").code == 0


def test_number_of_cards() -> None:
    """It says how many providers are shipped."""
    (count,) = re.findall(r"the (\d+) shipped ones", README)
    assert int(count) == len(list(cards.shelf().glob("*.toml")))


def test_links_and_commands_exist(llm: Llm) -> None:
    """Files it points to are there, and so are the commands it names."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    for command in set(re.findall(r"`llm ((?:providers|models|keys|config|local) \w+)", README)):
        assert llm(*command.split(), "--help").code == 0, command
