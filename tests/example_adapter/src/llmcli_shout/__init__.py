"""An adapter for a made-up wire format: the prompt goes as plain JSON, the answer comes as lines.

A whole adapter in one file: `render` makes the call, `parse` turns each line into events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcli.adapters import failures
from llmcli.adapters.base import Adapter, Call, count, load_json
from llmcli.adapters.deltas import Deltas
from llmcli.cards import Card, Model
from llmcli.errors import ProtocolError, ProviderError
from llmcli.events import AnswerEvent, Finish, Start, UsageReport
from llmcli.frames import Decoder, Frame, NdjsonDecoder
from llmcli.messages import Request
from llmcli.redaction import Secret
from llmcli.usage import Usage


@dataclass(slots=True)
class Heard:
    """What has to be remembered within one answer."""

    started: bool = False
    deltas: Deltas = field(default_factory=Deltas)  # where halves of characters are joined


class Shout(Adapter[Heard]):
    """The adapter `shout`."""

    name = "shout"
    options = frozenset({"temperature"})

    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """One POST with the last message's text."""
        body = {"model": request.model, "text": request.messages[-1].text, **request.options}
        headers = {"x-shout-key": key} if key else {}
        return Call("POST", f"{card.base_url}/shout", headers, body)

    def decoder(self, request: Request) -> Decoder:
        """One JSON value a line, streamed or not."""
        return NdjsonDecoder()

    def begin(self, request: Request, card: Card) -> Heard:
        """The state of a new answer."""
        return Heard()

    def parse(self, frame: Frame, state: Heard) -> list[AnswerEvent]:
        """`{"say": "…"}` many times, then `{"over": true, "heard": 3, "said": 2}`."""
        line = load_json(frame.data)
        if not isinstance(line, dict):
            raise ProtocolError("a line that is no object")
        if "error" in line:
            raise failures.in_stream(line)
        events: list[AnswerEvent] = []
        if not state.started:
            state.started = True
            events.append(Start())
        if line.get("say"):
            state.deltas.text(str(line["say"]).upper(), events)
        if line.get("over"):
            state.deltas.end(events)
            usage = Usage(count(line.get("heard")), count(line.get("said")))
            events += [UsageReport(usage), Finish("stop", "over")]
        return events

    def end(self, state: Heard) -> Iterator[AnswerEvent]:
        """Lines that stop before `over` are no whole answer."""
        raise ProtocolError("the shout broke off")

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Errors look like everybody's."""
        return failures.from_response(status, headers, body)

    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The list of models."""
        return Call("GET", f"{card.base_url}/voices")

    def parse_models(self, body: Any) -> list[Model]:
        """A bare list of names."""
        if not isinstance(body, list):
            raise ProtocolError("the list of voices is not one")
        return [Model(str(name)) for name in body]
