"""Styles as sums of flags, and the escape sequences that switch them on."""

from __future__ import annotations

from functools import cache
from typing import Final

PLAIN: Final = 0
BOLD: Final = 1
DIM: Final = 2
ITALIC: Final = 4
UNDERLINE: Final = 8
STRIKE: Final = 16
CODE: Final = 32
WHOLE: Final = 64  # not a look: this text is handed over in one piece however it arrived
RED, GREEN, MAGENTA, CYAN = (number << 8 for number in (31, 32, 35, 36))

RESET: Final = "\x1b[0m"
_CODES = {BOLD: "1", DIM: "2", ITALIC: "3", UNDERLINE: "4", STRIKE: "9", CODE: "36"}


@cache
def sgr(style: int) -> str:
    """The sequence that switches this style on, or nothing for plain text."""
    codes = [code for flag, code in _CODES.items() if style & flag]
    if style >> 8:
        codes.append(str(style >> 8))
    return f"\x1b[{';'.join(codes)}m" if codes else ""
