"""The vendors' own clients at the server of batch services: they send what we send, and read it."""

from __future__ import annotations

import contextlib
import email.parser
import email.policy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import anthropic
import openai
import pytest
from anthropic.types.messages.batch_create_params import BatchCreateParams as AnthropicParams
from google import genai
from google.genai import types
from official_types import OFFICIAL, validator
from openai.types.batch_create_params import BatchCreateParams
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import ValidationError
from service_server import KEY, ServiceServer

from llmcli.adapters import batches, find
from llmcli.adapters.batches.base import Part
from llmcli.cards import Card, Model
from llmcli.keys import Key
from llmcli.messages import Message, Request, Text
from llmcli.provider import HttpProvider
from llmcli.redaction import Secret
from llmcli.service import BatchService

T = TypeVar("T")
MARKER = "01ABCDEFGH-p1"
OPTIONS = {"max_output_tokens": 20}
LIMIT = 1 << 20


@pytest.fixture(scope="module")
def serving() -> Iterator[ServiceServer]:
    """The server, made once."""
    with ServiceServer() as found:
        yield found


@pytest.fixture
def server(serving: ServiceServer) -> Iterator[ServiceServer]:
    """The same, without a memory; a batch ends when it is looked at."""
    serving.reset()
    serving.looks, serving.results_host = 0, serving.host
    with _open:
        yield serving


_open = contextlib.ExitStack()


def closing(client: T) -> T:
    """The client, closed at the end of the test."""
    _open.callback(client.close)  # type: ignore[attr-defined]
    return client


def ours(server: ServiceServer, vendor: str) -> BatchService:
    """Our client of a vendor's service."""
    said = server.card(vendor)
    kind = find(said["adapter"])
    card = Card(vendor, vendor, said["adapter"], base_url=kind.base_url(said["base_url"]),
                batch=said["batch"], models={"m": Model("m")})  # fmt: skip
    provider = HttpProvider(card, Key(Secret(KEY), "a test"), kind())
    service = batches.find(card)
    assert service
    return closing(BatchService(provider, service, asked("x")))


def asked(text: str) -> Request:
    """A request with an option."""
    system = Message("system", (Text("Be brief."),))
    return Request("m", (system, Message("user", (Text(text),))), OPTIONS, stream=False)


def part_of(service: BatchService, path: Path, prompts: list[str]) -> Part:
    """A file of requests, as a job writes it."""
    lines = [service.line(f"01ABCDEFGH-{n}", asked(text)) for n, text in enumerate(prompts)]
    path.write_bytes(b"".join(lines))
    return Part(MARKER, "m", str(path), path.stat().st_size, len(lines), 0.0)


def call(server: ServiceServer, end: str, method: str = "POST") -> tuple[dict[str, str], bytes]:
    """The headers and body of the last call to a path that ends so."""
    found = [(h, body) for verb, path, h, body in server.calls
             if path.endswith(end) and verb == method]  # fmt: skip
    return found[-1]


def form(server: ServiceServer) -> dict[str, tuple[str, str | None, bytes]]:
    """The parts of the last multipart form: type, file name ending and bytes, by name."""
    headers, body = call(server, "/files")
    head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    found = {}
    for piece in message.iter_parts():
        name = str(piece.get_param("name", header="content-disposition"))
        data = piece.get_payload(decode=True)
        found[name] = (piece.get_content_type(), piece.get_filename(), data)
    return found


@pytest.mark.parametrize("vendor", ["openai", "groq"])
class TestOpenAI:
    def client(self, server: ServiceServer, vendor: str) -> openai.OpenAI:
        url = server.url(vendor)
        return closing(openai.OpenAI(base_url=url, api_key=KEY, max_retries=0))

    def test_requests(self, server: ServiceServer, vendor: str, tmp_path: Path) -> None:
        """Upload, create, list, look and cancel: the same paths and bodies."""
        service = ours(server, vendor)
        part = part_of(service, tmp_path / "in.jsonl", ["one", "two"])
        made = service.submit(part)
        service.search(part)
        service.look(made.id)
        service.cancel(made.id)
        own = [(method, path) for method, path, _, _ in server.calls]
        own_form, own_body = form(server), json.loads(call(server, "/batches")[1])
        server.calls.clear()
        client = self.client(server, vendor)
        with open(tmp_path / "in.jsonl", "rb") as file:
            named = (f"{MARKER}.jsonl", file, "application/jsonl")
            stored = client.files.create(file=named, purpose="batch")
        batch = client.batches.create(
            input_file_id=stored.id,
            endpoint="/v1/responses" if vendor == "openai" else "/v1/chat/completions",
            completion_window="24h",
            metadata={"llm_batch": MARKER},
        )
        list(client.batches.list(limit=100))
        client.batches.retrieve(batch.id)
        client.batches.cancel(batch.id)
        theirs = [(method, path) for method, path, _, _ in server.calls]
        assert [path.replace(made.id, batch.id) for _, path in own] == [p for _, p in theirs]
        assert [method for method, _ in own] == [method for method, _ in theirs]
        assert own_form == form(server)
        body = json.loads(call(server, "/batches")[1])
        assert {**own_body, "input_file_id": ""} == {**body, "input_file_id": ""}
        validator(BatchCreateParams).validate_python(own_body)

    def test_lines(self, server: ServiceServer, vendor: str, tmp_path: Path) -> None:
        """The bodies are those of calls that are not streamed."""
        line = json.loads(ours(server, vendor).line("1", asked("hi")))
        kinds = {"openai": ResponseCreateParamsNonStreaming}
        check = validator(kinds.get(vendor, CompletionCreateParamsNonStreaming))
        check.validate_python(line.pop("body"))
        url = "/v1/responses" if vendor == "openai" else "/v1/chat/completions"
        assert line == {"custom_id": "1", "method": "POST", "url": url}

    def test_reads_the_server(self, server: ServiceServer, vendor: str, tmp_path: Path) -> None:
        """What the server tells is what their client expects, and we read the same."""
        service = ours(server, vendor)
        prompts = ["one", "is wrong", "late"]
        made = service.submit(part_of(service, tmp_path / "in.jsonl", prompts))
        server.end = "expired"
        remote = service.look(made.id)
        client = self.client(server, vendor)
        batch = client.batches.retrieve(made.id)
        counts = batch.request_counts
        assert counts
        assert (batch.status, remote.stage) == ("expired", "expired")
        assert (counts.total, counts.completed, counts.failed) == (3, remote.done, remote.failed)
        assert remote.results == (batch.output_file_id, batch.error_file_id)
        assert batch.expires_at == remote.expires
        assert batch.output_file_id
        text = client.files.content(batch.output_file_id).text
        service.download(batch.output_file_id, tmp_path / "results", LIMIT)
        assert (tmp_path / "results").read_text() == text


class TestAnthropic:
    def client(self, server: ServiceServer) -> anthropic.Anthropic:
        return closing(anthropic.Anthropic(base_url=server.host, api_key=KEY, max_retries=0))

    def test_requests(self, server: ServiceServer, tmp_path: Path) -> None:
        """Create, list, look and cancel: the same paths and bodies."""
        service = ours(server, "anthropic")
        part = part_of(service, tmp_path / "in.jsonl", ["one", "two"])
        made = service.submit(part)
        service.search(part)
        service.look(made.id)
        service.cancel(made.id)
        own = [(method, path) for method, path, _, _ in server.calls]
        headers, body = call(server, "/batches")
        sent = json.loads(body)
        validator(AnthropicParams).validate_python(sent)
        for request in sent["requests"]:
            OFFICIAL["anthropic"]({**request["params"], "stream": True})
        server.calls.clear()
        client = self.client(server)
        batch = client.messages.batches.create(requests=sent["requests"])
        client.messages.batches.list(limit=1000)
        client.messages.batches.retrieve(batch.id)
        client.messages.batches.cancel(batch.id)
        theirs = [(method, path) for method, path, _, _ in server.calls]
        assert [(m, path.replace(made.id, batch.id)) for m, path in own] == theirs
        others, theirs_body = call(server, "/batches")
        assert sent == json.loads(theirs_body)
        assert headers["content-type"] == others["content-type"]

    def test_reads_the_server(self, server: ServiceServer, tmp_path: Path) -> None:
        """Their client reads the same results from the same path."""
        service = ours(server, "anthropic")
        prompts = ["one", "is wrong", "late"]
        made = service.submit(part_of(service, tmp_path / "in.jsonl", prompts))
        server.end = "expired"
        remote = service.look(made.id)
        client = self.client(server)
        batch = client.messages.batches.retrieve(made.id)
        assert (batch.processing_status, remote.stage) == ("ended", "expired")
        assert (batch.request_counts.succeeded, batch.request_counts.errored) == (1, 1)
        assert (remote.total, remote.done, remote.failed) == (3, 1, 1)
        assert batch.expires_at.timestamp() == remote.expires
        official = {r.custom_id: r.result.type for r in client.messages.batches.results(made.id)}
        service.download(remote.results[0], tmp_path / "results", LIMIT)
        own = {r.custom_id: r.error and r.error.kind for r in service.read(tmp_path / "results")}
        assert list(official) == list(own)
        assert list(official.values()) == ["expired", "errored", "succeeded"]
        assert list(own.values()) == ["expired", "bad_request", None]


class TestGemini:
    def client(self, server: ServiceServer) -> genai.Client:
        options = types.HttpOptions(base_url=server.host, api_version="v1beta")
        return closing(genai.Client(api_key=KEY, http_options=options))

    def test_requests(self, server: ServiceServer, tmp_path: Path) -> None:
        """A resumable upload in one piece, a batch of that file, list, look and cancel."""
        service = ours(server, "gemini")
        part = part_of(service, tmp_path / "in.jsonl", ["one", "two"])
        made = service.submit(part)
        service.search(part)
        service.look(made.id)
        service.cancel(made.id)
        own = [(method, path) for method, path, _, _ in server.calls]
        for line in (tmp_path / "in.jsonl").read_text().splitlines():
            OFFICIAL["gemini"](json.loads(line)["request"])
        own_start, told = call(server, "/upload/v1beta/files")
        own_headers, data = call(server, "/up/1")
        sent = json.loads(call(server, ":batchGenerateContent")[1])
        server.calls.clear()
        client = self.client(server)
        with open(tmp_path / "in.jsonl", "rb") as file:
            config = types.UploadFileConfig(mime_type="application/jsonl", display_name=MARKER)
            stored = client.files.upload(file=file, config=config)
        named = types.CreateBatchJobConfig(display_name=MARKER)
        job = client.batches.create(model="m", src=stored.name, config=named)
        list(client.batches.list(config=types.ListBatchJobsConfig(page_size=100)))
        assert job.name
        client.batches.get(name=job.name)
        client.batches.cancel(name=job.name)
        theirs = [(method, path) for method, path, _, _ in server.calls]
        name = job.name.removeprefix("batches/")
        assert [(m, path.replace(made.id, name)) for m, path in own[:-1]] == theirs
        start, theirs_told = call(server, "/upload/v1beta/files")
        assert json.loads(told) == json.loads(theirs_told)
        names = [name for name in start if name.startswith("x-goog-upload")]
        assert {n: own_start.get(n) for n in names} == {n: start[n] for n in names}
        headers, theirs_data = call(server, "/up/1")
        assert theirs_data == data == (tmp_path / "in.jsonl").read_bytes()
        names = [name for name in own_headers if name.startswith("x-goog-upload")]
        assert {n: own_headers[n] for n in names} == {n: headers[n] for n in names}
        body = json.loads(call(server, ":batchGenerateContent")[1])
        for each in (sent, body):
            each["batch"]["inputConfig"]["fileName"] = ""
        assert body == sent

    def test_reads_the_server(self, server: ServiceServer, tmp_path: Path) -> None:
        """Their client reads the same state and results."""
        service = ours(server, "gemini")
        made = service.submit(part_of(service, tmp_path / "in.jsonl", ["one", "is wrong"]))
        remote = service.look(made.id)
        client = self.client(server)
        job = client.batches.get(name=f"batches/{made.id}")
        assert job.state
        assert (job.state.name, remote.stage) == ("JOB_STATE_SUCCEEDED", "complete")
        assert job.display_name == remote.marker == MARKER
        assert job.dest
        assert remote.results == (job.dest.file_name,)
        assert job.dest.file_name
        service.download(job.dest.file_name, tmp_path / "results", LIMIT)
        official = client.files.download(file=job.dest.file_name)
        assert (tmp_path / "results").read_bytes() == official
        read = list(service.read(tmp_path / "results"))
        assert [result.body is not None for result in read] == [False, True]


class TestMistral:
    """Where its package is installed; it is too large for the tests of every day."""

    def test_requests(self, server: ServiceServer, tmp_path: Path) -> None:
        """Upload, create, list, look and cancel: the same paths and bodies."""
        mistralai = pytest.importorskip("mistralai.client")
        service = ours(server, "mistral")
        part = part_of(service, tmp_path / "in.jsonl", ["one", "two"])
        made = service.submit(part)
        service.search(part)
        service.look(made.id)
        service.cancel(made.id)
        own = [(method, path) for method, path, _, _ in server.calls]
        own_form, own_body = form(server), json.loads(call(server, "/batch/jobs")[1])
        server.calls.clear()
        client = mistralai.Mistral(
            api_key=KEY, server_url=server.url("mistral").removesuffix("/v1")
        )
        with open(tmp_path / "in.jsonl", "rb") as file:
            given = {"file_name": f"{MARKER}.jsonl", "content": file,
                     "content_type": "application/jsonl"}  # fmt: skip
            stored = client.files.upload(file=given, purpose="batch")
        job = client.batch.jobs.create(
            input_files=[stored.id], model="m", endpoint="/v1/chat/completions",
            metadata={"llm_batch": MARKER}, timeout_hours=24,
        )  # fmt: skip
        client.batch.jobs.list(page_size=100)
        told = client.batch.jobs.get(job_id=job.id)
        client.batch.jobs.cancel(job_id=job.id)
        assert told.status == "SUCCESS"
        theirs = [(method, path) for method, path, _, _ in server.calls]
        assert [(m, path.replace(made.id, job.id)) for m, path in own] == theirs
        theirs_form = form(server)  # it tells the default of the file's visibility, too
        assert own_form == {name: theirs_form[name] for name in own_form}
        body = json.loads(call(server, "/batch/jobs")[1])
        assert {**own_body, "input_files": []} == {**body, "input_files": []}


class TestGroq:
    """Where its package is installed."""

    def test_requests(self, server: ServiceServer, tmp_path: Path) -> None:
        """Its client sends to the same paths the same bodies as OpenAI's."""
        groq = pytest.importorskip("groq")
        service = ours(server, "groq")
        made = service.submit(part_of(service, tmp_path / "in.jsonl", ["one", "two"]))
        service.look(made.id)
        own = [(method, path) for method, path, _, _ in server.calls]
        own_form, own_body = form(server), json.loads(call(server, "/batches")[1])
        server.calls.clear()
        client = closing(groq.Groq(api_key=KEY, base_url=server.host, max_retries=0))
        with open(tmp_path / "in.jsonl", "rb") as file:
            named = (f"{MARKER}.jsonl", file, "application/jsonl")
            stored = client.files.create(file=named, purpose="batch")
        batch = client.batches.create(
            input_file_id=stored.id, endpoint="/v1/chat/completions", completion_window="24h",
            metadata={"llm_batch": MARKER},
        )  # fmt: skip
        told = client.batches.retrieve(batch.id)
        assert told.status == "completed"
        theirs = [(method, path) for method, path, _, _ in server.calls]
        assert [(m, path.replace(made.id, batch.id)) for m, path in own] == theirs
        assert own_form == form(server)
        body = json.loads(call(server, "/batches")[1])
        assert {**own_body, "input_file_id": ""} == {**body, "input_file_id": ""}


def test_the_check_sees_what_is_wrong(server: ServiceServer, tmp_path: Path) -> None:
    """A peer that took anything would prove nothing."""
    with pytest.raises(ValidationError):
        validator(BatchCreateParams).validate_python({"endpoint": "/v1/x"})
    with pytest.raises(ValidationError):
        validator(AnthropicParams).validate_python({"requests": [{"params": {}}]})
