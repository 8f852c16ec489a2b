"""Talks to a provider's batch service: hands requests over, looks after them, fetches results."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from llmcli.adapters.base import Call, load_json
from llmcli.adapters.batches.base import (
    Limits,
    Part,
    Place,
    Remote,
    Reply,
    Result,
    Service,
    Step,
    Steps,
    fields,
)
from llmcli.errors import ProtocolError, ProviderError, RateLimitError
from llmcli.events import AnswerEvent, Attempt, Event, Start
from llmcli.http import ERROR_LIMIT
from llmcli.http.bodies import FileBody, saving
from llmcli.messages import Request
from llmcli.provider import HttpProvider
from llmcli.retry import clock_offset

LINE_LIMIT = 64 << 20
REPLY_LIMIT = 128 << 20
_DAY = 86_400.0
_RANGE = re.compile(r"bytes (\d+)-")
_SOON = 30.0  # seconds that a batch may seem older than the call that made it

T = TypeVar("T")


class BatchService(HttpProvider):
    """The batch service of a provider, for requests that differ from `asked` in words only.

    `stream` yields what was `delivered`, as if it had been asked just now.
    """

    def __init__(self, provider: HttpProvider, service: Service, asked: Request) -> None:
        adapter = type(provider._adapter)()  # noqa: SLF001
        super().__init__(provider.card, provider.key, adapter, None, provider.signer)
        self.service = service
        self.asked = asked._replace(stream=False)
        self._delivered: Result | None = None

    @property
    def limits(self) -> Limits:
        """How many requests, and bytes of them, one batch may have."""
        return self.service.limits_of(self.card)

    def line(self, custom_id: str, request: Request) -> bytes:
        """A request as a line of the file that is handed over. Raises UsageError."""
        call = self._adapter.render(request._replace(stream=False), self.card, None)
        value = self.service.line(custom_id, call, self.card)
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"

    def submit(self, part: Part) -> Remote:
        """Hand the requests over; what makes a batch is done once. Raises ProviderError."""
        return self._run(self.service.submit(self._place(), part))

    def look(self, batch: str) -> Remote:
        """How far a batch is. Raises ProviderError."""
        return self._run(self.service.look(self._place(), batch))

    def cancel(self, batch: str) -> Remote:
        """Stop a batch. Raises ProviderError."""
        return self._run(self.service.cancel(self._place(), batch))

    def search(self, part: Part) -> list[Remote]:
        """The batches that may have been made of these requests. Raises ProviderError.

        Where the provider keeps no marker that is any of the right size made since then.
        """
        found = self._run(self.service.search(self._place(), part.since - _DAY))
        if self.service.marks:
            return [one for one in found if one.marker == part.marker]
        soon = part.since + (self.clock_offset or 0) - _SOON
        return [r for r in found if r.total == part.requests and (r.created or 0) >= soon]

    def download(self, name: str, path: Path, limit: int) -> None:
        """Fetch a file of results; what broke off is gone on with, in a later run too.

        Raises ProviderError, also where there are more than `limit` bytes, LocalIOError.
        """
        call = self.service.download(self._place(), name)
        tries, size = self._tries(), -1
        while True:
            tries.number += 1
            try:
                self._download(call, path, limit)
                return
            except ProviderError as error:
                self._tell_place(error, self.asked.model)
                if _size(path) > size >= 0:
                    tries.number = 1
                size = _size(path)
                wait = tries.wait(error)
                if wait is None:
                    raise
                time.sleep(wait)

    def read(self, path: Path) -> Iterator[Result]:
        """The results in a file that was fetched; one that cannot be read is nobody's, an error."""
        with open(path, "rb") as file:
            while line := file.readline(LINE_LIMIT):
                if line.strip():
                    yield self._result(line)

    def _result(self, line: bytes) -> Result:
        try:
            value = load_json(line.decode("utf-8-sig", "replace"))
            return self.service.result(fields(value, "result"), self._adapter)
        except ProviderError as error:
            return Result("", error=error)

    def deliver(self, result: Result) -> None:
        """Have `stream` yield this result."""
        self._delivered = result

    def stream(self, request: Request) -> Iterator[Event]:
        """The events of the result that was delivered. Raises ProviderError."""
        yield Attempt(self.card.id, request.model, 1)
        try:
            yield from self._attempt(Call("", ""), request._replace(stream=False))
        except ProviderError as error:
            self._tell_place(error, request.model)
            raise

    def _exchange(self, call: Call, request: Request) -> Iterator[AnswerEvent]:  # noqa: ARG002
        result, self._delivered = self._delivered, None
        if result is None:
            raise ProtocolError("the answer paused, and in a batch it cannot be gone on with")
        if result.error:
            raise result.error
        decoder = self._adapter.decoder(request)
        state = self._adapter.begin(request, self.card)
        for frame in decoder.feed(json.dumps(result.body).encode()):
            yield from self._adapter.parse(frame, state)
        for event in self._ending(decoder, state):
            if isinstance(event, Start):
                yield event._replace(request_id=result.request_id, http_status=200)
            else:
                yield event

    def _place(self) -> Place:
        return Place(self.card, self._adapter.render(self.asked, self.card, self._secret()))

    def _run(self, steps: Steps[T]) -> T:
        """Make the calls of a generator, and hand it the replies."""
        try:
            step = next(steps)
            while True:
                step = steps.send(self._take(step))
        except StopIteration as done:
            found: T = done.value
            return found
        except ProviderError as error:
            self._tell_place(error, self.asked.model)
            raise

    def _take(self, step: Step) -> Reply:
        """The reply to a call, made again after a failure that may pass.

        One that creates something is made again only where it was refused for now.
        """
        tries = self._tries()
        while True:
            tries.number += 1
            try:
                return self._once(step)
            except ProviderError as error:
                again = not step.creates or isinstance(error, RateLimitError)
                wait = tries.wait(error) if again else None
                if wait is None:
                    raise
                time.sleep(wait)

    def _once(self, step: Step) -> Reply:
        if step.creates:
            self._http.close()  # a call over a kept connection may be sent twice
        call = step.call
        body = FileBody(*step.upload) if step.upload else call.body
        response = self._http.open(call.method, call.url, call.headers, body)
        self.clock_offset = clock_offset(response.headers)
        try:
            if response.status >= 300:
                said = response.read(ERROR_LIMIT)
                raise self._adapter.parse_error(response.status, response.headers, said)
            text = response.whole(REPLY_LIMIT).decode("utf-8-sig", "replace")
        finally:
            response.close()
        return Reply(response.headers, load_json(text) if text.strip() else {})

    def _download(self, call: Call, path: Path, limit: int) -> None:
        here = _size(path)
        headers: Mapping[str, Any] = call.headers
        if here:
            headers = {**headers, "range": f"bytes={here}-"}
        response = self._http.open(call.method, call.url, headers)
        try:
            if response.status == 416:
                _check_whole(path, here, response.headers)
                return
            if response.status not in (200, 206):
                said = response.read(ERROR_LIMIT)
                raise self._adapter.parse_error(response.status, response.headers, said)
            goes_on = response.status == 206 and _begins(response.headers) == here
            if response.status == 206 and not goes_on:
                path.unlink(missing_ok=True)
                raise ProtocolError("the server sent another piece than asked", retryable=True)
            self._write(response.chunks(), path, here if goes_on else 0, limit)
        finally:
            response.close()

    def _write(self, chunks: Iterator[bytes], path: Path, size: int, limit: int) -> None:
        """Write behind the first `size` bytes of the file."""
        with saving(path, goes_on=size > 0) as write:
            for chunk in chunks:
                self._http.clock.event_came()
                self._http.clock.content_came()
                write(chunk)
                size += len(chunk)
                if size > limit:
                    path.unlink(missing_ok=True)
                    raise ProtocolError(f"the results are larger than {limit >> 20} MiB")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _begins(headers: Mapping[str, str]) -> int:
    match = _RANGE.match(headers.get("content-range", ""))
    return int(match[1]) if match else -1


def _check_whole(path: Path, here: int, headers: Mapping[str, str]) -> None:
    """There is nothing behind what is here: it is whole, or it is of something else."""
    if headers.get("content-range", "").rpartition("/")[2] != str(here):
        path.unlink(missing_ok=True)
        raise ProtocolError("the server has no such piece of the results", retryable=True)
