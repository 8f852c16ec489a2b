"""The connection to a provider, where card, key and adapter meet; calls that are read whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from llmcli import keys
from llmcli.adapters.base import Adapter, Call, load_json
from llmcli.adapters.failures import request_id
from llmcli.cards import Card
from llmcli.errors import AuthError, PermissionDenied, ProviderError
from llmcli.events import Attempt, Event, Retry, Start
from llmcli.http import ERROR_LIMIT, Http
from llmcli.keys import Key, Signer
from llmcli.redaction import Secret
from llmcli.retry import Retries, clock_offset

ANSWER_LIMIT = 32 << 20

T = TypeVar("T")


class Connection:
    """What is needed to call a provider. `retries` is how often a failed call is made again.

    `signer` signs each call where there is no key. Neither may be one that could be read on the
    way, nor a header with a secret: CredentialsError.
    """

    def __init__(
        self,
        card: Card,
        key: Key | None,
        adapter: Adapter[Any],
        retries: int | None = None,
        signer: Signer | None = None,
    ) -> None:
        adapter.check_dialect(card)
        keys.check_sent(card, key or signer)
        self.card = card
        self.key = key
        self.signer = signer
        self.options = adapter.supported(card)
        self._adapter = adapter
        self._http = Http(card, sign=signer)
        self._retries = card.retries if retries is None else retries
        self._deadline: tuple[float, float] | None = None
        self.clock_offset: float | None = None
        self._tell: Callable[[Event], object] = _nobody
        self._refusals: list[ProviderError] = []  # of fields nobody asked for
        self.on_headers: Callable[[Mapping[str, str]], object] = _nobody

    def need_key(self) -> None:
        """See that calls go out with a key or signed, if the card wants it, or raise."""
        if self.key or self.signer or not self.card.needs_key:
            return
        signer = keys.signer(self.card)
        if signer is None:
            raise keys.missing(self.card)
        keys.check_sent(self.card, signer)
        self.signer = self._http.sign = signer

    def on_wait(self, call: Callable[[], None]) -> None:
        """Have `call` made whenever all that was received is handed on and a read may block."""
        self._http.clock.on_wait = call

    def set_deadline(self, seconds: float, started: float) -> None:
        """Give up `seconds` after the monotonic time `started`."""
        self._deadline = (seconds, started)
        self._http.clock.set_deadline(seconds, started)

    def on_event(self, call: Callable[[Event], object] | None) -> None:
        """Have `call` told of the attempts at what is no stream: Attempt, Start and Retry."""
        self._tell = call or _nobody

    def _tries(self) -> Retries:
        return Retries(self._retries, self.card.backoff, self._deadline)

    def _tell_place(self, error: ProviderError, model: str | None = None) -> None:
        """Say where it failed, and which key was refused: by its source, never its value."""
        error.provider, error.model = self.card.id, model
        if not isinstance(error, (AuthError, PermissionDenied)):
            return
        given = self.key or self.signer
        if given is None:
            error.key_sent = False
            error.hint = f"Give it one: llm keys set {self.card.id}"
            return
        error.hint = given.when_refused(self.card.id)

    def _fetch(self, call: Call, parse: Callable[[Any], T], model: str | None = None) -> T:
        """The JSON of an answer, parsed; failed calls are made again, as for a stream."""
        tries = self._tries()
        while True:
            tries.number += 1
            self._tell(Attempt(self.card.id, model or "", tries.number))
            try:
                return parse(self._read(call))
            except ProviderError as error:
                self._tell_place(error, model)
                wait = tries.wait(error)
                if wait is None:
                    raise
                self._tell(Retry(error, wait, tries.number + 1, tries.limit + 1))
                time.sleep(wait)

    def _read(self, call: Call) -> Any:
        response = self._http.open(call.method, call.url, call.headers, call.body)
        self.clock_offset = clock_offset(response.headers)
        try:
            if response.status >= 300:
                body = response.read(ERROR_LIMIT)
                raise self._adapter.parse_error(response.status, response.headers, body)
            told = request_id(response.headers)
            self._tell(Start(request_id=told, http_status=response.status))
            return load_json(response.whole(ANSWER_LIMIT).decode("utf-8-sig", "replace"))
        finally:
            response.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _secret(self) -> Secret | None:
        return self.key.secret if self.key else None


def _nobody(_: object) -> None:
    """Nobody listens."""
