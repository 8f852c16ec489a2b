"""What an adapter is: one wire format as pure functions, values to wire and wire to values."""

from __future__ import annotations

import contextlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeGuard, TypeVar
from urllib.parse import quote

from llmcli.adapters import asked
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.errors import ConfigError, ProtocolError, ProviderError, UsageError
from llmcli.events import AnswerEvent, Notice
from llmcli.frames import BodyDecoder, Decoder, Frame, SseDecoder
from llmcli.messages import EMPTY, Message, Opaque, Part, Request, Text, ToolResult
from llmcli.options import OPTIONS, nearest
from llmcli.redaction import Secret
from llmcli.sanitize import one_line
from llmcli.schema import Check

State = TypeVar("State")
_DECODER = json.JSONDecoder()
_EMPTY = "the server sent an empty answer"
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
    `[dialect]`, each with its check. Every adapter takes the key `unsupported` there.
    `unasked` is what it sends although nobody asked for it: the path of each field, by the word
    that a server names it with when it refuses it.
    """

    name: ClassVar[str]
    options: ClassVar[frozenset[str]]
    dialect: ClassVar[Mapping[str, Check]] = {}
    unasked: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @classmethod
    def supported(cls, card: Card) -> frozenset[str]:
        """The neutral options that this card's provider can be sent."""
        return cls.options - set(card.dialect.get("unsupported", ()))

    @classmethod
    def base_url(cls, text: str) -> str:
        """The base URL of a card as this wire format joins paths to it, no slash at its end."""
        return text.rstrip("/")

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

    def without_refused(self, call: Call, error: ProviderError) -> tuple[Call, str] | None:
        """The call without the unasked field that this error refuses, and its name, or None."""
        if error.http_status not in (400, 422) or call.body is None:
            return None
        for word, path in self.unasked.items():
            body = _without(call.body, path) if word in error.message else None
            if body is not None:
                return call._replace(body=body), ".".join(path)
        return None

    def answer_limit(self, request: Request, card: Card) -> int | None:  # noqa: ARG002
        """The limit of the answer, in tokens, that the request names; None where it names none.

        Raises UsageError.
        """
        return asked.limit(request)

    @abstractmethod
    def render_models(self, card: Card, key: Secret | None) -> Call:
        """The call that lists the provider's models."""

    @abstractmethod
    def parse_models(self, body: Any) -> list[Model]:
        """The models in a list the provider sent, as JSON. Raises ProtocolError."""

    def render_next_models(self, body: Any, card: Card, key: Secret | None) -> Call | None:  # noqa: ARG002
        """The call for the page after this one of the list, or None after the last."""
        return None

    def render_model(self, model: str, card: Card, key: Secret | None) -> Call | None:  # noqa: ARG002
        """The call that tells of one model more than the list does, or None."""
        return None

    def parse_model(self, model: str, body: Any) -> Model:
        """The model that `render_model` asked for. Raises ProtocolError."""
        raise NotImplementedError

    def render_tokens(self, request: Request, card: Card, key: Secret | None) -> Call | None:  # noqa: ARG002
        """The call that counts a request's input tokens, or None where none exists."""
        return None

    def parse_tokens(self, body: Any) -> int:
        """The number that `render_tokens` asked for. Raises ProtocolError."""
        raise NotImplementedError

    def embedding_limit(self, card: Card) -> int:  # noqa: ARG002
        """How many texts one call can embed; 0 when this wire format has no embeddings."""
        return 0

    def render_embeddings(self, request: EmbeddingRequest, card: Card, key: Secret | None) -> Call:  # noqa: ARG002
        """The call that embeds these texts. Raises UsageError for what it cannot send."""
        raise UsageError(f"{card.name} has no embeddings")

    def parse_embeddings(self, body: Any) -> Embeddings:
        """The vectors in the order of the texts. Raises ProtocolError."""
        raise NotImplementedError

    def check_dialect(self, card: Card) -> None:
        """Refuse a card whose dialect this adapter does not know. Raises ConfigError."""
        for key, words in self.dialect_problems(card.dialect):
            raise ConfigError(f"provider {card.id}: dialect.{key}: {words}")

    @classmethod
    def dialect_problems(cls, dialect: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Each key of a `[dialect]` that this adapter does not take, and why."""
        for key, value in dialect.items():
            check = option_names if key == "unsupported" else cls.dialect.get(key)
            words = check(value) if check else f"unknown key.{nearest(key, cls.dialect)}"
            if words:
                yield key, words


def option_names(value: object) -> str:
    """Check a list of neutral options."""
    names = value if isinstance(value, list) else [value]
    unknown = [str(name) for name in names if name not in OPTIONS]
    return f"unknown option {', '.join(unknown)}" if unknown else ""


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The body with `extra` laid over it, table by table: what the user says wins."""
    found = dict(body)
    for key, value in extra.items():
        below = found.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        found[key] = merged(below, value) if both else value  # type: ignore[arg-type]
    return found


def _without(body: Any, path: Sequence[str]) -> dict[str, Any] | None:
    """The body without the field at this path, and without a table it leaves empty, or None."""
    name, *rest = path
    if not isinstance(body, Mapping) or name not in body:
        return None
    found = dict(body)
    value = found.pop(name)
    inner = _without(value, rest) if rest else {}
    if inner:
        found[name] = inner
    return None if inner is None else found


def replayed(message: Message, card: Card, model: str) -> Mapping[str, Any] | None:
    """What this provider and model gave to be sent back with the message, else None.

    An answer that paused gave several: their lists are joined.
    """
    found: dict[str, Any] = {}
    for part in message.parts:
        if isinstance(part, Opaque) and (part.provider, part.model) == (card.id, model):
            for name, value in part.data.items():
                both = isinstance(found.get(name), list) and isinstance(value, list)
                found[name] = [*found[name], *value] if both else value  # type: ignore[misc]
    return found or None


def said(message: Message) -> list[Part]:
    """The parts of a user's message that are neither results of tools nor empty texts."""
    parts = (part for part in message.parts if not isinstance(part, ToolResult))
    return [part for part in parts if not isinstance(part, Text) or part.text]


def in_path(model: str, safe: str = "") -> str:
    """A model's name as a part of a URL's path. Raises UsageError for one that leads elsewhere."""
    if not {".", ".."}.isdisjoint(model.split("/")):
        raise UsageError(f'"{model}" cannot be the name of a model')
    return quote(model, safe=safe, errors="replace")


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
    raise ProtocolError(_no_json(text))


def _no_json(text: str) -> str:
    start = text.lstrip()
    if not start:
        return _EMPTY
    if start.startswith("<"):
        return "not an API answer: the server sent an HTML page"
    return f"the answer holds broken JSON: {one_line(text, 200)}"


def not_whole(*, started: bool) -> ProtocolError:
    """The error for bytes that ended before the answer did, or before it began."""
    if not started:
        return ProtocolError(_EMPTY)
    return ProtocolError("the stream ended before the end of the answer")


class Damageable(Protocol):
    """The state of an answer that remembers whether damage was told."""

    damaged: bool


def damage(frame: Frame, state: Damageable) -> list[AnswerEvent]:
    """The warning about a frame's bytes that are no UTF-8, once in an answer."""
    if not frame.damaged or state.damaged:
        return []
    state.damaged = True
    return [Notice("the answer held bytes that are not UTF-8; they show as \ufffd")]


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


def mended(text: str) -> str:
    """The same of a text that is whole."""
    body, held = mend_surrogates(text)
    return body + "\ufffd" if held else body
