"""Which output items have to go back with the next request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def is_opaque(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these items say more to the model than their text and calls do.

    That is encrypted reasoning, or the phase of a message. Reasoning that came without its
    encrypted content cannot be sent back, since the server keeps none, and what it led to cannot
    go back as an item without it; nor can reasoning that led to nothing.
    """
    reasoning = [item for item in items if item.get("type") == "reasoning"]
    if not all(item.get("encrypted_content") for item in reasoning):
        return False
    if items and items[-1].get("type") == "reasoning":
        return False
    return any(item.get("encrypted_content") or item.get("phase") for item in items)
