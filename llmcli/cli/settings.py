"""One setting of `config.toml`: its name, its type, and how it is changed and checked."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from llmcli import cards, schema, tomlfile
from llmcli.config import SCHEMA, Config, config_path
from llmcli.errors import ConfigError
from llmcli.options import nearest
from llmcli.redaction import redact
from llmcli.tomlfile import Problem

Key = tuple[str, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_UNSAID = object()


def split_key(text: str) -> Key:
    """The parts of a dotted key, quoted parts whole: `models."groq/m".seed`. Raises ConfigError."""
    parts: list[str] = []
    try:
        value: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        value = None
    while isinstance(value, dict) and len(value) == 1:
        part, value = next(iter(value.items()))
        parts.append(part)
    if value != 0 or not parts or "\n" in text:
        raise ConfigError(
            f'"{text}" is not the name of a setting',
            hint="Names with other characters than letters, digits, - and _ stand in quotes:\n"
            "llm config get 'models.\"groq/llama-3\".temperature'",
        )
    return tuple(parts)


def join_key(key: Iterable[str]) -> str:
    """The key as TOML and the commands take it."""
    return ".".join(p if _BARE.fullmatch(p) else json.dumps(p, ensure_ascii=False) for p in key)


def spec_of(key: Key) -> schema.Spec:
    """The rule for a setting. Raises ConfigError with the nearest name for an unknown one."""
    spec: schema.Spec = SCHEMA
    for depth, part in enumerate(key):
        if isinstance(spec, schema.Table) and part in spec.keys:
            spec = spec.keys[part]
        elif isinstance(spec, schema.Each):
            spec = spec.value
        else:
            known = spec.keys if isinstance(spec, schema.Table) else ()
            raise ConfigError(
                f'unknown setting "{join_key(key)}".{_whole(key[:depth], nearest(part, known))}',
                hint="All of them: llm config show",
            )
    return spec


def _whole(above: Key, question: str) -> str:
    """The question for the nearest name, with what stands above it."""
    prefix = join_key(above)
    return question.replace('"', f'"{prefix}.', 1) if prefix else question


def value_at(values: Any, key: Key, default: Any = None) -> Any:
    """What stands at a key."""
    for part in key:
        if not isinstance(values, Mapping) or part not in values:
            return default
        values = values[part]
    return values


def read_value(text: str, spec: schema.Spec, key: Key) -> Any:
    """The typed value a text means for this setting. Raises ConfigError when it means none.

    A setting that is a text takes it as it stands; any other takes TOML or JSON.
    """
    if redact(text) != text:
        raise ConfigError(
            "that looks like a key, and keys never belong in the config",
            hint="Store it with: llm keys set PROVIDER. Revoke the one just typed: it was seen.",
        )
    typed = _as_toml(text)
    for value in (text, *typed, *_as_json(text), [text]):
        if not schema.problems(value, spec, key):
            return value
    wrong = schema.problems(typed[0] if typed else text, spec, key)[0]
    raise ConfigError(f"{join_key(wrong.key)}: {wrong.message}")


def _as_toml(text: str) -> list[Any]:
    """The text as one TOML value, none when it is not one."""
    try:
        document = tomllib.loads(f"x = {text}", parse_float=Decimal)
    except (ValueError, RecursionError):
        return []
    return [document["x"]] if len(document) == 1 else []


def _as_json(text: str) -> list[Any]:
    """The text as one JSON value, none when it is not one."""
    try:
        return [json.loads(text, parse_float=Decimal)]
    except (ValueError, RecursionError):
        return []


def assign(key: Key, value: Any) -> None:
    """Set one setting in the user's config, comments and order kept. Raises ConfigError.

    The whole file is checked before it is replaced.
    """

    def change(document: Any) -> None:
        import tomlkit

        node = document
        for depth, part in enumerate(key[:-1], 1):
            if part not in node:
                node[part] = tomlkit.table(is_super_table=depth < len(key) - 1)
            node = node[part]
            if not isinstance(node, Mapping):
                _check(document, key)
                raise ConfigError(f"{join_key(key[:depth])} is no table")
        node[key[-1]] = _toml(value)
        _check(document, key)

    try:
        tomlfile.edit(config_path(), change)
    except ValueError:  # tomlkit cannot add to a table written on one line
        raise ConfigError(
            f"{join_key(key)} cannot be set where its table is written on one line",
            hint="Do it by hand: llm config edit",
        ) from None


def delete(key: Key) -> bool:
    """Take one setting out of the user's config; False when it is not there. Raises ConfigError."""
    found = value_at(_values(), key, _UNSAID) is not _UNSAID

    def change(document: Any) -> None:
        node = value_at(document, key[:-1])
        if node is not None and key[-1] in node:
            del node[key[-1]]
        _check(document, key)

    if found:
        tomlfile.edit(config_path(), change)
    return found


def _values() -> Mapping[str, Any]:
    document = tomlfile.read(config_path())
    return document.values if document else {}


def _toml(value: Any) -> Any:
    """The value as tomlkit writes it: a Decimal digit for digit."""
    if hasattr(value, "as_string"):
        return value
    if isinstance(value, Decimal):
        import tomlkit

        return tomlkit.value(str(value))
    if isinstance(value, dict):
        return {name: _toml(item) for name, item in value.items()}
    return [_toml(item) for item in value] if isinstance(value, list) else value


def _check(document: Any, key: Key) -> None:
    """Refuse a changed config that is wrong anywhere, or whose changed setting means nothing."""
    text = document.as_string()
    values = tomllib.loads(text, parse_float=Decimal)
    changed = [p for p in meaning(values) if p.key == key[: len(p.key)]]
    read = tomlfile.Document(config_path(), text, values)
    tomlfile.report(read, [*schema.problems(values, SCHEMA), *literal_keys(values), *changed])


def literal_keys(values: Any, at: Key = ()) -> list[Problem]:
    """Every text that looks like a key."""
    if isinstance(values, Mapping):
        return [p for name, item in values.items() for p in literal_keys(item, (*at, str(name)))]
    if isinstance(values, list):
        return [p for item in values for p in literal_keys(item, at)]
    if isinstance(values, str) and redact(values) != values:
        return [Problem(at, "looks like a key; keys do not belong here: llm keys set PROVIDER")]
    return []


def meaning(values: Mapping[str, Any]) -> list[Problem]:
    """Names in a config of the right form that mean nothing: aliases, default model, models."""
    aliases = values.get("aliases", {})
    aliases = aliases if isinstance(aliases, Mapping) else {}
    found: list[Problem] = []
    for name, target in aliases.items():
        words = alias_problem(name) or spec_problem(target)
        found += [Problem(("aliases", name), words)] if words else []
    default = values.get("default_model")
    words = "" if default in (None, *aliases) else spec_problem(default)
    found += [Problem(("default_model",), words)] if words else []
    models = values.get("models", {})
    for spec, model in models.items() if isinstance(models, Mapping) else ():
        words = _model_problem(spec)
        found += [Problem(("models", spec), words)] if words else []
        words = _adapter_problem(model)
        found += [Problem(("models", spec, "adapter"), words)] if words else []
    return found


def alias_problem(name: str) -> str:
    """Why an alias may not be called so, in words, or nothing."""
    if not cards.NAME.fullmatch(name):
        return "an alias has 1 to 64 letters, digits, dots, dashes and underscores"
    if name in cards.names():
        return "an alias cannot hide the provider of the same name"
    return ""


def spec_problem(spec: Any) -> str:
    """Why a model spec means nothing, in words, or nothing. An alias is none here."""
    if not isinstance(spec, str):
        return ""
    provider, slash, model = spec.partition("/")
    if slash and provider in cards.names():
        return "" if model else "names no model"
    return _resolve_problem(spec)


def _resolve_problem(spec: str) -> str:
    """Why no card explains a model id; a broken card, which could, tells for itself."""
    from llmcli import registry

    try:
        for name in cards.names():
            cards.load(name)
    except ConfigError:
        return _provider_problem(spec) if "/" in spec else ""
    try:
        registry.resolve(spec, Config(config_path()))
    except ConfigError as error:
        return error.message
    return ""


def _provider_problem(spec: str) -> str:
    provider = spec.partition("/")[0]
    known = cards.names()
    return "" if provider in known else f'no provider "{provider}".{nearest(provider, known)}'


def _adapter_problem(model: Any) -> str:
    """Why the adapter that a model asks for is none, in words, or nothing."""
    from llmcli import adapters

    name = model.get("adapter") if isinstance(model, Mapping) else None
    try:
        if isinstance(name, str):
            adapters.find(name)
    except ConfigError as error:
        return error.message
    return ""


def _model_problem(spec: str) -> str:
    return _provider_problem(spec) if "/" in spec else 'must be "provider/model"'
