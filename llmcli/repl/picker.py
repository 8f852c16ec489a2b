"""A small list to choose from, drawn below the last line and gone when it is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding.key_bindings import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.output import Output

from llmcli.repl.look import STYLE
from llmcli.repl.pastes import Pastes
from llmcli.repl.rows import Row, fitted, menu, shown
from llmcli.repl.running import run
from llmcli.repl.shown import Shown

_LINES = 10


class Picker:
    """Choose one of the rows: arrows move, typing narrows, Enter takes, Esc leaves."""

    def __init__(self, question: str, rows: Sequence[Row], keys: Input, output: Output) -> None:
        self._question = shown(question)
        self._rows = rows
        self._found = list(rows)
        self._current = 0
        self._output = output
        self._filter = Buffer(on_text_changed=self._narrow, multiline=False)
        self._app: Application[str | None] = Application(
            layout=self._layout(),
            key_bindings=self._bindings(),
            style=STYLE,
            include_default_pygments_style=False,
            erase_when_done=True,
            input=keys,
            output=output,
            color_depth=output.get_default_color_depth(),
            terminal_size_polling_interval=None,
        )
        self._app.ttimeoutlen = 0.05

    def run(self) -> str | None:
        """The name of the chosen row; None when the user left."""
        return run(self._app, self._fail)

    def _fail(self, error: Exception) -> None:
        if not self._app.is_done:
            self._app.exit(exception=error)

    def _narrow(self, buffer: Buffer) -> None:
        words = buffer.text.casefold().split()
        self._current = 0
        self._found = [
            row for row in self._rows if all(word in " ".join(row).casefold() for word in words)
        ]

    def _layout(self) -> Layout:
        line = Window(
            BufferControl(self._filter, input_processors=[Shown(Pastes())]),
            height=1,
            get_line_prefix=lambda *_: [("class:prompt", self._fitted(self._question, 3) + " ")],
        )
        list_ = ConditionalContainer(
            Window(FormattedTextControl(self._list), dont_extend_height=True), ~is_done
        )
        return Layout(HSplit([line, list_]), focused_element=line)

    def _fitted(self, text: str, parts: int) -> str:
        return fitted(text, self._output.get_size().columns * 2 // parts)

    def _list(self) -> StyleAndTextTuples:
        rows, columns = self._output.get_size()
        if not self._found:
            return [("class:note", fitted(" nothing like it; Esc leaves", columns))]
        return menu(self._found, self._current, max(1, min(_LINES, rows - 2)), columns)

    def _bindings(self) -> KeyBindings:
        keys = KeyBindings()

        def move(by: Callable[[], int]) -> Callable[[KeyPressEvent], None]:
            def moved(_event: KeyPressEvent) -> None:
                last = max(len(self._found) - 1, 0)
                self._current = min(max(self._current + by(), 0), last)

            return moved

        for key, step in {"up": -1, "c-p": -1, "down": 1, "c-n": 1, "tab": 1, "s-tab": -1}.items():
            keys.add(key)(move(lambda step=step: step))  # type: ignore[misc]
        keys.add("pageup")(move(lambda: -_LINES))
        keys.add("pagedown")(move(lambda: _LINES))

        @keys.add("enter")
        @keys.add("c-j")
        def _take(event: KeyPressEvent) -> None:
            if self._found:
                event.app.exit(result=self._found[self._current].name)

        @keys.add("escape", eager=True)
        @keys.add("c-c")
        @keys.add("c-g")
        @keys.add("<sigint>")
        def _leave(event: KeyPressEvent) -> None:
            event.app.exit(result=None)

        @keys.add("c-d")
        def _leave_when_empty(event: KeyPressEvent) -> None:
            if not self._filter.text:
                event.app.exit(result=None)

        @keys.add(Keys.BracketedPaste)
        def _paste(event: KeyPressEvent) -> None:
            self._filter.insert_text(" ".join(event.data.split())[:200])

        return keys
