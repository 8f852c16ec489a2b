"""Row 54, fuzzed: whatever a server sends, the answer ends in a finish or in one of our errors.

LLM_FUZZ sets the number of streams for each wire format (100000 is the promise); the seed is
fixed, and a failure names its round.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from hearing import Heard, adapter, card, events
from spoiling import VALUES, bytes_changed, corpus, spoilt, spoilt_value, values_changed
from spoiling import whole_changed as whole
from voices import NAMES, VOICES
from voices.pages import PAGES

from llmcli.errors import LlmError, ProviderError
from llmcli.events import Finish, OpaqueData

ROUNDS = int(os.environ.get("LLM_FUZZ", "9000")) // 3
SEED = 20_261_121
DIALECTS: dict[str, dict[str, Any]] = {
    "openai-chat": {"think_tags": True, "cost": "cost", "output_excludes_reasoning": True}
}
Change = Callable[[str, list[bytes], random.Random], list[bytes]]

every_voice = pytest.mark.parametrize("name", NAMES)


def _survives(name: str, pieces: list[bytes], label: str) -> None:
    """It ends in a finish or in a ProviderError, and every event can be shown and stored."""
    for stream in (True, False):
        try:
            words = _outcome(name, pieces, stream)
        except Exception as error:
            raise AssertionError(f"{label}, seed {SEED}: {pieces!r}") from error
        assert words, f"{label}, seed {SEED}: no end: {pieces!r}"
        words.encode()
        if not pieces[0].startswith(b"{"):
            break


def _outcome(name: str, pieces: list[bytes], stream: bool) -> str:
    """How the answer ended, in words; nothing when it did not."""
    heard, dialect = Heard(), DIALECTS.get(name)
    try:
        for event in events(name, pieces, stream=stream, dialect=dialect):
            heard.add(event)
            if isinstance(event, OpaqueData):
                json.dumps(dict(event.data))
            elif isinstance(event, Finish):
                _check_parts(heard)
                return event.reason
    except ProviderError as error:
        return error.message
    return ""


def _check_parts(heard: Heard) -> None:
    assert all(isinstance(notice, str) for notice in heard.notices)
    for call in heard.calls:
        assert all(isinstance(part, str) for part in call)
        assert call[0], "a key"
        assert call[1], "an id to answer to"
        assert call[-1] == "ended"
    if heard.usage is None:
        return
    given, output, read, write, reasoning = heard.usage[:5]
    for number in (given, output, read, write, reasoning):
        assert number is None or (type(number) is int and 0 <= number < 1 << 55)
    for part, total in ((read, given), (write, given), (reasoning, output)):
        assert part is None or total is None or part <= total


@every_voice
@pytest.mark.parametrize("change", [bytes_changed, values_changed, whole])
def test_row_54_fuzz(name: str, change: Change) -> None:
    """No stream makes anything but a finish or a ProviderError."""
    answers = corpus(name)
    for number in range(ROUNDS):
        rng = random.Random(f"{SEED}.{number}")
        _survives(name, change(name, answers, rng), f"{name}, round {number}")


@every_voice
@pytest.mark.parametrize("status", [400, 401, 404, 429, 503])
def test_error_bodies_fuzzed(name: str, status: int) -> None:
    """Nor does an error body."""
    listener, voice = adapter(name), VOICES[name]()
    bodies = [voice.json(voice.failure("MARK broke")), *_gemini_errors(), b"[]", b"\xff<html>"]
    for number in range(ROUNDS // 8):
        rng = random.Random(f"{SEED}.{status}.{number}")
        body = spoilt(rng.choice(bodies), rng)
        names = ("retry-after", "date", "x-amzn-errortype", "x-should-retry")
        headers = {header: str(rng.choice(VALUES)) for header in names}
        error = listener.parse_error(status, headers, body)
        assert isinstance(error, ProviderError)
        assert error.message, body
        error.message.encode()


def _gemini_errors() -> list[bytes]:
    """The error body with the most in it."""
    kinds = ("RetryInfo", "QuotaFailure", "ErrorInfo")
    details: list[dict[str, Any]] = [
        {"@type": f"type.googleapis.com/google.rpc.{kind}"} for kind in kinds
    ]
    details[0]["retryDelay"] = "48s"
    details[1]["violations"] = [{"quotaId": "GenerateRequestsPerDayPerProject", "quotaValue": "5"}]
    details[2]["reason"] = "API_KEY_INVALID"
    error = {"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED", "details": details}
    return [json.dumps(value).encode() for value in ({"error": error}, [{"error": error}])]


def _pages() -> list[tuple[str, str]]:
    return [(name, kind) for name, kinds in PAGES.items() for kind in kinds]


def _parse(name: str, kind: str, body: Any) -> Any:
    listener = adapter(name)
    if kind == "model":
        return listener.parse_model("m-1", body)
    if kind == "models":
        listener.render_next_models(body, card(name), None)
    return getattr(listener, f"parse_{kind}")(body)


@pytest.mark.parametrize(("name", "kind"), _pages())
def test_pages_are_understood(name: str, kind: str) -> None:
    """The page as it should be is read."""
    found = _parse(name, kind, PAGES[name][kind])
    expected: dict[str, Callable[[], bool]] = {
        "models": lambda: all(model.id for model in found) and bool(found),
        "model": lambda: bool(found.id),
        "tokens": lambda: found == 9,
        "embeddings": lambda: len(found.vectors) == 2 and found.vectors[0] == (0.5, -1.0, 2.0),
    }
    assert expected[kind](), found


@pytest.mark.parametrize(("name", "kind"), _pages())
def test_pages_fuzzed(name: str, kind: str) -> None:
    """Nor does a page about models, tokens or embeddings, whatever JSON it is."""
    odd = [*VALUES, {"error": {"message": "no"}}, {"data": [VALUES]}, {"models": VALUES}]
    for number in range(ROUNDS // 6):
        rng = random.Random(f"{SEED}.{kind}.{number}")
        body = odd[number] if number < len(odd) else spoilt_value(PAGES[name][kind], rng)
        try:
            _parse(name, kind, body)
        except LlmError:
            pass
        except Exception as error:
            raise AssertionError(f"{name}, {kind}, round {number}: {body!r}") from error
