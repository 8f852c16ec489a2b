"""Keys: found in the environment, the OS keyring, a command or a file; never shown."""

from __future__ import annotations

from collections.abc import Callable

from llmcli import origins
from llmcli.cards import Card, load, user_shelf
from llmcli.errors import ConfigError, CredentialsError
from llmcli.keys import aws, index, sources, store
from llmcli.keys.aws import Signer
from llmcli.keys.values import Key, check_value, forbid_core_dumps, loaded
from llmcli.redaction import Secret
from llmcli.variables import expand

__all__ = [
    "Key",
    "Signer",
    "check_keyring",
    "check_origin",
    "check_sent",
    "check_value",
    "find",
    "missing",
    "origin_of",
    "remove",
    "save",
    "signer",
    "signs_with",
    "stored_in",
    "ways",
    "where",
]

# What the keyring said when `find` asked it, by the card's id: for `missing`, which comes later.
_troubles: dict[str, CredentialsError] = {}


def find(card: Card, key_env: str | None = None) -> Key | None:
    """The key for this card: variable, keyring, command, file; None when it has none.

    A card for which a key was stored does need it: then there is an error instead of None.
    Raises CredentialsError.
    """
    if key_env is not None:
        return sources.from_named_variable(key_env)
    key = sources.from_environment(card.key_env)
    if key is not None:
        return key
    stored = index.read().get(card.id, {})
    key = _from_keyring(card, stored.get(origin_of(card), "")) if stored else None
    key = key or sources.from_card(card.key)
    if key is None and stored:
        raise missing(card)
    return key


def _from_keyring(card: Card, backend: str) -> Key | None:
    if not backend:
        return None
    name = f"keyring ({store.label(backend)})"
    try:
        value = store.get(_user(card), backend)
    except CredentialsError as error:
        _troubles[card.id] = error
        return None
    if value is None:
        _troubles[card.id] = CredentialsError("the keyring no longer has it")
        return None
    return loaded(value, name)


def missing(card: Card) -> CredentialsError:
    """The error for a card without a key: why there is none, and the ways to give one."""
    trouble = _troubles.get(card.id)
    if trouble is not None:
        return CredentialsError(f"{card.id} needs its key, but {_told(trouble)}", hint=ways(card))
    stored, origin = index.read().get(card.id), origin_of(card)
    if stored and origin not in stored:
        return CredentialsError(
            f"{card.id} has a key for {', '.join(stored)}, which is not sent to {origin}",
            hint=_set_again(card, origin),
        )
    return CredentialsError(f"{card.id} needs a key, and none was found", hint=ways(card))


def _set_again(card: Card, origin: str) -> str:
    """A key is stored for the card's own address; an adapter may be reached at another."""
    own = load(card.id)
    if own is None or origin_of(own) == origin:
        return f"If the new address is right: llm keys set {card.id}"
    return ways(card, keyring=False)


def signer(card: Card) -> Signer | None:
    """What signs the calls of a card that names an AWS service; None for every other card.

    Raises CredentialsError with the ways out when there is nothing to sign with.
    """
    service = card.key.get("aws")
    if not service:
        return None
    try:
        return aws.signer(service)
    except CredentialsError as error:
        raise CredentialsError(
            f"{card.id} needs a key or AWS credentials: no key was found, and {error.message}",
            hint=ways(card),
        ) from None


def signs_with(card: Card) -> str | None:
    """The AWS credentials that would sign its calls, as far as variables tell; None if none."""
    return aws.source_of(card)


def ways(card: Card, keyring: bool = True) -> str:
    """How to give this card a key, in two lines."""
    variable = f"Set {card.key_env[0]}" if card.key_env else "Name a variable with --key-env"
    stored = f", or run llm keys set {card.id}" if keyring else ""
    page = f" (keys are made at {card.keys_url})" if card.keys_url else ""
    if card.key.get("aws"):
        sign = "pip install 'llmcli[bedrock]', then aws login or AWS_PROFILE"
        return f"{variable}{stored}{page},\nor have calls signed with AWS credentials: {sign}"
    command = f'key = {{ command = ["pass", "show", "{card.id}"] }}'
    file = f'key = {{ file = "~/.{card.id}.key" }}'
    path = user_shelf() / f"{card.id}.toml"
    return f"{variable}{stored}{page},\nor write {command} or {file} into {path}"


def where(card: Card) -> str | None:
    """The source that would give the key, told without opening it; None when there is none.

    Raises ConfigError when the index is broken.
    """
    variable = sources.variable_of(card.key_env)
    if variable:
        return f"env {variable}"
    return stored_in(card) or sources.name_in_card(card.key) or aws.source_of(card)


def stored_in(card: Card) -> str | None:
    """The keyring that has a key for the card at its address, as the index knows it."""
    stored = index.read().get(card.id, {})
    try:
        backend = stored.get(origin_of(card)) if stored else None
    except ConfigError:  # a variable in the address is not set
        return None
    return f"keyring ({store.label(backend)})" if backend else None


def save(card: Card, value: str) -> str:
    """Store the key in the keyring, for this card's origin only, and return the keyring's name.

    Raises CredentialsError, ConfigError.
    """
    trimmed = check_value(value)
    Secret(trimmed)
    forbid_core_dumps()
    origin = origin_of(card)
    if not origin:
        raise ConfigError(f"{card.id} has no base_url, so there is nothing to keep a key for")
    index.read()  # a broken index is told before the keyring is changed
    backend = _kept(card, lambda: store.put(_user(card), trimmed))
    index.add(card.id, origin, backend)
    return store.label(backend)


def check_keyring(card: Card) -> None:
    """See that a keyring is there before somebody types a key. Raises CredentialsError."""
    _kept(card, store.check)


def _kept(card: Card, work: Callable[[], str]) -> str:
    try:
        return work()
    except CredentialsError as error:
        raise CredentialsError(
            f"the key of {card.id} was not stored: {_told(error)}", hint=ways(card, keyring=False)
        ) from None


def remove(name: str) -> bool:
    """Delete every stored key of this provider; False when there is none.

    Raises CredentialsError, ConfigError.
    """
    stored = index.read().get(name, {})
    for origin, backend in stored.items():
        store.delete(f"{name} {origin}", backend)
        index.remove(name, origin)
    return bool(stored)


def check_sent(card: Card, given: Key | Signer | None) -> None:
    """Refuse to send a key, or a secret in the card's headers, as `check_origin` does."""
    header = next((v for v in card.headers.values() if isinstance(v, Secret)), None)
    sent = given or (Key(header, "the card's headers") if header else None)
    if sent is not None:
        check_origin(card, sent)


def check_origin(card: Card, key: Key | Signer) -> None:
    """Refuse to send the key where it could be read or misused. Raises CredentialsError."""
    url = expand(card.base_url, f"{card.id}: base_url")
    if not url:
        return
    problem = origins.problem(url)
    if problem:
        raise CredentialsError(f"{card.id}: the key was not sent: base_url {problem}")
    if origins.is_clear(url) and not card.allow_insecure_http:
        raise CredentialsError(
            f"{card.id}: the key ({key.source}) was not sent: anyone on the way to "
            f"{origins.origin(url)} could read it",
            hint="Use https://, or write allow_insecure_http = true into the card.",
        )


def origin_of(card: Card) -> str:
    """The origin of the card's address as it is now, variables filled in. Raises ConfigError."""
    return origins.origin(expand(card.base_url, f"{card.id}: base_url"))


def _told(trouble: CredentialsError) -> str:
    return f"{trouble.message}. {trouble.hint}" if trouble.hint else trouble.message


def _user(card: Card) -> str:
    return f"{card.id} {origin_of(card)}"
