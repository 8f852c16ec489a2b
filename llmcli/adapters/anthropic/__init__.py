"""Anthropic Messages: the wire format of Claude, and of servers that offer it beside their own.

Written after https://platform.claude.com/docs/en/api/messages (2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from llmcli.adapters import failures, json_calls
from llmcli.adapters.anthropic import models, parse, render, thinking
from llmcli.adapters.anthropic.dialect import DIALECT
from llmcli.adapters.anthropic.parse import State
from llmcli.adapters.base import Adapter, Call, count, damage, load_json, not_whole
from llmcli.cards import Card, Model
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import AnswerEvent
from llmcli.frames import Frame
from llmcli.messages import EMPTY, Request
from llmcli.redaction import Secret

_OWN = "https://api.anthropic.com"
# The newer version refuses temperature, top_p and top_k, and is not known beyond Anthropic's own
# address (https://platform.claude.com/docs/en/api/versioning, 2026-11-21).
_VERSION, _OLD_VERSION = "2026-10-21", "2023-06-01"


class Anthropic(Adapter[State]):
    """The adapter `anthropic`."""

    name = "anthropic"
    options = render.OPTIONS
    dialect = DIALECT

    @classmethod
    def base_url(cls, text: str) -> str:
        """The base URL without a slash or `/v1` at its end: both spellings are common."""
        return text.rstrip("/").removesuffix("/v1").rstrip("/")

    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that asks for this answer. Raises UsageError for what it cannot send."""
        body = render.body(request, card)
        kind = json_calls.SSE if request.stream else json_calls.JSON
        return json_calls.post(
            card.base_url + "/v1/messages", _headers(card, key, body), body, kind
        )

    def begin(self, request: Request, card: Card) -> State:  # noqa: ARG002
        """The state of a new answer."""
        return State()

    def parse(self, frame: Frame, state: State) -> Iterable[AnswerEvent]:
        """The events of one frame. Raises ProviderError."""
        value = load_json(frame.data)
        if frame.whole or frame.damaged or value.__class__ is not dict:
            return self._unusual(frame, value, state)
        return parse.event_events(value, frame.event, state)

    def _unusual(self, frame: Frame, value: Any, state: State) -> list[AnswerEvent]:
        """A frame that is whole, damaged or no object."""
        events = damage(frame, state)
        if not isinstance(value, dict):
            raise ProtocolError("the answer holds something that is no event of an answer")
        if not frame.whole:
            return events + parse.event_events(value, frame.event, state)
        if isinstance(value.get("content"), list):
            return events + parse.whole_events(value, state)
        raise _no_answer(value)

    def end(self, state: State) -> Iterator[AnswerEvent]:
        """The bytes have ended without the end of the answer. Raises ProtocolError."""
        raise not_whole(started=state.started)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that an HTTP status and body mean."""
        return failures.from_response(status, headers, body)

    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the provider's models, as many as a page can hold."""
        return _list_call("", card, key)

    def parse_models(self, body: Any) -> list[Model]:
        """The models of one page. Raises ProtocolError."""
        return models.models(body)

    def render_next_models(self, body: Any, card: Card, key: Secret | None) -> Call | None:
        """The call for the page after this one of the list, or None after the last."""
        last = models.last_id(body)
        return _list_call(last, card, key) if last else None

    def answer_limit(self, request: Request, card: Card) -> int | None:
        """The limit that every request must name. Raises UsageError."""
        sent = thinking.settings(request, card)["max_tokens"]
        return super().answer_limit(request, card) or int(sent)

    def render_tokens(self, request: Request, card: Card, key: Secret | None) -> Call | None:
        """The call that counts a request's input tokens, or None where none exists."""
        if card.dialect.get("count_tokens") is False:
            return None
        body = render.counted(request, card)
        url = card.base_url + "/v1/messages/count_tokens"
        return json_calls.post(url, _headers(card, key, body), body)

    def parse_tokens(self, body: Any) -> int:
        """The number that `render_tokens` asked for. Raises ProtocolError."""
        found = count(body.get("input_tokens")) if isinstance(body, dict) else None
        if found is None:
            raise ProtocolError("the server counted no tokens")
        return found


def _headers(
    card: Card, key: Secret | None, body: Mapping[str, Any] = EMPTY
) -> dict[str, str | Secret]:
    bearer = card.dialect.get("auth") == "bearer"
    headers = json_calls.keyed(card.headers, key, "authorization" if bearer else "x-api-key")
    headers["anthropic-version"] = _version(card, body)
    beta = card.dialect.get("beta")
    if beta:
        headers["anthropic-beta"] = ",".join(beta)
    return headers


def _version(card: Card, body: Mapping[str, Any]) -> str:
    said = card.dialect.get("version")
    if said:
        return str(said)
    new = card.base_url == _OWN and not any(name in body for name in render.SAMPLING)
    return _VERSION if new else _OLD_VERSION


def _list_call(after: str, card: Card, key: Secret | None) -> Call:
    url = card.base_url + "/v1/models?limit=1000"
    if after:
        url += "&after_id=" + quote(after, safe="", errors="replace")
    return Call("GET", url, {**_headers(card, key), "accept": json_calls.JSON})


def _no_answer(value: Mapping[str, Any]) -> ProviderError:
    if value.get("type") == "error" or failures.read_value(value).message:
        return parse.error_of(value)
    return ProtocolError("the server answered with JSON that holds no answer")
