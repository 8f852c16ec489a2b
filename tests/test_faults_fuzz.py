"""Row 54, fuzzed: whatever a server sends, the answer ends in a finish or in one of our errors.

LLM_FUZZ sets the number of streams (100000 is the promise); the seed is fixed and a failure
names its round.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import wire
from faults_odd import CALLS, ODD, REASONING
from faults_stream import ERRORS, SSE

from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card
from llmcli.errors import ProviderError
from llmcli.events import AnswerEvent, Finish, ReasoningDelta, TextDelta, UsageReport
from llmcli.messages import Message, Request, Text

ROUNDS = int(os.environ.get("LLM_FUZZ", "12000")) // 3
SEED = 20_261_121
CARD = Card(
    id="fs",
    name="fs",
    adapter="openai-chat",
    base_url="http://127.0.0.1:9/v1",
    dialect={"think_tags": True, "cost": "cost", "output_excludes_reasoning": True},
)
REQUEST = Request("m", (Message("user", (Text("hi"),)),))
TAIL = wire.ends() + wire.counts() + wire.DONE
CORPUS: list[bytes] = [
    wire.recorded()[0],
    wire.answer(),
    json.dumps(wire.body()).encode(),
    *SSE.values(),
    *(b"".join(events) for events in ODD.values()),
    *(b"".join(events) + TAIL for events in (*CALLS.values(), *REASONING.values())),
    *(wire.partial() + error for error in ERRORS.values()),
]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, float("nan"), 10**30, "", "x", "\ud83c", "<think>",
    [], [None], [[]], {}, {"": None}, {"text": 5}, [{"type": "text", "text": "y"}], {"error": 1},
]  # fmt: skip


def _events(chunks: list[bytes]) -> Iterator[AnswerEvent]:
    adapter = OpenAIChat()
    decoder, state = adapter.decoder(REQUEST), adapter.begin(REQUEST, CARD)
    for chunk in chunks:
        for frame in decoder.feed(chunk):
            yield from adapter.parse(frame, state)
    for frame in decoder.close():
        yield from adapter.parse(frame, state)
    yield from adapter.end(state)


def _survives(chunks: list[bytes], label: str) -> None:
    """It ends in a finish or in a ProviderError, and every event can be shown and stored."""
    try:
        words = _outcome(chunks)
    except Exception as error:
        raise AssertionError(f"{label}: {chunks!r}") from error
    assert words, f"{label}: no end: {chunks!r}"
    words.encode()


def _outcome(chunks: list[bytes]) -> str:
    """How the answer ended, in words; nothing when it did not."""
    try:
        for event in _events(chunks):
            if isinstance(event, (TextDelta, ReasoningDelta)):
                event.text.encode()
            elif isinstance(event, UsageReport):
                _check_counts(event)
            elif isinstance(event, Finish):
                return event.reason
    except ProviderError as error:
        return error.message
    return ""


def _check_counts(report: UsageReport) -> None:
    for count in (report.usage.input, report.usage.output, report.usage.cache_read):
        assert count is None or (type(count) is int and 0 <= count < 1 << 53)


def _bytes_changed(rng: random.Random) -> list[bytes]:
    data = bytearray(rng.choice(CORPUS))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        change = rng.randrange(4)
        if change == 0:
            data[at : at + rng.randint(1, 20)] = b""
        elif change == 1:
            data[at:at] = rng.randbytes(rng.randint(1, 4))
        elif change == 2:
            data[at:at] = rng.choice([b"\n", b"\r", b"\r\n", b"data:", b'"', b"{", b"\\", b"\0"])
        else:
            other = rng.choice(CORPUS)
            start = rng.randrange(len(other))
            data[at:at] = other[start : start + rng.randint(1, 200)]
    return _split(bytes(data), rng)


def _split(data: bytes, rng: random.Random) -> list[bytes]:
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randint(0, 5)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _values_changed(rng: random.Random) -> list[bytes]:
    """Good JSON of a wrong shape: random places hold something of another type."""
    data = rng.choice(CORPUS)
    pieces = []
    for line in data.replace(b"\r", b"\n").split(b"\n"):
        raw = line.removeprefix(b"data:").strip()
        if raw.startswith(b"{") and rng.random() < 0.6:
            pieces.append(b"data: " + _spoilt(raw, rng) + b"\n")
        else:
            pieces.append(line + b"\n")
    return [b"".join(pieces)]


def _whole_changed(rng: random.Random) -> list[bytes]:
    """The same for a body that is not a stream."""
    return [_spoilt(json.dumps(wire.body()).encode(), rng)]


def _spoilt(raw: bytes, rng: random.Random) -> bytes:
    try:
        value = json.loads(raw)
    except ValueError:
        return raw
    for _ in range(rng.randint(1, 2)):
        places = list(_places(value))
        if not places:
            break
        holder, key = rng.choice(places)
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from _places(item)


@pytest.mark.parametrize("change", [_bytes_changed, _values_changed, _whole_changed])
def test_row_54_fuzz(change: Callable[[random.Random], list[bytes]]) -> None:
    """No stream makes anything but a finish or a ProviderError."""
    for number in range(ROUNDS):
        rng = random.Random(f"{SEED}.{number}")
        _survives(change(rng), f"round {number}")


@pytest.mark.parametrize("status", [400, 401, 429, 503])
def test_error_bodies_fuzzed(status: int) -> None:
    """Nor does an error body."""
    adapter = OpenAIChat()
    bodies = [event.partition(b"data: ")[2] for event in ERRORS.values()]
    for number in range(ROUNDS // 8):
        rng = random.Random(f"{SEED}.{status}.{number}")
        body = _spoilt(rng.choice(bodies).strip().removesuffix(b"data: [DONE]").strip(), rng)
        headers = {"retry-after": str(rng.choice(VALUES)), "date": str(rng.choice(VALUES))}
        error = adapter.parse_error(status, headers, body)
        assert error.message
        error.message.encode()
