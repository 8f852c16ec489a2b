"""Anthropic's message batches: the requests in the call itself, the results as a file.

Written after https://platform.claude.com/docs/en/build-with-claude/batch-processing and the
package anthropic 2.12 (2026-11-21). A batch can carry no marker, only the ids of its requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from llmcli.adapters import failures
from llmcli.adapters.anthropic.parse import error_of
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

_PATH = "/v1/messages/batches"
_STAGES: Mapping[str, Stage] = {
    "in_progress": "running",
    "canceling": "cancelling",
    "ended": "complete",
}


class AnthropicBatches(Service):
    """The service `anthropic`."""

    name = "anthropic"
    # https://platform.claude.com/docs/en/api/messages/batches/create (2026-11-21): 256 MB
    limits: ClassVar[Limits] = Limits(100_000, 255 * MB)
    marks = False

    def line(self, custom_id: str, call: Call, card: Card) -> Mapping[str, Any]:  # noqa: ARG002
        """A request as an item of the list."""
        return {"custom_id": custom_id, "params": call.body}

    def submit(self, place: Place, part: Part) -> Steps[Remote]:
        """Hand the requests over in one call."""
        body = Upload(part.path, part.size, b'{"requests":[', b"]}", listed=True)
        call = Call("POST", place.card.base_url + _PATH, place.question.headers)
        made = yield Step(call, body, creates=True)
        return self._remote(made.value)

    def look(self, place: Place, batch: str) -> Steps[Remote]:
        """What the provider says of a batch now."""
        reply = yield place.get(f"{_PATH}/{quote(batch, safe='')}")
        return self._remote(reply.value)

    def cancel(self, place: Place, batch: str) -> Steps[Remote]:
        """Stop it; what is answered by then can be fetched."""
        reply = yield place.post(f"{_PATH}/{quote(batch, safe='')}/cancel", None)
        return self._remote(reply.value)

    def search(self, place: Place, since: float) -> Steps[list[Remote]]:
        """The newest batches of the account."""
        found: list[Remote] = []
        path = f"{_PATH}?limit=1000"
        for _ in range(PAGES):
            reply = yield place.get(path)
            found += [self._remote(row) for row in base.rows(reply.value)]
            old = found and (found[-1].created or since) < since
            if old or not found or not reply.value.get("has_more"):
                return found
            path = f"{_PATH}?limit=1000&after_id={quote(found[-1].id, safe='')}"
        raise base.too_many()

    def download(self, place: Place, name: str) -> Call:
        """The call that fetches the results: from the service's own address, never elsewhere."""
        url = f"{place.card.base_url}{_PATH}/{quote(name, safe='')}/results"
        return Call("GET", url, place.headers(accept="application/binary"))

    def result(self, value: Mapping[str, Any], adapter: Adapter[Any]) -> Result:  # noqa: ARG002
        """What a line of the results says. Raises ProtocolError."""
        whose, found = base.custom_id(value), value.get("result")
        found = found if isinstance(found, dict) else {}
        kind, message = found.get("type"), found.get("message")
        if kind == "succeeded" and isinstance(message, dict):
            return Result(whose, message)
        if kind == "errored" and isinstance(found.get("error"), dict):
            error = error_of(found["error"])
            return Result(whose, error=error, request_id=error.request_id)
        if kind == "expired":
            return Result(whose, error=Expired("the batch expired before it was answered"))
        if kind == "canceled":
            return Result(whose, error=Cancelled("the batch was cancelled before it was answered"))
        return base.unknown(whose)

    def _remote(self, value: Any) -> Remote:
        value = base.fields(value, "batch")
        if value.get("type") == "error":
            raise failures.no_answer(value)
        counts = value.get("request_counts")
        counts = counts if isinstance(counts, dict) else {}
        tally = {name: base.number(counts.get(name)) for name in _COUNTS}
        known = [number for number in tally.values() if number is not None]
        batch = base.batch_id(value)
        ended = value.get("processing_status") == "ended"
        return Remote(
            id=batch,
            stage=_stage(str(value.get("processing_status")), tally),
            total=sum(known) if len(known) == len(_COUNTS) else None,
            done=tally["succeeded"],
            failed=tally["errored"],
            created=base.moment(value.get("created_at")),
            expires=base.moment(value.get("expires_at")),
            results=(batch,) if ended else (),
        )


_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")


def _stage(status: str, tally: Mapping[str, int | None]) -> Stage:
    """An ended batch is one that expired, or was cancelled, where that befell a request of it."""
    stage = _STAGES.get(status, "running")
    if stage == "complete" and tally["expired"]:
        return "expired"
    return "cancelled" if stage == "complete" and tally["canceled"] else stage
