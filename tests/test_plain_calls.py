"""Calls that are no stream, for lists, counts and vectors: they fail as truly as a stream does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import KEY, Llm

from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card, Timeouts
from llmcli.connection import ANSWER_LIMIT
from llmcli.embeddings import EmbeddingRequest
from llmcli.errors import (
    AuthError,
    CredentialsError,
    NetworkError,
    ProtocolError,
    ProviderError,
    TimedOut,
)
from llmcli.keys import Key
from llmcli.provider import HttpProvider
from llmcli.redaction import Secret

HALF = b'{"data": [{"id": "m'


class Raw:
    """A server that answers every connection with these bytes and keeps it open for a while."""

    def __init__(self, answer: bytes, hold: float = 0.0) -> None:
        self.requests: list[bytes] = []
        self._answer, self._hold = answer, hold
        self._socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.requests.append(connection.recv(1 << 16))
                connection.sendall(self._answer)
                time.sleep(self._hold)

    def close(self) -> None:
        self._socket.close()


def http(body: bytes, status: str = "200 OK", length: int | None = None, more: str = "") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\ncontent-length: {size}\r\n{more}\r\n".encode() + body


@pytest.fixture
def reach() -> Iterator[Callable[..., tuple[HttpProvider, Raw]]]:
    """A provider whose server answers so."""
    opened: list[Any] = []

    def make(answer: bytes, hold: float = 0.0) -> tuple[HttpProvider, Raw]:
        server = Raw(answer, hold)
        url = f"http://127.0.0.1:{server.port}/v1"
        clocks = Timeouts(first_event=30.0)
        card = Card("p", "P", "openai-chat", url, backoff=0.0, timeout=clocks)
        found = HttpProvider(card, Key(Secret(KEY), "env FS_KEY"), OpenAIChat())
        opened.extend((found, server))
        return found, server

    yield make
    for thing in opened:
        thing.close()


class TestBody:
    def test_cut_is_told_and_asked_for_again(self, reach: Any) -> None:
        """Half a body is no broken JSON but a broken connection."""
        provider, server = reach(http(HALF, length=900))
        with pytest.raises(NetworkError, match="in the middle"):
            provider.models()
        assert len(server.requests) == 3

    def test_deadline_holds_within_the_body(self, reach: Any) -> None:
        provider, server = reach(http(HALF, length=900), hold=5)
        provider.set_deadline(0.3, time.monotonic())
        with pytest.raises(TimedOut, match="deadline"):
            provider.embed(EmbeddingRequest("m", ("x",)))
        assert len(server.requests) == 1

    def test_limit_is_told(self, reach: Any) -> None:
        """A list that is cut off at a limit would be broken JSON; that it is too long is said."""
        provider, _ = reach(http(b'{"data": []}' + b" " * ANSWER_LIMIT))
        with pytest.raises(ProtocolError, match="larger than 32 MiB"):
            provider.models()

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (http(b""), "empty answer"),
            (http(b" \n"), "empty answer"),
            (http(b"<!doctype html><title>Log in</title>"), "not an API answer"),
            (http(b"{}", more="content-encoding: gzip\r\n"), "packed"),
            (http(b"[{"), "broken JSON"),
            (http(b"{}"), "no(t one|.*embeddings)"),
        ],
    )
    def test_what_is_no_answer(self, reach: Any, answer: bytes, words: str) -> None:
        """Every failure tells the provider, also one that shows when the answer is read."""
        provider, _ = reach(answer)
        for ask in (provider.models, lambda: provider.embed(EmbeddingRequest("m", ("x",)))):
            with pytest.raises(ProtocolError, match=words) as caught:
                ask()
            assert caught.value.provider == "p"
        assert caught.value.model == "m"

    def test_byte_order_mark(self, reach: Any) -> None:
        provider, _ = reach(http(b'\xef\xbb\xbf{"data": [{"id": "m"}]}'))
        assert [model.id for model in provider.models()] == ["m"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "' + b"x" * 485 + b" " + KEY.encode() + b'"}}',
        b'"' + b"x" * 185 + b" " + KEY.encode() + b'"',
        b"y" * 185 + b" " + KEY.encode(),
        b"<title>" + b"z" * 85 + b" " + KEY.encode() + b"</title>",
    ],
)
def test_key_in_a_message_that_is_cut(reach: Any, body: bytes) -> None:
    """A message is cut after its keys are masked, so no part of one is left."""
    provider, _ = reach(http(body, "401 No"))
    with pytest.raises(AuthError) as caught:
        provider.models()
    shown = caught.value.message
    assert not [KEY[:length] for length in range(3, len(KEY)) if KEY[:length] in shown]


def test_key_in_json_that_is_broken(reach: Any) -> None:
    provider, _ = reach(http(b"{" + b"x" * 185 + b" " + KEY.encode()))
    with pytest.raises(ProviderError) as caught:
        provider.models()
    assert KEY[:3] not in caught.value.message


class TestClearText:
    """Whoever makes a provider, it holds nothing that could be read on the way."""

    CARD = Card("p", "P", "openai-chat", "http://10.255.255.1/v1", key_env=("FS_KEY",))

    @pytest.mark.parametrize(
        ("key", "headers"),
        [(Key(Secret(KEY), "env FS_KEY"), {}), (None, {"x-token": Secret(KEY)})],
    )
    def test_refused(self, key: Key | None, headers: dict[str, Secret]) -> None:
        with pytest.raises(CredentialsError, match="was not sent"):
            HttpProvider(self.CARD._replace(headers=headers), key, OpenAIChat())

    def test_adding_a_provider(self, llm: Llm) -> None:
        """The key of a command is no less secret than one from a variable."""
        server = Raw(http(b'{"data": []}'))
        card = llm.home / "config" / "providers" / "lab.toml"
        card.parent.mkdir(parents=True)
        card.write_text(
            'adapter = "openai-chat"\nbase_url = "https://lab.example/v1"\n'
            f'key = {{ command = ["echo", "{KEY}"] }}\n'
        )
        env = {"HTTP_PROXY": f"http://127.0.0.1:{server.port}"}
        result = llm("providers", "add", "lab", "--base-url", "http://10.255.255.1/v1", env=env)
        server.close()
        assert (result.code, server.requests) == (4, [])
        assert "was not sent" in result.err
