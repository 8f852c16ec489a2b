"""The REPL: read a line, run it, come back whatever happens."""

from __future__ import annotations

import contextlib
import signal
from typing import IO

from llmcli.errors import Interrupted, LlmError
from llmcli.render import Display
from llmcli.repl import commands, slash, warming
from llmcli.repl.chat import Chat, Leave
from llmcli.repl.completion import SlashCompleter
from llmcli.repl.echo import unseen_typing
from llmcli.repl.interrupts import Interrupts
from llmcli.repl.rows import told
from llmcli.repl.screen import Screen
from llmcli.repl.slash import attach
from llmcli.repl.toolbar import Toolbar
from llmcli.sanitize import one_line
from llmcli.session import Session
from llmcli.turn import SHORT_ID
from llmcli.wording import count


def open_chat(
    session: Session, display: Display, keyboard: IO[str] | None, *, vi: bool, remember: bool
) -> Chat:
    """A chat on this terminal; `keyboard` is what is typed on when stdin is a pipe.

    `remember` is whether what is typed is kept for the prompts of other chats.
    """
    completer = SlashCompleter(slash.COMMANDS)
    screen = Screen(
        completer,
        Toolbar(session),
        vi=vi,
        color=display.styled_out,
        keyboard=keyboard,
        remember=remember,
    )
    completer.chat = Chat(session, screen, display, Interrupts(), keyboard)
    return completer.chat


def greet(chat: Chat) -> None:
    """Say who answers, in which conversation, and where help is; nothing with `-q`."""
    session = chat.session
    if chat.display.quiet:
        return
    which = session.conversation.id[:SHORT_ID]
    if session.turns:
        which += f", {count(len(session.turns), 'turn')} so far"
        which += f" · {one_line(session.conversation.name or session.conversation.title, 60)}"
    else:
        which = f"new conversation {which}"
    chat.say(f"{session.choice.spec} · {which} · /help")
    if session.attachments:
        names = ", ".join(attach.described(media.name, [media]) for media in session.attachments)
        chat.say(f"queued: {names}; sent with the next message")


def run(chat: Chat, first: str = "") -> None:
    """Talk until the user leaves; `first` is sent at once.

    Raises Interrupted for a signal other than Ctrl-C.
    """
    with contextlib.suppress(EOFError, Leave), unseen_typing(chat.keyboard):
        greet(chat)
        take(chat, first)
        chat.screen.when_drawn(lambda: warming.begin(chat))
        while True:
            draft, chat.draft = chat.draft, ""
            take(chat, chat.screen.read(draft))


def take(chat: Chat, line: str) -> None:
    """Run what was typed: a slash command or a prompt. Raises Leave."""
    if not line.strip():
        return
    with chat.interrupts.armed():
        try:
            found = commands.parse(line, slash.COMMANDS, chat)
            if found is None:
                chat.send(line)
            else:
                command, arguments = found
                command.run(chat, arguments)
        except Interrupted as stop:
            if stop.signum != signal.SIGINT:
                raise
            chat.say("stopped")
        except LlmError as error:
            chat.fail(error)
            chat.draft = chat.draft or line
        except (EOFError, Leave, OSError):
            raise
        except Exception as error:  # noqa: BLE001
            chat.warn(told(error))
            chat.draft = chat.draft or line
