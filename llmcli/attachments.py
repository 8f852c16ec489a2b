"""Files, folders and pages that go along with a prompt, and what they are."""

from __future__ import annotations

import glob
import itertools
import mimetypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from llmcli.errors import UsageError
from llmcli.messages import Media

LIMIT = 20 << 20
FILES = 200
_LOOKED_AT = 20_000  # entries of a folder and of all in it
_HEAD = 8192
_HTML = ("text/html", "application/xhtml+xml")
_SENDABLE = ("image/", "audio/", "application/pdf")
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
)


class Folder(NamedTuple):
    """The text files of a folder, and how many other files it has."""

    media: list[Media]
    others: int


def read(path: str | Path, name: str = "") -> Media:
    """A file to send along, under its own name or another. Raises UsageError."""
    file = Path(path)
    try:
        facts = file.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise UsageError(f"{path}: not a regular file")
        if facts.st_size > LIMIT:
            raise UsageError(f"{path}: larger than {LIMIT >> 20} MiB")
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError:  # a NUL in it
        raise UsageError("that is not a path") from None
    return Media(data, media_type(data, file.name), name or file.name)


def matching(pattern: str) -> list[Path]:
    """The files that a path or a pattern with `*`, `?`, `[…]` or `**` means, at most FILES.

    Raises UsageError where there is none.
    """
    path = home_expanded(pattern)
    if not glob.has_magic(pattern) or os.path.lexists(path):
        return [path]
    files = list(itertools.islice(_matches(path), FILES + 1))
    if not files:
        raise UsageError(f"{pattern}: no such file")
    if len(files) > FILES:
        raise UsageError(f"{pattern}: more than {FILES} files")
    return sorted(files)


def _matches(pattern: Path) -> Iterator[Path]:
    """The files a pattern means; its `**` are the folders below, without hidden ones and links."""
    if "**" not in pattern.parts:
        found = glob.iglob(str(pattern))  # noqa: PTH207 - it takes absolute ones, too
        yield from (Path(one) for one in found if os.path.isfile(one))  # noqa: PTH113
        return
    at = pattern.parts.index("**")
    behind = [*itertools.dropwhile("**".__eq__, pattern.parts[at:])] or ["*"]
    for top in glob.iglob(str(Path(*pattern.parts[:at]))):  # noqa: PTH207
        for number, folder in enumerate(_folders(Path(top))):
            if number >= _LOOKED_AT:
                raise UsageError(f"{pattern}: more than {_LOOKED_AT:,} folders", hint=_NARROWER)
            yield from _matches(Path(glob.escape(str(folder)), *behind))


def is_folder(path: Path) -> bool:
    """Whether it is one; what cannot be looked at is none, where Path.is_dir raises OSError."""
    return os.path.isdir(path)  # noqa: PTH112


def home_expanded(text: str) -> Path:
    """The path with `~` replaced. Raises UsageError for the home of nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{text}: no such home") from None


def name_of(path: Path) -> str:
    """What the model is told a file is called: a path from here, else only the file's name."""
    inside = not path.is_absolute() and ".." not in path.parts
    return path.as_posix() if inside else path.name


def folder(path: Path) -> Folder:
    """The text files in a folder and below, without hidden ones and links.

    Raises UsageError where there are none, or more than FILES, or than LIMIT bytes of them.
    """
    found: list[Media] = []
    room, others = LIMIT, 0
    for number, file in enumerate(_walk(path)):
        if number >= _LOOKED_AT:
            raise UsageError(f"{path}: more than {_LOOKED_AT:,} files", hint=_NARROWER)
        data = _text(file, room)
        if data is None:
            others += 1
            continue
        room -= len(data)
        if room < 0 or len(found) == FILES:
            much = f"{LIMIT >> 20} MiB of text" if room < 0 else f"{FILES} text files"
            raise UsageError(f"{path}: more than {much}", hint=_NARROWER)
        name = (Path(path.name if path.is_absolute() else path) / file.relative_to(path)).as_posix()
        found.append(Media(data, media_type(data, file.name), name))
    if not found:
        shut = not os.access(path, os.R_OK | os.X_OK)
        raise UsageError(f"{path}: {'Permission denied' if shut else 'no text files in it'}")
    return Folder(found, others)


_NARROWER = "Name fewer: a folder in it, or a pattern such as 'src/**/*.py'."


def _walk(path: Path) -> Iterator[Path]:
    """The regular files below, in order; what cannot be opened is passed over."""
    waiting = _visible(path)
    while waiting:
        entry = waiting.pop()
        if entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            waiting += _visible(entry.path)


def _folders(top: Path) -> Iterator[Path]:
    """A folder and all below."""
    waiting = [top] if is_folder(top) else []
    while waiting:
        yield (folder := waiting.pop())
        below = _visible(folder)
        waiting += (Path(entry.path) for entry in below if entry.is_dir(follow_symlinks=False))


def _visible(folder: str | Path) -> list[os.DirEntry[str]]:
    """What lies in a folder but for what is hidden, the last name first; nothing if it is shut."""
    try:
        with os.scandir(folder) as entries:
            there = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return []
    return sorted(there, key=lambda entry: entry.name, reverse=True)


def _text(file: Path, room: int) -> bytes | None:
    """The content of a text file, a byte more than there is room for at most; None if no text."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_HEAD)
            if b"\0" in data:
                return None
            data += opened.read(max(room - len(data) + 1, 0))
    except OSError:
        return None
    return data if len(data) > room or _is_text(data) else None


def of_page(data: bytes, kind: str, charset: str, url: str) -> Media:
    """What was fetched from a URL: of a web page its text. Raises UsageError for what is neither.

    `kind` is the media type that its server says it is.
    """
    from llmcli import webpage

    if not data.strip():
        raise UsageError(f"{url}: there is nothing")
    magic = _by_magic(data)
    if not magic and kind in _HTML:
        text = webpage.text_of(data, charset)
        if not text:
            raise UsageError(f"{url}: a page without text; it may need a browser")
        return Media(text.encode("utf-8", "replace"), "text/plain", url)
    name = unquote(urlsplit(url).path.rpartition("/")[2]) or url
    if not magic and (charset or kind.startswith("text/") or _is_text(data)):
        text = webpage.decoded(data, charset)
        return Media(text.encode("utf-8", "replace"), "text/plain", url)
    kind = magic or kind or media_type(data, name)
    if not kind.startswith(_SENDABLE):
        raise UsageError(f"{url}: {kind}, which cannot be sent")
    return Media(data, kind, name)


def media_type(data: bytes, name: str) -> str:
    """By the first bytes; what is text goes as text whatever its name; else by the name."""
    if magic := _by_magic(data):
        return magic
    guessed, _ = mimetypes.guess_type(name)
    if _is_text(data):  # JSON, SQL and SVG have names of their own, and every model reads them
        return guessed if guessed and guessed.startswith("text/") else "text/plain"
    return guessed or ("application/octet-stream" if b"\0" in data[:4096] else "text/plain")


def _by_magic(data: bytes) -> str:
    """The media type that the first bytes tell, or nothing."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] != b"RIFF":
        return ""
    riff = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
    return riff.get(data[8:12], "application/octet-stream")


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False
