"""`llm batch submit | status | fetch | cancel | list` against a server that speaks all services."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from decimal import Decimal

import pytest
from chatting import until
from service_server import KEY, VENDORS, Batch, ServiceServer
from servicing import calm, equip, fetched, one_line, rows, submitted
from support import Llm, write_card


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
    """The command, with a card for each vendor's service and a file of prompts."""
    return equip(llm, server)


@pytest.mark.parametrize("vendor", VENDORS)
class TestAnswers:
    def test_same_as_a_direct_call(self, box: Llm, server: ServiceServer, vendor: str) -> None:
        """Bodies and answers are those of a call, the order that of the file, the price half."""
        calm(box, "one two\nthree\nfour five six\n")
        options = ("-s", "Be brief.", "-O", "max_output_tokens=50", "--tag", "a=b")
        where = ("-m", f"at-{vendor}/m", "-o", "direct.jsonl")
        done = box("batch", "in.txt", *where, "-j", "1", "--no-stream", *options)
        assert done.code == 0, done.err
        asked = [json.loads(body) for *_, body in server.calls]
        found = fetched(box, submitted(box, vendor, *options))
        (batch,) = server.made()
        assert [body for _, body in batch.items] == asked
        direct = rows(box, "direct.jsonl")
        same = ("id", "line", "text", "usage", "finish_reason", "tool_calls", "error", "request")
        assert [[row[k] for k in same] for row in found] == [[r[k] for k in same] for r in direct]
        for row, other in zip(found, direct, strict=True):
            half = Decimal(other["cost"]["amount"]) / 2
            assert Decimal(row["cost"]["amount"]) == half
        kept = [row for row in box.attempts() if row["batch"]]
        assert [row["turn"] for row in kept] == [row["call"] for row in found]
        assert {row["tags"] for row in kept} == {'{"a": "b"}'}

    def test_failures_are_rows(self, box: Llm, vendor: str) -> None:
        """A refused prompt has its reason, nothing of the server's reaches the terminal raw."""
        job = submitted(box, vendor)
        found = fetched(box, job, code=8)
        assert [row["error"] and row["error"]["http_status"] for row in found] == [None, 400, None]
        assert "it is wrong" in found[1]["error"]["message"]
        assert b"\x1b" not in (box.root / "out.jsonl").read_bytes()

    def test_again_does_no_harm(self, box: Llm, vendor: str) -> None:
        """A second fetch changes neither output nor ledger."""
        job = submitted(box, vendor)
        fetched(box, job, code=8)
        before, entries = (box.root / "out.jsonl").read_bytes(), box.attempts()
        fetched(box, job, code=8)
        assert (box.root / "out.jsonl").read_bytes() == before
        assert box.attempts() == entries
        assert len(entries) == 3


@pytest.mark.parametrize("vendor", [name for name in VENDORS if name != "groq"])  # as OpenAI's
class TestEveryVendor:
    @pytest.mark.parametrize("end", ["expired", "cancelled"])
    def test_ended_before_its_time(
        self, box: Llm, server: ServiceServer, vendor: str, end: str
    ) -> None:
        """What was answered is kept, the rest says why it was not, and is no call."""
        job = submitted(box, vendor)
        server.end = end
        found = fetched(box, job, code=8)
        assert [row["error"] and row["error"]["kind"] for row in found] == [
            None, "bad_request", end,
        ]  # fmt: skip
        assert found[2]["attempts"] == 0
        assert len(box.attempts()) == 2

    def test_lost_answer_to_the_call_that_makes_it(
        self, box: Llm, server: ServiceServer, vendor: str
    ) -> None:
        """A batch that was made unheard is found again, and not made twice."""
        calm(box)
        server.drop_create = True
        done = box("batch", "submit", "in.txt", "-m", f"at-{vendor}/m")
        one_line(done, 6, "--resume")
        (job,) = json.loads(box("batch", "list", "--json").out)
        assert job["standing"] == "submitting"
        assert box("batch", "submit", "--resume", job["id"]).code == 0
        assert len(server.made()) == 1
        assert [row["text"] for row in fetched(box, job["id"])] == [
            "answer to one two", "answer to three",
        ]  # fmt: skip

    def test_cut_in_lots(self, box: Llm, server: ServiceServer, vendor: str) -> None:
        """More than a batch may have becomes several."""
        card = server.card(vendor)
        write_card(box, name=f"at-{vendor}", **{**card, "batch": {**card["batch"], "requests": 2}})
        calm(box, "a\nb\nc\nd\ne\n")
        found = fetched(box, submitted(box, vendor))
        assert [len(batch.items) for batch in server.made()] == [2, 2, 1]
        assert [row["text"] for row in found] == [f"answer to {letter}" for letter in "abcde"]

    def test_refused_for_now(self, box: Llm, server: ServiceServer, vendor: str) -> None:
        """A 429 is tried again, for making a batch, looking at it and fetching."""
        calm(box)
        server.refuse = 1
        job = submitted(box, vendor)
        assert len(server.made()) == 1
        server.refuse = 2
        assert len(fetched(box, job)) == 2

    def test_cancel(self, box: Llm, server: ServiceServer, vendor: str) -> None:
        """A job is stopped at the provider."""
        job = submitted(box, vendor)
        done = box("batch", "cancel", job[:10])
        assert done.code == 0, done.err
        assert server.made()[0].stage == "cancelled"
        found = fetched(box, job, code=8)
        assert [row["error"] and row["error"]["kind"] for row in found][2] == "cancelled"


@pytest.mark.parametrize("vendor", ["mistral", "anthropic"])
class TestRefusals:
    def test_key_refused(self, box: Llm, vendor: str) -> None:
        """Nothing is left behind where the provider said no."""
        box.env["FS_KEY"] = "another"
        done = box("batch", "submit", "in.txt", "-m", f"at-{vendor}/m")
        one_line(done, 4, f"at-{vendor} refused the key")
        assert json.loads(box("batch", "list", "--json").out) == []
        assert not list((box.home / "data" / "batches").glob("0*"))

    def test_html(self, box: Llm, server: ServiceServer, vendor: str) -> None:
        """A page is no answer."""
        server.html = True
        done = box("batch", "submit", "in.txt", "-m", f"at-{vendor}/m")
        one_line(done, 7, "HTML page", "--resume")

    def test_results_of_others(self, box: Llm, server: ServiceServer, vendor: str) -> None:
        """Results that are not of this job are not taken for it."""
        job = submitted(box, vendor)
        server.foreign = True
        done = box("batch", "fetch", job, "-o", "out.jsonl", "--wait")
        one_line(done, 7, "another batch")
        assert (box.root / "out.jsonl").read_bytes() == b""
        assert box.attempts() == []


@pytest.mark.parametrize("vendor", ["openai", "mistral", "gemini"])
def test_failed_batch(box: Llm, server: ServiceServer, vendor: str) -> None:
    """A batch that the provider finds wrong tells its reason, in the rows and in the status."""
    job = submitted(box, vendor)
    server.end, server.looks = "failed", 0
    status = box("batch", "status", job).out.decode()
    assert "\tfailed\t" in status
    assert "no such" in status
    assert "\x1b" not in status
    found = fetched(box, job, code=8)
    assert {row["error"]["http_status"] for row in found} == {None}
    assert all("no such" in row["error"]["message"] for row in found)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("vendor", ["openai", "mistral", "anthropic", "gemini"])
def test_cut_download(box: Llm, server: ServiceServer, vendor: str, ranges: bool) -> None:
    """A download that breaks off goes on where it was, or begins anew where it cannot."""
    calm(box, "".join(f"prompt {n}\n" for n in range(120)))
    job = submitted(box, vendor)
    server.cut, server.ranges = 5000, ranges
    found = fetched(box, job)
    assert [row["text"] for row in found] == [f"answer to prompt {n}" for n in range(120)]
    begun = [headers.get("range") for _, _, headers, _ in server.calls if "range" in headers]
    assert begun == ["bytes=5000-"]


def test_cut_download_of_another_run(box: Llm, server: ServiceServer) -> None:
    """What an earlier run fetched is not fetched again."""
    calm(box, "".join(f"prompt {n}\n" for n in range(120)))
    card = server.card("openai")
    write_card(box, name="at-openai", **card, retries=0)
    job = submitted(box)
    server.cut = 5000
    assert box("batch", "fetch", job, "-o", "out.jsonl", "--wait").code == 6
    assert len(fetched(box, job)) == 120
    assert [h["range"] for _, _, h, _ in server.calls if "range" in h] == ["bytes=5000-"]


def test_gemini_takes_a_file(box: Llm, server: ServiceServer) -> None:
    """In one call the answers might not say whose they are; no key goes along with the file."""
    submitted(box, "gemini")
    assert [batch.by_file for batch in server.made()] == [True]
    (upload,) = [headers for _, path, headers, _ in server.calls if path.startswith("/up/")]
    assert not any(KEY in value for value in upload.values())


def test_gemini_uploads_nowhere_else(box: Llm, server: ServiceServer) -> None:
    """The file of prompts goes to the server that was asked, or not at all."""
    server.upload_host = "https://elsewhere.example"
    done = box("batch", "submit", "in.txt", "-m", "at-gemini/m")
    one_line(done, 7, "uploaded to another server")
    assert server.made() == []


def test_half_handed_over(box: Llm, server: ServiceServer) -> None:
    """Of a job of several batches only what is missing is handed over later."""
    card = server.card("anthropic")
    write_card(
        box, name="at-anthropic", **{**card, "batch": {"service": "anthropic", "requests": 1}}
    )
    calm(box, "a\nb\nc\n")
    server.full = 1
    done = box("batch", "submit", "in.txt", "-m", "at-anthropic/m")
    one_line(done, 9, "too many batches", "--resume")
    (job,) = json.loads(box("batch", "list", "--json").out)
    one_line(box("batch", "fetch", job["id"]), 2, "not handed over", "--resume")
    server.full = 100
    assert box("batch", "submit", "--resume", job["id"]).code == 0
    assert [len(batch.items) for batch in server.made()] == [1, 1, 1]
    assert [row["text"][-1] for row in fetched(box, job["id"])] == ["a", "b", "c"]
    one_line(box("batch", "submit", "--resume", job["id"]), 2, "handed over already")


@pytest.mark.parametrize("others", [3, 2])
def test_whose_batch_it_is(box: Llm, server: ServiceServer, others: int) -> None:
    """Anthropic keeps no marker: a batch of another size is not ours, of the same it may be."""
    calm(box)
    server.drop_create = True
    assert box("batch", "submit", "in.txt", "-m", "at-anthropic/m").code == 6
    (own,) = server.made()
    foreign = Batch("msgbatch-9", "anthropic", [("x", own.items[0][1])] * others)
    server.batches[foreign.id] = foreign
    (job,) = json.loads(box("batch", "list", "--json").out)
    done = box("batch", "submit", "--resume", job["id"])
    if others == 2:
        one_line(done, 3, "has 2 batches that may be of job")
    else:
        assert done.code == 0, done.err
        assert len(fetched(box, job["id"])) == 2
    assert len(server.made()) == 2


def test_not_ready(box: Llm, server: ServiceServer) -> None:
    """Without --wait a job that runs is told of, and nothing is written."""
    job = submitted(box)
    one_line(box("batch", "fetch", job, "-o", "out.jsonl"), 8, "is not done: running", "--wait")
    assert not (box.root / "out.jsonl").exists()


def test_partial(box: Llm, server: ServiceServer) -> None:
    """What has ended can be taken before the rest, and is not taken twice."""
    card = server.card("openai")
    write_card(box, name="at-openai", **{**card, "batch": {"service": "openai", "requests": 1}})
    calm(box, "a\nb\n")
    job = submitted(box)
    first, second = server.made()
    first.stage = "complete"
    second.looks = -100
    done = box("batch", "fetch", job, "-o", "out.jsonl", "--partial")
    assert done.code == 8
    assert "1 prompt to wait for" in done.err
    assert [row["text"] for row in rows(box)] == ["answer to a"]
    second.stage = "complete"
    assert [row["text"] for row in fetched(box, job)] == ["answer to a", "answer to b"]
    assert len(box.attempts()) == 2


def test_goes_on_with_batch(box: Llm, server: ServiceServer) -> None:
    """The output is one of `llm batch`: it asks there what the service did not answer."""
    job = submitted(box)
    server.end = "expired"
    fetched(box, job, code=8)
    calls = len(server.calls)
    done = box("batch", "in.txt", "-m", "at-openai/m", "-o", "out.jsonl", "--retry-failed",
               "--no-stream")  # fmt: skip
    assert done.code == 0, done.err
    assert len(server.calls) == calls + 2
    assert [row["error"] for row in rows(box)] == [None, None, None]


def test_an_answer_stays(box: Llm) -> None:
    """An answer that the output has already stays, and what the service did is counted."""
    calm(box)
    job = submitted(box)
    args = ("batch", "in.txt", "-m", "at-openai/m", "-o", "out.jsonl", "--no-stream")
    assert box(*args).code == 0
    before = (box.root / "out.jsonl").read_bytes()
    fetched(box, job)
    assert (box.root / "out.jsonl").read_bytes() == before
    assert sorted(row["batch"] for row in box.attempts()) == [0, 0, 1, 1]


def test_output_of_other_prompts(box: Llm) -> None:
    """Answers to other prompts are not written over."""
    job = submitted(box)
    fetched(box, job, code=8)
    before = (box.root / "out.jsonl").read_bytes()
    calm(box, "something else\n")
    other = submitted(box)
    one_line(box("batch", "fetch", other, "-o", "out.jsonl", "--wait"), 2, "another prompt")
    assert (box.root / "out.jsonl").read_bytes() == before


def test_stdout(box: Llm) -> None:
    """Without -o the rows go to stdout, in the order of the prompts."""
    job = submitted(box)
    done = box("batch", "fetch", job, "--wait", "-q")
    assert [json.loads(line)["line"] for line in done.out.splitlines()] == [1, 2, 3]
    assert done.err == ""


def test_columns_and_ids(box: Llm, server: ServiceServer) -> None:
    """Ids of any kind come back, though the service is told others."""
    text = '{"id": "a/b \\u001b[31m' + "x" * 80 + '", "q": "one"}\n{"id": "é", "q": "two"}\n'
    (box.root / "in.jsonl").write_text(text)
    done = box("batch", "submit", "in.jsonl", "-p", "Say {q}", "-m", "at-anthropic/m")
    job = done.out.decode().strip()
    found = fetched(box, job)
    assert [row["text"] for row in found] == ["answer to Say one", "answer to Say two"]
    assert found[1]["id"] == "é"
    assert all(len(name) <= 64 and name.replace("-", "").isalnum()
               for name, _ in server.made()[0].items)  # fmt: skip


def test_unknown_price(box: Llm) -> None:
    """A price that is not known is not $0."""
    calm(box)
    done = box("batch", "submit", "in.txt", "-m", "at-openai/unpriced")
    assert "cost unknown" in done.err
    done = box("batch", "fetch", "-o", "out.jsonl", "--wait", "--json")
    assert "cost unknown" in done.err
    assert json.loads(done.out)["cost"] is None
    assert [row["cost"] for row in rows(box)] == [None, None]
    assert [row["cost"] for row in box.attempts()] == [None, None]


class TestMoney:
    def test_max_cost(self, box: Llm, server: ServiceServer) -> None:
        """More than --max-cost is not sent; a bound of the answers helps."""
        args = ("batch", "submit", "in.txt", "-m", "at-openai/m", "--max-cost", "0.005")
        one_line(box(*args), 5, "may cost", "Nothing was sent")
        assert server.calls == []
        assert json.loads(box("batch", "list", "--all", "--json").out) == []
        assert box(*args, "-O", "max_output_tokens=100").code == 0

    def test_max_cost_of_unknown_price(self, box: Llm, server: ServiceServer) -> None:
        """A limit that cannot be held is refused."""
        done = box("batch", "submit", "in.txt", "-m", "at-openai/unpriced", "--max-cost", "1")
        one_line(done, 2, "not known")
        assert server.calls == []

    def test_budget(self, box: Llm, server: ServiceServer) -> None:
        """The budget of the day holds a job, too."""
        box.config.write_text("[budget]\nday = 0.001\n")
        done = box("batch", "submit", "in.txt", "-m", "at-openai/m")
        one_line(done, 5, "day budget of $0.001")
        assert server.calls == []


class TestWrong:
    def test_no_service(self, box: Llm, server: ServiceServer) -> None:
        """Who has one is told."""
        write_card(box, name="plain", base_url=server.url("openai"))
        done = box("batch", "submit", "in.txt", "-m", "plain/m")
        one_line(done, 2, "plain has no batch service", "anthropic", "gemini", "groq", "mistral")

    def test_embedded(self, box: Llm) -> None:
        """The embedded model has none either."""
        done = box("batch", "submit", "in.txt", "-m", "local/smollm2")
        one_line(done, 2, "local has no batch service")

    def test_empty_file(self, box: Llm) -> None:
        """There is nothing to ask."""
        calm(box, "\n\n")
        one_line(box("batch", "submit", "in.txt", "-m", "at-openai/m"), 2, "no prompts")

    def test_no_file(self, box: Llm) -> None:
        """A file is needed."""
        one_line(box("batch", "submit", "-m", "at-openai/m"), 2, "no file of prompts")

    @pytest.mark.parametrize("what", ["status", "fetch", "cancel"])
    def test_unknown_job(self, box: Llm, what: str) -> None:
        """A job that is not there."""
        one_line(box("batch", what, "01XYZ"), 3, 'no job "01XYZ"')

    def test_several_jobs(self, box: Llm) -> None:
        """One of several has to be named."""
        submitted(box)
        submitted(box)
        one_line(box("batch", "fetch"), 3, "2 jobs are open", "llm batch fetch ID")

    def test_moved(self, box: Llm, server: ServiceServer) -> None:
        """A job is never looked for at another server."""
        job = submitted(box)
        write_card(
            box, name="at-openai", **{**server.card("openai"), "base_url": "http://127.0.0.1:9"}
        )
        one_line(box("batch", "status", job), 3, "is now http://127.0.0.1:9")

    def test_one_provider_is_away(self, box: Llm, server: ServiceServer) -> None:
        """What cannot be asked does not hide the others."""
        here = submitted(box, "mistral")
        away = submitted(box)
        card = {**server.card("openai"), "base_url": "http://127.0.0.1:9"}
        write_card(box, name="at-openai", **card)
        done = box("batch", "status")
        assert done.code == 3
        found = [line.split("\t") for line in done.out.decode().splitlines()]
        assert [row[:2] for row in found] == [[here, "running"], [away, "unknown"]]
        assert "127.0.0.1:9" in found[1][-1]

    def test_errors_as_json(self, box: Llm) -> None:
        """What fails is an object, too."""
        for args in (("status", "01XYZ"), ("submit", "in.txt", "-m", "local/smollm2")):
            assert json.loads(box("batch", *args, "--json").out)["type"] == "error"

    def test_bad_file_of_a_job(self, box: Llm) -> None:
        """A file that was spoilt is told of, and does not hide the others."""
        job = submitted(box)
        (box.home / "data" / "batches" / "01AAAAAAAA.json").write_text("{")
        one_line(box("batch", "status", "01AAAA"), 3, "no job that can be read")
        assert [one["id"] for one in json.loads(box("batch", "list", "--json").out)] == [job]

    def test_needs_a_key(self, box: Llm, server: ServiceServer) -> None:
        """Without a key nothing is sent."""
        done = box("batch", "submit", "in.txt", "-m", "at-openai/m", env={"FS_KEY": None})
        one_line(done, 4, "at-openai")
        assert server.calls == []


def test_ctrl_c_while_it_waits(box: Llm, server: ServiceServer) -> None:
    """The job goes on, and that is said."""
    job = submitted(box)
    server.looks = 10**6
    running = box.start("batch", "fetch", job, "-o", "out.jsonl", "--wait")
    until(lambda: server.made()[0].looks > 3)
    running.signal(signal.SIGINT)
    done = running.finish()
    assert done.code == -signal.SIGINT
    assert f"the job goes on at at-openai: llm batch fetch {job[:10]}" in done.err


def test_private(box: Llm) -> None:
    """The files of a job are the user's alone, and hold neither key nor words of the prompts."""
    job = submitted(box)
    found = [path for path in (box.home / "data" / "batches").iterdir() if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    text = b"".join(path.read_bytes() for path in found)
    assert KEY.encode() not in text
    assert b"this is wrong" not in text
    fetched(box, job, code=8)
    names = {path.suffix for path in (box.home / "data" / "batches").iterdir()}
    assert names <= {".json", ".items", ".lock"}


def test_list_and_status_in_a_pipe(box: Llm) -> None:
    """Tab-separated and without a header; a job that was fetched is not open."""
    job = submitted(box, "openai", "--tag", "a=b")
    listed = box("batch", "list").out.decode().rstrip("\n").split("\t")
    assert (listed[0], listed[2:]) == (job, ["submitted", "3", "at-openai/m", "in.txt"])
    (told,) = json.loads(box("batch", "status", "--json").out)
    assert told["batches"][0]["stage"] == "running"
    assert told["tags"] == {"a": "b"}
    assert told["expires"].endswith("Z")
    fetched(box, job, code=8)
    assert box("batch", "list").out == b""
    assert json.loads(box("batch", "list", "--all", "--json").out)[0]["standing"] == "fetched"


def test_the_shipped_cards(llm: Llm) -> None:
    """Every provider whose batch service we speak says so on its card."""
    from llmcli import cards
    from llmcli.adapters import batches

    having = {card.id: card.batch["service"] for card in cards.load_readable() if card.batch}
    assert having == {
        "anthropic": "anthropic", "gemini": "gemini", "groq": "openai", "mistral": "mistral",
        "openai": "openai",
    }  # fmt: skip
    for name in having:
        card = cards.load(name)
        assert card
        assert batches.find(card)
