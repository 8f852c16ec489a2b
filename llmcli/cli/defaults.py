"""Write down which model answers when none is named."""

from __future__ import annotations

from llmcli import cards, config, tomlfile


def of_provider(name: str, model: str) -> None:
    """Make `model` the provider's own default, in the user's card. Raises ConfigError."""
    values = cards.user_values(name)
    if "adapter" not in values and cards.load(name) is None:
        return
    values["default_model"] = model
    cards.save(name, values)


def of_all(spec: str) -> None:
    """Make `provider/model` the default, in the user's config. Raises ConfigError."""

    def change(document: dict[str, str]) -> None:
        document["default_model"] = spec

    tomlfile.edit(config.config_path(), change)
