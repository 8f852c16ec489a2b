"""Check the values of a TOML file against a declaration, all problems at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from llmcli.options import nearest
from llmcli.tomlfile import Problem

Check: TypeAlias = Callable[[Any], str]


class Table(NamedTuple):
    """A table with these keys and no others."""

    keys: Mapping[str, Spec]


class Each(NamedTuple):
    """A table whose values all meet one rule; its keys are free names, or meet one too."""

    value: Spec
    name: Check | None = None


class Many(NamedTuple):
    """A list (or array of tables) whose items all meet one rule."""

    item: Spec


Spec: TypeAlias = Table | Each | Many | Check


def problems(value: Any, spec: Spec, at: tuple[str, ...] = ()) -> list[Problem]:
    """Everything in `value` that breaks the rule, with the key it stands at."""
    if isinstance(spec, Table):
        return _table(value, spec, at)
    if isinstance(spec, Each):
        if not isinstance(value, dict):
            return [Problem(at, "must be a table")]
        return [p for name, item in value.items() for p in _named(name, item, spec, at)]
    if isinstance(spec, Many):
        if not isinstance(value, list):
            return [Problem(at, "must be a list")]
        return [p for item in value for p in problems(item, spec.item, at)]
    words = spec(value)
    return [Problem(at, words)] if words else []


def _table(value: Any, spec: Table, at: tuple[str, ...]) -> list[Problem]:
    if not isinstance(value, dict):
        return [Problem(at, "must be a table")]
    found: list[Problem] = []
    for name, item in value.items():
        if name in spec.keys:
            found += problems(item, spec.keys[name], (*at, name))
        else:
            found.append(Problem((*at, name), f"unknown key.{nearest(name, spec.keys)}"))
    return found


def _named(name: str, item: Any, spec: Each, at: tuple[str, ...]) -> list[Problem]:
    words = spec.name(name) if spec.name else ""
    found = [Problem((*at, name), words)] if words else []
    return found + problems(item, spec.value, (*at, name))


def anything(value: Any) -> str:  # noqa: ARG001
    """Whatever it is; who uses it checks it."""
    return ""


def text(value: Any) -> str:
    """A string."""
    return "" if isinstance(value, str) else "must be a text in quotes"


def boolean(value: Any) -> str:
    """True or false, a TOML boolean."""
    return "" if isinstance(value, bool) else "must be true or false"


def day(value: Any) -> str:
    """A date without a time."""
    return "" if type(value) is date else "must be a date such as 2026-11-21, without quotes"


def whole(low: int = 0) -> Check:
    """A whole number of at least `low`."""

    def check(value: Any) -> str:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= low
        return "" if good else f"must be a whole number, {low} or more"

    return check


def number(low: float = 0.0, high: float = 1e12) -> Check:
    """A number of at least `low` and at most `high`."""

    def check(value: Any) -> str:
        numeric = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        if numeric and Decimal(value).is_finite() and low <= value <= high:
            return ""
        return (
            f"must be a number from {low:g} to {high:,.0f}"
            if high < 1e12
            else (f"must be a number, {low:g} or more")
        )

    return check


def matching(pattern: str, words: str) -> Check:
    """A text that wholly matches the pattern; `words` say what it must be."""

    def check(value: Any) -> str:
        good = isinstance(value, str) and re.fullmatch(pattern, value)
        return "" if good else f"must be {words}"

    return check


def one_of(*names: str) -> Check:
    """One of these texts."""

    def check(value: Any) -> str:
        if value in names and isinstance(value, str):
            return ""
        hint = nearest(value, names) if isinstance(value, str) else ""
        return f"must be one of {', '.join(names)}.{hint}"

    return check
