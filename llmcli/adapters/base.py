"""What an adapter is: one wire format as pure functions, values to wire and wire to values."""

from __future__ import annotations

import contextlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, NamedTuple, TypeGuard, TypeVar

from llmcli.cards import Card, Model
from llmcli.errors import ConfigError, ProtocolError, ProviderError
from llmcli.events import AnswerEvent
from llmcli.frames import BodyDecoder, Decoder, Frame, SseDecoder
from llmcli.messages import EMPTY, Request
from llmcli.options import nearest
from llmcli.redaction import Secret
from llmcli.sanitize import one_line
from llmcli.schema import Check

State = TypeVar("State")
_DECODER = json.JSONDecoder()
_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Call(NamedTuple):
    """The HTTP call an adapter rendered; `body` is sent as JSON, keys stay `Secret` in headers."""

    method: str
    url: str
    headers: Mapping[str, str | Secret] = EMPTY
    body: Mapping[str, Any] | None = None


class Adapter(ABC, Generic[State]):
    """One wire format. It does no I/O and keeps nothing on itself between streams.

    `options` names the neutral options it can send, `dialect` the keys a card may set in
    `[dialect]`, each with its check.
    """

    name: ClassVar[str]
    options: ClassVar[frozenset[str]]
    dialect: ClassVar[Mapping[str, Check]] = {}

    @abstractmethod
    def render(self, request: Request, card: Card, key: Secret | None) -> Call:
        """The call that asks for this answer. Raises UsageError for what it cannot send."""

    def decoder(self, request: Request) -> Decoder:
        """What cuts the answer's bytes into frames."""
        return SseDecoder() if request.stream else BodyDecoder()

    @abstractmethod
    def begin(self, request: Request, card: Card) -> State:
        """The state of a new answer."""

    @abstractmethod
    def parse(self, frame: Frame, state: State) -> Iterable[AnswerEvent]:
        """The events of one frame; a frame that is a whole body takes the same path.

        Raises ProviderError. Nothing is fed after `Finish`.
        """

    @abstractmethod
    def end(self, state: State) -> Iterator[AnswerEvent]:
        """The bytes have ended: finish the answer, or raise ProtocolError if it is not whole."""

    @abstractmethod
    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that an HTTP status and body mean; header names are lower-case."""

    @abstractmethod
    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the provider's models."""

    @abstractmethod
    def parse_models(self, body: Any) -> list[Model]:
        """The models in a list the provider sent, as JSON. Raises ProtocolError."""

    def check_dialect(self, card: Card) -> None:
        """Refuse a card whose dialect this adapter does not know. Raises ConfigError."""
        for key, words in self.dialect_problems(card.dialect):
            raise ConfigError(f"provider {card.id}: dialect.{key}: {words}")

    @classmethod
    def dialect_problems(cls, dialect: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Each key of a `[dialect]` that this adapter does not take, and why."""
        for key, value in dialect.items():
            check = cls.dialect.get(key)
            words = check(value) if check else f"unknown key.{nearest(key, cls.dialect)}"
            if words:
                yield key, words


def is_adapter(kind: Any) -> TypeGuard[type[Adapter[Any]]]:
    """Whether a class found by name is an adapter; else it is a whole provider."""
    return isinstance(kind, type) and issubclass(kind, Adapter)


def load_json(text: str) -> Any:
    """The JSON value of a frame. Raises ProtocolError."""
    try:
        value, end = _DECODER.raw_decode(text)  # half the time of loads() for a short text
        return value if end == len(text) else json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    except (ValueError, RecursionError):  # a number of more digits than Python reads, or too deep
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(text, parse_int=float)
    raise ProtocolError(f"the answer holds broken JSON: {one_line(text, 200)}")


def count(value: Any) -> int | None:
    """A number of tokens as a server sent it; whatever is none is None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if 0 <= value < 1 << 53 else None


def mend_surrogates(text: str, held: str = "") -> tuple[str, str]:
    """Join surrogate halves, also one `held` from the delta before; return (text, held).

    A lone half becomes U+FFFD. JSON may cut an emoji's two halves into two deltas.
    """
    text = held + text
    if text.isascii() or not _SURROGATE.search(text):
        return text, ""
    held = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
    body = text[: len(text) - len(held)]
    body = _PAIR.sub(lambda m: m[0].encode("utf-16", "surrogatepass").decode("utf-16"), body)
    return _SURROGATE.sub("\ufffd", body), held
