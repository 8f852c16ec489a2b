"""The head of a GGUF file: whether it is one, and what its model was trained for.

Written after https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (2026-11-21).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from llmcli.errors import UsageError

MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_WHOLE = {0: "<B", 2: "<H", 4: "<I", 5: "<i", 10: "<Q", 11: "<q"}
_KEYS_LIMIT = 4096
_TEXT_LIMIT = 1 << 20


def check(path: Path, name: str) -> None:
    """Refuse a file that is no GGUF, called `name` in the message. Raises UsageError, OSError."""
    with path.open("rb") as file:
        magic = file.read(len(MAGIC))
    if magic != MAGIC:
        raise UsageError(
            f"{name} is not a GGUF file: it begins with {magic!r}, not {MAGIC!r}",
            hint="The engine runs models in GGUF, the format of llama.cpp.",
        )


def context(path: Path) -> int | None:
    """The context the model was trained for, in tokens; None when the file does not tell."""
    return _read(path, b".context_length")


def pooling(path: Path) -> int | None:
    """How the model makes one vector of a text's many, as llama.cpp numbers it; None if unsaid."""
    return _read(path, b".pooling_type")


def _read(path: Path, key: bytes) -> int | None:
    """The whole number of the first key that ends so."""
    try:
        with path.open("rb") as file:
            return _find(file, key)
    except (OSError, ValueError, OverflowError, RecursionError, struct.error):
        return None


def _find(file: BinaryIO, key: bytes) -> int | None:
    magic, version, _, keys = struct.unpack("<4sIQQ", file.read(24))
    if magic != MAGIC or version not in (2, 3):
        return None
    for _ in range(min(keys, _KEYS_LIMIT)):
        name = _text(file)
        kind = _number(file, "<I")
        if name.endswith(key) and kind in _WHOLE:
            return _number(file, _WHOLE[kind])
        _skip(file, kind)
    return None


def _number(file: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])


def _text(file: BinaryIO) -> bytes:
    length = _number(file, "<Q")
    if length > _TEXT_LIMIT:
        raise ValueError("a text of the head is too long")
    return file.read(length)


def _skip(file: BinaryIO, kind: int) -> None:
    """Pass over one value. Raises ValueError for a kind that does not exist."""
    if kind == _STRING:
        _text(file)
        return
    if kind != _ARRAY:
        file.seek(_size(kind), 1)
        return
    item, length = _number(file, "<I"), _number(file, "<Q")
    if item in (_STRING, _ARRAY):
        for _ in range(length):
            _skip(file, item)
    else:
        file.seek(_size(item) * length, 1)


def _size(kind: int) -> int:
    if kind not in _SIZES:
        raise ValueError(f"no such kind of value: {kind}")
    return _SIZES[kind]
