"""The behaviour every adapter shows, checked on wire cases; subclass `AdapterBehaviour` to use it.

A case is a TOML file: `stream` (the bytes of a stream; for a binary format `frames`, which
`read_cases` is told how to encode), optionally `whole` (the body of the same answer without
streaming), `[dialect]`, and `[expect]` with what both mean.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from llmcli.adapters.base import Adapter
from llmcli.cards import Card
from llmcli.engines.base import Provider
from llmcli.errors import (
    AuthError,
    BadRequest,
    NotFound,
    ProtocolError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmcli.events import (
    AnswerEvent,
    Attempt,
    Finish,
    OpaqueData,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.frames import Decoder
from llmcli.messages import Message, Request, Text
from llmcli.options import OPTIONS
from llmcli.redaction import Secret
from llmcli.usage import Usage

PROMPT = Message("user", (Text("hi"),))


@dataclass
class Answer:
    """The events of an answer, put together."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[list[str]] = field(default_factory=list)
    opaque: list[Any] = field(default_factory=list)
    usage: Usage | None = None
    finish: str | None = None


@dataclass(frozen=True)
class Case:
    """One recorded answer and what it means."""

    name: str
    stream: bytes
    whole: bytes | None
    dialect: dict[str, Any]
    expect: dict[str, Any]

    def answer(self) -> Answer:
        """What the events have to add up to."""
        values = dict(self.expect)
        usage = values.pop("usage", None)
        if usage is not None:
            counts = dict(usage)
            cost = counts.pop("cost", None)
            usage = Usage(**counts, cost=Decimal(cost) if cost else None)
        return Answer(**values, usage=usage)


def read_cases(folder: Path, encode: Callable[[Any], bytes] | None = None) -> list[Case]:
    """Every case of a folder; `encode` makes bytes of the `frames` of a binary format."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        whole = values.get("whole")
        found.append(
            Case(
                path.stem,
                encode(values["frames"]) if encode else values["stream"].encode(),
                whole.encode() if whole else None,
                values.get("dialect", {}),
                values["expect"],
            )
        )
    return found


def collect(events: Iterable[AnswerEvent]) -> Answer:
    """Put events together, checking the order that every answer keeps."""
    answer = Answer()
    calls: dict[str, list[str]] = {}
    seen = list(events)
    assert sum(isinstance(event, Finish) for event in seen) == 1, "exactly one end"
    assert isinstance(seen[-1], Finish), "nothing after the end"
    assert isinstance(seen[0], Start), "the start comes first"
    for event in seen:
        match event:
            case TextDelta(text):
                assert text, "no empty delta"
                answer.text += text
            case ReasoningDelta(text):
                assert text, "no empty delta"
                answer.reasoning += text
            case ToolCallStart(key, call_id, name):
                calls[key] = [call_id, name, ""]
            case ToolCallDelta(key, fragment):
                calls[key][2] += fragment
            case ToolCallEnd(key):
                answer.tool_calls.append(calls[key])
            case OpaqueData(data):
                answer.opaque.append(dict(data))
            case UsageReport(usage):
                answer.usage = usage
            case Finish(reason):
                answer.finish = reason
            case _:
                pass
    return answer


class AdapterBehaviour:
    """Subclass, set `adapter`, `cases` and `card`, and pytest runs the whole suite."""

    adapter: ClassVar[Adapter[Any]]
    line_ends: ClassVar[tuple[bytes, ...]] = (b"\r\n", b"\r")
    card: ClassVar[Card]
    cases: ClassVar[list[Case]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test that takes a case once for every wire case."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases, ids=[case.name for case in self.cases])

    def events(self, pieces: Iterable[bytes], case: Case, *, stream: bool) -> Iterator[AnswerEvent]:
        """The events of these bytes, as a provider would drive the adapter."""
        card = self.card._replace(dialect=case.dialect)
        request = Request("m-1", (PROMPT,), stream=stream)
        state = self.adapter.begin(request, card)
        decoder = self.adapter.decoder(request)
        for frame in _frames(decoder, pieces):
            for event in self.adapter.parse(frame, state):
                yield event
                if isinstance(event, Finish):
                    return
        yield from self.adapter.end(state)

    def test_stream(self, case: Case) -> None:
        """A stream means what the case says."""
        assert collect(self.events([case.stream], case, stream=True)) == case.answer()

    def test_whole(self, case: Case) -> None:
        """The same answer in one piece means the same, also where a stream was asked for."""
        if case.whole is None:
            pytest.skip("this case has no whole body")
        assert collect(self.events([case.whole], case, stream=False)) == case.answer()
        assert collect(self.events([case.whole], case, stream=True)) == case.answer()

    def test_every_cut_in_two(self, case: Case) -> None:
        """However the bytes are cut in two, the events add up to the same."""
        wanted = case.answer()
        for cut in range(1, len(case.stream)):
            pieces = [case.stream[:cut], case.stream[cut:]]
            assert collect(self.events(pieces, case, stream=True)) == wanted, cut

    def test_byte_by_byte(self, case: Case) -> None:
        """One byte at a time gives the same."""
        pieces = [bytes([byte]) for byte in case.stream]
        assert collect(self.events(pieces, case, stream=True)) == case.answer()

    def test_carriage_returns(self, case: Case) -> None:
        """Lines that end otherwise mean the same, where the framing allows it."""
        for end in self.line_ends:
            stream = case.stream.replace(b"\n", end)
            assert collect(self.events([stream], case, stream=True)) == case.answer()

    def test_cut_stream_never_ends_well_too_early(self, case: Case) -> None:
        """A stream cut anywhere gives a prefix of the text, and no end before its own end."""
        wanted = case.answer()
        for cut in range(len(case.stream)):
            text, finished = self._until_failure(case.stream[:cut], case)
            assert wanted.text.startswith(text.removesuffix("\ufffd")), cut
            if finished:
                assert text == wanted.text, cut

    def _until_failure(self, data: bytes, case: Case) -> tuple[str, bool]:
        text, finished = "", False
        try:
            for event in self.events([data], case, stream=True):
                if isinstance(event, TextDelta):
                    text += event.text
                finished = isinstance(event, Finish)
        except ProviderError:
            return text, False
        return text, finished

    def test_two_streams_at_once(self, case: Case) -> None:
        """Nothing is kept on the adapter: two answers may come at the same time."""
        first = self.events([case.stream], case, stream=True)
        second = self.events([case.stream], case, stream=True)
        one: list[AnswerEvent] = []
        two: list[AnswerEvent] = []
        for a, b in zip(first, second, strict=True):
            one.append(a)
            two.append(b)
        assert collect(one) == collect(two) == case.answer()

    def test_empty_answer_is_an_error(self) -> None:
        """No bytes are no answer."""
        case = dataclasses.replace(self.cases[0], dialect={})
        with pytest.raises(ProtocolError):
            list(self.events([], case, stream=True))

    def test_request_carries_the_prompt_and_hides_the_key(self) -> None:
        """The call names model and prompt; the key is only in a Secret."""
        key = Secret("sk-behaviour-canary-123456")
        call = self.adapter.render(Request("m-1", (PROMPT,)), self.card, key)
        assert call.url.startswith(self.card.base_url)
        assert "hi" in json.dumps(call.body)
        assert "canary" not in repr(call)

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, BadRequest),
            (401, AuthError),
            (404, NotFound),
            (429, RateLimitError),
            (500, ServerError),
            (503, ServerError),
            (302, ProtocolError),
        ],
    )
    @pytest.mark.parametrize("body", [b"", b"{}", b"null", b"<html>", b'{"error":{"message":"m"}}'])
    def test_status(self, status: int, error: type[ProviderError], body: bytes) -> None:
        """The status decides what kind of error it is, whatever the body."""
        found = self.adapter.parse_error(status, {}, body)
        assert isinstance(found, error)
        assert found.http_status == status
        assert found.message

    def test_body_without_a_list_of_models(self) -> None:
        """What is no list of models is a clear error."""
        with pytest.raises(ProtocolError):
            self.adapter.parse_models({"surprise": 1})


class ProviderBehaviour:
    """Subclass with a fixture `provider` that answers `MODEL`, and pytest runs the whole suite."""

    MODEL: ClassVar[str] = "m"

    def request(self) -> Request:
        """A question that gets a short answer."""
        prompt = Message("user", (Text("What is the capital of France?"),))
        return Request(self.MODEL, (prompt,))

    def test_answer(self, provider: Provider) -> None:
        """An attempt comes first, then a whole answer with its usage."""
        first, *rest = provider.stream(self.request())
        assert isinstance(first, Attempt)
        assert (first.provider, first.model, first.number) == (provider.card.id, self.MODEL, 1)
        answer = collect(rest)
        assert answer.text
        assert answer.finish == "stop"
        assert answer.usage is not None
        assert answer.usage.output

    def test_asked_twice(self, provider: Provider) -> None:
        """Nothing of the first answer is left in the second."""
        first = collect(list(provider.stream(self.request()))[1:])
        second = collect(list(provider.stream(self.request()))[1:])
        assert first.text == second.text

    def test_closed_early(self, provider: Provider) -> None:
        """An answer nobody wants any more can be dropped, and the next one is whole."""
        events = provider.stream(self.request())
        while not isinstance(next(events), TextDelta):
            pass
        events.close()  # type: ignore[attr-defined]
        assert collect(list(provider.stream(self.request()))[1:]).text

    def test_waiting_is_told(self, provider: Provider) -> None:
        """Who shows the answer can be called before a wait."""
        waits = 0

        def wait() -> None:
            nonlocal waits
            waits += 1

        provider.on_wait(wait)
        list(provider.stream(self.request()))
        assert waits or isinstance(provider, self.never_waits)

    never_waits: ClassVar[tuple[type, ...]] = ()

    def test_models(self, provider: Provider) -> None:
        """The model that answers is among those listed."""
        assert self.MODEL in [model.id for model in provider.models()]

    def test_preview(self, provider: Provider) -> None:
        """What would be sent can be read, without a key in it."""
        preview = provider.preview(self.request())
        assert "capital of France" in preview
        assert "CANARY" not in preview

    def test_options_are_neutral(self, provider: Provider) -> None:
        """It names only options of the common vocabulary."""
        assert provider.options <= set(OPTIONS)

    def test_closed_twice(self, provider: Provider) -> None:
        """Closing again does no harm."""
        provider.close()
        provider.close()


def _frames(decoder: Decoder, pieces: Iterable[bytes]) -> Iterator[Any]:
    for piece in pieces:
        yield from decoder.feed(piece)
    yield from decoder.close()
