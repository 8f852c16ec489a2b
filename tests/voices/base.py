"""What every voice can say, and the frames of the formats that are text."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from spoken import PIECES, TEXT

USAGE = (9, 5)


class Voice(ABC):
    """A server that tells one answer in one wire format; every method returns bytes to send.

    `usage` is the (input, output) it reports: None leaves it out, and a value like "raw:1e999" is
    written without quotes. `escaped` writes text in ASCII from then on.
    """

    adapter: ClassVar[str]
    media: ClassVar[str] = "text/event-stream"
    base: ClassVar[str] = "/v1"  # what follows the host in a base URL
    dialect: ClassVar[Mapping[str, Any]] = {}
    gap: ClassVar[int] = 2  # bytes after a frame's content that may be missing at the very end
    keeps_arguments: ClassVar[bool] = True  # the arguments of a call are told as text
    tells_ids: ClassVar[bool] = True  # a tool call comes with an id
    reasons: ClassVar[Mapping[str, str]]  # our finish reason to the format's own word

    def __init__(self, usage: tuple[Any, Any] | None = USAGE) -> None:
        self.usage = usage
        self.escaped = False

    @abstractmethod
    def frame(self, value: Any, name: str = "") -> bytes:
        """A frame that holds a JSON value, or bytes as they are."""

    def begin(self) -> bytes:
        """What comes before the answer's content."""
        return b""

    @abstractmethod
    def says(self, text: str) -> bytes:
        """A piece of the answer."""

    @abstractmethod
    def thinks(self, text: str) -> bytes:
        """A piece of the reasoning."""

    @abstractmethod
    def calls(self, call_id: str, name: str, fragments: Iterable[str]) -> bytes:
        """A tool call; a format that sends arguments whole joins the fragments."""

    @abstractmethod
    def finish(self, reason: str = "stop") -> bytes:
        """All that ends the answer, as far as the end marker and with it."""

    def tail(self) -> bytes:
        """What comes after the end marker."""
        return b""

    @abstractmethod
    def errors(self, message: str) -> dict[str, bytes]:
        """The ways to tell of an error inside a stream, the usual one first."""

    @abstractmethod
    def whole(self, text: str = TEXT, reason: str = "stop") -> Any:
        """The body of the same answer without streaming, as JSON."""

    @abstractmethod
    def failure(self, message: str) -> Any:
        """The JSON body of a failure."""

    def keepalive(self) -> bytes:
        """Something that says only that the server still lives; empty where nothing does."""
        return b""

    @abstractmethod
    def oddities(self) -> dict[str, bytes]:
        """Frames a lenient client passes over: unknown kinds, extra fields, nulls for content."""

    def ends(self, reason: str = "stop") -> bytes:
        """The end of the answer, whole."""
        return self.finish(reason) + self.tail()

    def texts(self, pieces: Iterable[str] = PIECES) -> list[bytes]:
        """The begin and the pieces of an answer."""
        return [self.begin(), *(self.says(piece) for piece in pieces)]

    def partial(self) -> bytes:
        """The first three pieces of the answer, and no end."""
        return b"".join(self.texts(PIECES[:3]))

    def answer(self, pieces: Iterable[str] = PIECES, reason: str = "stop") -> bytes:
        """A whole stream."""
        return b"".join(self.texts(pieces)) + self.ends(reason)

    def error(self, message: str) -> bytes:
        """The usual way to tell of an error inside a stream."""
        return next(iter(self.errors(message).values()))

    def json(self, value: Any) -> bytes:
        """A JSON value as this server writes it."""
        if isinstance(value, bytes):
            return value
        text = json.dumps(value, ensure_ascii=self.escaped, separators=(",", ":"))
        return re.sub(r'"raw:([^"]*)"', r"\1", text).encode()

    def counts(self, names: tuple[str, str]) -> dict[str, Any]:
        """The usage under these two names, empty when there is none."""
        return dict(zip(names, self.usage, strict=True)) if self.usage else {}


class SseVoice(Voice):
    """A voice that sends server-sent events."""

    line_end: ClassVar[bytes] = b"\n"

    def frame(self, value: Any, name: str = "") -> bytes:
        """An event, named or not."""
        head = b"event: " + name.encode() + self.line_end if name else b""
        return head + b"data: " + self.json(value) + self.line_end * 2

    def typed(self, kind: str, **fields: Any) -> bytes:
        """An event whose name stands in its data as well."""
        return self.frame({"type": kind, **fields}, kind)

    def keepalive(self) -> bytes:
        """A comment."""
        return b": keep-alive" + self.line_end * 2
