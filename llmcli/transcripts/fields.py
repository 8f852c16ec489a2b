"""Read a JSON object that a stranger wrote: every key checked as it is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar

from llmcli.errors import UsageError

T = TypeVar("T")
_LARGEST = 2**63 - 1  # what SQLite holds
_LATEST = 253402300799.0  # the end of the year 9999, in seconds since 1970
_ID = r"[A-Za-z0-9_-]{1,64}"
_AMOUNT = r"-?[0-9]{1,20}(\.[0-9]{1,40})?([Ee](-[0-9]{1,3}|\+?[0-9]{1,2}))?"
HINT = "Only JSON that `llm history export` wrote comes back; Markdown and HTML do not."


def refuse(at: str, words: str, hint: str = HINT) -> NoReturn:
    """Raise a UsageError that says where the trouble is and what should be there."""
    raise UsageError(f"cannot read the conversation: {at} {words}", hint=hint)


class Fields:
    """One JSON object; `at` says where it stands, such as `turns[3].usage`.

    What is missing or null takes its default; a key nobody asks for is ignored. Anything else that
    is wrong raises UsageError.
    """

    def __init__(self, value: Any, at: str) -> None:
        if not isinstance(value, dict):
            refuse(at, "must be an object")
        self._value = value
        self._at = at

    def at(self, name: str) -> str:
        """Where the key stands."""
        return f"{self._at}.{name}" if self._at else name

    def _take(self, name: str, kinds: type | tuple[type, ...], words: str) -> Any:
        """The value of one of these types, or None."""
        value = self._value.get(name)
        if value is None or (isinstance(value, kinds) and not isinstance(value, bool)):
            return value
        refuse(self.at(name), f"must be {words}")

    def text(self, name: str) -> str:
        """A text; missing is empty."""
        return self.text_or_none(name) or ""

    def text_or_none(self, name: str) -> str | None:
        """A text, or None."""
        value: str | None = self._take(name, str, "a text")
        return value

    def name(self, name: str) -> str:
        """A text that must be there."""
        return self.text(name) or refuse(self.at(name), "is missing")

    def id(self, name: str) -> str:
        """An id that must be there."""
        return self.id_or_none(name) or refuse(self.at(name), "is missing")

    def id_or_none(self, name: str) -> str | None:
        """Up to 64 letters, digits, `-` and `_`, which are safe in a file name; or None."""
        value = self.text_or_none(name)
        if value is not None and not re.fullmatch(_ID, value):
            refuse(self.at(name), "is no id")
        return value

    def word(self, name: str, words: Sequence[T], default: T) -> T:
        """One of these words."""
        value = self._value.get(name)
        if value is None:
            return default
        for word in words:
            if word == value:
                return word
        refuse(self.at(name), f"must be one of {', '.join(map(str, words))}")

    def flag(self, name: str) -> bool | None:
        """True, false or None."""
        value = self._value.get(name)
        if value is None or isinstance(value, bool):
            return value
        refuse(self.at(name), "must be true or false")

    def count(self, name: str) -> int | None:
        """A whole number that is not negative, or None."""
        value: int | None = self._take(name, int, "a whole number")
        if value is not None and not 0 <= value <= _LARGEST:
            refuse(self.at(name), "must be a whole number that is neither negative nor huge")
        return value

    def seconds(self, name: str) -> float | None:
        """A duration or a time since 1970 in seconds, or None."""
        value: float | None = self._take(name, (int, float), "a number")
        if value is None:
            return None
        if not 0 <= value <= _LATEST:
            refuse(self.at(name), "must be a number of seconds up to the year 9999")
        return float(value)

    def amount(self, name: str) -> Decimal | None:
        """An exact amount written as text, or None."""
        value = self.text_or_none(name)
        if value is None:
            return None
        try:
            return Decimal(value if re.fullmatch(_AMOUNT, value) else "wrong")
        except InvalidOperation:
            refuse(self.at(name), "must be an amount in digits, written as a text")

    def mapping(self, name: str) -> dict[str, Any]:
        """An object with anything JSON in it; missing is empty."""
        value = self._take(name, dict, "an object")
        try:
            copy: dict[str, Any] = json.loads(json.dumps(value or {}, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            refuse(self.at(name), "is no JSON, or nested too deeply")
        return copy

    def item(self, name: str, read: Callable[[Fields], T]) -> T | None:
        """An object of its own, or None."""
        value = self._value.get(name)
        return None if value is None else read(Fields(value, self.at(name)))

    def items(self, name: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
        """A list of objects; missing is empty."""
        values = self._take(name, list, "a list") or []
        return tuple(read(Fields(value, f"{self.at(name)}[{i}]")) for i, value in enumerate(values))
