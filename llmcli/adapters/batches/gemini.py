"""Gemini's batches: a file in, a file out.

Requests in the call itself are left alone: their answers come in another order, and may not say
whose they are (https://github.com/googleapis/python-genai/issues/1909 and 2008, 2026-11-21).
Written after https://ai.google.dev/gemini-api/docs/batch-api and the package google-genai 3.4
(2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from llmcli.adapters.base import Adapter, Call
from llmcli.adapters.batches import base
from llmcli.adapters.batches.base import (
    ENDED,
    MB,
    PAGES,
    Limits,
    Part,
    Place,
    Remote,
    Reply,
    Result,
    Service,
    Stage,
    Step,
    Steps,
    Upload,
)
from llmcli.adapters.gemini import faults, render
from llmcli.cards import Card
from llmcli.errors import ProtocolError
from llmcli.origins import origin

_STATES: Mapping[str, Stage] = {
    "PENDING": "waiting",
    "QUEUED": "waiting",
    "RUNNING": "running",
    "SUCCEEDED": "complete",
    "PARTIALLY_SUCCEEDED": "complete",
    "FAILED": "failed",
    "CANCELLING": "cancelling",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto (2026-11-21)
_HTTP = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 13: 500, 14: 503, 16: 401}


class GeminiBatches(Service):
    """The service `gemini`."""

    name = "gemini"
    # https://ai.google.dev/gemini-api/docs/rate-limits (2026-11-21): a file of 2 GB; the number of
    # requests is not limited, so that is ours.
    limits: ClassVar[Limits] = Limits(200_000, 2_000 * MB)

    def line(self, custom_id: str, call: Call, card: Card) -> Mapping[str, Any]:  # noqa: ARG002
        """A request as a line of the file."""
        return {"key": custom_id, "request": call.body}

    def submit(self, place: Place, part: Part) -> Steps[Remote]:
        """Upload the file, then make a batch of it."""
        stored = yield from _stored(place, part)
        body = {"batch": {"inputConfig": {"fileName": stored}, "displayName": part.marker}}
        path = f"/{render.path(part.model)}:batchGenerateContent"
        made = yield place.post(path, body, creates=True)
        return self._remote(made.value)

    def look(self, place: Place, batch: str) -> Steps[Remote]:
        """What the provider says of a batch now."""
        reply = yield place.get(f"/batches/{quote(batch, safe='')}")
        return self._remote(reply.value)

    def cancel(self, place: Place, batch: str) -> Steps[Remote]:
        """Stop it."""
        yield place.post(f"/batches/{quote(batch, safe='')}:cancel", None)
        return (yield from self.look(place, batch))

    def search(self, place: Place, since: float) -> Steps[list[Remote]]:  # noqa: ARG002
        """All batches of the account, which come in no order that is promised."""
        found: list[Remote] = []
        path = "/batches?pageSize=100"
        for _ in range(PAGES):
            reply = yield place.get(path)
            found += [self._remote(row) for row in base.rows(reply.value, "operations")]
            token = reply.value.get("nextPageToken")
            if not token:
                return found
            path = f"/batches?pageSize=100&pageToken={quote(str(token), safe='')}"
        raise base.too_many()

    def download(self, place: Place, name: str) -> Call:
        """The call that fetches a file of results."""
        url = f"{place.card.base_url}/{quote(name, safe='/')}:download?alt=media"
        return Call("GET", url, place.headers(accept="*/*"))

    def result(self, value: Mapping[str, Any], adapter: Adapter[Any]) -> Result:  # noqa: ARG002
        """What a line of a file of results says. Raises ProtocolError."""
        whose = base.custom_id(value, "key")
        body = value.get("response")
        if isinstance(body, dict):
            return Result(whose, body)
        error = value.get("error") or value.get("status")
        if isinstance(error, dict):
            code = base.number(error.get("code"))
            status = _HTTP.get(code, 500) if code is not None and code < 100 else code
            return Result(whose, error=faults.in_stream({"error": {**error, "code": status}}))
        return base.unknown(whose)

    def _remote(self, value: Any) -> Remote:
        value = base.fields(value, "batch")
        metadata = value.get("metadata")
        facts = metadata if isinstance(metadata, dict) else value
        output = value.get("response") or facts.get("output") or {}
        output = output if isinstance(output, dict) else {}
        stats = facts.get("batchStats")
        stats = stats if isinstance(stats, dict) else {}
        return Remote(
            id=_id(value),
            stage=_stage(facts.get("state"), value),
            marker=str(facts.get("displayName", "")),
            total=base.number(stats.get("requestCount")),
            done=base.number(stats.get("successfulRequestCount")),
            failed=base.number(stats.get("failedRequestCount")),
            created=base.moment(facts.get("createTime")),
            error=base.words(value.get("error")),
            results=base.names(output.get("responsesFile")),
        )


def _id(value: Mapping[str, Any]) -> str:
    name = value.get("name")
    bare = name.removeprefix("batches/") if isinstance(name, str) else name
    return base.batch_id({**value, "name": bare}, "name")


def _stage(state: Any, operation: Mapping[str, Any]) -> Stage:
    bare = str(state).removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    stage = _STATES.get(bare, "running")
    if operation.get("done") is True and stage not in ENDED:
        return "failed" if operation.get("error") else "complete"
    return stage


def _stored(place: Place, part: Part) -> Steps[str]:
    """Upload the file, in one piece of a resumable upload; the name it got."""
    parts = urlsplit(place.card.base_url)
    url = f"{parts.scheme}://{parts.netloc}/upload{parts.path}/files"
    kind = "application/jsonl"
    told = {"display_name": part.marker, "mime_type": kind, "size_bytes": part.size}
    headers = place.headers(
        content_type="application/json",
        x_goog_upload_protocol="resumable",
        x_goog_upload_command="start",
        x_goog_upload_header_content_length=str(part.size),
        x_goog_upload_header_content_type=kind,
    )
    begun = yield Step(Call("POST", url, headers, {"file": told}))
    body = Upload(part.path, part.size)
    headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    reply = yield Step(Call("POST", _upload_url(place, begun), headers), body)
    file = base.fields(reply.value, "file").get("file")
    return _name(base.fields(file, "file"))


def _upload_url(place: Place, begun: Reply) -> str:
    """Where the file goes: to the same server, for it may be asked with words of the user's."""
    url = begun.headers.get("x-goog-upload-url", "")
    if origin(url) != origin(place.card.base_url):
        raise ProtocolError("the server wants the file uploaded to another server")
    return url


def _name(file: Mapping[str, Any]) -> str:
    found = base.names(file.get("name"))
    if not found:
        raise ProtocolError("the server told no name of the file")
    return found[0]
