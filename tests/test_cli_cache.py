"""`llm cache`, and the ways to write `--cache`."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from good_server import GoodServer
from support import Llm, write_card

from llmcli.cli.commands import route, with_values


@pytest.fixture
def server(llm: Llm) -> Iterator[GoodServer]:
    """A good server that is the provider `fs`."""
    with GoodServer() as server:
        write_card(llm, server.url, models={"m": {"cost": {"input": 2, "output": 10}}, "echo": {}})
        llm.env["LLM_MODEL"] = "fs/m"
        yield server


def shelf(llm: Llm) -> Path:
    """Where the replies lie."""
    return llm.home / "cache" / "replies.db"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--cache", "--cache="),
        ("--cache 1h", "--cache=1h"),
        ("--cache=1h", "--cache=1h"),
        ("--cache why", "--cache= why"),
        ("--cache 1h why", "--cache=1h why"),
        ("--cache 1h 2h", "--cache=1h 2h"),
        ("--cache 1 h", "--cache= 1 h"),
        ("--cache 1hour", "--cache= 1hour"),
        ("--cache -m x", "--cache= -m x"),
        ("why --cache", "why --cache="),
        ("why --cache 7d -q", "why --cache=7d -q"),
        ("why 7d", "why 7d"),
        ("--cache -- 1h", "--cache= -- 1h"),
        ("-- --cache 1h", "-- --cache 1h"),
        ("--no-cache 1h", "--no-cache 1h"),
        ("-s --cache 1h", "-s --cache 1h"),
        ("--system --cache --cache", "--system --cache --cache="),
    ],
)
def test_a_value_may_be_missing(typed: str, meant: str) -> None:
    """The word behind it is its value only if it is a time."""
    assert with_values(typed.split()) == meant.split()
    assert route(["ask", *typed.split()])[0] == ["ask", *meant.split()]


def test_a_prompt_is_never_swallowed(llm: Llm, server: GoodServer) -> None:
    """However it is written, the model hears all of it."""
    for args, heard in (
        (["--cache", "hello"], "hello"),
        (["hello", "--cache"], "hello"),
        (["--cache", "2h", "hello"], "hello"),
        (["--cache", "--", "2h"], "2h"),
        (["hello", "--cache", "2h", "world"], "hello world"),
    ):
        assert llm("-m", "fs/echo", *args).text == heard, args
    assert llm("-m", "fs/echo", "--cache", "2h", input=b"piped").text == "piped"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--cache=soon"], "--cache=soon is no time"),
        (["--cache=0m"], "--cache=0m is no time"),
        (["--cache", "--no-cache"], "choose one of --cache and --no-cache"),
        (["--cache", "--no-log"], "choose one of --cache and --no-log"),
    ],
)
def test_what_cannot_be_meant(llm: Llm, server: GoodServer, args: list[str], words: str) -> None:
    """One clear line, and nothing is sent."""
    result = llm(*args, "hi")
    assert (result.code, result.text) == (2, "")
    assert words in result.err.splitlines()[0]
    assert not server.requests


def test_a_wrong_word_in_the_config(llm: Llm, server: GoodServer) -> None:
    """It says where, and what would be right."""
    llm.config.parent.mkdir(exist_ok=True)
    llm.config.write_text('[cache]\nttl = "soon"\nmax_mb = 0\nfor = 1\n')
    result = llm("hi")
    assert result.code == 3
    for words in ("cache.ttl", "a time such as 30m or 12h", "cache.max_mb", "cache.for"):
        assert words in result.err


def test_info(llm: Llm, server: GoodServer) -> None:
    """What there is, before there is anything too."""
    assert "replies\t0\n" in llm("cache", "info").text
    assert not shelf(llm).exists()
    for _ in range(3):
        llm("--cache", "hi")
    rows = dict(line.split("\t") for line in llm("cache", "info").text.splitlines())
    assert rows["replies"] == "1"
    assert rows["given again"] == "2 times"
    assert rows["saved"] == "$0.0080"
    assert rows["where"] == str(shelf(llm))
    found = llm("cache", "info", "--json").json
    assert (found["replies"], found["hits"], found["hits_unpriced"]) == (1, 2, 0)
    assert found["saved"] == {"amount": "0.008", "currency": "USD"}
    assert found["bytes"] == shelf(llm).stat().st_size
    assert found["oldest"] == found["since"]
    assert (found["ttl"], found["max_bytes"]) == (None, 100_000_000)


def test_clear(llm: Llm, server: GoodServer) -> None:
    """All of them, or the older ones; it wants a yes."""
    assert "no reply is kept" in llm("cache", "clear").err
    for words in ("one", "two", "three"):
        llm("--cache", words)
    with contextlib.closing(sqlite3.connect(shelf(llm), isolation_level=None)) as db:
        db.execute("UPDATE replies SET stored = stored - 90000 WHERE number = 1")
    refused = llm("cache", "clear", "--older-than", "1d")
    assert refused.code == 2
    assert "llm cache clear --older-than 1d --yes" in refused.err
    assert "removed 1 kept reply\n" in llm("cache", "clear", "--older-than", "1d", "--yes").err
    assert "nothing so old" in llm("cache", "clear", "--older-than", "1d", "--yes").err
    screen = llm.spawn("cache", "clear")
    screen.expect(r"Remove 2 kept replies for good\? \[y/N\]")
    screen.sendline("n")
    screen.expect("nothing was changed")
    assert "removed 2 kept replies\n" in llm("cache", "clear", "--yes").err
    assert b"fine" not in shelf(llm).read_bytes()
    assert llm("cache", "info", "--json").json["hits"] == 0
    assert llm("cache", "clear", "--older-than", "soon").code == 2


def test_a_damaged_file_can_be_cleared(llm: Llm) -> None:
    """It is thrown away, and said so."""
    shelf(llm).parent.mkdir(parents=True)
    shelf(llm).write_bytes(b"no database " * 500)
    result = llm("cache", "info")
    assert (result.code, "thrown away" in result.err) == (10, True)
    assert llm("cache", "info").code == 0


def test_help_has_examples(llm: Llm) -> None:
    """Each command shows how it is used."""
    for words in ([], ["info"], ["clear"]):
        assert "Examples:" in llm("cache", *words, "--help").text
    assert "--cache" in llm("ask", "--help").text
