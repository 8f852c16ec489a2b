"""OpenAI's batches, and those of whoever copied them, as Groq: a file in, files out.

Written after https://developers.openai.com/api/docs/guides/batch and the packages openai 3.54 and
groq 1.7 (2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from llmcli.adapters import failures
from llmcli.adapters.base import Adapter, Call
from llmcli.adapters.batches import base
from llmcli.adapters.batches.base import (
    MB,
    PAGES,
    Cancelled,
    Expired,
    Limits,
    Part,
    Place,
    Remote,
    Result,
    Service,
    Stage,
    Step,
    Steps,
    Upload,
)
from llmcli.cards import Card
from llmcli.errors import ProviderError

MARKER = "llm_batch"
_STAGES: Mapping[str, Stage] = {
    "validating": "waiting",
    "in_progress": "running",
    "finalizing": "running",
    "completed": "complete",
    "failed": "failed",
    "expired": "expired",
    "cancelling": "cancelling",
    "cancelled": "cancelled",
}


class OpenAIBatches(Service):
    """The service `openai`."""

    name = "openai"
    # https://developers.openai.com/api/reference/resources/batches/methods/create (2026-11-21)
    limits: ClassVar[Limits] = Limits(50_000, 200 * MB)

    def line(self, custom_id: str, call: Call, card: Card) -> Mapping[str, Any]:
        """A request as a line of the file."""
        url = endpoint(call, card)
        return {"custom_id": custom_id, "method": "POST", "url": url, "body": call.body}

    def submit(self, place: Place, part: Part) -> Steps[Remote]:
        """Upload the file, then make a batch of it."""
        stored = yield upload(place, part)
        body = {
            "input_file_id": base.batch_id(base.fields(stored.value, "file"), what="file"),
            "endpoint": endpoint(place.question, place.card),
            "completion_window": f"{place.card.batch.get('hours', 24)}h",
            "metadata": {MARKER: part.marker},
        }
        made = yield place.post("/batches", body, creates=True)
        return self._remote(made.value)

    def look(self, place: Place, batch: str) -> Steps[Remote]:
        """What the provider says of a batch now."""
        reply = yield place.get(f"/batches/{quote(batch, safe='')}")
        return self._remote(reply.value)

    def cancel(self, place: Place, batch: str) -> Steps[Remote]:
        """Stop it; what is answered by then can be fetched."""
        reply = yield place.post(f"/batches/{quote(batch, safe='')}/cancel", None)
        return self._remote(reply.value)

    def search(self, place: Place, since: float) -> Steps[list[Remote]]:
        """The newest batches of the account."""
        found: list[Remote] = []
        path = "/batches?limit=100"
        for _ in range(PAGES):
            reply = yield place.get(path)
            found += [self._remote(row) for row in base.rows(reply.value)]
            old = found and (found[-1].created or since) < since
            if old or not found or not reply.value.get("has_more"):
                return found
            path = f"/batches?limit=100&after={quote(found[-1].id, safe='')}"
        raise base.too_many()

    def download(self, place: Place, name: str) -> Call:
        """The call that fetches a file of results."""
        return content(place, name)

    def result(self, value: Mapping[str, Any], adapter: Adapter[Any]) -> Result:
        """What a line of a file of results says. Raises ProtocolError."""
        return line_result(value, adapter)

    def _remote(self, value: Any) -> Remote:
        value = base.fields(value, "batch")
        counts = value.get("request_counts")
        counts = counts if isinstance(counts, dict) else {}
        metadata = value.get("metadata")
        errors = value.get("errors")
        return Remote(
            id=base.batch_id(value),
            stage=_STAGES.get(str(value.get("status")), "running"),
            marker=str(metadata.get(MARKER, "")) if isinstance(metadata, dict) else "",
            total=base.number(counts.get("total")),
            done=base.number(counts.get("completed")),
            failed=base.number(counts.get("failed")),
            created=base.moment(value.get("created_at")),
            expires=base.moment(value.get("expires_at")),
            error=base.words(errors.get("data") if isinstance(errors, dict) else errors),
            results=base.names(value.get("output_file_id"), value.get("error_file_id")),
        )


def endpoint(call: Call, card: Card) -> str:
    """The path of a question as the service calls it, `/v1` in front whatever the address has."""
    return "/v1" + call.url.removeprefix(card.base_url)


def upload(place: Place, part: Part) -> Step:
    """The call that stores the file, a multipart form as the official clients send it."""
    boundary = f"llm-{part.marker}"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{part.marker}.jsonl"\r\nContent-Type: application/jsonl\r\n\r\n'
    )
    tail = f"\r\n--{boundary}--\r\n"
    headers = place.headers(content_type=f"multipart/form-data; boundary={boundary}")
    call = Call("POST", place.card.base_url + "/files", headers)
    return Step(call, Upload(part.path, part.size, head.encode(), tail.encode()))


def content(place: Place, name: str) -> Call:
    """The call that fetches a stored file."""
    url = f"{place.card.base_url}/files/{quote(name, safe='')}/content"
    return Call("GET", url, place.headers(accept="*/*"))


def line_result(value: Mapping[str, Any], adapter: Adapter[Any]) -> Result:
    """What a line `{"custom_id", "response": {"status_code", "body"}, "error"}` says."""
    whose = base.custom_id(value)
    response, error = value.get("response"), value.get("error")
    if not isinstance(response, dict):
        return Result(whose, error=_error(error or value))
    status, body = base.number(response.get("status_code")) or 200, response.get("body")
    request_id = failures.request_id({"request-id": str(response.get("request_id") or "")})
    if isinstance(body, str):  # some servers send the body of an error as a text
        body = _json(body)
    if status >= 300 or error or not isinstance(body, dict):
        failure = _error(error) if error else base.refusal(status, body, adapter)
        failure.request_id = request_id
        return Result(whose, error=failure, request_id=request_id)
    return Result(whose, body, request_id=request_id)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"message": text}


def _error(value: Any) -> ProviderError:
    """An error without a status; a batch that ended says so by its code."""
    facts = failures.read_value(value)
    if any("expired" in word for word in facts.words):
        return Expired(facts.message or "the batch expired before it was answered")
    if any("cancel" in word for word in facts.words):
        return Cancelled(facts.message or "the batch was cancelled before it was answered")
    return failures.in_stream(value)
