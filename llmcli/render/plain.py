"""The answer as text: byte for byte in a pipe, made harmless on a terminal."""

from __future__ import annotations

from llmcli.render.display import Display
from llmcli.render.streamed import Streamed


class Plain(Streamed):
    """Ends the last line on a terminal; adds nothing in a pipe."""

    def __init__(self, display: Display) -> None:
        super().__init__(display)
        self._tty = display.stdout_tty
        self._midline = False

    def _add(self, text: str) -> None:
        self._put(self._incoming.feed(text) if self._tty else text)

    def _put(self, text: str) -> None:
        if not text:
            return
        try:
            self._output.write(text)
        except OSError:
            self._notes.end()
            raise
        if self._tty:
            self._midline = text[-1] != "\n"
            self._notes.midline = self._midline and self._shared

    def _break(self) -> None:
        if self._midline:
            self._put("\n")

    def _end(self) -> None:
        self._write()
        if self._tty:
            self._put(self._incoming.end())
            self._break()
