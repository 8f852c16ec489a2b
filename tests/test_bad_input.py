"""Rows 81, 83, 85, 86 and wrong command lines: told in a line, nothing sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from expect import failed
from fault_server import FaultServer
from support import Llm

Provider = Callable[..., Path]
SPEC = ("-m", "fs/m")


@pytest.fixture(autouse=True)
def card(provider: Provider, faults: FaultServer) -> Iterator[Path]:
    """A provider that would answer, and that must not be asked."""
    yield provider(faults.url("ok"))
    assert not faults.requests()


def test_row_81_binary_stdin(llm: Llm) -> None:
    """The offset is named, and the way to send a file."""
    failed(llm(*SPEC, "what?", input=b"ab\xffcd\0"), 2, "byte 2", "-a")


def test_row_81_image_on_stdin(llm: Llm) -> None:
    failed(llm(*SPEC, input=b"\x89PNG\r\n\x1a\n" + bytes(100)), 2, "byte 0", "-a")


def test_row_83_oversize_stdin(llm: Llm) -> None:
    """100 MB are refused without being kept."""
    big = llm.root / "big"
    with big.open("wb") as file:
        file.truncate(100_000_000)
    with big.open("rb") as file:
        result = llm(*SPEC, "hi", stdin=file)
    failed(result, 2, "16 MiB")
    assert result.rss_kb <= 100_000


def test_row_83_endless_stdin(llm: Llm) -> None:
    failed(llm(*SPEC, "hi", wrap='yes | "$@"'), 2, "16 MiB")


@pytest.mark.parametrize("words", [[], [""], ["  "], ["-"], ["\n", "\t"]])
def test_row_85_empty_prompt(llm: Llm, words: list[str]) -> None:
    failed(llm(*SPEC, *words), 2, "empty")


@pytest.mark.parametrize("data", [b"", b"\n \t\n", b"\xef\xbb\xbf"])
def test_row_85_empty_pipe(llm: Llm, data: bytes) -> None:
    failed(llm(*SPEC, input=data), 2, "empty")


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_row_86_utf16(llm: Llm, coding: str) -> None:
    """Told apart from other bytes that are not UTF-8."""
    mark = {"utf-16": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}[coding]
    failed(llm(*SPEC, "hi", input=mark + "grüße".encode(coding)), 2, "UTF-16")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--modle", "x", "hi"], ["--modle"]),
        (["-o", "temprature=1", "hi"], ["temprature", "temperature"]),
        (["-o", "temperature=hot", "hi"], ["temperature=hot", "number"]),
        (["-o", "temperature=9", "hi"], ["at most 2"]),
        (["-o", "temperature=nan", "hi"], ["temperature"]),
        (["-o", "max_output_tokens=0", "hi"], ["at least 1"]),
        (["-o", "max_output_tokens=1.5", "hi"], ["whole number"]),
        (["-o", "seed", "hi"], ["key=value"]),
        (["-o", "extra.x=no json", "hi"], ["JSON"]),
        (["-o", "response_schema=[1]", "hi"], ["JSON object"]),
        (["-o", "response_schema=@missing.json", "hi"], ["missing.json"]),
        (["--deadline", "0", "hi"], ["--deadline"]),
        (["--deadline", "-1", "hi"], ["--deadline"]),
        (["--deadline", "nan", "hi"], ["--deadline"]),
        (["--deadline", "soon", "hi"], ["--deadline"]),
        (["--retries", "-1", "hi"], ["--retries"]),
        (["--retries", "many", "hi"], ["--retries"]),
        (["--json", "--jsonl", "hi"], ["--json"]),
        (["--color", "pink", "hi"], ["--color", "never"]),
        (["-a", "missing.png", "hi"], ["missing.png", "No such file"]),
        (["-a", ".", "hi"], ["regular file"]),
        (["-a", "/dev/zero", "hi"], ["regular file"]),
        (["--tools", "missing.json", "hi"], ["missing.json"]),
        (["-m"], ["-m"]),
    ],
)
def test_wrong_usage(llm: Llm, args: list[str], words: list[str]) -> None:
    failed(llm(*SPEC, *args), 2, *words)


@pytest.mark.parametrize("content", ["", "{", "{}", "[1]", '[{"nam": "x"}]', "[" * 3000])
def test_tools_that_are_none(llm: Llm, content: str) -> None:
    path = llm.root / "tools.json"
    path.write_text(content)
    failed(llm(*SPEC, "--tools", str(path), "hi"), 2, "--tools")


def test_an_unreadable_attachment(llm: Llm) -> None:
    fifo = llm.root / "pipe"
    os.mkfifo(fifo)
    failed(llm(*SPEC, "-a", str(fifo), "hi"), 2, "regular file")


def test_an_oversize_attachment(llm: Llm) -> None:
    big = llm.root / "big.png"
    with big.open("wb") as file:
        file.truncate(100_000_000)
    result = llm(*SPEC, "-a", str(big), "hi")
    failed(result, 2, "MiB")
    assert result.rss_kb <= 100_000


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("f/m", ["f"]),
        ("opnai/gpt", ["opnai", "openai"]),
        ("nobody", ["nobody"]),
        ("/m", ["/m"]),
        ("fs/", ["fs/"]),
        ("../fs/m", ["../fs/m"]),
        ("fs\x1b[31m/m", ["fs^["]),
        ("claude-sonnet-5-5", ["anthropic/claude-sonnet-5-5", "llm providers add anthropic"]),
    ],
)
def test_unknown_model_or_provider(llm: Llm, spec: str, words: list[str]) -> None:
    failed(llm("-m", spec, "hi"), 3, *words)


def test_an_unknown_fallback_is_found_before_anything_is_sent(llm: Llm) -> None:
    failed(llm(*SPEC, "--fallback", "nobody/m", "hi"), 3, "nobody")


@pytest.mark.parametrize(
    "args", [["modles"], ["provider"], ["Models"], ["histroy"], ["key", "list"]]
)
def test_a_mistyped_command(llm: Llm, args: list[str]) -> None:
    """Not sent as a prompt: the right name is offered."""
    failed(llm(*args, env={"LLM_MODEL": "fs/m"}), 2, "Did you mean")
