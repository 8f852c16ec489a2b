"""What a batch service is: its calls and answers as pure functions, values to wire and back.

A thing that takes several calls is a generator: it yields each call and is sent its reply.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, TypeVar

from llmcli.adapters import failures
from llmcli.adapters.base import Adapter, Call, count
from llmcli.cards import Card
from llmcli.errors import ExitCode, ProtocolError, ProviderError
from llmcli.redaction import Secret
from llmcli.sanitize import one_line

T = TypeVar("T")
Stage = Literal["waiting", "running", "cancelling", "complete", "failed", "expired", "cancelled"]
ENDED: frozenset[Stage] = frozenset({"complete", "failed", "expired", "cancelled"})
PAGES = 20  # of a list of batches that is searched
MB = 1_000_000


class Unanswered(ProviderError):
    """A request that the provider took and never came to: its batch ended before."""

    kind = "unanswered"
    exit_code = ExitCode.INCOMPLETE


class Expired(Unanswered):
    """The provider's time for the batch was over."""

    kind = "expired"


class Cancelled(Unanswered):
    """The batch was cancelled."""

    kind = "cancelled"


class Limits(NamedTuple):
    """How many requests one batch may have, and of how many bytes in all."""

    requests: int
    size: int


class Upload(NamedTuple):
    """A body that is read from the file `path` while it is sent, `size` bytes of it.

    `head` goes before it and `tail` behind; with `listed` its lines become the items of a list.
    """

    path: str
    size: int
    head: bytes = b""
    tail: bytes = b""
    listed: bool = False


class Step(NamedTuple):
    """One call; one that `creates` a batch must not be made twice."""

    call: Call
    upload: Upload | None = None
    creates: bool = False


class Reply(NamedTuple):
    """The headers and the JSON that a call was answered with."""

    headers: Mapping[str, str]
    value: Any


Steps: TypeAlias = Generator[Step, Reply, T]


class Place(NamedTuple):
    """Where a service is: `question` is the call of any question there, with its headers."""

    card: Card
    question: Call

    def get(self, path: str) -> Step:
        """A call that reads."""
        return Step(Call("GET", self.card.base_url + path, self._headers()))

    def post(self, path: str, body: Mapping[str, Any] | None, *, creates: bool = False) -> Step:
        """A call that sends JSON, or nothing."""
        headers = self._headers() if body is None else self.question.headers
        call = Call("POST", self.card.base_url + path, headers, body)
        return Step(call, creates=creates)

    def headers(self, **changed: str) -> dict[str, str | Secret]:
        """The headers with some of them changed; `_` in a name stands for `-`."""
        return {**self._headers(), **{k.replace("_", "-"): v for k, v in changed.items()}}

    def _headers(self) -> dict[str, str | Secret]:
        return {k: v for k, v in self.question.headers.items() if k.lower() != "content-type"}


class Part(NamedTuple):
    """The requests of one batch, each a line of the file `path`.

    The provider keeps `marker` with the batch where it can, so that it is found again; `since` is
    when it was about to be made, in seconds since 1970.
    """

    marker: str
    model: str
    path: str
    size: int
    requests: int
    since: float


class Remote(NamedTuple):
    """What a provider says of a batch; None is unsaid, times are since 1970.

    `results` are the names of its files of results.
    """

    id: str
    stage: Stage
    marker: str = ""
    total: int | None = None
    done: int | None = None
    failed: int | None = None
    created: float | None = None
    expires: float | None = None
    error: str = ""
    results: tuple[str, ...] = ()


class Result(NamedTuple):
    """What became of one request: the body of its answer, or an error."""

    custom_id: str
    body: Mapping[str, Any] | None = None
    error: ProviderError | None = None
    request_id: str | None = None


class Service(ABC):
    """One vendor's batch service."""

    name: ClassVar[str]
    limits: ClassVar[Limits]
    marks: ClassVar[bool] = True  # whether the provider keeps our marker

    def limits_of(self, card: Card) -> Limits:
        """The limits, as the card has them."""
        said = card.batch
        size = said["megabytes"] * MB if "megabytes" in said else self.limits.size
        return Limits(int(said.get("requests", self.limits.requests)), int(size))

    @abstractmethod
    def line(self, custom_id: str, call: Call, card: Card) -> Mapping[str, Any]:
        """A request as a line of the file; `call` is what would ask it directly."""

    @abstractmethod
    def submit(self, place: Place, part: Part) -> Steps[Remote]:
        """Hand the requests over."""

    @abstractmethod
    def look(self, place: Place, batch: str) -> Steps[Remote]:
        """What the provider says of a batch now."""

    @abstractmethod
    def cancel(self, place: Place, batch: str) -> Steps[Remote]:
        """Stop it."""

    @abstractmethod
    def search(self, place: Place, since: float) -> Steps[list[Remote]]:
        """The batches of the account that were made after that time, and perhaps others.

        Raises ProtocolError where there are too many to look through.
        """

    @abstractmethod
    def download(self, place: Place, name: str) -> Call:
        """The call that fetches a file of results."""

    @abstractmethod
    def result(self, value: Mapping[str, Any], adapter: Adapter[Any]) -> Result:
        """What a line of a file of results says. Raises ProtocolError."""


def fields(value: Any, what: str) -> Mapping[str, Any]:
    """The object a reply must be. Raises ProviderError."""
    if not isinstance(value, dict):
        raise ProtocolError(f"the server's {what} is not one")
    return value


def batch_id(value: Mapping[str, Any], name: str = "id", what: str = "batch") -> str:
    """The id of what a server made, fit to be a part of a URL. Raises ProviderError."""
    found = value.get(name)
    usable = isinstance(found, str) and found.isascii() and found.isprintable()
    if not usable or not found or set(found) & set("/?#%\\ "):
        raise (
            failures.no_answer(value)
            if "error" in value
            else ProtocolError(f"the server told no id of the {what}")
        )
    return str(found)


def rows(value: Any, name: str = "data") -> Sequence[Mapping[str, Any]]:
    """The objects of a list that a server sent. Raises ProtocolError."""
    found = fields(value, "list of batches").get(name, [])
    if not isinstance(found, list):
        raise ProtocolError("the server's list of batches is not one")
    return [row for row in found if isinstance(row, dict)]


def names(*values: Any) -> tuple[str, ...]:
    """The names of files among these values that can be parts of a URL. Raises ProtocolError."""
    found = [value for value in values if value]
    for value in found:
        if not isinstance(value, str) or not value.isascii() or set(value) & set("?#%\\ "):
            raise ProtocolError("the server's file of results has an odd name")
        if not {"", ".", ".."}.isdisjoint(value.split("/")):
            raise ProtocolError("the server's file of results has an odd name")
    return tuple(str(value) for value in found)


def number(value: Any) -> int | None:
    """A count as JSON has it; Gemini writes numbers of 64 bits as texts."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        value = int(value)
    return count(value)


def moment(value: Any) -> float | None:
    """A time as seconds since 1970, or as RFC 3339; None where it is neither."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return None


def custom_id(value: Mapping[str, Any], name: str = "custom_id") -> str:
    """Whose result this is. Raises ProtocolError."""
    found = value.get(name)
    if not isinstance(found, str):
        raise ProtocolError("a result does not say whose it is")
    return found


def words(errors: Any) -> str:
    """The reasons why a batch failed, in one line; nothing where none is told."""
    items: Iterable[Any] = errors if isinstance(errors, list) else [errors] if errors else []
    found = []
    for item in list(items)[:3]:
        line = item.get("line") if isinstance(item, dict) else None
        said = failures.read_value(item).message
        found.append(f"line {line}: {said}" if isinstance(line, int) else said)
    return one_line("; ".join(filter(None, found)))


def unknown(whose: str) -> Result:
    """A result of which nothing can be said but whose it is."""
    return Result(whose, error=ProtocolError("a result of the batch is none that is known"))


def too_many() -> ProtocolError:
    """The error for a list of batches without an end."""
    return ProtocolError(f"the list of batches goes on after {PAGES} pages")


def refusal(status: int, body: Any, adapter: Adapter[Any]) -> ProviderError:
    """The error of a request that was answered with this status."""
    return adapter.parse_error(status, {}, json.dumps(body).encode())
