"""The keyboard: keys of a terminal, and pastes that arrive whole however large they are."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from typing import IO, cast

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

PASTE_BYTES = 1 << 20

_BEGIN, _END = "\x1b[200~", "\x1b[201~"
_READ = 1 << 16
_UNASKED = (Keys.Vt100MouseEvent, Keys.CPRResponse)  # answers to what we never ask of a terminal


def open_keyboard() -> IO[str]:
    """The terminal of this process, opened for reading though stdin is a pipe.

    Raises OSError when there is none.
    """
    flags = os.O_RDWR | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
    return open(os.open(_terminal_name(), flags), encoding="utf-8", errors="surrogateescape")


def _terminal_name() -> str:
    """The terminal by its own name where one is known: kqueue cannot wait for /dev/tty."""
    for stream in (sys.stderr, sys.stdout):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return os.ttyname(stream.fileno())
    return "CONIN$" if os.name == "nt" else "/dev/tty"


if sys.platform == "win32":  # pragma: no cover

    def keys_of(stream: IO[str]) -> Input:
        """The keys typed on this terminal."""
        return create_input(stream)  # type: ignore[arg-type]

else:
    from typing import TextIO

    from prompt_toolkit.input.vt100 import Vt100Input
    from prompt_toolkit.input.vt100_parser import Vt100Parser

    def keys_of(stream: IO[str]) -> Input:
        """The keys typed on this terminal."""
        return _Keyboard(cast(TextIO, stream))

    class _Keyboard(Vt100Input):
        """Keys of a terminal that may vanish; what a paste has past the limit is dropped.

        prompt_toolkit's own reading is quadratic in the length of a paste and spins when the
        terminal is gone. A paste that was cut is still longer than PASTE_BYTES.
        """

        def __init__(self, stream: TextIO) -> None:
            super().__init__(stream)
            self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
            self._keys: list[KeyPress] = []
            self.vt100_parser = Vt100Parser(self._take)
            self._held = ""  # what may be the beginning of a mark
            self._paste: list[str] | None = None
            self._room = 0
            self._gone = False

        @property
        def closed(self) -> bool:
            return self._gone

        def read_keys(self) -> list[KeyPress]:
            try:
                data = os.read(self.fileno(), _READ)
                self._gone = not data
            except BlockingIOError:  # another program made it so, and took what was typed
                data = b""
            except OSError:
                data, self._gone = b"", True
            text, self._held = self._held + self._decoder.decode(data), ""
            while text:
                text = self._typed(text) if self._paste is None else self._pasted(text)
            return self._taken()

        def flush_keys(self) -> list[KeyPress]:
            if self._paste is None:
                held, self._held = self._held, ""
                self.vt100_parser.feed(held)
                self.vt100_parser.flush()
            return self._taken()

        def _take(self, key: KeyPress) -> None:
            if key.key not in _UNASKED:
                self._keys.append(key)

        def _taken(self) -> list[KeyPress]:
            taken = list(self._keys)
            self._keys.clear()
            return taken

        def _typed(self, text: str) -> str:
            """Take the keys up to a paste; return what follows."""
            keys, begin, rest = text.partition(_BEGIN)
            if begin:
                self._paste, self._room = [], PASTE_BYTES + 1
            else:
                keys, self._held = _without_start_of(_BEGIN, keys)
            self.vt100_parser.feed(keys)
            return rest

        def _pasted(self, text: str) -> str:
            """Take the rest of a paste, or as much as has arrived; return what follows."""
            assert self._paste is not None
            content, end, rest = text.partition(_END)
            if not end:
                content, self._held = _without_start_of(_END, content)
            self._paste.append(content[: self._room])
            self._room -= len(self._paste[-1])
            if end:
                self._keys.append(KeyPress(Keys.BracketedPaste, "".join(self._paste)))
                self._paste = None
            return rest


def _without_start_of(mark: str, text: str) -> tuple[str, str]:
    """The text and, cut from its end, what may be the beginning of the mark."""
    for length in range(len(mark) - 1, 0, -1):
        if text.endswith(mark[:length]):
            return text[:-length], text[-length:]
    return text, ""
