"""The index of stored keys: names, origins and keyrings, never values; a keyring cannot list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from llmcli import schema, tomlfile
from llmcli.paths import data_dir

_SCHEMA = schema.Each(schema.Each(schema.text))

Index: TypeAlias = Mapping[str, Mapping[str, str]]


def path() -> Path:
    """Where the index lies."""
    return data_dir() / "keys.toml"


def read() -> Index:
    """For each provider the origins it has a key for, and the backend that keeps it.

    Raises ConfigError when the file is broken; it is never replaced then.
    """
    document = tomlfile.read(path())
    if document is None:
        return {}
    tomlfile.report(document, schema.problems(document.values, _SCHEMA))
    return document.values


def add(name: str, origin: str, backend: str) -> None:
    """Note that `backend` keeps a key. Raises ConfigError."""

    def change(document: Any) -> None:
        document.setdefault(name, {})
        document[name][origin] = backend

    tomlfile.edit(path(), change)


def remove(name: str, origin: str) -> None:
    """Forget one key. Raises ConfigError."""

    def change(document: Any) -> None:
        origins = document.get(name, {})
        origins.pop(origin, None)
        if not origins:
            document.pop(name, None)

    tomlfile.edit(path(), change)
