"""The headers and calls that most wire formats have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcli.adapters.base import Call
from llmcli.redaction import Secret

JSON = "application/json"
SSE = "text/event-stream"


def keyed(
    headers: Mapping[str, str | Secret], key: Secret | None, name: str = "authorization"
) -> dict[str, str | Secret]:
    """The headers with the key in the one of this name: bearer in `authorization`, else bare."""
    found = dict(headers)
    if key is not None:
        bearer = name == "authorization"
        found[name] = Secret(f"Bearer {key.reveal()}") if bearer else key
    return found


def post(
    url: str, headers: Mapping[str, str | Secret], body: Mapping[str, Any], accept: str = JSON
) -> Call:
    """A call that sends JSON and wants this type of answer."""
    return Call("POST", url, {**headers, "content-type": JSON, "accept": accept}, body)
