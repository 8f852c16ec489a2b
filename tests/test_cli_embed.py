"""`llm embed`: texts in, vectors out, run as the installed command."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from local_weights import give
from loopback import Asked, Loopback, embeds, vector
from support import KEY, Llm, write_card

PRICE = {"m": {"cost": {"input": 20}}}


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(embeds) as found:
        yield found


@pytest.fixture
def embed(llm: Llm, server: Loopback) -> Callable[..., Any]:
    """Run `llm embed -m fs/m` against the server."""
    write_card(llm, server.url, models=PRICE)

    def run(*args: str, lines: list[str] | None = None, **options: Any) -> Any:
        data = None if lines is None else "".join(line + "\n" for line in lines).encode()
        return llm("embed", "-m", "fs/m", *args, input=data, **options)

    return run


class TestOneText:
    def test_prints_the_vector_as_one_json_line(self, embed: Any, server: Loopback) -> None:
        result = embed("some", "words")
        assert (result.code, result.err) == (0, "")
        assert result.out == b"[10,0.25,0.5,0.75]\n"
        [asked] = server.asked
        assert (asked.method, asked.path) == ("POST", "/v1/embeddings")
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.body == {"model": "m", "input": ["some words"], "encoding_format": "base64"}

    def test_stdin_is_the_text_without_its_last_newline(self, embed: Any, server: Loopback) -> None:
        assert embed(lines=["one", "two"]).code == 0
        assert embed("-", lines=["typed"]).code == 0
        assert [body["input"] for body in server.bodies] == [["one\ntwo"], ["typed"]]

    def test_numbers_are_exact_for_32_bits(self, embed: Any, server: Loopback) -> None:
        odd = [0.1, -1.1754943508222875e-38, 3.4028234663852886e38, 12.203629493713379]
        server.answer = lambda _: (200, {"data": [{"embedding": odd}]})
        found = embed("x").json
        assert struct.pack("<4f", *found) == struct.pack("<4f", *odd)

    def test_base64_is_little_endian_float32(self, embed: Any) -> None:
        result = embed("--encoding", "base64", "abc")
        assert result.out.endswith(b"\n")
        assert struct.unpack("<4f", base64.b64decode(result.out)) == (3, 0.25, 0.5, 0.75)

    def test_a_server_that_sends_numbers_is_as_good(self, embed: Any, server: Loopback) -> None:
        server.answer = lambda asked: embeds(
            asked._replace(body={**asked.body, "encoding_format": "float"})
        )
        assert embed("abc").json == vector("abc")

    def test_the_dialect_asks_for_numbers(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url, dialect={"embedding_encoding": "float"})
        assert llm("embed", "-m", "fs/m", "abc").json == vector("abc")
        assert server.bodies[0]["encoding_format"] == "float"

    def test_dimensions_and_extra_are_sent(self, embed: Any, server: Loopback) -> None:
        assert len(embed("-d", "7", "-o", 'extra.user="me"', "x").json) == 7
        assert server.bodies[0]["dimensions"] == 7
        assert server.bodies[0]["user"] == "me"

    def test_dimensions_that_are_ignored_are_no_success(self, embed: Any, server: Loopback) -> None:
        server.answer = lambda asked: (200, {"data": [{"embedding": [1, 2, 3]}]})
        result = embed("-d", "2", "x")
        assert (result.code, result.out) == (7, b"")
        assert "3 dimensions, not 2" in result.err

    def test_json_tells_usage_and_cost(self, embed: Any) -> None:
        result = embed("--json", "some words").json
        seconds = result.pop("timing").pop("total_s")
        assert 0 < seconds < 20
        assert result == {
            "type": "result",
            "provider": "fs",
            "model": "m",
            "embedding": vector("some words"),
            "dimensions": 4,
            "usage": {
                "input": 10,
                "output": 0,
                "cache_read": None,
                "cache_write": None,
                "reasoning": None,
            },
            "cost": {"amount": "0.0002", "currency": "USD", "basis": "card"},
            "exit_code": 0,
        }

    def test_usage_line(self, embed: Any) -> None:
        assert embed("-u", "some words").err.startswith("· fs/m · 1 text · 10 in · $0.0002 · ")
        assert embed("-u", "-q", "some words").err == ""

    def test_what_is_not_said_is_unknown(self, embed: Any, server: Loopback) -> None:
        server.answer = lambda asked: (200, {"data": [{"embedding": [1]}]})
        assert "usage unknown · cost unknown" in embed("-u", "x").err
        facts = embed("--json", "x").json
        assert (facts["usage"]["input"], facts["cost"]) == (None, None)


class TestManyTexts:
    def test_lines_come_in_order(self, embed: Any, server: Loopback) -> None:
        result = embed("--lines", lines=["a", "bb", "ccc"])
        assert result.events == [vector("a"), vector("bb"), vector("ccc")]
        assert server.bodies[0]["input"] == ["a", "bb", "ccc"]

    def test_lines_as_one_object(self, embed: Any) -> None:
        found = embed("--lines", "--json", lines=["a", "bb"]).json
        assert found["embeddings"] == [vector("a"), vector("bb")]
        assert found["usage"]["input"] == 3

    def test_jsonl_keeps_ids_and_numbers_the_rest(self, embed: Any) -> None:
        rows = ['{"id": "x\\u001b", "text": "a"}', "", '"bb"', '{"text": "ccc", "more": 1}']
        result = embed("--jsonl", lines=[*rows, '{"id": 1.5, "text": "dddd"}'])
        assert [event["id"] for event in result.events] == ["x\x1b", 3, 4, 1.5]
        assert [event["embedding"][0] for event in result.events] == [1, 2, 3, 4]
        assert b"\x1b" not in result.out

    def test_jsonl_in_base64(self, embed: Any) -> None:
        [event] = embed("--jsonl", "--encoding", "base64", lines=['"abc"']).events
        assert struct.unpack("<4f", base64.b64decode(event["embedding"])) == (3, 0.25, 0.5, 0.75)

    def test_batches_hold_what_the_provider_takes(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url, models=PRICE, dialect={"embedding_limit": 2})
        result = llm("embed", "-m", "fs/m", "--lines", "-u", input=b"a\nb\nc\nd\ne\n")
        assert len(result.events) == 5
        assert [body["input"] for body in server.bodies] == [["a", "b"], ["c", "d"], ["e"]]
        assert "fs/m · 5 texts · 5 in · $0.0001 · " in result.err

    def test_long_texts_go_in_smaller_batches(self, embed: Any, server: Loopback) -> None:
        assert embed("--lines", lines=["x" * 200_000, "y" * 100_000, "z"]).code == 0
        assert [len(body["input"]) for body in server.bodies] == [1, 2]

    def test_a_batch_is_printed_before_the_next_is_read(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url, dialect={"embedding_limit": 1})
        running = llm.start("embed", "-m", "fs/m", "--lines", stdin=-1)
        stdin = running.process.stdin
        assert stdin
        stdin.write(b"a\nbb\n")
        stdin.flush()
        running.wait_for(b"[1,0.25,0.5,0.75]\n")
        stdin.close()
        assert len(running.finish().events) == 2

    def test_no_lines_are_no_vectors(self, embed: Any, server: Loopback) -> None:
        result = embed("--lines", lines=[])
        assert (result.code, result.out, server.asked) == (0, b"", [])
        assert embed("--lines", "--json", lines=[]).json["embeddings"] == []

    def test_memory_does_not_grow_with_the_lines(self, embed: Any) -> None:
        peaks = [
            embed("--lines", "-d", "1000", lines=["x"] * count).rss_kb for count in (600, 6000)
        ]
        assert peaks[1] < peaks[0] + 20_000  # 5,400 vectors of a thousand floats are 170 MB


class TestBadLines:
    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("{", "not JSON"),
            ("[1]", "neither a JSON string"),
            ('{"txt": "a"}', "neither a JSON string"),
            ('{"text": "a", "id": null}', "the id must be"),
            ('{"text": "a", "id": true}', "the id must be"),
            ('{"text": "a", "id": ["b"]}', "the id must be"),
            ('{"text": "a", "id": NaN}', "the id must be"),
            ('{"text": "a", "id": -1e999}', "the id must be"),
            ('" "', "the text is empty"),
        ],
    )
    def test_names_the_line_after_what_stands_before_it(
        self, embed: Any, line: str, words: str
    ) -> None:
        result = embed("--jsonl", lines=['"a"', "", '"bb"', line, '"never"'])
        assert result.code == 2
        assert f"stdin, line 4: {words}" in result.err
        assert "Lines 1 to 3 are done" in result.err
        assert [event["embedding"][0] for event in result.events] == [1, 2]

    def test_an_empty_line_has_no_vector(self, embed: Any) -> None:
        result = embed("--lines", lines=["a", "", "c"])
        assert (result.code, len(result.events)) == (2, 1)
        assert "line 2: the text is empty" in result.err

    def test_a_line_that_is_not_utf8(self, embed: Any, llm: Llm) -> None:
        result = llm("embed", "-m", "fs/m", "--lines", input=b"a\n\xff\xff b\n")
        assert (result.code, len(result.events)) == (2, 1)
        assert "stdin, line 2 is not UTF-8" in result.err

    def test_a_line_without_end(self, embed: Any, llm: Llm) -> None:
        result = llm("embed", "-m", "fs/m", "--lines", input=b"a\n" + b"x" * (1 << 21))
        assert (result.code, len(result.events)) == (2, 1)
        assert "stdin, line 2: longer than 1 MiB" in result.err


class TestFailures:
    def test_after_a_batch_it_is_incomplete_and_says_what_is_done(
        self, llm: Llm, server: Loopback
    ) -> None:
        write_card(llm, server.url, dialect={"embedding_limit": 2})
        rows = b'"a"\n\n"b"\n"c"\n"bad"\n"e"\n'
        result = llm("embed", "-m", "fs/m", "--jsonl", input=rows)
        assert result.code == 8
        assert [event["id"] for event in result.events] == [1, 3]
        assert "fs/m: lines 4 to 5: unreadable text" in result.err
        assert "Lines 1 to 3 are done" in result.err
        assert "tail -n +4" in result.err

    def test_before_any_batch_it_is_what_it_is(self, embed: Any) -> None:
        result = embed("--lines", lines=["a", "bad"])
        assert (result.code, result.out) == (9, b"")
        assert "unreadable text" in result.err

    @pytest.mark.parametrize(
        ("status", "code"), [(401, 4), (429, 5), (500, 7), (404, 9), (400, 9), (302, 7)]
    )
    def test_statuses(self, embed: Any, server: Loopback, status: int, code: int) -> None:
        server.answer = lambda _: (status, {"error": {"message": "no"}})
        result = embed("--retries", "0", "x")
        assert (result.code, result.out) == (code, b"")

    def test_errors_are_json_for_json(self, embed: Any) -> None:
        result = embed("--json", "bad")
        assert result.code == 9
        assert result.json["type"] == "error"
        assert result.json["model"] == "m"

    def test_it_tries_again(self, embed: Any, server: Loopback) -> None:
        def once(asked: Asked) -> tuple[int, Any]:
            return (503, {}) if len(server.asked) == 1 else embeds(asked)

        server.answer = once
        assert embed("x").code == 0
        assert len(server.asked) == 2

    @pytest.mark.parametrize(
        "rows", [[], [[1.0]], [[1.0], [2.0], [3.0]], [[1.0], []], [[1.0], ["2"]], [[1.0], [1, 2]]]
    )
    def test_what_does_not_fit_the_texts_is_refused(
        self, embed: Any, server: Loopback, rows: list[Any]
    ) -> None:
        server.answer = lambda _: (200, {"data": [{"embedding": row} for row in rows]})
        result = embed("--lines", lines=["a", "b"])
        assert (result.code, result.out) == (7, b"")

    def test_no_key(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url)
        result = llm("embed", "-m", "fs/m", "x", env={"FS_KEY": None})
        assert (result.code, server.asked) == (4, [])

    def test_nothing_listens(self, llm: Llm) -> None:
        write_card(llm, "http://127.0.0.1:9/v1", retries=0)
        assert llm("embed", "-m", "fs/m", "x").code == 6


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--encoding", "hex", "x"), "float, base64"),
        (("-d", "0", "x"), "--dimensions"),
        (("-d", "many", "x"), "--dimensions"),
        (("--retries", "-1", "x"), "--retries"),
        (("-o", "temperature=1", "x"), "no such option"),
        (("-o", "extra.user=me", "x"), "must be JSON"),
        (("--jsonl", "--lines"), "choose one"),
        (("--lines", "x"), "leave out the words"),
        (("--query", "x"), "cannot be told what embeddings are for"),
        (("",), "no text to embed"),
        ((), "no text to embed"),
        (("--no-such", "x"), "--no-such"),
    ],
)
def test_bad_command_lines(embed: Any, server: Loopback, args: tuple[str, ...], words: str) -> None:
    result = embed(*args)
    assert (result.code, result.out, server.asked) == (2, b"", [])
    assert words in result.err


def test_two_forms_at_once(embed: Any) -> None:
    result = embed("--jsonl", "--json")
    assert (result.code, result.json["kind"]) == (2, "usage")
    assert "choose one" in result.err


def test_the_model_has_to_be_named(llm: Llm) -> None:
    result = llm("embed", "x", env={"LLM_MODEL": "fs/m"})
    assert result.code == 2
    assert "-m PROVIDER/MODEL" in result.err


def test_unknown_variable_and_model(embed: Any, llm: Llm) -> None:
    assert embed("--key-env", "NO_SUCH_VARIABLE", "x").code == 4
    assert llm("embed", "-m", "nowhere/m", "x").code == 3


def test_a_provider_without_embeddings(llm: Llm, server: Loopback) -> None:
    write_card(llm, server.url, dialect={"embedding_limit": 0})
    result = llm("embed", "-m", "fs/m", "x")
    assert (result.code, server.asked) == (2, [])
    assert "fs has no embeddings" in result.err


def test_help_has_examples(llm: Llm) -> None:
    result = llm("embed", "--help")
    assert result.code == 0
    assert "--jsonl < texts.jsonl" in result.text


def test_ctrl_c_keeps_what_was_printed(llm: Llm, server: Loopback) -> None:
    write_card(llm, server.url, dialect={"embedding_limit": 1})

    def slow(asked: Asked) -> tuple[int, Any]:
        if asked.body["input"] == ["bb"]:
            time.sleep(5)
        return embeds(asked)

    server.answer = slow
    running = llm.start("embed", "-m", "fs/m", "--lines", input=b"a\nbb\n")
    running.wait_for(b"\n")
    running.signal(2)
    result = running.finish(4)
    assert result.code == -2
    assert json.loads(result.out) == vector("a")


@pytest.mark.local
def test_the_engine_on_this_machine_embeds(llm: Llm) -> None:
    give(llm)
    words = b"a cat sleeps\na kitten naps\nthe tax form is due\n"
    result = llm("embed", "-m", "local/smollm2", "--lines", "-u", input=words, timeout=60)
    assert result.code == 0, result.err
    cat, kitten, tax = result.events
    assert len(cat) == 576
    assert _cosine(cat, kitten) > _cosine(cat, tax)
    assert "free (local)" in result.err
    assert llm("embed", "-m", "local/smollm2", "-d", "9", "x", timeout=60).code == 2
    long = llm("embed", "-m", "local/smollm2", input=b"word " * 9000, timeout=60)
    assert long.code == 9
    assert "too long" in long.err


def _cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
