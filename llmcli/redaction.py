"""Keep keys out of everything that is shown or stored."""

from __future__ import annotations

import re

MASK = "[redacted]"
_SHAPES = r"""(?x)
    \b(?:sk|pk|rk|gsk|xai|nvapi|hf|fw|csk|tgp_v1|ghp|gho|github_pat)[-_][A-Za-z0-9_\-]{12,}
    | \bAIza[0-9A-Za-z_\-]{20,}
    | (?<=Bearer\ )[A-Za-z0-9._~+/\-]{8,}=*
"""  # compiled when first used
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
    """Mask every key this process has loaded, and whatever has the usual shape of one."""
    for value in sorted(_known, key=len, reverse=True):  # one may be a part of another
        if value in text:
            text = text.replace(value, MASK)
    return re.sub(_SHAPES, MASK, text)
