"""Cards: one TOML file describes one provider; the user's card lies over the shipped one."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from llmcli import schema, tomlfile
from llmcli.config import MODEL_KEYS
from llmcli.errors import ConfigError
from llmcli.files import listed
from llmcli.messages import EMPTY
from llmcli.paths import config_dir
from llmcli.redaction import Secret
from llmcli.usage import AMOUNTS, Price

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PRICES = frozenset({"cost", "prices"})
BATCHES = ("openai", "anthropic", "gemini", "mistral")


class Timeouts(NamedTuple):
    """The four clocks, in seconds."""

    connect: float = 5.0
    first_event: float = 300.0
    silence: float = 60.0
    stall: float = 300.0


class Model(NamedTuple):
    """What a card says of a model; None is unsaid."""

    id: str
    context: int | None = None
    output: int | None = None
    input: tuple[str, ...] | None = None
    tools: bool | None = None
    reasoning: bool | None = None
    retired: date | None = None
    prices: tuple[Price, ...] = ()
    adapter: str | None = None


class Card(NamedTuple):
    """One provider: where it is, which wire format it speaks, and how it differs.

    `key_env` is empty where no key is needed; `batch` says which batch service it has, if any.
    """

    id: str
    name: str
    adapter: str
    base_url: str = ""
    key_env: tuple[str, ...] = ()
    key: Mapping[str, Any] = EMPTY
    key_optional: bool = False
    docs: str = ""
    keys_url: str = ""
    checked: str = ""
    default_model: str = ""
    headers: Mapping[str, str | Secret] = EMPTY
    timeout: Timeouts = Timeouts()
    retries: int = 2
    backoff: float = 0.5
    ca_file: str = ""
    allow_insecure_http: bool = False
    dialect: Mapping[str, Any] = EMPTY
    adapters: Mapping[str, Any] = EMPTY
    batch: Mapping[str, Any] = EMPTY
    models: Mapping[str, Model] = EMPTY

    @property
    def needs_key(self) -> bool:
        """Whether a call without a key makes no sense."""
        return bool(self.key_env or self.key) and not self.key_optional


_DIALECT = schema.Each(schema.anything)
_AMOUNTS = dict.fromkeys(("requests", "megabytes", "hours"), schema.whole(1))
SCHEMA = schema.Table(
    {
        "name": schema.text,
        "adapter": schema.text,
        "base_url": schema.text,
        "key_env": schema.Many(schema.text),
        "key": schema.Table(
            {"command": schema.Many(schema.text), "file": schema.text, "aws": schema.text}
        ),
        "key_optional": schema.boolean,
        "docs": schema.text,
        "keys_url": schema.text,
        "checked": schema.day,
        "default_model": schema.text,
        "headers": schema.Each(schema.text),
        "timeout": schema.Table(
            dict.fromkeys(("connect", "first_event", "silence", "stall"), schema.number(0.001, 1e7))
        ),
        "retries": schema.whole(0),
        "backoff": schema.number(0, 3600),
        "ca_file": schema.text,
        "allow_insecure_http": schema.boolean,
        "dialect": _DIALECT,
        "adapters": schema.Each(schema.Table({"base_url": schema.text, "dialect": _DIALECT})),
        "batch": schema.Table({"service": schema.one_of(*BATCHES), **_AMOUNTS}),
        "models": schema.Each(schema.Table(MODEL_KEYS)),
    }
)


def shelf() -> Path:
    """The folder of the shipped cards: inside the wheel, or beside the package in a checkout."""
    inside = Path(__file__).parent / "providers"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "providers"


def user_shelf() -> Path:
    """The folder of the user's own cards."""
    return config_dir() / "providers"


def check_name(name: str) -> str:
    """The name if a provider may be called so. Raises ConfigError."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be a provider's name",
            hint="Use 1 to 64 letters, digits, dots, dashes and underscores.",
        )
    return name


def names() -> list[str]:
    """The ids of all cards, shipped and the user's own, sorted."""
    found = {path.stem for folder in (shelf(), user_shelf()) for path in listed(folder, ".toml")}
    return sorted(name for name in found if NAME.fullmatch(name))


def user_names() -> list[str]:
    """The ids of the user's own cards, sorted."""
    stems = (path.stem for path in listed(user_shelf(), ".toml"))
    return [stem for stem in stems if NAME.fullmatch(stem)]


def load(name: str) -> Card | None:
    """The card with this id, the user's laid over the shipped one; None when there is neither.

    Raises ConfigError.
    """
    if not NAME.fullmatch(name):
        return None
    places = (shelf() / f"{name}.toml", user_shelf() / f"{name}.toml")
    return _load(name, *places, *map(_stamp, places))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size


@functools.cache
def _load(name: str, ours: Path, theirs: Path, *_stamps: object) -> Card | None:
    """Read once while the files stay the same: a one-shot asks for its card several times."""
    shipped, own = _read(ours), _read(theirs)
    if shipped is None and own is None:
        return None
    values = _lay_over(shipped.values if shipped else {}, own.values if own else {})
    document = own or shipped
    assert document is not None
    return _card(name, values, document)


def load_readable() -> Iterator[Card]:
    """Every card, by name, but for those that are broken: `llm config check` tells of them."""
    for name in names():
        with contextlib.suppress(ConfigError):
            card = load(name)
            if card is not None:
                yield card


def save(name: str, values: Mapping[str, Any]) -> Path:
    """Write the user's own card, checked first, and return its path. Raises ConfigError."""
    path = user_shelf() / f"{check_name(name)}.toml"
    tomlfile.report(tomlfile.Document(path, "", values), schema.problems(dict(values), SCHEMA))
    tomlfile.write(path, values)
    return path


def user_values(name: str) -> dict[str, Any]:
    """What the user's own card says, empty when there is none. Raises ConfigError."""
    document = _read(user_shelf() / f"{check_name(name)}.toml")
    return dict(document.values) if document else {}


def remove(name: str) -> bool:
    """Delete the user's own card; False when there is none. Raises ConfigError."""
    path = user_shelf() / f"{check_name(name)}.toml"
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"{path}: cannot be deleted: {error.strerror}") from None
    return True


def combined(name: str, values: Mapping[str, Any]) -> Card:
    """The card that would be if these were the user's own values. Raises ConfigError."""
    shipped = _read(shelf() / f"{name}.toml")
    document = tomlfile.Document(user_shelf() / f"{name}.toml", "", values)
    tomlfile.report(document, schema.problems(dict(values), SCHEMA))
    merged = _lay_over(shipped.values if shipped else {}, values)
    return _card(name, merged, document)


def _read(path: Path) -> tomlfile.Document | None:
    document = tomlfile.read(path)
    if document is not None:
        tomlfile.report(document, schema.problems(document.values, SCHEMA))
    return document


def _lay_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One table over another, key by key; who says a price of a model says all of its prices."""
    priced = not _PRICES.isdisjoint(over)
    merged = {k: value for k, value in under.items() if not (priced and k in _PRICES)}
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _lay_over(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _card(name: str, values: dict[str, Any], document: tomlfile.Document) -> Card:
    if "adapter" not in values:
        problem = tomlfile.Problem(("adapter",), 'is missing, for example adapter = "openai-chat"')
        tomlfile.report(document, [problem])
    fields = {k: v for k, v in values.items() if k not in ("models", "timeout", "checked")}
    fields.setdefault("name", name)
    fields["key_env"] = tuple(values.get("key_env", ()))
    fields["backoff"] = float(values.get("backoff", 0.5))
    return Card(
        id=name,
        checked=str(values.get("checked", "")),
        timeout=Timeouts(**{k: float(v) for k, v in values.get("timeout", {}).items()}),
        models={key: model(key, item) for key, item in values.get("models", {}).items()},
        **fields,
    )


def model(model_id: str, values: Mapping[str, Any]) -> Model:
    """A model from the values of its table."""
    return Model(
        model_id,
        context=values.get("context"),
        output=values.get("output"),
        input=tuple(values["input"]) if "input" in values else None,
        tools=values.get("tools"),
        reasoning=values.get("reasoning"),
        retired=values.get("retired"),
        prices=_prices(values),
        adapter=values.get("adapter"),
    )


def _prices(values: Mapping[str, Any]) -> tuple[Price, ...]:
    rows = [values["cost"]] if "cost" in values else []
    return tuple(_price(row) for row in (*rows, *values.get("prices", ())))


def _price(row: Mapping[str, Any]) -> Price:
    money = _amounts(row)
    return Price(
        since=row.get("from"),
        above=row.get("above", 0),
        hours=tuple(row.get("hours", ())),
        days=tuple(row.get("days", ())),
        batch=_batch(money, row["batch"]) if "batch" in row else None,
        **money,
    )


def _amounts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: Decimal(row[key]) for key in AMOUNTS if key in row}


def _batch(usual: Mapping[str, Any], batch: Any) -> Price:
    """What a batch pays: amounts that replace the usual ones, or a part of all of them."""
    if isinstance(batch, Mapping):
        return Price(**{**usual, **_amounts(batch)})
    return Price(**{key: usd * batch for key, usd in usual.items()})
