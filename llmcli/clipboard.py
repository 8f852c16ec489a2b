"""The system's clipboard: by whatever program reaches it, else, to copy, by the terminal."""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

from llmcli.errors import LocalIOError, UsageError
from llmcli.redaction import without_keys

LIMIT = 20 << 20
TERMINAL_LIMIT = 100_000  # of base64: more than that terminals drop or cut
_SECONDS = 5
_IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_TEXTS = ("text/plain", "text/plain;charset=utf-8", "UTF8_STRING", "STRING", "TEXT")
_HINT = "Install one: wl-clipboard for Wayland, xclip or xsel for X11."


class Content(NamedTuple):
    """What lies in the clipboard: an image, or text as UTF-8."""

    data: bytes
    media_type: str


def _as_it_is(data: bytes) -> bytes:
    return data


def _from_base64(data: bytes) -> bytes:
    return base64.b64decode(b"".join(data.split()), validate=True)


def _from_applescript(data: bytes) -> bytes:
    """The bytes of `«data PNGf89504E47…»`."""
    found = re.search(rb"PNGf([0-9A-Fa-f]+)", data)
    return binascii.unhexlify(found[1]) if found else b""


class _Program(NamedTuple):
    """How one clipboard is reached; what cannot be done there is empty.

    `needs` is a variable without which it cannot be reached. Where `types` lists what lies there,
    `image` gets the wanted type as its last word.
    """

    name: str
    needs: str = ""
    copy: tuple[str, ...] = ()
    paste: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    encoding: str = "utf-8"
    read_text: Callable[[bytes], bytes] = _as_it_is
    read_image: Callable[[bytes], bytes] = _as_it_is


_X = ("xclip", "-selection", "clipboard")
_POWERSHELL = ("powershell.exe", "-NoProfile", "-STA", "-Command")
_POWERSHELL_TEXT = (
    "$t=Get-Clipboard -Raw;if($t){[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($t))}"
)
_POWERSHELL_IMAGE = (
    "Add-Type -AssemblyName System.Windows.Forms;$i=[Windows.Forms.Clipboard]::GetImage();"
    "if($i){$m=New-Object IO.MemoryStream;$i.Save($m,[Drawing.Imaging.ImageFormat]::Png);"
    "[Convert]::ToBase64String($m.ToArray())}"
)
_PROGRAMS = (
    _Program(
        "wl-clipboard",
        needs="WAYLAND_DISPLAY",
        copy=("wl-copy",),
        paste=("wl-paste", "--no-newline"),
        types=("wl-paste", "--list-types"),
        image=("wl-paste", "--type"),
    ),
    _Program(
        "xclip",
        needs="DISPLAY",
        copy=_X,
        paste=(*_X, "-o"),
        types=(*_X, "-o", "-t", "TARGETS"),
        image=(*_X, "-o", "-t"),
    ),
    _Program(
        "xsel",
        needs="DISPLAY",
        copy=("xsel", "--clipboard", "--input"),
        paste=("xsel", "--clipboard", "--output"),
    ),
    _Program(
        "pbcopy",
        copy=("pbcopy",),
        paste=("pbpaste",),
        image=("osascript", "-e", "get the clipboard as «class PNGf»"),
        read_image=_from_applescript,
    ),
    _Program("termux", copy=("termux-clipboard-set",), paste=("termux-clipboard-get",)),
    # clip.exe takes text for the console's code page unless it begins with UTF-16's mark.
    _Program("clip.exe", copy=("clip.exe",), encoding="utf-16"),
    _Program(
        "PowerShell",
        paste=(*_POWERSHELL, _POWERSHELL_TEXT),
        image=(*_POWERSHELL, _POWERSHELL_IMAGE),
        read_text=_from_base64,
        read_image=_from_base64,
    ),
)


def copy(text: str, terminal: IO[str]) -> str:
    """Put the text into the clipboard; returns how, as words to show.

    Without a program that can, the terminal is asked to (OSC 52), and whether it does nobody
    tells. Raises LocalIOError where that cannot be either.
    """
    for program in _usable("copy"):
        data = text.encode(program.encoding, "replace")
        if _run(program.copy, data) is not None:
            return f"by {program.name}"
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    if not terminal.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        raise LocalIOError("no program was found that reaches the clipboard", hint=_HINT)
    if len(encoded) > TERMINAL_LIMIT:
        raise LocalIOError(
            f"too long for the terminal's clipboard ({TERMINAL_LIMIT * 3 // 4 // 1000} kB)",
            hint=_HINT,
        )
    terminal.write(f"\x1b]52;c;{encoded}\x07")
    terminal.flush()
    return "by the terminal (OSC 52), if it allows that"


def paste() -> Content:
    """What lies in the clipboard; text where there is text and an image, as of a table's cells.

    Raises UsageError where it is empty or too large, LocalIOError where it cannot be reached.
    """
    reached = False
    for program in _usable("paste"):
        reached = True
        found = _text(program) or _image(program)
        if found and len(found.data) > LIMIT:
            raise UsageError(f"what lies in the clipboard is larger than {LIMIT >> 20} MiB")
        if found:
            return found
    if reached:
        raise UsageError("the clipboard holds neither text nor an image")
    raise LocalIOError("no program was found that reaches the clipboard", hint=_HINT)


def _usable(way: str) -> Iterator[_Program]:
    """The programs that are here; over SSH those that reach the clipboard of where one sits."""
    remote = bool(os.environ.get("SSH_CONNECTION"))
    for program in _PROGRAMS:
        command = getattr(program, way)
        there = bool(os.environ.get(program.needs)) if program.needs else not remote
        if command and there and shutil.which(command[0]):
            yield program


def _text(program: _Program) -> Content | None:
    if program.types and not set(_types(program)) & set(_TEXTS):
        return None
    data = _read(program.paste, program.read_text).replace(b"\r\n", b"\n")
    text = data.decode("utf-8", "replace")
    return Content(text.encode(), "text/plain") if text.strip() else None


def _image(program: _Program) -> Content | None:
    if not program.image:
        return None
    kind, command = _IMAGES[0], program.image
    if program.types:
        there = _types(program)
        kind = next((image for image in _IMAGES if image in there), "")
        command = (*program.image, kind)
    data = _read(command, program.read_image) if kind else b""
    return Content(data, kind) if data else None


def _types(program: _Program) -> list[str]:
    return _read(program.types).decode("ascii", "replace").split("\n")


def _read(command: tuple[str, ...], read: Callable[[bytes], bytes] = _as_it_is) -> bytes:
    """What the program prints; nothing where it fails or prints what nobody can read."""
    try:
        return read(_run(command, b"", wants=True) or b"")
    except ValueError:
        return b""


def _run(command: tuple[str, ...], data: bytes, *, wants: bool = False) -> bytes | None:
    """Run it with this on its stdin; what it printed if that is wanted, None when it failed.

    It stays behind to serve what was copied, so it must neither hear our Ctrl-C nor hold our
    terminal nor a key.
    """
    environment = without_keys(os.environ)
    if sys.platform == "darwin":  # pbcopy goes by the locale, which a terminal may not have set
        environment["LC_CTYPE"] = "UTF-8"
    try:
        done = subprocess.run(
            command,
            input=data,
            stdout=subprocess.PIPE if wants else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            start_new_session=True,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout or b""
