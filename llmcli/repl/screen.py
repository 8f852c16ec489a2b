"""Where a chat is typed: messages, an editor, a choice; on any terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import IO

from prompt_toolkit.completion import Completer

from llmcli.paths import prompts_path
from llmcli.repl.editor import edit
from llmcli.repl.input_area import InputArea
from llmcli.repl.keyboard import keys_of
from llmcli.repl.look import drawn_on, is_dumb, output_on
from llmcli.repl.picker import Picker
from llmcli.repl.plain_lines import PlainLines
from llmcli.repl.rows import Row


class Screen:
    """All that a chat needs of a terminal; a dumb one gets plain lines.

    `keyboard` is where keys come from when stdin is no terminal (see `open_keyboard`).
    `remember` is whether prompts are kept in the file that all terminals share.
    """

    def __init__(
        self,
        completer: Completer | None,
        toolbar: Callable[[], str],
        *,
        vi: bool = False,
        color: bool = True,
        keyboard: IO[str] | None = None,
        remember: bool = True,
    ) -> None:
        self._keyboard = keyboard or sys.stdin
        self._typed: InputArea | PlainLines
        if is_dumb():
            self._typed = PlainLines(self._keyboard)
            return
        self._drawing = drawn_on(self._keyboard)
        self._keys = keys_of(self._keyboard)
        self._output = output_on(self._drawing, color)
        self._typed = InputArea(
            completer,
            toolbar,
            keys=self._keys,
            output=self._output,
            streams=(self._keyboard, self._drawing),
            history=prompts_path() if remember else None,
            vi=vi,
        )

    @property
    def multiline(self) -> bool:
        """False: Enter sends, Alt-Enter and Ctrl-J add a line; True: the other way round."""
        return self._typed.multiline

    @multiline.setter
    def multiline(self, value: bool) -> None:
        self._typed.multiline = value

    def when_drawn(self, action: Callable[[], None]) -> None:
        """Do this once, as soon as the next prompt stands on the screen."""
        if isinstance(self._typed, PlainLines):
            action()
        else:
            self._typed.when_drawn(action)

    def read(self, default: str = "") -> str:
        """One message, pastes expanded; it begins as `default`.

        Raises EOFError for Ctrl-D on an empty line; Ctrl-C clears the line.
        """
        return self._typed.read(default)

    def edit(self, text: str, suffix: str = ".md") -> str | None:
        """The text after the user edited it in `$VISUAL` or `$EDITOR`.

        None when the editor failed or left it as it was, or empty. Raises UsageError without an
        editor.
        """
        if isinstance(self._typed, PlainLines):
            return self._typed.edit(text, suffix)
        with self._keys.cooked_mode():
            return edit(text, suffix, keyboard=self._keyboard, screen=self._drawing)

    def choose(self, question: str, choices: Sequence[tuple[str, str]]) -> str | None:
        """The name of one of the choices, pairs of a name and what is said about it.

        None when the user left or there is nothing to choose.
        """
        rows = [Row(*choice) for choice in choices]
        if not rows:
            return None
        if isinstance(self._typed, PlainLines):
            return self._typed.choose(question, rows)
        return Picker(question, rows, self._keys, self._output).run()
