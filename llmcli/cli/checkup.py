"""Everything that is wrong with the user's own files, told at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmcli import cards, config, schema, tomlfile
from llmcli.cli.settings import Key, literal_keys, meaning
from llmcli.errors import ConfigError
from llmcli.files import listed
from llmcli.tomlfile import Document, Problem
from llmcli.variables import expand

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key"})


def problems() -> list[str]:
    """The problems of the config and of every own card, each with file, line and key."""
    found = _of_file(config.config_path(), config.SCHEMA)
    found += _of_folder(cards.user_shelf())
    for path in listed(cards.user_shelf(), ".toml"):
        found += _of_file(path, cards.SCHEMA)
    return found


def _of_folder(folder: Path) -> list[str]:
    try:
        os.scandir(folder).close()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        return [f"{folder}: {error.strerror}"]
    return []


def _of_file(path: Path, spec: schema.Table) -> list[str]:
    try:
        document = tomlfile.read(path)
        if document is None:
            return []
        found = [*schema.problems(document.values, spec), *literal_keys(document.values)]
        if spec is config.SCHEMA:
            found += meaning(document.values)
        elif not found:
            found += _of_card(path.stem, document.values)
        tomlfile.report(document, _by_line(document, found))
    except ConfigError as error:
        return [_placed(path, line) for line in error.message.split("\n     ")]
    return []


def _placed(path: Path, message: str) -> str:
    return message if message.startswith(str(path)) else f"{path}: {message}"


def _by_line(document: Document, found: list[Problem]) -> list[Problem]:
    return sorted(found, key=lambda problem: tomlfile.line_of(document.text, problem.key))


def _of_card(name: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with an own card although its form is right. Raises ConfigError."""
    card = cards.load(cards.check_name(name))
    assert card is not None
    yield from _of_dialect(card, values)
    yield from _of_variables(values)
    for header, value in values.get("headers", {}).items():
        if header.lower() in _SECRET_HEADERS and "${" not in value:
            key = ("headers", header)
            yield Problem(key, "holds a key in clear; write ${VARIABLE} and set the variable")


def _of_dialect(card: cards.Card, values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the adapters it names, and with what it says of each."""
    yield from _of_adapter(card.adapter, values.get("dialect", {}), ("adapter",), ())
    for name, own in values.get("adapters", {}).items():
        place = ("adapters", name)
        yield from _of_adapter(name, own.get("dialect", {}), place, place)
    for name, model in values.get("models", {}).items():
        if "adapter" in model:
            yield from _of_adapter(model["adapter"], {}, ("models", name, "adapter"), ())


def _of_adapter(name: str, dialect: Mapping[str, Any], at: Key, above: Key) -> Iterator[Problem]:
    from llmcli import adapters
    from llmcli.adapters.base import is_adapter

    try:
        kind = adapters.find(name)
    except ConfigError as error:
        yield Problem(at, error.message)
        return
    if is_adapter(kind):
        for key, words in kind.dialect_problems(dialect):
            yield Problem((*above, "dialect", key), words)


def _of_variables(values: Mapping[str, Any]) -> Iterator[Problem]:
    texts: dict[tuple[str, ...], str] = {("base_url",): values.get("base_url", "")}
    texts |= {("headers", name): value for name, value in values.get("headers", {}).items()}
    for key, text in texts.items():
        try:
            expand(text, "")
        except ConfigError as error:
            yield Problem(key, error.message.removeprefix(": "))
