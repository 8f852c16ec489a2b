"""Slash commands that write an answer or the conversation into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from llmcli.attachments import home_expanded, is_folder
from llmcli.errors import LocalIOError, UsageError
from llmcli.files import write_out
from llmcli.render.code import first_block
from llmcli.repl import completion
from llmcli.repl.commands import Command, Suggestion
from llmcli.repl.slash.attach import split
from llmcli.sanitize import one_line
from llmcli.transcripts.documents import to_document, to_lines, to_text
from llmcli.transcripts.markdown import to_markdown
from llmcli.turn import Conversation, Turn
from llmcli.wording import size

if TYPE_CHECKING:
    from llmcli.repl.chat import Chat

_FORCE, _EXTRACT = "-f", "-x"


def _save(chat: Chat, arguments: str) -> None:
    path, flags = _target(arguments, {_FORCE, _EXTRACT}, "/save [-x] [-f] FILE")
    text = chat.session.turns[-1].text
    if _EXTRACT in flags:
        block = first_block(text)
        if block is None:
            raise UsageError("the last answer holds no code block", hint="All of it: /save FILE")
        text = block
    elif text and not text.endswith("\n"):
        text += "\n"
    _write(chat, path, text, replace=_FORCE in flags, again=f"/save -f {arguments}")


def _export(chat: Chat, arguments: str) -> None:
    path, flags = _target(arguments, {_FORCE}, "/export [-f] FILE.md")
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise UsageError(
            f"{one_line(path.name, 80)}: its ending does not tell the format",
            hint=f"One of {', '.join(_FORMATS)}; .json and .jsonl can be imported again.",
        )
    text = form(chat)
    _write(chat, path, text, replace=_FORCE in flags, again=f"/export -f {arguments}")


def _target(arguments: str, known: set[str], usage: str) -> tuple[Path, set[str]]:
    """The file that is meant and the flags before or behind it. Raises UsageError."""
    words, _ = split(arguments)
    flags = {word for word in words if word in known}
    rest = [word for word in words if word not in known]
    odd = next((word for word in rest if word.startswith("-")), None)
    if odd is not None:
        raise UsageError(f"{one_line(odd, 40)} is no option", hint=f"Type: {usage}")
    if len(rest) != 1:
        raise UsageError("one file, please" if rest else "into which file?", hint=f"Type: {usage}")
    path = home_expanded(rest[0])
    if is_folder(path):
        raise UsageError(f"{one_line(rest[0], 100)} is a folder", hint=f"Type: {usage}")
    return path, flags


def _write(chat: Chat, path: Path, text: str, *, replace: bool, again: str) -> None:
    data = text.encode("utf-8", "replace")
    name = one_line(str(path), 200)
    try:
        write_out(path, data, replace=replace)
    except FileExistsError:
        raise UsageError(f"{name} is there already", hint=f"To replace it: {again}") from None
    except OSError as error:
        raise LocalIOError(f"{name}: {error.strerror}") from None
    except ValueError:
        raise UsageError("that is not a path") from None
    chat.say(f"written: {name} ({size(len(data))})")


def _whole(chat: Chat) -> tuple[Conversation, list[Turn]]:
    """The conversation as it is kept, with all its branches; as it is here where it is not kept."""
    session = chat.session
    here = session.conversation.id
    kept = session.stored(lambda store: store.conversation(here))
    turns = session.stored(lambda store: store.whole(kept)) if kept else None
    if kept and turns:
        return kept, turns
    mine = {turn.id: turn for turn in (*session.turns, *session.known.values())}
    every = sorted(mine.values(), key=lambda turn: (turn.started, turn.id))
    return _here(chat), every


def _here(chat: Chat) -> Conversation:
    session = chat.session
    here, turns = session.conversation, session.turns
    return here._replace(
        created=here.created or turns[0].started,
        updated=turns[-1].started,
        title=here.title or one_line(turns[0].prompt, 200),
        head=session.head,
        turns=here.turns or len(turns),
        model=turns[-1].spec,
    )


def _json(chat: Chat) -> str:
    return to_text(to_document(*_whole(chat)), indent=1) + "\n"


def _jsonl(chat: Chat) -> str:
    return "".join(to_lines(*_whole(chat)))


def _markdown(chat: Chat) -> str:
    return to_markdown(_here(chat), chat.session.turns)


def _html(chat: Chat) -> str:
    from llmcli.transcripts.html import to_html

    return to_html(_here(chat), chat.session.turns)


_FORMATS: dict[str, Callable[[Chat], str]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".json": _json,
    ".jsonl": _jsonl,
    ".html": _html,
    ".htm": _html,
}


def _has_turns(chat: Chat) -> bool:
    return bool(chat.session.turns)


def _paths(_chat: Chat, text: str) -> Iterable[Suggestion]:
    return completion.paths(text)


COMMANDS = (
    Command(
        "save",
        "[-x] [-f] FILE",
        "write the last answer into a file; -x: its first code block",
        _save,
        _has_turns,
        _paths,
    ),
    Command(
        "export",
        "[-f] FILE",
        "write the conversation into a .md, .html, .json or .jsonl file",
        _export,
        _has_turns,
        _paths,
    ),
)
