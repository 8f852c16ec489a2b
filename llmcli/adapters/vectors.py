"""Embeddings that a server sent as lists of numbers."""

from __future__ import annotations

import math
from typing import Any

from llmcli.errors import ProtocolError


def vectors(rows: Any) -> tuple[tuple[float, ...], ...]:
    """Each row as a vector. Raises ProtocolError for what is no list of lists of finite numbers."""
    if not isinstance(rows, list):
        raise ProtocolError("the server's answer holds no list of embeddings")
    return tuple(_vector(row) for row in rows)


def _vector(row: Any) -> tuple[float, ...]:
    if isinstance(row, list) and row and {*map(type, row)} <= {int, float}:
        try:
            numbers = tuple(map(float, row))
        except OverflowError:
            numbers = (math.inf,)
        if all(map(math.isfinite, numbers)):
            return numbers
    raise ProtocolError("an embedding is no list of finite numbers")
