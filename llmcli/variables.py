"""`${VAR}` in the texts of cards, replaced by what the environment says."""

from __future__ import annotations

import os
import re

from llmcli.errors import ConfigError

_VARIABLE = re.compile(
    r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:\$\{[^}]*\}|[^}])*))?\}"
)


def expand(text: str, where: str) -> str:
    """Replace each `${VAR}` by the environment's value, or by DEFAULT in `${VAR:-DEFAULT}`.

    A default may be one more variable. Raises ConfigError for a missing one.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        found = os.environ.get(name)
        if found:
            return found
        if default is None:
            raise ConfigError(
                f"{where}: the environment variable {name} is not set",
                hint=f"Set it, or write the value instead of ${{{name}}}.",
            )
        return expand(default, where)

    return _VARIABLE.sub(value, text)
