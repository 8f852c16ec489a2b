"""A loopback server that speaks the batch services of OpenAI, Groq, Mistral, Anthropic and Gemini.

It answers a prompt with `answer to PROMPT`, asked directly or in a batch. A prompt with the word
`wrong` is refused, one with `late` is not come to when the batch expires or is cancelled.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from serving import Handler, Serving

KEY = "svc.CANARY.5b8d2e7f01a94"
VENDORS = ("openai", "groq", "mistral", "anthropic", "gemini")
_PATHS = {
    "openai": "/v1", "groq": "/openai/v1", "mistral": "/mistral/v1", "gemini": "/v1beta",
}  # fmt: skip
_STAGES = {
    "mistral": {
        "waiting": "QUEUED", "running": "RUNNING", "complete": "SUCCESS", "failed": "FAILED",
        "expired": "TIMEOUT_EXCEEDED", "cancelled": "CANCELLED",
    },
    "openai": {
        "waiting": "validating", "running": "in_progress", "complete": "completed",
        "failed": "failed", "expired": "expired", "cancelled": "cancelled",
    },
    "gemini": {
        "waiting": "BATCH_STATE_PENDING", "running": "BATCH_STATE_RUNNING",
        "complete": "BATCH_STATE_SUCCEEDED", "failed": "BATCH_STATE_FAILED",
        "expired": "BATCH_STATE_EXPIRED", "cancelled": "BATCH_STATE_CANCELLED",
    },
}  # fmt: skip


@dataclass
class Batch:
    """A batch as the server has it; `items` are (id, body of the request)."""

    id: str
    vendor: str
    items: list[tuple[str, dict[str, Any]]]
    marker: Any = None
    created: float = field(default_factory=time.time)
    looks: int = 0
    stage: str = "waiting"
    by_file: bool = False
    asked: dict[str, Any] = field(default_factory=dict)


class ServiceServer(Serving):
    """Ends a batch as `end` says after so many looks; the fields below make trouble."""

    def __init__(self) -> None:
        self.hang = threading.Event()  # a batch is made and no answer given until this is set
        self.lock = threading.Lock()
        self.reset()
        super().__init__()

    def reset(self) -> None:
        """Forget everything, and make no trouble."""
        self.hang.set()
        self.looks = 1
        self.end = "complete"
        self.refuse = 0  # so many calls are answered with 429
        self.drop_create = False  # the next batch is made, and the connection dropped
        self.cut = 0  # the next download ends after so many bytes
        self.ranges = True  # whether a download can begin in the middle
        self.html = False
        self.foreign = False  # results of somebody else's batch
        self.hidden = ""  # requests with this word have no result
        self.spoilt = ""  # lines of results with this word are torn
        self.slow = 0.0  # seconds by which its clock is behind
        self.stall = 0  # of so many calls to come the last is done and never answered
        self.results_host = "https://elsewhere.example"
        self.upload_host = ""  # where a file for Gemini is to be sent, if not here
        self.full = 100  # so many batches can be made
        self.batches: dict[str, Batch] = {}
        self.files: dict[str, bytes] = {}
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []

    def url(self, vendor: str) -> str:
        """The base URL of a vendor's service."""
        paths = {
            "openai": "/v1",
            "groq": "/openai/v1",
            "mistral": "/mistral/v1",
            "gemini": "/v1beta",
        }
        return self.host + paths.get(vendor, "")

    def card(self, vendor: str) -> dict[str, Any]:
        """What a card of this server says."""
        adapters = {"openai": "openai-responses", "anthropic": "anthropic", "gemini": "gemini"}
        service = {"groq": "openai"}.get(vendor, vendor)
        usual = {"input": 2, "output": 4, "batch": 0.5}
        return {
            "base_url": self.url(vendor),
            "adapter": adapters.get(vendor, "openai-chat"),
            "batch": {"service": service},
            "models": {"m": {"cost": usual, "output": 1000}, "unpriced": {}},
        }

    def made(self) -> list[Batch]:
        """The batches that were made, oldest first."""
        return list(self.batches.values())

    def bodies(self, end: str) -> list[Any]:
        """What was sent to paths that end so, as JSON."""
        return [json.loads(b) for _, path, _, b in self.calls if path.endswith(end) and b]

    def new_id(self, kind: str) -> str:
        """An id that no other thing here has."""
        return f"{kind}-{len(self.batches) + len(self.files) + 1:04}"


class _Handler(Handler["ServiceServer"]):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        owner, data = self.owner, self.body()
        path = self.path.partition("?")[0]
        owner.calls.append(
            (self.command, path, {k.lower(): v for k, v in self.headers.items()}, data)
        )
        owner.stall -= 1
        if not owner.stall:
            owner.hang.clear()
        if owner.html:
            self.send(200, b"<html><title>Welcome \x1b[31m</title></html>", "text/html")
        elif not self._key_is_good():
            self._json(401, {"error": {"message": "Incorrect key", "type": "authentication_error"}})
        elif owner.refuse:
            owner.refuse -= 1
            self._json(429, {"error": {"message": "slow down"}}, retry_after="0.01")
        else:
            with owner.lock:
                self._route(path, data)

    def _key_is_good(self) -> bool:
        sent = [self.headers.get(n, "") for n in ("authorization", "x-api-key", "x-goog-api-key")]
        upload = self.path.startswith("/up/")
        return upload or any(KEY in value for value in sent)

    def _route(self, path: str, data: bytes) -> None:
        if path.startswith("/v1/messages"):
            self._anthropic(path, data)
        elif "/v1beta" in path or path.startswith("/up/"):
            self._gemini(path, data)
        else:
            self._openai(path, data)

    def _openai(self, path: str, data: bytes) -> None:
        owner = self.owner
        vendor = "mistral" if path.startswith("/mistral") else "openai"
        what = path.removeprefix("/openai").removeprefix("/mistral").removeprefix("/v1")
        root = "/batch/jobs" if vendor == "mistral" else "/batches"
        if what == "/files":
            self._json(200, self._stored(data))
        elif what.startswith("/files/"):
            self._file(owner.files.get(what.split("/")[2]))
        elif what == root and self.command == "POST":
            asked = json.loads(data)
            name = asked.get("input_file_id") or asked["input_files"][0]
            rows = [json.loads(line) for line in owner.files[name].splitlines()]
            if vendor == "openai":
                assert {row["url"] for row in rows} == {asked["endpoint"]}
            items = [(row["custom_id"], row["body"]) for row in rows]
            self._make(Batch(owner.new_id("batch"), vendor, items, asked["metadata"], asked=asked))
        elif what == root:
            rows = [self._told(batch) for batch in reversed(owner.made()) if batch.vendor == vendor]
            self._json(200, {"object": "list", "data": rows, "has_more": False, "total": len(rows)})
        elif what.startswith(root):
            self._one(what.removeprefix(root + "/"), "/cancel")
        else:
            self._json(200, _answer(_openai_kind(json.loads(data)), json.loads(data)))

    def _stored(self, data: bytes) -> dict[str, Any]:
        """A multipart form, read by the email package as any server reads one."""
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + data)
        parts = {p.get_param("name", header="content-disposition"): p for p in form.iter_parts()}
        assert parts["purpose"].get_content().strip() == "batch"
        assert str(parts["file"].get_filename()).endswith(".jsonl")
        name = self.owner.new_id("file")
        self.owner.files[name] = parts["file"].get_payload(decode=True)
        size = len(self.owner.files[name])
        return {"id": name, "object": "file", "bytes": size, "created_at": 1, "filename": "f.jsonl",
                "purpose": "batch", "status": "processed", "source": "upload",
                "sample_type": "batch_request"}  # fmt: skip

    def _anthropic(self, path: str, data: bytes) -> None:
        owner, what = self.owner, path.removeprefix("/v1/messages")
        if not what:
            self._json(200, _answer("anthropic", json.loads(data)))
        elif what == "/batches" and self.command == "POST":
            asked = json.loads(data)
            items = [(row["custom_id"], row["params"]) for row in asked["requests"]]
            self._make(Batch(owner.new_id("msgbatch"), "anthropic", items, asked=asked))
        elif what == "/batches":
            rows = [self._told(b) for b in reversed(owner.made()) if b.vendor == "anthropic"]
            self._json(200, {"data": rows, "has_more": False, "first_id": None, "last_id": None})
        elif what.endswith("/results"):
            batch = owner.batches[what.split("/")[2]]
            self._file("".join(json.dumps(row) + "\n" for row in _results(batch, owner)).encode())
        else:
            self._one(what.removeprefix("/batches/"), "/cancel")

    def _gemini(self, path: str, data: bytes) -> None:
        owner = self.owner
        if path.startswith("/upload/"):
            assert self.headers["x-goog-upload-protocol"] == "resumable"
            self._json(
                200,
                {},
                x_goog_upload_url=f"{owner.upload_host or owner.host}/up/1",
                x_goog_upload_status="active",
            )
        elif path.startswith("/up/"):
            name = owner.new_id("f")
            owner.files[name] = data
            told = {"file": {"name": f"files/{name}", "mimeType": "application/jsonl"}}
            self._json(200, told, x_goog_upload_status="final")
        elif path.endswith(":batchGenerateContent"):
            self._gemini_batch(json.loads(data)["batch"])
        elif path.endswith(":download"):
            self._file(owner.files.get(path.split("/")[-1].removesuffix(":download")))
        elif path == "/v1beta/batches":
            rows = [self._told(b) for b in reversed(owner.made()) if b.vendor == "gemini"]
            self._json(200, {"operations": rows})
        elif path.startswith("/v1beta/batches/"):
            self._one(path.removeprefix("/v1beta/batches/"), ":cancel")
        else:
            self._json(200, _answer("gemini", json.loads(data)))

    def _gemini_batch(self, asked: dict[str, Any]) -> None:
        given = asked["inputConfig"]
        if "fileName" in given:
            lines = self.owner.files[given["fileName"].removeprefix("files/")].splitlines()
            items = [(row["key"], row["request"]) for row in map(json.loads, lines)]
        else:
            rows = given["requests"]["requests"]
            items = [(str((row.get("metadata") or {}).get("key")), row["request"]) for row in rows]
        batch = Batch(
            self.owner.new_id("b"), "gemini", items, asked.get("displayName"), asked=asked
        )
        batch.by_file = "fileName" in given
        self._make(batch)

    def _make(self, batch: Batch) -> None:
        if len(self.owner.batches) >= self.owner.full:
            self._json(400, {"error": {"message": "too many batches"}})
            return
        self.owner.batches[batch.id] = batch
        batch.created -= self.owner.slow
        if self.owner.drop_create:
            self.owner.drop_create = False
            self.close_connection = True
            self.connection.close()
            return
        self._json(200, self._told(batch))

    def _one(self, name: str, cancelling: str) -> None:
        batch = self.owner.batches.get(name.removesuffix(cancelling))
        if batch is None:
            self._json(404, {"error": {"message": "no such batch"}})
            return
        if name.endswith(cancelling):
            batch.stage = "cancelled"
            self._json(200, {} if batch.vendor == "gemini" else self._told(batch))
            return
        batch.looks += 1
        if batch.stage in ("waiting", "running"):
            batch.stage = self.owner.end if batch.looks > self.owner.looks else "running"
        self._json(200, self._told(batch))

    def _told(self, batch: Batch) -> dict[str, Any]:
        return {"anthropic": _anthropic_batch, "gemini": _gemini_operation}.get(
            batch.vendor, _openai_batch
        )(batch, self.owner)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) - self.owner.slow)

    def _file(self, data: bytes | None) -> None:
        if data and self.owner.spoilt:
            word = self.owner.spoilt.encode()
            lines = data.splitlines(keepends=True)
            data = b"".join(b"{torn\n" if word in line else line for line in lines)
        if data is None:
            self._json(404, {"error": {"message": "no such file"}})
            return
        owner, begin = self.owner, 0
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        if match and owner.ranges:
            begin = int(match[1])
        self.owner.hang.wait(20)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("content-range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("content-type", "application/octet-stream")
        self.send_header("content-length", str(len(data) - begin))
        self.end_headers()
        if owner.cut:
            self.wfile.write(data[begin : begin + owner.cut])
            self.wfile.flush()
            owner.cut = 0
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(data[begin:])

    def _json(self, status: int, value: Any, **headers: str) -> None:
        self.owner.hang.wait(20)
        self.send(status, json.dumps(value).encode(), "application/json", **headers)


ServiceServer.handler = _Handler


def prompt_of(body: dict[str, Any]) -> str:
    """The last message's text in the body of any of the wire formats."""
    said = body.get("messages") or body.get("input") or body["contents"]
    content = said[-1].get("content", said[-1].get("parts"))
    return content if isinstance(content, str) else str(content[-1]["text"])


def _openai_kind(body: dict[str, Any]) -> str:
    return "responses" if "input" in body else "chat"


def _answer(vendor: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body of an answer, of one token for each word."""
    text = f"answer to {prompt_of(body)}"
    read, wrote = len(prompt_of(body).split()), len(text.split())
    if vendor == "gemini":
        usage = {"promptTokenCount": read, "candidatesTokenCount": wrote}
        part = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
        return {"candidates": [part], "usageMetadata": usage, "modelVersion": "m"}
    if vendor == "anthropic":
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "stop_sequence": None, "usage": {"input_tokens": read, "output_tokens": wrote},
        }  # fmt: skip
    if vendor == "responses":
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {"id": "m1", "type": "message", "role": "assistant", "status": "completed",
                "content": content}  # fmt: skip
        usage = {"input_tokens": read, "output_tokens": wrote, "total_tokens": read + wrote}
        return {"id": "resp_1", "object": "response", "status": "completed", "model": "m",
                "output": [item], "usage": usage}  # fmt: skip
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [choice], "usage": usage}  # fmt: skip


def _results(batch: Batch, owner: ServiceServer, wrong: bool | None = None) -> list[dict[str, Any]]:
    """The results, in another order than the requests; with `wrong` only failures, or none."""
    found = []
    for name, body in reversed(batch.items):
        said = prompt_of(body)
        kind = "wrong" if "wrong" in said else "late" if "late" in said else ""
        if kind == "late" and batch.stage == "complete":
            kind = ""
        if owner.hidden and owner.hidden in said:
            continue
        if wrong is None or wrong == bool(kind):
            row = _result(batch, "0-0" if owner.foreign else name, body, kind)
            found += [row] if row else []
    return found


def _result(batch: Batch, name: str, body: dict[str, Any], kind: str) -> dict[str, Any] | None:
    if batch.vendor == "anthropic":
        error = {"type": "invalid_request_error", "message": "it is wrong\x1b[31m"}
        ended = "canceled" if batch.stage == "cancelled" else "expired"
        result: dict[str, Any] = {"type": "succeeded", "message": _answer("anthropic", body)}
        if kind:
            result = {"type": ended}
        if kind == "wrong":
            told = {"type": "error", "error": error, "request_id": "req_1"}
            result = {"type": "errored", "error": told}
        return {"custom_id": name, "result": result}
    if batch.vendor == "gemini":
        keyed = {"key": name} if batch.by_file else {"metadata": {"key": name}}
        if kind == "late":
            return None
        if kind == "wrong":
            return {**keyed, "error": {"code": 3, "message": "it is wrong\x1b[31m"}}
        return {**keyed, "response": _answer("gemini", body)}
    whole = {"id": f"r-{name}", "custom_id": name, "error": None}
    if kind == "late":
        if batch.vendor == "mistral":
            return None
        error = {"code": "batch_expired", "message": "not executed in time"}
        return {**whole, "response": None, "error": error} if batch.stage == "expired" else None
    refusal = {"error": {"message": "it is wrong\x1b[31m", "type": "invalid_request_error"}}
    told = refusal if kind else _answer(_openai_kind(body), body)
    response = {"status_code": 400 if kind else 200, "request_id": "req_1", "body": told}
    return {**whole, "response": response}


def _count(batch: Batch, kind: str) -> int:
    return sum(kind in prompt_of(body) for _, body in batch.items)


def _over(batch: Batch) -> bool:
    return batch.stage in ("complete", "failed", "expired", "cancelled")


def _openai_batch(batch: Batch, owner: ServiceServer) -> dict[str, Any]:
    over = _over(batch) and batch.stage != "failed"
    names: dict[str, str | None] = {"out": None, "err": None}
    for part, wrong in (("out", False), ("err", True)):
        rows = _results(batch, owner, wrong) if over else []
        if rows:
            names[part] = f"{part}-{batch.id}"
            owner.files[f"{part}-{batch.id}"] = "".join(json.dumps(r) + "\n" for r in rows).encode()
    bad = _count(batch, "wrong") if over else 0
    total = len(batch.items)
    done = total - bad if over else 0
    stage = _STAGES[batch.vendor][batch.stage]
    errors = [{"code": "invalid", "message": "no such\x1b[31m model", "line": 1}]
    common = {"id": batch.id, "object": "batch", "endpoint": batch.asked["endpoint"],
              "created_at": int(batch.created), "status": stage,
              "metadata": batch.marker}  # fmt: skip
    if batch.vendor == "mistral":
        return {**common, "input_files": batch.asked["input_files"], "total_requests": total,
                "completed_requests": total if over else 0, "succeeded_requests": done,
                "failed_requests": bad, "errors": errors if batch.stage == "failed" else [],
                "output_file": names["out"], "error_file": names["err"]}  # fmt: skip
    told = {"object": "list", "data": errors} if batch.stage == "failed" else None
    return {**common, "completion_window": "24h", "input_file_id": batch.asked["input_file_id"],
            "expires_at": int(batch.created) + 86_400, "errors": told,
            "request_counts": {"total": total, "completed": done, "failed": bad},
            "output_file_id": names["out"], "error_file_id": names["err"]}  # fmt: skip


def _anthropic_batch(batch: Batch, owner: ServiceServer) -> dict[str, Any]:
    over, total = _over(batch), len(batch.items)
    bad, late = _count(batch, "wrong"), 0 if batch.stage == "complete" else _count(batch, "late")
    counts = {"processing": total, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    if over:
        counts = {"processing": 0, "succeeded": total - bad - late, "errored": bad,
                  "canceled": late if batch.stage == "cancelled" else 0,
                  "expired": late if batch.stage == "expired" else 0}  # fmt: skip
    url = f"{owner.results_host}/v1/messages/batches/{batch.id}/results"
    return {"id": batch.id, "type": "message_batch", "created_at": _time(batch.created),
            "expires_at": _time(batch.created + 86_400), "archived_at": None,
            "cancel_initiated_at": None, "ended_at": None, "request_counts": counts,
            "processing_status": "ended" if over else "in_progress",
            "results_url": url if over else None}  # fmt: skip


def _gemini_operation(batch: Batch, owner: ServiceServer) -> dict[str, Any]:
    over, total = _over(batch), len(batch.items)
    bad = _count(batch, "wrong")
    stats = {"requestCount": str(total), "successfulRequestCount": str(total - bad if over else 0),
             "failedRequestCount": str(bad if over else 0)}  # fmt: skip
    state = _STAGES["gemini"][batch.stage]
    facts: dict[str, Any] = {"displayName": batch.marker, "state": state, "batchStats": stats,
                             "createTime": _time(batch.created), "model": "models/m"}  # fmt: skip
    found: dict[str, Any] = {"name": f"batches/{batch.id}", "metadata": facts, "done": over}
    if not over:
        return found
    if batch.stage == "failed":
        return {**found, "error": {"code": 3, "message": "no such\x1b[31m model"}}
    rows = _results(batch, owner)
    output: dict[str, Any] = {"inlinedResponses": {"inlinedResponses": rows}}
    if batch.by_file:
        owner.files[f"out-{batch.id}"] = "".join(json.dumps(row) + "\n" for row in rows).encode()
        output = {"responsesFile": f"files/out-{batch.id}"}
    facts["output"] = output
    return {**found, "response": output}


def _time(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
