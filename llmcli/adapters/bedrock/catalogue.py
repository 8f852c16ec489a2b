"""The models of a region: foundation models to be called as they are, and inference profiles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from llmcli.cards import Model
from llmcli.errors import ProtocolError

_PAGE = 1000
_RUNTIME = re.compile(
    r"(https?://)bedrock-runtime((?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws))"
)
_KINDS = {"TEXT": "text", "IMAGE": "image", "SPEECH": "audio", "AUDIO": "audio", "VIDEO": "video"}


def control_url(base_url: str) -> str:
    """The base URL of the control plane, a host of its own; another address serves both."""
    found = _RUNTIME.fullmatch(base_url)
    return f"{found[1]}bedrock{found[2]}" if found else base_url


def next_query(body: Any) -> str:
    """The query for the next page of inference profiles; empty when there is none."""
    query: dict[str, Any] = {"maxResults": _PAGE, "type": "SYSTEM_DEFINED"}
    if not isinstance(body, dict):
        return ""
    if "modelSummaries" in body:
        return urlencode(query)
    token = body.get("nextToken")
    if not token or not isinstance(token, str):
        return ""
    return urlencode({**query, "nextToken": token}, errors="replace")


def models(body: Any) -> list[Model]:
    """The models of a list of either kind. Raises ProtocolError."""
    table = body if isinstance(body, dict) else {}
    listed, profiles = table.get("modelSummaries"), table.get("inferenceProfileSummaries")
    if isinstance(listed, list):
        return list(_foundation_models(listed))
    if isinstance(profiles, list):
        names = (_name(row, "inferenceProfileId") for row in profiles)
        return [Model(name) for name in names if name]
    raise ProtocolError("the server's list of models is not one")


def _foundation_models(rows: list[Any]) -> Iterator[Model]:
    """Those that answer in text and need no inference profile."""
    for row in rows:
        name = _name(row, "modelId")
        if not name or "TEXT" not in _words(row, "outputModalities", "TEXT"):
            continue
        if "ON_DEMAND" in _words(row, "inferenceTypesSupported", "ON_DEMAND"):
            kinds = [_KINDS[word] for word in _words(row, "inputModalities") if word in _KINDS]
            yield Model(name, input=tuple(kinds) or None, retired=_end_of_life(row))


def _name(row: Any, key: str) -> str:
    name = row.get(key) if isinstance(row, dict) else None
    return name if isinstance(name, str) and name.isprintable() else ""


def _words(row: Mapping[str, Any], key: str, unsaid: str = "") -> list[str]:
    found = row.get(key)
    words = found if isinstance(found, list) and found else [unsaid]
    return [word for word in words if isinstance(word, str)]


def _end_of_life(row: Mapping[str, Any]) -> date | None:
    life = row.get("modelLifecycle")
    day = life.get("endOfLifeTime") if isinstance(life, dict) else None
    try:
        return date.fromisoformat(day[:10]) if isinstance(day, str) else None
    except ValueError:
        return None
