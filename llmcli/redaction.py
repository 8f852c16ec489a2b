"""Keep keys out of everything that is shown or stored."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "[redacted]"
_SHAPES = r"""(?x)
    \b(?:sk|pk|rk|gsk|xai|nvapi|hf|fw|csk|tgp_v1|ghp|gho|github_pat)[-_][A-Za-z0-9_\-]{12,}
    | \bAIza[0-9A-Za-z_\-]{20,}
    | (?<=Bearer\ )[A-Za-z0-9._~+/\-]{8,}=*
"""  # compiled when first used
_NAMES = ("_KEY", "_APIKEY", "_TOKEN", "_SECRET", "_PASSWORD")  # how their variables end
_PATHS = ("/", "~")  # some of those say where a key lies
_LEAST = 12  # characters of a value that is taken for a key because of its name
_known: set[str] = set()


class Secret:
    """A key that shows a mask wherever it is printed; `reveal()` gives the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= 4:
            _known.add(value)

    def reveal(self) -> str:
        """The value itself: for the header builder and the keyring, nothing else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def redact(text: str) -> str:
    """Mask every key this process has loaded or learnt, and whatever has the usual shape of one."""
    for value in sorted(_known, key=len, reverse=True):  # one may be a part of another
        if value in text:
            text = text.replace(value, MASK)
    return re.sub(_SHAPES, MASK, text)


def learn(variables: Mapping[str, str]) -> None:
    """Take for keys what an environment holds under such names, whether it is ever used or not."""
    named = (value.strip() for name, value in variables.items() if name.upper().endswith(_NAMES))
    _known.update(one for one in named if len(one) >= _LEAST and not one.startswith(_PATHS))


def without_keys(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that has no use for any key."""
    return {name: value for name, value in variables.items() if redact(value) == value}
