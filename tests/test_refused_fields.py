"""What we send unasked must not cost the answer: a server that refuses it is asked without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import wire
from fault_server import Exchange, FaultServer, fault
from faults import error
from support import Llm

SUMMARY = "Your organization must be verified to generate reasoning summaries."
ANSWER = (
    b'data: {"type":"response.created","response":{"id":"r","status":"in_progress"}}\n\n'
    b'data: {"type":"response.output_text.delta","output_index":0,"delta":"fine"}\n\n'
    b'data: {"type":"response.completed","response":{"status":"completed","output":[]}}\n\n'
)


@fault("refuses-usage", "400", "422")
def _refuses_usage(exchange: Exchange) -> None:
    if "stream_options" in exchange.request.json:
        exchange.reply(int(exchange.argument), error("Unsupported parameter: 'stream_options'"))
    else:
        exchange.stream(wire.answer())


@fault("refuses-summary")
def _refuses_summary(exchange: Exchange) -> None:
    if "summary" in exchange.request.json.get("reasoning", {}):
        exchange.reply(400, error(SUMMARY))
    else:
        exchange.stream(ANSWER)


@fault("refuses-all")
def _refuses_all(exchange: Exchange) -> None:
    exchange.reply(400, error("Unsupported parameter: 'stream_options'"))


@pytest.mark.parametrize("status", ["400", "422"])
def test_a_server_that_does_not_know_stream_options(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path], status: str
) -> None:
    """One more call, also with --retries 0, told in a warning, each attempt in the ledger."""
    provider(faults.url(f"refuses-usage:{status}"))
    done = llm("-m", "fs/m", "--retries", "0", "hi")
    assert (done.code, done.text) == (0, wire.TEXT)
    assert "fs does not take stream_options" in done.err
    assert [row["status"] for row in llm.attempts()] == ["failed", "complete"]


def test_summaries_that_an_organization_may_not_have(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    """The effort the user asked for stays; only the summary we added goes."""
    provider(faults.url("refuses-summary"), adapter="openai-responses")
    done = llm("-m", "fs/m", "-o", "reasoning_effort=high", "hi")
    assert (done.code, done.text) == (0, "fine")
    first, second = faults.requests("refuses-summary")
    assert first.json["reasoning"] == {"effort": "high", "summary": "auto"}
    assert second.json["reasoning"] == {"effort": "high"}


def test_it_is_tried_once(llm: Llm, faults: FaultServer, provider: Callable[..., Path]) -> None:
    """A server that goes on refusing ends the attempts."""
    provider(faults.url("refuses-all"))
    assert llm("-m", "fs/m", "hi").code == 9
    assert len(faults.requests("refuses-all")) == 2


def test_what_the_user_asked_for_is_never_dropped(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    """A refused option of the user's own is the user's error."""
    provider(faults.url("http:400"))
    assert llm("-m", "fs/m", "-o", "temperature=0.5", "hi").code == 9
    assert len(faults.requests("http:400")) == 1
