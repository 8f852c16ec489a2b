"""Replies of the embedded model: kept for these weights and no others."""

from __future__ import annotations

import os
import shutil

import pytest
from local_weights import give, home
from support import Llm

from llmcli.engines.local import LocalEngine
from llmcli.messages import Message, Request, Text
from llmcli.registry import load_card

pytestmark = pytest.mark.local


def test_a_local_reply_is_given_again(llm: Llm) -> None:
    """The model is not loaded a second time; other weights under its name are asked anew."""
    path = give(llm)
    path.unlink()  # it may be a link to what other tests use
    shutil.copyfile(home() / "data" / "models" / "smollm2.gguf", path)
    ask = ("-m", "local/smollm2", "--cache", "--json", "-o", "max_output_tokens=40", "Say hello.")
    first, again = llm(*ask, timeout=60).json, llm(*ask, timeout=60).json
    if first["finish_reason"] != "stop":
        pytest.skip("the model did not come to its end")
    assert again["cache"]["hit"] is True
    assert again["cache"]["saved"] == {"amount": "0", "currency": "USD", "basis": "local"}
    assert again["text"] == first["text"]
    os.utime(path, (1, 1))
    assert llm(*ask, timeout=60).json["cache"]["hit"] is False


def test_the_order_of_a_schema_counts(llm: Llm) -> None:
    """The model writes the properties in the order in which they stand."""
    give(llm)
    engine = LocalEngine(load_card("local"))
    message = Message("user", (Text("hi"),))
    found = set()
    for names in ("ab", "ba"):
        schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
        options = {"response_schema": schema}
        found.add(engine.fingerprint(Request("smollm2", (message,), options=options)))
    assert len(found) == 2
