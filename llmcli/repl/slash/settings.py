"""Slash commands that choose the model and what is sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from llmcli import keys, registry, window
from llmcli.candidates import refusals
from llmcli.options import nearest
from llmcli.registry import EMBEDDED, Choice
from llmcli.repl.chat import Chat
from llmcli.repl.commands import Command, Suggestion
from llmcli.repl.models import facts
from llmcli.repl.slash import options, reasoning
from llmcli.repl.slash.options import in_chat
from llmcli.terminal import clean, out
from llmcli.wording import short


def _model(chat: Chat, spec: str) -> None:
    session = chat.session
    if not spec:
        found = chat.screen.choose(f"Model (now {session.choice.spec}):", chat.models.rows())
        if found is None:
            return
        spec = found
    choice = registry.resolve(spec, session.config)
    session.use(choice._replace(source="/model"))
    told = facts(session.model, free=choice.provider == EMBEDDED)
    chat.say(" · ".join(filter(None, (f"{choice.spec} answers now", told))))
    for words in _doubts(chat, choice):
        chat.warn(words)
    refused = refusals(choice, session.next("").question, session.config)
    for error in refused:
        chat.fail(in_chat(error))
    if refused:
        ways = "/set NAME - takes an option back, /file - the files, /clear what was said before"
        chat.say(f"that stops the next message: {ways}")


def _doubts(chat: Chat, choice: Choice) -> Iterable[str]:
    """Why the next message may fail, as far as one can tell without sending it."""
    session = chat.session
    card = registry.load_card(choice.provider)
    known = registry.known_models(card, session.config)
    if known and choice.model not in known:
        yield f"{card.id} is not known to have {choice.model}.{nearest(choice.model, known)}"
    retired = session.model.retired
    if retired and retired <= datetime.now(UTC).date():
        yield f"{choice.spec} was retired on {retired}"
    if card.needs_key and card.id not in session.key_env and keys.where(card) is None:
        yield f"{card.id} needs a key, and none was found: llm keys set {card.id}"
    used, room = window.used(session.turns, session.since), session.model.context
    if used and room and used > room:
        yield (
            f"this chat fills about {short(used)} tokens, and {choice.spec} takes {short(room)}: "
            "/clear makes room, /context tells what fills it"
        )


def models(chat: Chat, _text: str) -> Iterable[Suggestion]:
    """The models that may be named."""
    return chat.models.rows()


def _system(chat: Chat, text: str) -> None:
    session = chat.session
    if not text:
        _tell_system(chat)
    elif text == "-":
        session.system = ""
        chat.say("no system prompt from the next message on")
    else:
        session.system = text
        chat.say("that is the system prompt from the next message on")


def _tell_system(chat: Chat) -> None:
    session = chat.session
    default = session.config.get("defaults.system")
    text, source = str(default.value or ""), default.source
    if session.system is not None:
        told = any(turn.system == session.system for turn in session.turns[-1:])
        text = session.system
        source = "this conversation" if told else "from the next message on"
    if not text:
        chat.say("no system prompt; /system TEXT sets one")
        return
    out(clean(text))
    chat.say(f"the system prompt · {source}")


def _suggest_system(chat: Chat, text: str) -> Iterable[Suggestion]:
    there = chat.session.system or chat.session.config.get("defaults.system").value
    return [Suggestion("-", "no system prompt")] if there and text in ("", "-") else ()


COMMANDS = (
    Command("model", "[SPEC]", "choose who answers from now on", _model, suggest=models),
    Command(
        "system",
        "[TEXT]",
        "show the system prompt or set it; a - takes it away",
        _system,
        suggest=_suggest_system,
    ),
    *options.COMMANDS,
    *reasoning.COMMANDS,
)
