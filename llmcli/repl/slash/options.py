"""Slash commands about the options that are sent with a question: /set and /options."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from llmcli import registry
from llmcli.candidates import refusals, unfit_defaults
from llmcli.errors import UsageError
from llmcli.options import OPTIONS, Option, nearest, parse_options
from llmcli.repl.chat import Chat
from llmcli.repl.commands import Command, Suggestion
from llmcli.sanitize import one_line
from llmcli.terminal import table

_EXTRA = "extra."
_PAIR = re.compile(r"([^\s=]+)(\s*=\s*|\s+)(.+)", re.DOTALL)
_KINDS = {
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "text": "text",
    "texts": "text, or a JSON list of texts",
    "object": "JSON",
}


class Value(NamedTuple):
    """What an option is now, and where that comes from."""

    shown: str
    source: str


def in_chat(error: UsageError) -> UsageError:
    """An error about an option in the words of a chat, where `/set` is what `-o` is outside."""
    hint = error.hint
    if "-o extra." in hint:
        hint = "What it takes: /options. Anything else: /set extra.KEY JSON"
    elif "llm config set" in hint:
        hint += "\nThen leave, and go on with: llm chat -c"
    return UsageError(error.message.removeprefix("-o "), hint=hint)


def _set(chat: Chat, text: str) -> None:
    pair = _PAIR.fullmatch(text)
    if not text:
        _show_set(chat)
    elif text.startswith("-") and len(text) > 1:
        _unset(chat, text[1:])
    elif pair is None:
        _show(chat, text)
    elif pair[3] == "-" and "=" not in pair[2]:
        _unset(chat, pair[1])
    else:
        change(chat, pair[1], pair[3])


def change(chat: Chat, name: str, text: str) -> None:
    """Set an option from what was typed. Raises UsageError for what cannot be sent."""
    try:
        options, extra = parse_options([f"{name}={text}"])
    except UsageError as error:
        raise in_chat(error) from None
    apply(chat, {**chat.session.options, **options})
    chat.session.extra = {**chat.session.extra, **extra}
    chat.say(f"{name} is {words(present(chat)[name])} from the next message on")


def apply(chat: Chat, options: Mapping[str, Any]) -> None:
    """Take these options; raises UsageError where the model cannot be sent what is new in them."""
    session = chat.session
    question = session.next("").question
    before = {error.message for error in refusals(session.choice, question, session.config)}
    wanted = question._replace(options=options)
    for error in refusals(session.choice, wanted, session.config):
        if error.message not in before:
            raise in_chat(error)
    session.options = options


def _unset(chat: Chat, name: str) -> None:
    session = chat.session
    bare = name.removeprefix(_EXTRA)
    if name.startswith(_EXTRA) and bare in session.extra:
        session.extra = {key: value for key, value in session.extra.items() if key != bare}
    elif name in session.options:
        session.options = {key: v for key, v in session.options.items() if key != name}
    else:
        _check_name(chat, name)
        raise UsageError(f"{name} is not set in this chat", hint="What is: /set")
    chat.say(f"{name} is {words(present(chat).get(name))} again")


def _show_set(chat: Chat) -> None:
    found = {name: v for name, v in present(chat).items() if v.source == "chat"}
    if not found:
        chat.say("nothing is set in this chat; what can be: /options")
    for name, value in found.items():
        chat.say(f"{name} is {value.shown}")


def _show(chat: Chat, name: str) -> None:
    _check_name(chat, name)
    chat.say(f"{name} is {words(present(chat).get(name))}")
    if name in OPTIONS:
        chat.say(_takes(OPTIONS[name]))


def _check_name(chat: Chat, name: str) -> None:
    """Raises UsageError for a name that is no option."""
    if name not in OPTIONS and name not in present(chat) and not name.startswith(_EXTRA):
        raise UsageError(
            f"{name}: unknown option.{nearest(name, OPTIONS)}",
            hint="All of them: /options. Anything else: /set extra.KEY JSON",
        )


def present(chat: Chat) -> dict[str, Value]:
    """The options that are set, by the chat or the config."""
    session = chat.session
    question = session.next("").question
    config, choice = session.config, session.choice
    defaults = config.option_defaults(choice.spec)
    unfit = unfit_defaults(choice, registry.card_for(choice, config), question, defaults)
    found = {
        name: Value(_text(value), "config, left out" if name in unfit else "config")
        for name, value in defaults.items()
    }
    found |= {name: Value(_text(value), "chat") for name, value in session.options.items()}
    extra = {f"{_EXTRA}{name}": value for name, value in session.extra.items()}
    return found | {name: Value(_text(value), "chat") for name, value in extra.items()}


def _text(value: Any) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value), 60)


def words(value: Value | None) -> str:
    """`0.5 (config)`, or that the provider decides."""
    if value is None:
        return "as the provider has it"
    return value.shown if value.source == "chat" else f"{value.shown} ({value.source})"


def _takes(option: Option) -> str:
    """`whole number: limit of the answer in tokens`."""
    return f"{', '.join(option.choices) or _KINDS[option.type]}: {option.help}"


def _options(chat: Chat, _arguments: str) -> None:
    now = present(chat)
    takes = chat.models.takes(chat.session.choice)
    names = [name for name in OPTIONS if name in takes]
    names += [name for name in now if name not in names]
    rows = []
    for name in names:
        value = now.get(name, Value("", "default"))
        about = _takes(OPTIONS[name]) if name in OPTIONS else "sent as it is"
        if name in OPTIONS and name not in takes:
            about = f"{chat.session.choice.provider} cannot be sent it; /set {name} - takes it away"
        rows.append((name, value.shown, value.source, about))
    table(("OPTION", "VALUE", "FROM", "TAKES"), rows)


def _suggest_set(chat: Chat, text: str) -> Iterable[Suggestion]:
    name, blank, _ = text.partition(" ")
    sign = "=" if "=" in name else ""
    if sign:
        name = name.partition(sign)[0]
    if blank or sign:
        head = f"{name}=" if sign else ""
        return [found._replace(value=head + found.value) for found in _values(chat, name)]
    takes = chat.models.takes(chat.session.choice)
    names = [Suggestion(name, OPTIONS[name].help) for name in OPTIONS if name in takes]
    return [*names, *(Suggestion(f"{_EXTRA}{k}", "sent as it is") for k in chat.session.extra)]


def _values(chat: Chat, name: str) -> Iterator[Suggestion]:
    option = OPTIONS.get(name)
    session = chat.session
    choices = option.choices if option else ()
    if option and option.type == "boolean":
        choices = ("true", "false")
    elif name == "tool_choice":
        choices = ("auto", "none", "required", *(tool.name for tool in session.tools))
    values = {**session.config.option_defaults(session.choice.spec), **session.options}
    for choice in choices:
        yield Suggestion(choice, "now" if _text(values.get(name)) == choice else "")
    if name in session.options or name.removeprefix(_EXTRA) in session.extra:
        yield Suggestion("-", "takes it away")


COMMANDS = (
    Command(
        "set",
        "[NAME [VALUE]]",
        "set an option; a - as its value takes it away",
        _set,
        suggest=_suggest_set,
    ),
    Command("options", "", "every option this model takes, and what it is now", _options),
)
