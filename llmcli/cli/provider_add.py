"""`llm providers add`: flags for scripts, questions for people."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmcli.cli.root import epilog
from llmcli.errors import NO_SUCH_CALL, AuthError, ConfigError, LlmError, ProviderError, UsageError
from llmcli.terminal import ask, ask_hidden, can_ask, clean, note, style

if TYPE_CHECKING:
    from llmcli.cards import Card, Model
    from llmcli.keys import Key

EXAMPLES = """
llm providers add groq                          asks for the key, hidden
pass show groq | llm providers add groq         key from stdin
llm providers add openai --key-env WORK_KEY     key stays in the environment
llm providers add lab --base-url http://127.0.0.1:8080/v1 --no-key
llm providers add work --base-url https://llm.example.com/v1 --model qwen3-8b
"""
_SHOWN = 20


def register(providers: typer.Typer) -> None:
    """Add the command."""
    providers.command("add", epilog=epilog(EXAMPLES))(add)


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A shipped provider, or a new name.")],
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="The server's address.")
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", metavar="NAME", help="Its wire format; openai-chat by default."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="MODEL", help="Its default model.")
    ] = None,
    key_env: Annotated[
        str | None, typer.Option("--key-env", metavar="NAME", help="The variable with the key.")
    ] = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="The server takes no key.")] = False,
    no_test: Annotated[
        bool, typer.Option("--no-test", help="Only write the card; call nothing.")
    ] = False,
    insecure: Annotated[
        bool, typer.Option("--allow-insecure-http", help="Send the key over plain http.")
    ] = False,
) -> None:
    """Add a provider: store its key, write its card, list its models and make a test call."""
    from llmcli import cards, registry
    from llmcli.adapters.choice import speaking

    cards.check_name(name)
    if name == registry.EMBEDDED:
        raise UsageError(f"{name} needs no adding", hint="Fetch its model: llm local pull")
    values = _values(name, base_url, adapter, key_env, insecure)
    if no_key and cards.combined(name, values).key_env:
        values["key_env"] = []
    card = registry.expanded(speaking(cards.combined(name, values)))
    _introduce(card)
    key = _key(card, key_env, no_key)
    models = [] if no_test else _reach(card, key)
    chosen = model or _choose(card, models)
    if chosen:
        values["default_model"] = chosen
    if key is not None and key.source == _TYPED:
        _store(card, key)
    if values:
        path = cards.save(name, values)
        note(f"  Written: {clean(str(path))}")
    if not chosen:
        note(f"Next, choose a model: llm providers models {name}")
        return
    code = 0 if no_test else _try(name, chosen, key_env)
    _first_default(name, chosen)
    if code:
        raise typer.Exit(code)


_TYPED = "typed"


def _values(
    name: str, base_url: str | None, adapter: str | None, key_env: str | None, insecure: bool
) -> dict[str, Any]:
    """The user's card: what it said before, with the flags laid over."""
    from llmcli import cards, registry

    values = cards.user_values(name)
    known = cards.load(name)
    if base_url:
        values["base_url"] = _address(base_url)
    elif known is None:
        registry.load_card(name)
    if adapter or known is None:
        values["adapter"] = adapter or "openai-chat"
    if key_env:
        values["key_env"] = [key_env]
    if insecure:
        values["allow_insecure_http"] = True
    return values


def _address(base_url: str) -> str:
    from llmcli import origins

    address = base_url.strip().rstrip("/").removesuffix("/chat/completions")
    problem = origins.problem(address) if "${" not in address else ""
    if problem:
        raise UsageError(f"--base-url {base_url} {problem}")
    return address


def _introduce(card: Card) -> None:
    facts = [card.name, card.base_url]
    if card.keys_url:
        facts.append(f"key from {card.keys_url}")
    note(clean(" · ".join(facts)))


def _key(card: Card, key_env: str | None, no_key: bool) -> Key | None:
    """The key that is there already, or the one the user gives now; None for none."""
    from llmcli import keys
    from llmcli.redaction import Secret

    if no_key:
        return None
    from_variable = keys.sources.from_environment(card.key_env)
    if key_env or from_variable:
        key = from_variable or keys.sources.from_named_variable(key_env or "")
        note(f"  key from {key.source}")
    elif not sys.stdin.isatty():
        typed = sys.stdin.readline(16_384).strip()
        if not typed:
            return _stored(card)
        key = keys.Key(Secret(keys.check_value(typed)), _TYPED)
    elif can_ask():
        typed = ask_hidden(
            "API key (hidden, empty for none):" if not card.needs_key else "API key (hidden):"
        )
        if not typed.strip():
            return _stored(card)
        key = keys.Key(Secret(keys.check_value(typed)), _TYPED)
    else:
        return _stored(card)
    keys.check_origin(card, key)
    return key


def _stored(card: Card) -> Key | None:
    """A key stored earlier; none is an error where the provider wants one."""
    from llmcli import keys

    key = keys.find(card)
    if key is None and card.needs_key and keys.signer(card) is None:
        raise keys.missing(card)
    return key


def _reach(card: Card, key: Key | None) -> list[Model]:
    """List the server's models, which tests address and key at once."""
    from llmcli import adapters, keys
    from llmcli.adapters.base import is_adapter
    from llmcli.provider import HttpProvider

    kind = adapters.find(card.adapter)
    if not is_adapter(kind):
        return []
    signer = keys.signer(card) if key is None else None
    provider = HttpProvider(card, key, kind(), retries=0, signer=signer)
    begun = time.monotonic()
    try:
        models = provider.models()
    except AuthError as error:
        error.key_sent = key is not None
        error.hint = "Nothing was stored. Check the key and its account, then try again."
        if key is None:
            error.hint = "Nothing was written. Leave --no-key out to be asked for one."
        raise
    except ProviderError as error:
        if error.http_status in NO_SUCH_CALL:
            note("  the server lists no models; name one with --model")
            return []
        error.hint = "\n".join(
            filter(None, (error.hint, "Nothing was written. To write it untested: --no-test"))
        )
        raise
    finally:
        provider.close()
    milliseconds = round((time.monotonic() - begun) * 1000)
    what = "key accepted" if key else "reachable"
    count = f"{len(models)} model{'' if len(models) == 1 else 's'}"
    note(f"{style('✓', 'green', sys.stderr)} {what} ({milliseconds} ms), {count}")
    return models


def _choose(card: Card, models: list[Model]) -> str:
    """The default model: the only one, the one the user picks, or the card's."""
    if len(models) == 1:
        return models[0].id
    listed = {model.id for model in models}
    suggested = card.default_model if not listed or card.default_model in listed else ""
    if not can_ask() or not models:
        return suggested
    known = [model for model in models if model.id in card.models]
    offered = (known or models)[:_SHOWN]
    for number, model in enumerate(offered, 1):
        context = f"  {model.context:,} tokens" if model.context else ""
        note(f"  {number:>3}  {clean(model.id)}{context}")
    if len(offered) < len(models):
        note(f"       … {len(models) - len(offered)} more: llm providers models {card.id}")
    while True:
        answer = ask("  Default model? (number or name, empty for none)", suggested)
        if answer.isdigit() and 1 <= int(answer) <= len(offered):
            return offered[int(answer) - 1].id
        if not answer or answer in listed:
            return answer
        note(f"  {card.id} lists no model {clean(answer)}")


def _store(card: Card, key: Key) -> None:
    from llmcli import keys

    where = keys.save(card, key.secret.reveal())
    note(f"{style('✓', 'green', sys.stderr)} key stored in the keyring ({where})")


def _first_default(name: str, model: str) -> None:
    """The first provider becomes the default; a later one says how to."""
    from llmcli import config
    from llmcli.cli import defaults

    spec = clean(f"{name}/{model}")
    if config.load().get("default_model").value is None:
        defaults.of_all(f"{name}/{model}")
        note(f'Default is now {spec}. Try: llm "hello"')
    else:
        note(f'Try: llm -m {spec} "hello"   Make it the default: llm providers default {name}')


def _try(name: str, model: str, key_env: str | None) -> int:
    """A short answer from the chosen model; a failure is told and does not undo anything.

    Returns its exit code.
    """
    from llmcli.cli.provider_test import examine, line

    try:
        report = examine(name, model, key_env)
    except LlmError as error:
        raise ConfigError(error.message, hint=error.hint) from None
    note(line(report))
    return report.exit_code
