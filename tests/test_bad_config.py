"""Rows 65, 66 and 96: config, cards and keys that are wrong: told in a line, nothing sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from expect import failed
from fault_server import FaultServer
from support import KEY, Llm

Provider = Callable[..., Path]
SPEC = ("-m", "fs/m")


@pytest.fixture(autouse=True)
def card(provider: Provider, faults: FaultServer) -> Iterator[Path]:
    """A provider that would answer, and that must not be asked."""
    yield provider(faults.url("ok"))
    assert not faults.requests()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"default_model = \n", [":1:"]),
        (b'\n\n[aliases]\nx = "a" "b"\n', [":4:"]),
        (b"\xef\xbb\xbfx", []),
        (b"x = '\xff'\n", [":1", "UTF-8"]),
        (b"x = " + b"[" * 2000, []),
        (b"x = 1\nx = 2\n", [":2"]),
        (b'defualt_model = "fs/m"\n', [":1", "defualt_model", "default_model"]),
        (b"default_model = 7\n", [":1", "default_model"]),
        (b'\n[defaults]\ntemperature = "hot"\n', [":3", "temperature"]),
        (b"\n[budget]\nday = -1\n", [":3", "budget.day"]),
        (b"#" * (2 << 20), ["1 MiB"]),
    ],
    ids=["value", "line-4", "bom", "bytes", "deep", "twice", "key", "type", "option", "low", "big"],
)
def test_row_65_66_broken_config(llm: Llm, content: bytes, words: list[str]) -> None:
    """3 with file and line; the file is left as it is."""
    llm.config.write_bytes(content)
    failed(llm(*SPEC, "hi"), 3, "config.toml", *words)
    assert llm.config.read_bytes() == content


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_row_65_a_config_that_is_no_file(llm: Llm, kind: str) -> None:
    if kind == "directory":
        llm.config.mkdir()
    else:
        os.mkfifo(llm.config)
    failed(llm(*SPEC, "hi"), 3, "config.toml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"base_url": 7}, ["base_url"]),
        ({"key_env": "FS_KEY"}, ["key_env", "list"]),
        ({"timeout": {"silence": "long"}}, ["timeout.silence"]),
        ({"timeout": {"silense": 5}}, ["silense", "silence"]),
        ({"retries": -1}, ["retries"]),
        ({"adapter": "opnai-chat"}, ["opnai-chat", "openai-chat"]),
        ({"adapter": None}, ["adapter"]),
        ({"base_url": None}, ["base_url"]),
        ({"dialect": {"max_tokns": "x"}}, ["max_tokns", "max_tokens"]),
        ({"models": {"m": {"context": "long"}}}, ["context"]),
        ({"key": {"value": KEY}}, ["value"]),
    ],
)
def test_row_66_wrong_card(
    llm: Llm, faults: FaultServer, provider: Provider, change: dict[str, object], words: list[str]
) -> None:
    """The file and the key in it are named, and the nearest right name."""
    provider(**{"base_url": faults.url("ok"), **change})
    failed(llm(*SPEC, "hi"), 3, "fs", *words)


def test_row_65_broken_card(llm: Llm, card: Path) -> None:
    card.write_text('adapter = "openai-chat"\nbase_url =\n')
    failed(llm(*SPEC, "hi"), 3, "fs.toml:2")


def test_a_missing_variable(llm: Llm, provider: Provider) -> None:
    provider("http://${FS_HOST}/v1")
    failed(llm(*SPEC, "hi"), 3, "FS_HOST", "base_url")


def test_a_missing_variable_in_a_header(llm: Llm, faults: FaultServer, provider: Provider) -> None:
    provider(faults.url("ok"), headers={"X-Team": "${FS_TEAM}"})
    failed(llm(*SPEC, "hi"), 3, "FS_TEAM", "X-Team")


def test_no_key(llm: Llm) -> None:
    failed(llm(*SPEC, "hi", env={"FS_KEY": None}), 4, "fs", "FS_KEY")


@pytest.mark.parametrize(
    "key", ["sk\n12345678", "sk-curly\u201d12345", "sk\x0112345678", "sk zero\u200bwidth", " "]
)
def test_row_96_a_key_that_cannot_be_sent(llm: Llm, key: str) -> None:
    """The variable is named and the value is not."""
    result = llm(*SPEC, "hi", env={"FS_KEY": key})
    failed(result, 4, "FS_KEY")
    assert "12345" not in result.err
