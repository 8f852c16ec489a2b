"""`llm batch IN -o OUT`: the rows, the exit codes, the ledger, stdin and stdout, bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer
from running import Result
from support import Llm


@pytest.fixture
def server(llm: Llm) -> Iterator[BatchServer]:
    """The default model; it says `re: ` and the prompt."""
    with BatchServer() as started:
        started.provide(llm)
        yield started


def prompts(llm: Llm, *lines: str, name: str = "in.txt") -> Path:
    """A file of prompts."""
    path = llm.root / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def rows(llm: Llm, name: str = "out.jsonl") -> list[dict[str, Any]]:
    """The lines of the output."""
    return [json.loads(line) for line in (llm.root / name).read_text().splitlines()]


def batch(llm: Llm, *arguments: str, **settings: Any) -> Result:
    """Run it on `in.txt`, into `out.jsonl`."""
    return llm("batch", "in.txt", "-o", "out.jsonl", *arguments, **settings)


def test_a_row_for_each_prompt(llm: Llm, server: BatchServer) -> None:
    """In the order of the input, with all that is known; every call is in the ledger."""
    prompts(llm, *(f"word {n}" for n in range(20)))
    done = batch(llm, "-j", "8", "--tag", "run=7", "-s", "Be brief.", "-O", "temperature=0.5")
    assert (done.code, done.out) == (0, b"")
    assert done.err.startswith("· 20 done · $0.00016 · ")
    found = rows(llm)
    assert [row["text"] for row in found] == [f"re: word {n}" for n in range(20)]
    assert [row["line"] for row in found] == list(range(1, 21))
    first = found[0]
    for name in ("seconds", "first_token_s", "started"):
        assert first.pop(name) >= 0
    call, request = first.pop("call"), first.pop("request")
    assert (len(call), len(request)) == (26, 16)
    assert first == {
        "id": "1",
        "line": 1,
        "provider": "fs",
        "model": "m",
        "text": "re: word 0",
        "tool_calls": [],
        "finish_reason": "stop",
        "usage": {
            "input": 2, "output": 3, "cache_read": None, "cache_write": None, "reasoning": None,
        },
        "cost": {"amount": "0.000008", "currency": "USD", "basis": "card"},
        "error": None,
        "attempts": 1,
    }  # fmt: skip
    body = server.stats()["bodies"][0]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["temperature"] == 0.5
    entries = llm.attempts()
    assert {entry["turn"] for entry in entries} == {row["call"] for row in rows(llm)}
    kinds = {(e["status"], e["kind"], e["cause"], e["tags"], e["batch"]) for e in entries}
    assert kinds == {("complete", "answer", "question", '{"run": "7"}', 0)}
    assert sum(Decimal(entry["cost"]) for entry in entries) == 20 * Decimal("0.000008")
    assert llm.turns() == []
    assert not [path for path in llm.root.iterdir() if path.name.startswith(".")]


def test_one_in_ten_fails(llm: Llm, server: BatchServer) -> None:
    """Nine answers and a row that says why; exit 8; asked again only with --retry-failed."""
    prompts(llm, *("FAIL" if n == 4 else f"word {n}" for n in range(10)))
    done = batch(llm)
    assert done.code == 8
    assert "9 done, 1 failed" in done.err
    assert "failed: 1 bad_request; to ask them again: --retry-failed" in done.err
    failed = rows(llm)[4]
    assert failed["error"] == {
        "kind": "bad_request",
        "message": "refused with 400",
        "http_status": 400,
        "exit_code": 9,
    }
    assert sum(row["error"] is None for row in rows(llm)) == 9
    assert batch(llm).code == 8
    assert server.stats()["requests"] == 10
    assert batch(llm, "--retry-failed").code == 8
    assert server.stats()["requests"] == 11
    assert [row["line"] for row in rows(llm)] == list(range(1, 11))


def test_a_failure_that_passes(llm: Llm, server: BatchServer) -> None:
    """A 503 is asked again; both attempts are in the row and in the ledger."""
    prompts(llm, "ONCE a", "b")
    assert batch(llm).code == 0
    assert rows(llm)[0]["attempts"] == 2
    kinds = [(one["status"], one["cause"]) for one in rows(llm)[0]["entries"]]
    assert kinds == [("failed", "question"), ("complete", "retry")]
    told = [(e["number"], e["status"]) for e in llm.attempts() if e["turn"] == rows(llm)[0]["call"]]
    assert told == [(1, "failed"), (2, "complete")]
    assert server.stats()["requests"] == 3


def test_again_asks_nothing(llm: Llm, server: BatchServer) -> None:
    """A finished batch is left as it is, byte for byte."""
    prompts(llm, "a", "b")
    batch(llm)
    before = (llm.root / "out.jsonl").read_bytes()
    done = batch(llm)
    assert done.code == 0
    assert done.err.startswith("· 2 done (2 before) · $0 · ")
    assert (llm.root / "out.jsonl").read_bytes() == before
    assert server.stats()["requests"] == 2


def test_more_prompts_than_before(llm: Llm, server: BatchServer) -> None:
    """Only the new ones are asked; a trial with --limit goes on to the whole."""
    prompts(llm, "a", "b", "c")
    assert batch(llm, "--limit", "1").code == 0
    assert len(rows(llm)) == 1
    prompts(llm, "a", "b", "c", "d")
    assert batch(llm).code == 0
    assert [row["text"] for row in rows(llm)] == ["re: a", "re: b", "re: c", "re: d"]
    assert server.stats()["requests"] == 4


@pytest.mark.parametrize(
    "change", [("x", "b"), ("a", "b", "-s", "other"), ("a", "b", "-O", "seed=1")]
)
def test_another_question_under_the_same_id(
    llm: Llm, server: BatchServer, change: tuple[str, ...]
) -> None:
    """Refused before anything is sent, and nothing is lost."""
    prompts(llm, "a", "b")
    batch(llm)
    before = (llm.root / "out.jsonl").read_bytes()
    prompts(llm, *change[:2])
    done = batch(llm, *change[2:])
    assert done.code == 2
    assert 'out.jsonl holds the answer to another question under the id "1"' in done.err
    assert (llm.root / "out.jsonl").read_bytes() == before
    assert server.stats()["requests"] == 2


def test_stdin_to_stdout(llm: Llm, server: BatchServer) -> None:
    """In a pipe: the rows in order, nothing else on stdout."""
    data = "".join(f"{n}\n" for n in range(30)).encode()
    done = llm("batch", "-", "-j", "16", input=data)
    assert done.code == 0
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == [
        f"re: {n}" for n in range(30)
    ]
    done = llm("batch", "-", "--as-completed", "-q", input=data)
    assert (done.code, done.err) == (0, "")
    assert {row["id"] for row in map(json.loads, done.out.splitlines())} == {
        str(n) for n in range(1, 31)
    }


def test_a_pipe_by_its_name(llm: Llm, server: BatchServer) -> None:
    """The rows go there and not to stdout; so does trouble with it."""
    prompts(llm, "a", "b")
    done = llm("batch", "in.txt", "-o", "pipe", wrap='mkfifo pipe; cat pipe >got & "$@"; wait $!')
    assert (done.code, done.out) == (0, b"")
    assert [row["text"] for row in rows(llm, "got")] == ["re: a", "re: b"]
    done = llm("batch", "in.txt", "-o", "/dev/full")
    assert (done.code, done.out) == (10, b"")
    assert "/dev/full cannot be written: No space left on device" in done.err
    assert llm("batch", "in.txt", "-o", ".").code == 10


def test_a_reader_that_goes_away(llm: Llm, server: BatchServer) -> None:
    """`llm batch … | head -1` dies of SIGPIPE and asks no more than it must."""
    server.set(latency=0.02)
    prompts(llm, *map(str, range(400)))
    done = llm("batch", "in.txt", "-j", "4", wrap='"$@" | head -1')
    assert done.out.count(b"\n") == 1
    assert server.stats()["requests"] < 100


def test_a_template_over_columns(llm: Llm, server: BatchServer) -> None:
    """CSV in, ids out."""
    (llm.root / "in.csv").write_text('id,text\na,"x, y"\nb,z\n')
    done = llm("batch", "in.csv", "-o", "out.jsonl", "-p", "Sum {text} in {{}}")
    assert done.code == 0
    assert [(row["id"], row["text"]) for row in rows(llm)] == [
        ("a", "re: Sum x, y in {}"),
        ("b", "re: Sum z in {}"),
    ]


def test_a_schema(llm: Llm, server: BatchServer) -> None:
    """It is asked for, and an answer that does not meet it is a failed row with its text."""
    (llm.root / "s.json").write_text('{"type": "object", "required": ["a"]}')
    prompts(llm, "x")
    done = batch(llm, "--schema", "s.json")
    assert done.code == 8
    assert rows(llm)[0]["error"]["kind"] == "incomplete"
    assert rows(llm)[0]["text"] == "re: x"
    assert server.stats()["bodies"][0]["response_format"]["type"] == "json_schema"


def test_a_cut_answer(llm: Llm, server: BatchServer) -> None:
    """It is one, unless --strict."""
    server.set(reason="length")
    prompts(llm, "x")
    assert batch(llm).code == 0
    assert rows(llm)[0]["finish_reason"] == "length"
    assert llm("batch", "in.txt", "-o", "two.jsonl", "--strict").code == 8


def test_a_summary_for_scripts(llm: Llm, server: BatchServer) -> None:
    """One object on stdout."""
    prompts(llm, "a", "FAIL")
    done = batch(llm, "--json", "-q")
    assert (done.code, done.err) == (8, "")
    found = done.json
    assert found.pop("seconds") > 0
    assert found == {
        "type": "batch",
        "prompts": 2,
        "done": 1,
        "done_before": 0,
        "failed": 1,
        "not_asked": 0,
        "calls": 2,
        "cost": {"amount": "0.000005", "currency": "USD", "basis": "card"},
        "cost_at_least": "0.000005",
        "output": "out.jsonl",
        "error": None,
        "exit_code": 8,
    }


def test_hostile_words(llm: Llm, server: BatchServer) -> None:
    """Escape sequences of prompts, ids and answers are escaped in the output."""
    (llm.root / "in.jsonl").write_text(
        json.dumps({"id": "\x1b]0;x\x07", "prompt": "\x9b31m\u202e"})
    )
    done = llm("batch", "in.jsonl", "-o", "out.jsonl")
    assert done.code == 0
    data = (llm.root / "out.jsonl").read_bytes().decode()
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(data)
    assert rows(llm)[0]["id"] == "\x1b]0;x\x07"
    assert llm("batch", "in.jsonl", "-o", "out.jsonl").code == 0
    assert server.stats()["requests"] == 1


def test_a_refused_key_stops_at_once(llm: Llm, server: BatchServer) -> None:
    """Exit 4 after no more calls than workers, and with nothing called a failure of a prompt."""
    server.set(key="another", latency=0.02)
    prompts(llm, *map(str, range(200)))
    done = batch(llm, "-j", "4")
    assert done.code == 4
    assert "200 not asked" in done.err
    assert server.stats()["requests"] <= 4
    assert rows(llm) == []
    assert len(llm.attempts()) == server.stats()["requests"]


def test_what_fails_always_stops(llm: Llm, server: BatchServer) -> None:
    """Twenty in a row without an answer are enough."""
    prompts(llm, *(f"FAIL {n}" for n in range(200)))
    done = batch(llm, "-j", "2")
    assert done.code == 9
    assert "20 prompts failed one after another" in done.err
    assert server.stats()["requests"] <= 22


def test_a_server_that_is_gone(llm: Llm, server: BatchServer) -> None:
    """Exit 6; what was not asked is asked the next time."""
    prompts(llm, *map(str, range(100)))
    server.close()
    done = batch(llm, "-j", "4", "--retries", "1")
    assert done.code == 6
    assert "To go on, run the same command again" in done.err or "server running" in done.err


def test_max_cost(llm: Llm, server: BatchServer) -> None:
    """It stops before it costs more, with exit 5, and goes on when more is allowed."""
    server.set(answer="word " * 1000)
    prompts(llm, *(f"w {n}" for n in range(40)))
    done = batch(llm, "-j", "4", "--max-cost", "0.03", "-O", "max_output_tokens=1000")
    assert done.code == 5
    spent = sum(Decimal(row["cost"]["amount"]) for row in rows(llm))
    assert Decimal("0.02") < spent <= Decimal("0.03")
    assert "not asked" in done.err
    assert batch(llm, "-j", "4", "-O", "max_output_tokens=1000").code == 0
    assert server.stats()["requests"] == 40


def test_costs_that_are_not_known(llm: Llm, server: BatchServer) -> None:
    """They are never $0."""
    server.provide(llm, models={"m": {}})
    prompts(llm, "a")
    done = batch(llm)
    assert "1 done · cost unknown" in done.err
    assert rows(llm)[0]["cost"] is None
    assert batch(llm, "--json", "--max-cost", "1", "-O", "seed=1").code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.txt",), "none.txt cannot be read: No such file or directory"),
        (("in.txt", "-o", "in.txt"), "the answers would be written over the prompts"),
        (("in.txt", "-o", "notes.txt"), "notes.txt, line 1 is no line of a batch"),
        (("in.txt", "-p", "{"), '-p: a lone "{" at character 1'),
        (("in.txt", "-p", "{texd}"), 'in.txt, line 1: no column "texd". Did you mean "text"?'),
        (("in.txt", "-j", "0"), "-j takes a whole number from 1 to 512"),
        (("in.txt", "--rpm", "-1"), "--rpm takes a number above 0"),
        (
            ("in.txt", "-O", "temprature=1"),
            '-O temprature: unknown option. Did you mean "temperature"?',
        ),
        (("in.txt", "--schema", "notes.txt"), "--schema notes.txt: not a JSON Schema"),
        (("in.txt", "--json"), "--json needs -o FILE"),
        (("empty.txt", "-o", "o"), "empty.txt has no prompts"),
        (("in.txt", "--max-cost", "much"), "--max-cost takes an amount in USD such as 0.50"),
        (("in.txt", "--format", "xml"), "--format takes one of jsonl, csv, tsv, lines"),
        (("in.txt", "--deadline", "0"), "--deadline takes a number of seconds above 0"),
    ],
)
def test_bad_input(llm: Llm, server: BatchServer, arguments: tuple[str, ...], words: str) -> None:
    """One clear line each, exit 2, nothing sent and nothing written."""
    prompts(llm, "a")
    (llm.root / "notes.txt").write_text("my notes\n")
    (llm.root / "empty.txt").write_text("\n")
    done = llm("batch", *arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert server.stats()["requests"] == 0
    assert (llm.root / "notes.txt").read_text() == "my notes\n"
    assert not (llm.root / "o").exists()


def test_other_failures_before_anything_is_sent(llm: Llm, server: BatchServer) -> None:
    """An unknown model, a missing key, a folder that is not there."""
    prompts(llm, "a")
    assert batch(llm, "-m", "nobody/m").code == 3
    assert batch(llm, env={"FS_KEY": None}).code == 4
    assert llm("batch", "in.txt", "-o", "none/out.jsonl").code == 10
    assert not (llm.root / "out.jsonl").exists()


def test_help_has_examples(llm: Llm) -> None:
    """The group's has the options of the run besides its commands, and both have examples."""
    for words in (("batch",), ("batch", "run")):
        told = llm(*words, "--help").text
        assert "--as-completed" in told
        assert "llm batch prompts.txt -o answers.jsonl" in told
    assert "submit" in llm("batch", "--help").text


def test_what_finds_the_key_is_run_once(llm: Llm, server: BatchServer) -> None:
    """However many workers there are: a password manager may ask the user each time."""
    script = f"echo x >> {llm.root / 'asked'}; echo sk-batch-key-12345"
    server.provide(llm, key={"command": ["sh", "-c", script]}, key_env=[])
    prompts(llm, *(f"word {n}" for n in range(40)))
    assert batch(llm, "-j", "16").code == 0
    assert (llm.root / "asked").read_text() == "x\n"
