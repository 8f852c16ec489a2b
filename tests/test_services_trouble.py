"""Jobs at batch services when something goes wrong: kills, cancels, odd results, budgets."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chatting import until
from service_server import KEY, ServiceServer
from servicing import calm, equip, fetched, one_line, rows, submitted
from support import Llm, write_card

from llmcli.adapters import batches, find
from llmcli.adapters.base import Call
from llmcli.adapters.batches.base import PAGES, Place, Reply
from llmcli.cards import Card
from llmcli.errors import ProtocolError
from llmcli.keys import Key
from llmcli.messages import Message, Request, Text
from llmcli.provider import HttpProvider
from llmcli.redaction import Secret
from llmcli.service import BatchService

CALLS = {"openai": 2, "mistral": 2, "anthropic": 1, "gemini": 3}  # that hand a batch over


@pytest.fixture(scope="module")
def serving() -> Iterator[ServiceServer]:
    """All services at one address."""
    with ServiceServer() as found:
        yield found


@pytest.fixture
def server(serving: ServiceServer) -> Iterator[ServiceServer]:
    """The same, without a memory."""
    serving.reset()
    yield serving
    serving.reset()


@pytest.fixture
def box(llm: Llm, server: ServiceServer) -> Llm:
    """The command, with a card for each vendor's service and two prompts."""
    equip(llm, server)
    calm(llm)
    return llm


def killed(box: Llm, server: ServiceServer, call: int, *args: str) -> None:
    """A run that is killed when so many of its calls were done, the last one unheard."""
    server.stall = call
    running = box.start(*args)
    until(lambda: not server.hang.is_set())
    running.kill()
    server.hang.set()


def jobs(box: Llm, *args: str) -> list[dict[str, Any]]:
    """What `list` tells."""
    found: list[dict[str, Any]] = json.loads(box("batch", "list", "--json", *args).out)
    return found


def files(box: Llm, end: str) -> list[Path]:
    """The files of jobs that end so."""
    return sorted((box.home / "data" / "batches").glob(f"*{end}"))


class TestKilled:
    @pytest.mark.parametrize(
        ("vendor", "call"), [(v, n + 1) for v in CALLS for n in range(CALLS[v])]
    )
    def test_submit(self, box: Llm, server: ServiceServer, vendor: str, call: int) -> None:
        """kill -9 after any call of `submit`: gone on with, the batch is made once."""
        args = ("batch", "submit", "in.txt", "-m", f"at-{vendor}/m")
        killed(box, server, call, *args)
        (job,) = jobs(box)
        one_line(box(*args), 2, "handed over already", f"--resume {job['id'][:10]}")
        assert box("batch", "submit", "--resume", job["id"]).code == 0
        assert len(server.made()) == 1
        assert len(fetched(box, job["id"])) == 2
        assert not files(box, ".requests")

    @pytest.mark.parametrize("call", [1, 2, 3])
    def test_fetch(self, box: Llm, server: ServiceServer, call: int) -> None:
        """kill -9 after any call of `fetch`: the next one has all, each once."""
        job = submitted(box)
        killed(box, server, call, "batch", "fetch", job, "-o", "out.jsonl", "--wait")
        found = fetched(box, job)
        assert [row["text"] for row in found] == ["answer to one two", "answer to three"]
        assert len(box.attempts()) == 2
        assert not files(box, ".results")

    def test_before_the_job_is_there(self, box: Llm) -> None:
        """Words that no job has are removed in time, those of one that is being written are not."""
        submitted(box)
        folder = box.home / "data" / "batches"
        for name in ("01OLD-p1.requests", "01OLD.items", "01NEW-p1.requests"):
            (folder / name).write_text("words")
        for path in folder.glob("01OLD*"):
            os.utime(path, (1, time.time() - 7200))
        calm(box, "more\n")
        submitted(box)
        assert files(box, ".requests") == [folder / "01NEW-p1.requests"]
        assert not list(folder.glob("01OLD*"))


def test_a_job_is_forgotten_in_the_end(box: Llm) -> None:
    """Three months after it was fetched; one that was not stays."""
    old, kept = submitted(box), submitted(box)
    fetched(box, old)
    for path in files(box, ""):
        os.utime(path, (1, time.time() - 100 * 86_400))
    new = submitted(box)
    assert [job["id"] for job in jobs(box, "--all")] == [kept, new]
    assert not list((box.home / "data" / "batches").glob(f"*{old}*"))


class TestCancel:
    def test_what_has_ended(self, box: Llm, server: ServiceServer) -> None:
        """There is nothing to stop, and a job that was fetched is not open again."""
        job = submitted(box)
        fetched(box, job)
        done = box("batch", "cancel", job)
        assert done.code == 0
        assert "nothing of it left to stop" in done.err
        assert jobs(box) == []

    def test_half_handed_over(self, box: Llm, server: ServiceServer) -> None:
        """What the provider has not got is not handed over any more, and its rows say so."""
        card = server.card("anthropic")
        write_card(box, name="at-anthropic", **{**card, "batch": {**card["batch"], "requests": 1}})
        server.full = 1
        assert box("batch", "submit", "in.txt", "-m", "at-anthropic/m").code == 9
        (job,) = jobs(box)
        assert box("batch", "cancel", job["id"]).code == 0
        assert not files(box, ".requests")
        (told,) = json.loads(box("batch", "status", "--json").out)
        assert [one["stage"] for one in told["batches"]] == ["complete", "cancelled"]
        found = fetched(box, job["id"], code=8)
        assert [row["error"] and row["error"]["kind"] for row in found] == [None, "cancelled"]
        assert len(server.made()) == 1

    def test_nothing_there(self, box: Llm, server: ServiceServer) -> None:
        """A job that never reached the provider is forgotten."""
        killed(box, server, 1, "batch", "submit", "in.txt", "-m", "at-openai/m")
        (job,) = jobs(box)
        assert "is forgotten" in box("batch", "cancel", job["id"]).err
        assert jobs(box) == []
        assert not files(box, ".requests")

    def test_while_it_is_waited_for(self, box: Llm, server: ServiceServer) -> None:
        """Another run that waits for it does not keep it from being stopped."""
        job = submitted(box)
        server.looks = 10**6
        running = box.start("batch", "fetch", job, "-o", "out.jsonl", "--wait")
        until(lambda: server.made()[0].looks > 2)
        done = box("batch", "cancel", job)
        assert done.code == 0, done.err
        assert done.seconds < 8
        assert running.finish().code == 0  # all of it was answered by then


class TestResults:
    def test_that_come_later(self, box: Llm, server: ServiceServer) -> None:
        """An answer takes the place of the row that said there was none."""
        job = submitted(box)
        server.hidden = "three"
        assert fetched(box, job, code=8)[1]["error"]["kind"] == "unanswered"
        server.hidden = ""
        assert [row["text"] for row in fetched(box, job)] == [
            "answer to one two",
            "answer to three",
        ]
        assert len(box.attempts()) == 2

    def test_one_is_torn(self, box: Llm, server: ServiceServer) -> None:
        """One that cannot be read does not take the others along, and is asked for again."""
        job = submitted(box)
        server.spoilt = "three"
        found = fetched(box, job, code=8)
        assert [row["error"] and row["error"]["kind"] for row in found] == [None, "protocol"]
        server.spoilt = ""
        assert [row["error"] for row in fetched(box, job)] == [None, None]

    def test_of_another_batch(self, box: Llm, server: ServiceServer) -> None:
        """What was fetched wrongly is fetched anew."""
        job = submitted(box)
        server.foreign = True
        one_line(box("batch", "fetch", job, "-o", "out.jsonl", "--wait"), 7, "another batch")
        server.foreign = False
        assert len(fetched(box, job)) == 2

    def test_schema(self, box: Llm) -> None:
        """An answer that is not as asked for is a failure, as in `llm batch`."""
        (box.root / "s.json").write_text('{"type": "object", "properties": {}}')
        found = fetched(box, submitted(box, "openai", "--schema", "s.json"), code=8)
        args = ("batch", "in.txt", "-m", "at-openai/m", "-o", "direct.jsonl", "--no-stream")
        assert box(*args, "--schema", "s.json").code == 8
        assert [row["error"] for row in found] == [r["error"] for r in rows(box, "direct.jsonl")]

    def test_larger_than_all_answers(self, server: ServiceServer, tmp_path: Path) -> None:
        """A server cannot fill the disk."""
        card = server.card("openai")
        server.files["x"] = b"x" * 2_000_000
        at = Card("at", "at", card["adapter"], base_url=card["base_url"], batch=card["batch"])
        service = batches.find(at)
        assert service
        provider = HttpProvider(at, Key(Secret(KEY), "a test"), find(at.adapter)())
        asked = Request("m", (Message("user", (Text("x"),)),))
        client = BatchService(provider, service, asked)
        with pytest.raises(ProtocolError, match="larger than 1 MiB"):
            client.download("x", tmp_path / "found", 1 << 20)
        client.close()
        assert not (tmp_path / "found").exists()


class TestSearch:
    def test_clock_of_the_server(self, box: Llm, server: ServiceServer) -> None:
        """A batch that has no marker is found though the two clocks differ."""
        server.slow = 3600
        killed(box, server, 1, "batch", "submit", "in.txt", "-m", "at-anthropic/m")
        (job,) = jobs(box)
        assert box("batch", "submit", "--resume", job["id"]).code == 0
        assert len(server.made()) == 1

    @pytest.mark.parametrize("name", ["openai", "anthropic", "mistral", "gemini"])
    def test_no_end(self, name: str) -> None:
        """Where not all batches can be looked through, one must not be made once more."""
        row = {"id": "b", "name": "batches/b", "created_at": 2e9}
        page = {"data": [row] * 100, "operations": [row], "has_more": True, "nextPageToken": "t"}
        service = batches.find(Card("x", "x", "", batch={"service": name}))
        assert service
        steps = service.search(Place(Card("x", "x", ""), Call("POST", "")), 1e9)
        next(steps)
        for _ in range(PAGES - 1):
            steps.send(Reply({}, page))
        with pytest.raises(ProtocolError, match="goes on after 20 pages"):
            steps.send(Reply({}, page))


def test_gemini_that_only_says_done(server: ServiceServer) -> None:
    """An operation that is done is over, whatever its state is called."""
    service = batches.find(Card("x", "x", "", batch={"service": "gemini"}))
    assert service
    for told, stage in (({}, "complete"), ({"error": {"message": "no"}}, "failed")):
        steps = service.look(Place(Card("x", "x", ""), Call("POST", "")), "b")
        next(steps)
        operation = {"name": "batches/b", "done": True, "metadata": {"state": "NEW"}, **told}
        with pytest.raises(StopIteration) as done:
            steps.send(Reply({}, operation))
        assert done.value.value.stage == stage


class TestBudget:
    ARGS = ("batch", "submit", "in.txt", "-m", "at-openai/m")

    def test_of_jobs_that_run(self, box: Llm, server: ServiceServer) -> None:
        """A job that is not fetched yet has spent nothing, and counts."""
        box.config.write_text("[budget]\nday = 0.006\n")
        assert box(*self.ARGS).code == 0
        calm(box, "four five\nsix\n")
        one_line(box(*self.ARGS), 5, "day budget of $0.006", "held by other calls")
        assert len(server.made()) == 1
        fetched(box, jobs(box)[0]["id"])
        assert box(*self.ARGS).code == 0

    def test_per_call(self, box: Llm, server: ServiceServer) -> None:
        """The dearest request of a job is what counts."""
        box.config.write_text("[budget]\nper_call = 0.001\n")
        one_line(box(*self.ARGS), 5, "per_call budget of $0.001")
        assert server.calls == []
        assert box(*self.ARGS, "-O", "max_output_tokens=100").code == 0


def test_ctrl_c_while_it_is_handed_over(box: Llm, server: ServiceServer) -> None:
    """How to go on is said."""
    server.stall = 1
    running = box.start("batch", "submit", "in.txt", "-m", "at-openai/m")
    until(lambda: not server.hang.is_set())
    running.signal(signal.SIGINT)
    done = running.finish()
    assert done.code == -signal.SIGINT
    assert f"llm batch submit --resume {jobs(box)[0]['id'][:10]}" in done.err
