"""Slash commands that send files, pages and what lies in the clipboard along."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from llmcli import attachments, window
from llmcli.candidates import check_attachment
from llmcli.clipboard import paste
from llmcli.errors import LlmError, UsageError
from llmcli.messages import Media
from llmcli.repl import completion
from llmcli.repl.commands import Command, Suggestion
from llmcli.sanitize import one_line
from llmcli.wording import count, short, size

if TYPE_CHECKING:
    from llmcli.repl.chat import Chat

Found = tuple[str, list[Media]]
_WEB = ("http://", "https://")


def _file(chat: Chat, arguments: str) -> None:
    words, text = split(arguments)
    if not words:
        _tell(chat)
        return
    if words == ["-"]:
        _empty(chat)
        return
    whole = _queue_all(chat, words, _found)
    if text is None:
        return
    if whole:
        chat.send(text)
    else:
        chat.draft = text
        chat.say("nothing was sent; the text stands in the editor")


def _image(chat: Chat, arguments: str) -> None:
    words, text = split(arguments)
    if not words or text is not None:
        raise UsageError("which image?", hint="Type: /image FILE or /image https://…")
    _queue_all(chat, words, _images)


def _url(chat: Chat, arguments: str) -> None:
    words = arguments.split()
    if not words:
        raise UsageError("which address?", hint="Type: /url https://example.org/page")
    for word in words:
        if not word.lower().startswith(_WEB):
            raise UsageError(f"{one_line(word, 100)} does not begin with https:// or http://")
    _queue_all(chat, words, _found)


def _paste(chat: Chat, arguments: str) -> None:
    found = paste()
    kind = found.media_type.partition("/")[2] if found.media_type != "text/plain" else "txt"
    number = sum(media.name.startswith("clipboard") for media in chat.session.attachments)
    name = f"clipboard{number + 1 if number else ''}.{kind}"
    media = Media(found.data, found.media_type, name)
    chat.say(f"queued: {_queue(chat, name, [media])}; sent with the next message")
    if arguments:
        chat.send(arguments)


def split(arguments: str) -> tuple[list[str], str | None]:
    """The words as a shell splits them, and what stands behind `--`, None without one.

    Raises UsageError.
    """
    stream = io.StringIO(arguments)
    lexer = shlex.shlex(stream, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        while (word := lexer.get_token()) is not None:
            if word == "--":
                text = stream.read().strip()
                if not text:
                    raise UsageError("there is nothing to send behind --")
                return words, text
            words.append(word)
    except ValueError:
        raise UsageError("a quote is not closed") from None
    return words, None


def _places(word: str) -> list[str]:
    """What a word names: an address, a folder, a file, or the files of a pattern."""
    if word.lower().startswith(_WEB) or attachments.is_folder(attachments.home_expanded(word)):
        return [word]
    return [str(file) for file in attachments.matching(word)]


def _found(place: str) -> Found:
    """The name to show of what lies there, and what it is; a folder is one thing."""
    if place.lower().startswith(_WEB):
        return place, [_fetched(place)]
    path = attachments.home_expanded(place)
    if not attachments.is_folder(path):
        name = attachments.name_of(path)
        return name, [attachments.read(path, name)]
    folder = attachments.folder(path)
    files = count(len(folder.media), "file")
    others = f", {folder.others} other left out" if folder.others else ""
    return f"{place.rstrip('/')}/ ({files}{others})", folder.media


def _images(place: str) -> Found:
    name, media = _found(place)
    for one in media:
        if one.kind != "image":
            raise UsageError(f"{name} is no image ({one.media_type})")
    return name, media


def _fetched(url: str) -> Media:
    from llmcli.http.fetch import fetch

    page = fetch(url)
    return attachments.of_page(page.data, page.media_type, page.charset, page.url)


def _queue_all(chat: Chat, words: Iterable[str], find: Callable[[str], Found]) -> bool:
    """Queue what can be, and say of the rest why not; whether all could."""
    queued, failed = [], 0
    for word in words:
        try:
            places = _places(word)
        except LlmError as error:
            chat.fail(error)
            failed += 1
            continue
        for place in places:
            try:
                queued.append(_queue(chat, *find(place)))
            except LlmError as error:
                chat.fail(error)
                failed += 1
    if queued:
        chat.say(f"queued: {', '.join(queued)}; sent with the next message")
    return not failed


def _queue(chat: Chat, name: str, media: list[Media]) -> str:
    """Queue what the model takes; says what it is. Raises UsageError."""
    for one in media:
        check_attachment(chat.session.choice, chat.session.model, one)
    there = chat.session.attachments
    there += [one for one in media if one not in there]
    return described(name, media)


def described(name: str, media: list[Media]) -> str:
    """`src/parser.py (~3.1 k tokens)` or `photo.png (PNG image, 34.1 kB)`."""
    shown = one_line(name, 100)
    told = window.Size(0)
    for one in media:
        found = window.of_media(one)
        told = window.Size(told.tokens + found.tokens, told.whole and found.whole)
    if told.whole:
        words = f"~{short(told.tokens)} tokens"
    else:
        words = f"{_kind(media[0])}, {size(len(media[0].data))}"
    return f"{shown[:-1]}, {words})" if shown.endswith(")") else f"{shown} ({words})"


def _kind(media: Media) -> str:
    family, _, kind = media.media_type.partition("/")
    kind = one_line(kind, 40).upper()
    return f"{kind} {family}" if family in ("image", "audio") else kind


def _tell(chat: Chat) -> None:
    queue = chat.session.attachments
    if not queue:
        chat.say("nothing is queued; /file PATH queues a file for the next message")
        return
    for media in queue:
        chat.say(f"queued: {described(media.name, [media])}")
    chat.say("sent with the next message; /file - empties the queue")


def _empty(chat: Chat) -> None:
    queued = len(chat.session.attachments)
    chat.session.attachments = []
    chat.say(f"no longer queued: {count(queued, 'file')}")


def _paths(_chat: Chat, text: str) -> Iterable[Suggestion]:
    return completion.paths(text)


COMMANDS = (
    Command(
        "file",
        "PATH… [-- TEXT]",
        "send files along; alone: tell what is queued; -: empty the queue",
        _file,
        suggest=_paths,
    ),
    Command("image", "PATH…", "send an image along", _image, suggest=_paths),
    Command("url", "URL…", "send the text of a page along, or an image or a PDF", _url),
    Command("paste", "[TEXT]", "send along what lies in the clipboard", _paste),
)
