"""Where config, data and cache lie: the platform's folders, or all of them under LLMCLI_HOME."""

from __future__ import annotations

import os
from pathlib import Path

from llmcli.errors import ConfigError

_APP = "llmcli"


def _folder(kind: str) -> Path:
    try:
        return _place(kind)
    except RuntimeError:  # neither a variable nor the system says where home is
        raise ConfigError(
            "the home folder is not known", hint="Set HOME, or LLMCLI_HOME=DIR for all files."
        ) from None


def _place(kind: str) -> Path:
    home = os.environ.get("LLMCLI_HOME")
    if home:
        return Path(home).expanduser() / kind
    import platformdirs

    if kind == "config":
        return platformdirs.user_config_path(_APP, appauthor=False)
    if kind == "data":
        return platformdirs.user_data_path(_APP, appauthor=False)
    return platformdirs.user_cache_path(_APP, appauthor=False)


def config_dir() -> Path:
    """The folder of `config.toml` and of the user's own cards."""
    return _folder("config")


def data_dir() -> Path:
    """The folder of the history database, the index of key names and the pulled models."""
    return _folder("data")


def cache_dir() -> Path:
    """The folder of what can be fetched or made again."""
    return _folder("cache")


def prompts_path() -> Path:
    """The file of what was typed in chats: a `+` before each line of a prompt."""
    return data_dir() / "prompts"
