"""Embeddings in the shape of OpenAI: what is sent, and what a hostile answer does."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from llmcli.adapters import openai_embeddings
from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card
from llmcli.embeddings import EmbeddingRequest
from llmcli.errors import ProtocolError, ProviderError, RateLimitError, UsageError
from llmcli.redaction import Secret
from llmcli.usage import Usage

CARD = Card("p", "P", "openai-chat", base_url="http://host/v1", headers={"x-team": "a"})
REQUEST = EmbeddingRequest("m", ("one", "two"))


def test_the_call() -> None:
    call = OpenAIChat().render_embeddings(REQUEST, CARD, Secret("k"))
    assert (call.method, call.url) == ("POST", "http://host/v1/embeddings")
    assert call.body == {"model": "m", "input": ["one", "two"], "encoding_format": "base64"}
    key = call.headers["authorization"]
    assert isinstance(key, Secret)
    assert key.reveal() == "Bearer k"
    assert call.headers["x-team"] == "a"
    assert call.headers["content-type"] == "application/json"


def test_what_the_user_says_wins() -> None:
    request = REQUEST._replace(dimensions=3, extra={"input_type": "query", "dimensions": 4})
    body = openai_embeddings.render(request, CARD, {}).body
    assert body is not None
    assert (body["dimensions"], body["input_type"]) == (4, "query")


def test_what_cannot_be_sent_is_refused() -> None:
    none = CARD._replace(dialect={"embedding_limit": 0})
    assert openai_embeddings.limit(none) == 0
    with pytest.raises(UsageError, match="no embeddings"):
        openai_embeddings.render(REQUEST, none, {})
    with pytest.raises(UsageError, match="what embeddings are for"):
        openai_embeddings.render(REQUEST._replace(purpose="query"), CARD, {})


@pytest.mark.parametrize(
    ("key", "value"),
    [("embedding_limit", -1), ("embedding_limit", True), ("embedding_encoding", "hex")],
)
def test_the_dialect_is_checked(key: str, value: Any) -> None:
    assert [found for found, _ in OpenAIChat.dialect_problems({key: value})] == [key]


def test_numbers_and_base64_in_the_order_of_the_index() -> None:
    packed = base64.b64encode(struct.pack("<3f", 0.5, -2, 1e30)).decode()
    rows = [{"index": 1, "embedding": packed}, {"index": 0, "embedding": [1, 0.1, -3e-9]}]
    found = openai_embeddings.parse({"data": rows, "model": "m-1", "usage": {"prompt_tokens": 7}})
    assert found.vectors[0] == (1.0, 0.1, -3e-9)
    assert found.vectors[1] == struct.unpack("<3f", struct.pack("<3f", 0.5, -2, 1e30))
    assert (found.usage, found.model) == (Usage(input=7, output=0), "m-1")


def test_rows_without_an_index_stay_in_order() -> None:
    found = openai_embeddings.parse({"data": [{"embedding": [2]}, {"embedding": [1]}]})
    assert (found.vectors, found.usage, found.model) == (((2.0,), (1.0,)), None, "")


@pytest.mark.parametrize(
    "usage", [None, [], "7", {}, {"prompt_tokens": True}, {"prompt_tokens": -1}]
)
def test_usage_that_is_none_is_unsaid(usage: Any) -> None:
    body = {"data": [{"embedding": [1]}], "usage": usage, "model": 5}
    assert openai_embeddings.parse(body)[1:] == (None, "")


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, {}, [], [None], [True], ["1"], [[1.0]], [float("nan")], [float("inf")],
        [10**400], "", "@@@@", "AACA!Pw==", "AAA=", "AAAA", "AADAfw==",
    ],
)  # fmt: skip
def test_a_vector_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(ProtocolError):
        openai_embeddings.parse({"data": [{"index": 0, "embedding": value}]})


@pytest.mark.parametrize(
    "body",
    [
        None, [], "x", 3, {}, {"data": None}, {"data": {}}, {"data": [None]}, {"data": [[1.0]]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]},
        {"data": [{"index": 1, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"embedding": [1]}]},
        {"data": [{"index": "0", "embedding": [1]}]},
        {"data": [{"index": True, "embedding": [1]}]},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_refused(body: Any) -> None:
    with pytest.raises(ProtocolError):
        openai_embeddings.parse(body)


def test_an_error_with_status_200_is_one() -> None:
    with pytest.raises(RateLimitError):
        openai_embeddings.parse({"error": {"message": "slow down", "type": "rate_limit_error"}})
    with pytest.raises(ProviderError, match="odd"):
        openai_embeddings.parse({"error": "odd"})
