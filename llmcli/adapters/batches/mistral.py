"""Mistral's batch jobs: a file in, files out, as OpenAI's with names of their own.

Written after https://docs.mistral.ai/capabilities/batch and the package mistralai 3.7
(2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from llmcli.adapters.base import Adapter, Call
from llmcli.adapters.batches import base
from llmcli.adapters.batches.base import (
    MB,
    PAGES,
    Limits,
    Part,
    Place,
    Remote,
    Result,
    Service,
    Stage,
    Steps,
)
from llmcli.adapters.batches.openai import MARKER, content, endpoint, line_result, upload
from llmcli.cards import Card

_HOURS = 24
_PAGE = 100
_STAGES: Mapping[str, Stage] = {
    "QUEUED": "waiting",
    "RUNNING": "running",
    "SUCCESS": "complete",
    "FAILED": "failed",
    "TIMEOUT_EXCEEDED": "expired",
    "CANCELLATION_REQUESTED": "cancelling",
    "CANCELLED": "cancelled",
}


class MistralBatches(Service):
    """The service `mistral`."""

    name = "mistral"
    # https://docs.mistral.ai/resources/known-limitations (2026-11-21)
    limits: ClassVar[Limits] = Limits(100_000, 512 * MB)

    def line(self, custom_id: str, call: Call, card: Card) -> Mapping[str, Any]:  # noqa: ARG002
        """A request as a line of the file."""
        return {"custom_id": custom_id, "body": call.body}

    def submit(self, place: Place, part: Part) -> Steps[Remote]:
        """Upload the file, then make a job of it."""
        stored = yield upload(place, part)
        body = {
            "input_files": [base.batch_id(base.fields(stored.value, "file"), what="file")],
            "endpoint": endpoint(place.question, place.card),
            "model": part.model,
            "metadata": {MARKER: part.marker},
            "timeout_hours": int(place.card.batch.get("hours", _HOURS)),
        }
        made = yield place.post("/batch/jobs", body, creates=True)
        return self._remote(made.value)

    def look(self, place: Place, batch: str) -> Steps[Remote]:
        """What the provider says of a job now."""
        reply = yield place.get(f"/batch/jobs/{quote(batch, safe='')}")
        return self._remote(reply.value)

    def cancel(self, place: Place, batch: str) -> Steps[Remote]:
        """Stop it."""
        reply = yield place.post(f"/batch/jobs/{quote(batch, safe='')}/cancel", None)
        return self._remote(reply.value)

    def search(self, place: Place, since: float) -> Steps[list[Remote]]:
        """The newest jobs of the account."""
        found: list[Remote] = []
        for page in range(PAGES):
            path = f"/batch/jobs?page={page}&page_size={_PAGE}&order_by=-created"
            reply = yield place.get(path)
            listed = [self._remote(row) for row in base.rows(reply.value)]
            found += listed
            if len(listed) < _PAGE or (listed[-1].created or since) < since:
                return found
        raise base.too_many()

    def download(self, place: Place, name: str) -> Call:
        """The call that fetches a file of results."""
        return content(place, name)

    def result(self, value: Mapping[str, Any], adapter: Adapter[Any]) -> Result:
        """What a line of a file of results says. Raises ProtocolError."""
        return line_result(value, adapter)

    def _remote(self, value: Any) -> Remote:
        value = base.fields(value, "batch job")
        metadata = value.get("metadata")
        return Remote(
            id=base.batch_id(value),
            stage=_STAGES.get(str(value.get("status")), "running"),
            marker=str(metadata.get(MARKER, "")) if isinstance(metadata, dict) else "",
            total=base.number(value.get("total_requests")),
            done=base.number(value.get("succeeded_requests")),
            failed=base.number(value.get("failed_requests")),
            created=base.moment(value.get("created_at")),
            error=base.words(value.get("errors")),
            results=base.names(value.get("output_file"), value.get("error_file")),
        )
