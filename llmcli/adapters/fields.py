"""What a server sent, as the kind it should be: anything else counts as not sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcli.adapters.base import mended


def text_of(value: Any) -> str:
    """A text, whole characters only; empty for anything else."""
    return mended(value) if isinstance(value, str) else ""


def table_of(value: Any) -> Mapping[str, Any]:
    """An object; empty for anything else."""
    return value if isinstance(value, dict) else {}


def tables_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
