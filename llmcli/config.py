"""The user's `config.toml`, and where each setting came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from llmcli import schema, tomlfile
from llmcli.messages import EMPTY
from llmcli.moments import span
from llmcli.options import OPTIONS, check_option
from llmcli.paths import config_dir
from llmcli.usage import AMOUNTS, DAYS

MODEL_VARIABLE = "LLM_MODEL"
DEFAULTS: Mapping[str, Any] = {
    "display.color": "auto",
    "display.usage": True,
    "display.reasoning": False,
    "display.markdown": True,
    "display.keys": "emacs",
    "history.enabled": True,
    "history.required": False,
    "cache.max_mb": 100,
}


class Setting(NamedTuple):
    """A value and the place it came from."""

    value: Any
    source: str


class Config(NamedTuple):
    """What `config.toml` says; the values are as read, numbers as int or Decimal."""

    path: Path
    values: Mapping[str, Any] = EMPTY

    def table(self, name: str) -> Mapping[str, Any]:
        """One of the tables, empty when it is not there."""
        found: Mapping[str, Any] = self.values.get(name, {})
        return found

    def get(self, key: str) -> Setting:
        """A setting by its dotted key such as `display.color`; None where nothing is set."""
        value: Any = self.values
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return Setting(DEFAULTS.get(key), "default")
            value = value[part]
        return Setting(value, str(self.path))

    def default_model(self) -> Setting:
        """The model spec to use when none is asked for; the value is None when there is none."""
        chosen = os.environ.get(MODEL_VARIABLE)
        if chosen:
            return Setting(chosen, f"env {MODEL_VARIABLE}")
        return self.get("default_model")

    def option_defaults(self, spec: str) -> dict[str, Any]:
        """Option values that hold for `provider/model` when the command line says nothing."""
        own = self.table("models").get(spec, {})
        merged = {**self.table("defaults"), **own}
        return {name: plain(value) for name, value in merged.items() if name in OPTIONS}


def plain(value: Any) -> Any:
    """A TOML value as JSON can carry it: Decimal becomes float."""
    return float(value) if isinstance(value, Decimal) else value


def config_path() -> Path:
    """Where the user's config lies."""
    return config_dir() / "config.toml"


def load() -> Config:
    """Read and check the user's config; a missing file is an empty one. Raises ConfigError."""
    path = config_path()
    document = tomlfile.read(path)
    if document is None:
        return Config(path)
    tomlfile.report(document, schema.problems(document.values, SCHEMA))
    return Config(path, document.values)


def _option_check(name: str) -> schema.Check:
    return lambda value: check_option(name, plain(value))


_OPTION_KEYS: dict[str, schema.Spec] = {name: _option_check(name) for name in OPTIONS}
_AMOUNTS: dict[str, schema.Spec] = dict.fromkeys(AMOUNTS, schema.number())


def _batch_check(value: Any) -> str:
    """A part of the usual price, or amounts that replace some of the usual ones."""
    if not isinstance(value, Mapping):
        return schema.number(0, 1)(value)
    found = schema.problems(value, schema.Table(_AMOUNTS))
    return "; ".join(f"{'.'.join(problem.key)} {problem.message}" for problem in found)


def _ttl_check(value: Any) -> str:
    """How old a kept reply may be."""
    return "" if isinstance(value, str) and span(value) else "must be a time such as 30m or 12h"


PRICE_KEYS: dict[str, schema.Spec] = {**_AMOUNTS, "batch": _batch_check}
PERIOD_KEYS: dict[str, schema.Spec] = {
    "from": schema.day,
    "above": schema.whole(0),
    "hours": schema.Many(
        schema.matching(
            r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", "hours such as 16:30-00:30"
        )
    ),
    "days": schema.Many(schema.one_of(*DAYS)),
}
MODEL_KEYS: dict[str, schema.Spec] = {
    "context": schema.whole(1),
    "output": schema.whole(1),
    "input": schema.Many(schema.one_of("text", "image", "audio", "file", "video")),
    "tools": schema.boolean,
    "reasoning": schema.boolean,
    "retired": schema.day,
    "adapter": schema.text,
    "cost": schema.Table(PRICE_KEYS),
    "prices": schema.Many(schema.Table({**PRICE_KEYS, **PERIOD_KEYS})),
}
_LIMIT_KEYS: dict[str, schema.Spec] = dict.fromkeys(("warn", "refuse"), schema.number())
_TAG = schema.matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(=.{1,200})?", "a tag: KEY or KEY=VALUE")


def _limit_check(value: Any) -> str:
    """A limit in USD, or a table of those to warn at and to refuse at."""
    if not isinstance(value, Mapping):
        return schema.number()(value)
    found = schema.problems(value, schema.Table(_LIMIT_KEYS))
    if found or not value:
        words = (f"{'.'.join(problem.key)} {problem.message}" for problem in found)
        return "; ".join(words) or "must be a number, or say warn, refuse or both"
    inverse = "refuse" in value and value.get("warn", 0) > value["refuse"]
    return "warn is above refuse, so it would never be heard" if inverse else ""


SCHEMA = schema.Table(
    {
        "default_model": schema.text,
        "aliases": schema.Each(schema.text),
        "defaults": schema.Table({**_OPTION_KEYS, "system": schema.text}),
        "models": schema.Each(schema.Table({**MODEL_KEYS, **_OPTION_KEYS})),
        "budget": schema.Table(
            {
                **dict.fromkeys(("day", "week", "month", "per_call"), _limit_check),
                "per_conversation": _limit_check,
                "per_tag": schema.Each(_limit_check, _TAG),
            }
        ),
        "display": schema.Table(
            {
                "color": schema.one_of("auto", "always", "never"),
                "usage": schema.boolean,
                "reasoning": schema.boolean,
                "markdown": schema.boolean,
                "keys": schema.one_of("emacs", "vi"),
            }
        ),
        "history": schema.Table({"enabled": schema.boolean, "required": schema.boolean}),
        "cache": schema.Table({"ttl": _ttl_check, "max_mb": schema.whole(1)}),
    }
)
