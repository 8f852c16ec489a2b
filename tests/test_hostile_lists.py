"""What servers and files say of models, tokens and vectors is never trusted."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pexpect
import pytest
from expect import failed
from fault_server import FaultServer
from loopback import Asked, Loopback
from support import KEY, Llm, write_card
from voices import NAMES, VOICES
from voices.pages import PAGES

LIST = ("models", "list", "--provider", "fs")
REFRESH = (*LIST, "--refresh")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
UNUSABLE = (
    *("\x1b]52;c;aGFja2Vk\x07", "a\nb", "a\r\nb", "t\tt", "x\x9b2J", "b\u202eidi", "z\u200bw"),
    *("\ud800", "", "n" * 1_000_000, KEY, f"x-{KEY}-x", "sk-" + "a" * 40, "\U000e0041"),
)
USABLE = ("good", "../../etc", "$(touch pwned)", "`id`; rm", "a b", "é🌍", "'q\"", "-rf", "{}|&<>")
_ID = {"gemini": '"models/m-1"', "ollama": '"m:1b"', "bedrock": '"x.m-1:0"'}
_COUNTS = re.compile(r'("(?:context_length|n_ctx|max_\w+|\w+TokenLimit)": )\d+')


def in_turn(voices: Sequence[str], values: Sequence[Any]) -> list[tuple[str, Any]]:
    """Each value with one of the voices: every pair is tried by the fuzzing of the adapters."""
    return list(zip(cycle(voices), values))


def page(voice: str, name: object) -> Any:
    """This server's list with another name in its first row."""
    text = json.dumps(PAGES[voice]["models"])
    return json.loads(text.replace(_ID.get(voice, '"m-1"'), json.dumps(name)))


def rows(voice: str, names: tuple[object, ...]) -> Any:
    """A list of rows with these names, and no page after it."""
    key = {"gemini": "models", "ollama": "models", "cohere": "models", "bedrock": "modelSummaries"}
    which = key.get(voice, "data")
    found = [page(voice, name)[which][0] for name in names]
    return {which: found, "inferenceProfileSummaries": []} if voice == "bedrock" else {which: found}


def serve(llm: Llm, server: Loopback, voice: str, **card: Any) -> None:
    """Point the card `fs` at a server of this wire format."""
    url = server.url.removesuffix("/v1") + VOICES[voice].base
    write_card(llm, url, **{"adapter": voice, "retries": 0, "models": {}, **card})


def listing(value: Any) -> Callable[[Asked], tuple[int, Any]]:
    """A server that has this list and nothing else."""

    def answer(asked: Asked) -> tuple[int, Any]:
        if "inference-profiles" in asked.path:
            return 200, {"inferenceProfileSummaries": []}
        return (200, value) if asked.method == "GET" else (404, {"error": {"message": "no"}})

    return answer


@pytest.mark.parametrize("voice", NAMES)
def test_names_that_cannot_be_shown_are_not_kept(llm: Llm, voice: str) -> None:
    """Nothing raw on a terminal, in a completion, in the file; odd names that work stay."""
    odd = (None, 3, True, ["x"], {"x": 1})
    with Loopback(listing(rows(voice, (*UNUSABLE, *odd, *USABLE, "good")))) as server:
        serve(llm, server, voice)
        result = llm(*REFRESH)
        assert (result.code, result.err) == (0, "")
        shown = [line.split("\t")[0] for line in result.text.splitlines()]
        assert shown == [f"fs/{name}" for name in USABLE]
        screen = llm.spawn(*LIST)
        screen.expect(pexpect.EOF)
        text = screen.before.decode().replace("\r\n", "\n").replace("\x1b[1m", "")
        assert not _CONTROL.search(text.replace("\x1b[0m", ""))
        assert [row["id"] for row in llm(*LIST, "--json").json] == list(USABLE)
    offered = llm("__complete", "models", "fs/").text.splitlines()
    assert [line.split("\t")[0] for line in offered] == [f"fs/{name}" for name in USABLE]
    (kept,) = (llm.home / "cache").rglob("*.json")
    assert list(json.loads(kept.read_bytes())["models"]) == list(USABLE)
    assert KEY.encode() not in kept.read_bytes()
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not list(llm.root.rglob("pwned"))


SIZES = ("-5", "Infinity", "1" + "0" * 400, "true", '"8k"', "1.5", "{}", "0")


@pytest.mark.parametrize("voice", [v for v in NAMES if v not in ("ollama", "bedrock")])
def test_sizes_that_are_none_are_unknown(llm: Llm, voice: str) -> None:
    """Those of Ollama come with the details; Bedrock tells none."""
    which, found = "", []
    for number, size in enumerate(SIZES):
        ((which, one),) = rows(voice, (f"m{number}",)).items()
        found += json.loads(_COUNTS.sub(rf"\g<1>{size}", json.dumps(one)))
    with Loopback(listing({which: found})) as server:
        serve(llm, server, voice)
        assert llm(*REFRESH).code == 0
    screen = llm.spawn(*LIST)
    screen.expect(pexpect.EOF)
    assert b"internal error" not in screen.before
    listed = llm(*LIST, "--json").json
    assert len(listed) == len(SIZES)
    assert [(row["id"], row["context"], row["output"]) for row in listed] == [
        (row["id"], None, None) for row in listed
    ]


def test_a_hundred_thousand_models(llm: Llm) -> None:
    """They are listed, kept and completed in reasonable time and memory."""
    many = {"data": [{"id": f"vendor/model-{number}"} for number in range(100_000)]}
    with Loopback(listing(many)) as server:
        serve(llm, server, "openai-chat")
        result = llm(*REFRESH)
    assert (result.code, len(result.out.splitlines())) == (0, 100_000)
    assert result.rss_kb < 400_000
    assert len(llm("__complete", "models", "fs/vendor/model-9999").out.splitlines()) == 11


def test_a_list_too_large_to_be_kept(llm: Llm) -> None:
    """It is refused in words, and the list before it stays."""
    huge = {"data": [{"id": f"{number:06}" + "x" * 1500} for number in range(12_000)]}
    with Loopback(listing({"data": [{"id": "old"}]})) as server:
        serve(llm, server, "openai-chat")
        assert llm(*REFRESH).code == 0
        server.answer = listing(huge)
        failed(llm(*REFRESH), 10, "larger than 16 MiB")
    assert llm(*LIST).text.startswith("fs/old")


@pytest.mark.parametrize("voice", ["anthropic", "gemini", "cohere", "bedrock"])
def test_a_list_without_end(llm: Llm, voice: str) -> None:
    """A server that always has one more page is an error, not a list cut without a word."""

    def answer(asked: Asked) -> tuple[int, Any]:
        if "inference-profiles" in asked.path:
            return 200, {"inferenceProfileSummaries": [], "nextToken": "t"}
        return 200, page(voice, "good")

    with Loopback(answer) as server:
        serve(llm, server, voice)
        failed(llm(*REFRESH), 7, "100 pages")
        assert len(server.asked) == 100


TOKENS = ["http://evil.example/", "//evil/x", "a&key=b#c", "\x1b\n\ud800", "é", "../x"]


@pytest.mark.parametrize("voice", ["anthropic", "gemini", "cohere", "bedrock"])
def test_the_next_page_is_never_elsewhere(llm: Llm, voice: str) -> None:
    """Whatever names the next page, it is one value of the query at the same address."""

    def answer(asked: Asked) -> tuple[int, Any]:
        token = TOKENS[min(len(server.asked), len(TOKENS)) - 1]
        if len(server.asked) > len(TOKENS):
            return 200, rows(voice, ("last",))
        if "inference-profiles" in asked.path:
            return 200, {"inferenceProfileSummaries": [], "nextToken": token}
        names = {"nextPageToken": token, "next_page_token": token, "last_id": token}
        return 200, {**page(voice, "first"), **names, "has_more": True}

    with Loopback(answer) as server:
        serve(llm, server, voice)
        llm(*REFRESH)
        heads = {asked.path.partition("?")[0] for asked in server.asked}
        names = {tuple(parse_qs(asked.path.partition("?")[2])) for asked in server.asked}
        assert len(server.asked) >= 3
    assert len(heads) <= 2
    assert all("evil" not in head and head.startswith("/") for head in heads)
    assert not any("key" in found for found in names)


VECTORS = ("[1, NaN]", "[1e999]", "[]", '["1"]', "[true]", '"\x1b[2J"', f"[1{'0' * 400}]", '"AAA="')


@pytest.mark.parametrize(
    ("voice", "text"), in_turn(["openai-chat", "gemini", "ollama", "cohere"], VECTORS)
)
def test_vectors_that_are_none(llm: Llm, voice: str, text: str) -> None:
    """Exit 7 and nothing on stdout: neither zeros nor words for numbers that JSON has not."""
    value = json.loads(text, strict=False)
    shapes = {
        "openai-chat": {"data": [{"index": 0, "embedding": value}]},
        "gemini": {"embeddings": [{"values": value}]},
        "ollama": {"embeddings": [value]},
        "cohere": {"embeddings": {"float": [value]}},
    }
    with Loopback(lambda _: (200, shapes[voice])) as server:
        serve(llm, server, voice)
        result = llm("embed", "-m", "fs/m", "hi")
    failed(result, 7)
    assert result.out == b""


COUNTS = ("-1", "1e999", '"9"', "true", "1.5", "null", "[9]", "1" + "0" * 400)


@pytest.mark.parametrize(
    ("voice", "text"), in_turn(["openai-responses", "anthropic", "gemini", "bedrock"], COUNTS)
)
def test_counts_of_tokens_that_are_none(llm: Llm, voice: str, text: str) -> None:
    """Exit 7: no number is shown that nobody counted."""
    names = {
        "openai-responses": "input_tokens",
        "anthropic": "input_tokens",
        "gemini": "totalTokens",
        "bedrock": "inputTokens",
    }
    with Loopback(lambda _: (200, {names[voice]: json.loads(text)})) as server:
        counts = {"dialect": {"input_tokens": True}} if voice == "openai-responses" else {}
        serve(llm, server, voice, **counts)
        result = llm("tokens", "-m", "fs/m", "hi")
        assert server.asked
    failed(result, 7)
    assert result.out == b""


@pytest.mark.parametrize(
    ("voice", "text"), in_turn(["openai-chat", "gemini", "ollama", "cohere"], COUNTS)
)
def test_an_embedding_of_unknown_size_costs_nobody_knows_what(
    llm: Llm, voice: str, text: str
) -> None:
    """Neither $0 nor a number."""
    count = json.loads(text)
    shapes = {
        "openai-chat": {
            "data": [{"index": 0, "embedding": [1]}],
            "usage": {"prompt_tokens": count},
        },
        "gemini": {
            "embeddings": [{"values": [1]}],
            "usageMetadata": {"promptTokenCount": count},
        },
        "ollama": {"embeddings": [[1]], "prompt_eval_count": count},
        "cohere": {
            "embeddings": {"float": [[1]]},
            "meta": {"billed_units": {"input_tokens": count}},
        },
    }
    with Loopback(lambda _: (200, shapes[voice])) as server:
        serve(llm, server, voice, models={"m": {"cost": {"input": 1}}})
        result = llm("embed", "-m", "fs/m", "-u", "hi")
        told = llm("embed", "-m", "fs/m", "--json", "hi").json
    assert result.code == 0
    assert "usage unknown · cost unknown" in result.err
    assert (told["usage"]["input"], told["cost"]) == (None, None)


DETAILS: tuple[Any, ...] = (
    *(None, 3, "x", [], {"capabilities": "all"}, {"capabilities": [{}, None], "model_info": []}),
    *({"model_info": {"m.context_length": -1}}, {"model_info": {"m.context_length": "8k"}}),
    {"name": "\x1b]0;x\x07", "context_length": 10**400, "features": {"tools": 1}},
    {"name": KEY, "model_info": {"m.context_length": 10**400}, "capabilities": ["\x1b[2J"]},
)


@pytest.mark.parametrize(
    ("voice", "details"), in_turn(["ollama", "cohere"], DETAILS), ids=range(len(DETAILS))
)
def test_details_of_a_model(llm: Llm, voice: str, details: Any) -> None:
    """They may be missing; the list is kept all the same."""
    bare = {"models": [{"name": "m-1"}]}

    def answer(asked: Asked) -> tuple[int, Any]:
        one = asked.method == "POST" or asked.path.endswith("/m-1")
        return 200, details if one else bare

    with Loopback(answer) as server:
        serve(llm, server, voice)
        result = llm(*REFRESH)
        assert (result.code, result.err) == (0, "")
        assert len(server.asked) >= 2
    assert result.text.split("\t")[:2] == ["fs/m-1", ""]
    assert not _CONTROL.search(result.text)


def _kept(llm: Llm) -> Path:
    with Loopback(listing({"data": [{"id": "listed"}]})) as server:
        serve(llm, server, "openai-chat", default_model="m")
        assert "fs/listed" in llm(*REFRESH).text
    return llm.home / "cache" / "models" / "fs.json"


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _large(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 30)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text": (lambda path: path.write_text("\x1b]0;pwned\x07{"), "is broken"),
    "deep": (lambda path: path.write_text("[" * 1_000_000), "is broken"),
    "shape": (lambda path: path.write_text('{"day": "2026-11-21", "models": 3}'), "is broken"),
    "pipe": (_fifo, "is not a regular file"),
    "large": (_large, "is larger than 16 MiB"),
    "folder": (_folder, "cannot be read"),
    "circle": (_circle, "cannot be read"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_kept_list_that_is_broken(llm: Llm, kind: str) -> None:
    """One note where lists are shown; elsewhere it is as if there were none."""
    change, words = BROKEN[kind]
    change(_kept(llm))
    result = llm(*LIST)
    assert (result.code, result.text) == (0, "")
    notes = [line for line in result.err.splitlines() if "list kept" in line]
    assert len(notes) == 1
    assert words in notes[0]
    assert "--refresh --provider fs" in notes[0]
    assert not _CONTROL.search(result.err)
    for command in (
        ("__complete", "models", "fs/"),
        ("models", "show", "fs/m"),
        ("doctor", "--offline"),
        ("-m", "fs/m", "--dry-run", "hi"),
    ):
        other = llm(*command, timeout=10)
        assert other.code in (0, 3), (command, other.err)
        assert "internal error" not in other.err
        assert other.rss_kb < 100_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_kept_list_of_somebody_else(llm: Llm) -> None:
    os.chown(_kept(llm), 65534, 65534)
    result = llm(*LIST)
    assert "fs/listed" not in result.text
    assert "belongs to another user" in result.err


def test_names_in_a_kept_list_that_was_changed(llm: Llm) -> None:
    """What the program would not have written is passed over."""
    path = _kept(llm)
    value = json.loads(path.read_bytes())
    names = (*(n for n in UNUSABLE if n not in ("", "\ud800", KEY)), "good")
    value["models"] = {name: {} for name in names if KEY not in name}
    path.write_text(json.dumps(value))
    assert llm(*LIST).text.split() == ["fs/good"]
    assert llm("__complete", "models", "fs/l").text == ""


def test_a_list_holds_for_the_server_it_came_from(llm: Llm) -> None:
    """A variable in the address that now leads elsewhere leads to no list."""
    with Loopback(listing({"data": [{"id": "listed"}]})) as server:
        write_card(llm, "${FS_HOST}", models={}, retries=0)
        assert "fs/listed" in llm(*REFRESH, env={"FS_HOST": server.url}).text
        assert "fs/listed" in llm(*LIST, env={"FS_HOST": server.url}).text
    assert llm(*LIST, env={"FS_HOST": "http://127.0.0.1:1/v1"}).text == ""
    assert llm(*LIST).code == 0


@pytest.mark.parametrize("voice", NAMES)
def test_a_list_larger_than_the_limit(llm: Llm, faults: FaultServer, voice: str) -> None:
    write_card(llm, faults.url("huge-body", voice=voice), adapter=voice, retries=0)
    result = llm(*REFRESH)
    failed(result, 7, "larger than 32 MiB")
    assert result.rss_kb < 160_000


@pytest.mark.parametrize("voice", ["gemini", "bedrock"])
@pytest.mark.parametrize("name", ["..", "../../evil", "tunedModels/../../x", "."])
def test_a_name_of_a_model_is_no_way_to_another_path(llm: Llm, voice: str, name: str) -> None:
    """The path of a call is within what the adapter means to ask."""
    with Loopback(lambda _: (404, {"error": {"message": "no"}})) as server:
        serve(llm, server, voice)
        for command in ((), ("tokens",), ("embed",)):
            llm(*command, "-m", f"fs/{name}", "hi")
        prefix = {"gemini": "/v1beta/", "bedrock": "/model/"}[voice]
        assert all(asked.path.startswith(prefix) for asked in server.asked)
        assert not [asked.path for asked in server.asked if "/../" in asked.path]
